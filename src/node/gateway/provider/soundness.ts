import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { LivyBatch, LivyLog, LivySession, LivyStatement } from '../../../protocols/livy/objects.ts'
import { ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import type { DataBinder } from '../../tasks/port.ts'
import { failed } from '../embedded-output.ts'
import type { SiteChange } from '../site.ts'
import { type Held, isSession } from './held.ts'
import type { HeldRecord } from './records.ts'

export interface SoundnessComponents {
  data: Pick<DataBinder, 'recheck'>
  /** Keeps a change of a record, unless it is forgotten. */
  keep(entry: Held): Promise<void>
  logger: Logger
  /** Of the provider: nothing is waited for after it. */
  signal: AbortSignal
  /** Milliseconds before each further look at files that could not be looked at. */
  waitsMs?: readonly number[]
}

/** What work gave, or what it is when its data changed meanwhile: an answer over files that changed is none. */
export interface Soundness {
  /** Whether the data have to be looked at before this is told. */
  asks(entry: Held, change: SiteChange): boolean
  change(entry: Held, change: SiteChange): Promise<SiteChange>
  statement(entry: Held, statement: LivyStatement): Promise<LivyStatement>
  statements(entry: Held, statements: LivyStatement[]): Promise<LivyStatement[]>
  /** Its log says so at the end; a batch is `dead`. */
  object<T extends LivySession | LivyBatch>(entry: Held, object: T): Promise<T>
  log(entry: Held, log: LivyLog, range: { from?: number; size?: number }): LivyLog
}

const PAGE = 100
const SHOWN_LINES = 10
/** A share that comes back within these is as if it had not been away. */
const WAITS_MS = [100, 400, 2000]

const isGood = ({ state, output }: LivyStatement) => state === 'available' && output?.status === 'ok'
const withheld = (statement: LivyStatement, error: ArchipelError): LivyStatement => ({
  ...statement,
  output: failed(statement.id, 'sql', error),
})
const lineOf = ({ stale }: HeldRecord) => (stale === undefined ? [] : [`${stale.code ?? 'STALE'}: ${stale.why}`])

/**
 * Looks at the files of sessions and batches after each piece of work, as is done for tasks. That they are others is for ever; that
 * they cannot be looked at costs that piece of work alone: the next look decides anew.
 */
export function soundness(components: SoundnessComponents): Soundness {
  const { data, keep, logger, signal, waitsMs = WAITS_MS } = components

  const kept = (entry: Held) =>
    void keep(entry).catch((error: unknown) =>
      logger.debug({ err: error }, 'whether data were sound could not be kept'),
    )

  /** Undefined when they are the files that were bound. @throws CANCELLED when the island stops: then nobody knows */
  async function look({ datasets }: HeldRecord): Promise<ArchipelError | undefined> {
    for (const wait of [...waitsMs, undefined]) {
      try {
        await data.recheck(datasets)
        return undefined
      } catch (cause) {
        const error = toArchipelError(cause)
        if (error.code === 'CANCELLED' || signal.aborted) throw error
        if (error.code === 'STALE' || wait === undefined) return error
        await delay(wait, undefined, { signal, ref: false })
      }
    }
    return undefined
  }

  /** Why work of this number cannot be believed: from one that is stale on, all later, too. */
  async function doubt(entry: Held, of: number, last = of): Promise<ArchipelError | undefined> {
    const { record, site } = entry
    if (record.stale === undefined && of >= (record.sound ?? 0)) {
      const error = await look(record)
      if (error === undefined) record.sound = Math.max(record.sound ?? 0, last + 1)
      else {
        logger.warn(
          { engine: site.engine, key: record.key, err: error },
          'data changed while work ran, or cannot be looked at; its answer is withheld',
        )
        // A batch is one piece of work: there is no next look.
        if (error.code === 'STALE') record.stale ??= { from: of, why: error.message }
        else if (record.type === 'batch') record.stale ??= { from: of, why: error.message, code: 'NOT_READY' }
        else return error
      }
      kept(entry)
    }
    const { stale } = record
    return stale !== undefined && of >= stale.from ? new ArchipelError(stale.code ?? 'STALE', stale.why) : undefined
  }

  const self: Soundness = {
    asks({ record }, change) {
      if (record.datasets.length === 0) return false
      if (change.type === 'statement') return isGood(change.statement)
      if (change.type === 'session') return record.stale !== undefined
      return change.type === 'batch' && change.batch.state === 'success'
    },
    async change(entry, change) {
      if (change.type === 'statement') return { ...change, statement: await self.statement(entry, change.statement) }
      if (change.type === 'session') return { ...change, session: await self.object(entry, change.session) }
      if (change.type === 'batch') return { ...change, batch: await self.object(entry, change.batch) }
      return change
    },
    async statement(entry, statement) {
      if (entry.record.datasets.length === 0 || !isGood(statement)) return statement
      const error = await doubt(entry, statement.id)
      return error === undefined ? statement : withheld(statement, error)
    },
    async statements(entry, statements) {
      const { datasets, sound = 0 } = entry.record
      const unknown = statements.filter((each) => isGood(each) && each.id >= sound)
      // One look for all of them.
      const error =
        datasets.length > 0 && unknown.length > 0 ? await doubt(entry, unknown[0]!.id, unknown.at(-1)!.id) : undefined
      const passing = error !== undefined && entry.record.stale === undefined
      return await Promise.all(
        statements.map((each) =>
          passing && unknown.includes(each) ? withheld(each, error) : self.statement(entry, each),
        ),
      )
    },
    async object(entry, object) {
      const { record } = entry
      const batch = !isSession(object)
      if (batch && object.state === 'success' && record.datasets.length > 0) await doubt(entry, 0)
      if (record.stale === undefined) return object
      const log = [...object.log, ...lineOf(record)].slice(-SHOWN_LINES)
      return batch && object.state === 'success' ? { ...object, state: 'dead', log } : { ...object, log }
    },
    log({ record }, log, { from, size = PAGE }) {
      const [line] = lineOf(record)
      if (line === undefined) return log
      const total = log.total + 1
      const most = size < 0 ? total : size
      // The last lines were asked for: one more of them is ours.
      if (from === undefined || from < 0) {
        const lines = most === 0 ? [] : [...log.log, line].slice(-most)
        return { ...log, from: total - lines.length, total, log: lines }
      }
      const reaches = from + log.log.length === log.total && log.log.length < most
      return { ...log, total, log: reaches ? [...log.log, line] : log.log }
    },
  }
  return self
}
