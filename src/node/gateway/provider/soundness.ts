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

const isGood = ({ state, output }: LivyStatement) => state === 'available' && output?.status === 'ok'
const lineOf = ({ stale }: HeldRecord) => (stale === undefined ? [] : [`STALE: ${stale.why}`])

/** Looks at the files of sessions and batches after each piece of work, as is done for tasks. */
export function soundness({ data, keep, logger }: SoundnessComponents): Soundness {
  const kept = (entry: Held) =>
    void keep(entry).catch((error: unknown) =>
      logger.debug({ err: error }, 'whether data were sound could not be kept'),
    )

  /** Whether work of this number and all later is over other files than those that were bound. */
  async function isStale(entry: Held, of: number, last = of): Promise<boolean> {
    const { record, site } = entry
    if (record.stale === undefined && of >= (record.sound ?? 0)) {
      try {
        await data.recheck(record.datasets)
        record.sound = Math.max(record.sound ?? 0, last + 1)
      } catch (cause) {
        record.stale ??= { from: of, why: toArchipelError(cause).message }
        logger.warn({ engine: site.engine, key: record.key }, 'data changed while work ran; its answer is withheld')
      }
      kept(entry)
    }
    return record.stale !== undefined && of >= record.stale.from
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
      if (!(await isStale(entry, statement.id))) return statement
      const error = new ArchipelError('STALE', entry.record.stale?.why ?? '')
      return { ...statement, output: failed(statement.id, 'sql', error) }
    },
    async statements(entry, statements) {
      const { datasets, sound = 0 } = entry.record
      const unknown = statements.filter((each) => isGood(each) && each.id >= sound)
      // One look for all of them.
      if (datasets.length > 0 && unknown.length > 0) await isStale(entry, unknown[0]!.id, unknown.at(-1)!.id)
      return await Promise.all(statements.map((each) => self.statement(entry, each)))
    },
    async object(entry, object) {
      const { record } = entry
      const batch = !isSession(object)
      if (batch && object.state === 'success' && record.datasets.length > 0) await isStale(entry, 0)
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
