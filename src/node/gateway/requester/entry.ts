import type { LivyBatch, LivySession, LivyStatement } from '../../../protocols/livy/objects.ts'
import type { SessionState } from '../../../protocols/model/task.ts'
import type { SiteChange } from '../site.ts'
import type { KeptStatement, Outputs } from './outputs.ts'
import type { BatchRecord, EntryRecord, SessionRecord } from './records.ts'
import { shownBatch, shownSession } from './shown.ts'
import { type Signals, signals } from './waiting.ts'

/** States in which nothing comes any more. `error` is not among them: sessions come back from it. */
const ENDS = new Set(['dead', 'killed', 'success'])
const STATEMENT_ENDS = new Set(['available', 'cancelled', 'error'])
/** Milliseconds within which a session that was told busy is told idle when its last statement is over. */
export const LAG_MS = 250
/** As Livy keeps. */
const KEPT_STATEMENTS = 100

export interface EntryComponents {
  nameOf(island: string): string
  outputs: Outputs
  /** Something of it has to be kept. */
  save(record: EntryRecord): void
  now(): number
}

/** One session or batch of this endpoint: what is durable of it, and what its island tells of it. */
export interface Entry<R extends EntryRecord = EntryRecord> {
  readonly record: R
  readonly changes: Signals
  /** Whether it has come to an end. */
  readonly over: boolean
  /** The state in Livy's words. */
  readonly state: SessionState
  /** Milliseconds since 1970 of the last request about it. */
  used: number
  /** Whether its island is attached, and told what it is. */
  attached: boolean
  /** Its island is attached, but its site does not answer: a change will tell that it does. */
  behind: boolean
  /** Its island is being asked to make it. */
  creating: boolean
  /** Changes that were told: an answer that was on its way meanwhile is older. */
  readonly told: number
  take(change: SiteChange): void
  /** It is over, and why; for its log. */
  end(state: 'dead' | 'killed', line?: string): void
  /** Of a session: the statements that are kept, oldest first. */
  statements(): KeptStatement[]
  statement(id: number): KeptStatement | undefined
  learn(statement: LivyStatement): Promise<void>
  /** What was over before this run of the island. */
  remember(statements: KeptStatement[]): void
  /** The id of the next statement; undefined: has to be asked for. */
  next: number | undefined
  inTurn<T>(work: () => Promise<T>): Promise<T>
  /** It was told busy, and its last statement has just ended: that it is idle is on its way. */
  readonly lags: boolean
  /** Lines that were added here. */
  readonly lines: readonly string[]
}

export type SessionEntry = Entry<SessionRecord>
export type BatchEntry = Entry<BatchRecord>

export const isEnd = (state: string) => ENDS.has(state)
export const isStatementEnd = (state: string) => STATEMENT_ENDS.has(state)

export function entryOf<R extends EntryRecord>(record: R, components: EntryComponents): Entry<R> {
  const { outputs, now } = components
  const changes = signals()
  const kept = new Map<number, KeptStatement>()
  const lines: string[] = []
  let told = 0
  let lastEnd = Number.NEGATIVE_INFINITY
  let turn: Promise<unknown> = Promise.resolve()

  const entry: Entry<R> = {
    record,
    changes,
    used: now(),
    attached: false,
    behind: false,
    creating: false,
    next: undefined,
    lines,
    get told() {
      return told
    },
    get state() {
      const told = record.last?.state ?? 'starting'
      // Its statements are told first: it is busy as long as one of them is not over.
      return told === 'idle' && !allOver() ? 'busy' : told
    },
    get over() {
      return record.ended !== undefined
    },
    get lags() {
      if (entry.state !== 'busy' || performance.now() - lastEnd > LAG_MS) return false
      return allOver()
    },
    take(change) {
      if (entry.over) return
      if (change.type === 'statement') return void entry.learn(change.statement)
      told++
      if (change.type === 'lost') return entry.end('dead', change.why)
      const before = entry.state
      const object = change.type === 'session' ? change.session : change.batch
      set(object)
      if (isEnd(object.state)) {
        record.ended = now()
        components.save(record)
      } else if (before !== object.state && !passing(before, object.state)) components.save(record)
      changes.fire()
    },
    end(state, line) {
      if (entry.over) return
      if (line !== undefined) lines.push(line)
      const { last } = record
      const object = last ?? (record.type === 'session' ? shownSession(record) : shownBatch(record))
      set({ ...object, state, log: [...object.log, ...(line === undefined ? [] : [line])].slice(-10) })
      record.ended = now()
      components.save(record)
      changes.fire()
    },
    statements: () => [...kept.values()].sort((a, b) => a.statement.id - b.statement.id),
    statement: (id) => kept.get(id),
    async learn(statement) {
      const known = kept.get(statement.id)?.statement
      if (known !== undefined && isOlder(statement, known)) return
      // A large output is written before anybody is told of it.
      const keeping = isStatementEnd(statement.state) ? await outputs.keep(record.key, statement) : { statement }
      const meanwhile = kept.get(statement.id)?.statement
      if (meanwhile !== undefined && isOlder(statement, meanwhile)) return
      if (isStatementEnd(statement.state)) lastEnd = performance.now()
      kept.set(statement.id, keeping)
      entry.next = Math.max(entry.next ?? 0, statement.id + 1)
      for (const old of [...kept.keys()].sort((a, b) => a - b).slice(0, Math.max(0, kept.size - KEPT_STATEMENTS))) {
        kept.delete(old)
        void outputs.drop(record.key, old)
      }
      changes.fire()
    },
    remember(statements) {
      // Later ones may be there: `next` stays unknown.
      for (const each of statements) kept.set(each.statement.id, each)
    },
    inTurn(work) {
      const next = turn.then(work, work)
      turn = next.catch(() => {})
      return next
    },
  }

  const allOver = () => [...kept.values()].every(({ statement }) => isStatementEnd(statement.state))

  function set(object: LivySession | LivyBatch): void {
    record.last = object as never
  }

  return entry
}

/** Between statements: nothing that would have to be known after a restart. */
const passing = (before: string, after: string) => before !== 'starting' && (after === 'busy' || after === 'idle')

/** What comes late must not hide what is known: an end stays, but for the output that follows a cancellation. */
function isOlder(statement: LivyStatement, known: LivyStatement): boolean {
  if (!isStatementEnd(known.state)) return statement.state === 'waiting' && known.state !== 'waiting'
  if (!isStatementEnd(statement.state)) return true
  return statement.output === null && known.output !== null
}
