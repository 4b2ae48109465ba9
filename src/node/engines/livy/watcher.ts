import type { LivyBatch, LivySession, LivyStatement } from '../../../protocols/livy/objects.ts'
import { LivyRefusal } from '../../../protocols/livy/refusal.ts'
import { ENDED, type Entry } from './entries.ts'

/** What the watcher asks Livy; each throws what the site throws. */
export interface WatchedLivy {
  session(entry: Entry): Promise<LivySession>
  batch(entry: Entry): Promise<LivyBatch>
  /** All of this island's that Livy lists, by their names there. */
  sessions(): Promise<Map<string, LivySession>>
  batches(): Promise<Map<string, LivyBatch>>
  statement(entry: Entry, id: number): Promise<LivyStatement>
  /** Visible ones that are kept. */
  statements(entry: Entry): Promise<LivyStatement[]>
}

export type WatchChange =
  | { type: 'session'; session: LivySession }
  | { type: 'statement'; statement: LivyStatement }
  | { type: 'batch'; batch: LivyBatch }
  | { type: 'lost'; why: string }

export interface WatcherInit {
  livy: WatchedLivy
  /** Milliseconds between looks at what does nothing. Default 5,000. */
  idleMs?: number
  /** Milliseconds, the longest time between looks at what works. Default 1,000. */
  mostMs?: number
  onLost(entry: Entry): void
}

export interface Watcher {
  watch(entry: Entry, onChange: (change: WatchChange) => void): () => void
  /** A statement that may not be over: it is looked at until it is. */
  submitted(entry: Entry, statement: LivyStatement): void
  /** A statement was cancelled: what comes of that is looked at soon. */
  cancelled(entry: Entry, statement: number): void
  /** Something was done to it: it is looked at soon. */
  touched(entry: Entry): void
  /** It is gone because we ended it. */
  forget(entry: Entry): void
  stop(): void
}

interface Subject {
  entry: Entry
  listeners: Set<(change: WatchChange) => void>
  /** Unfinished statements by id, oldest first. */
  open: Map<number, LivyStatement>
  /** Those of them that somebody cancelled: they need not wait for their turn. */
  cancelled: Set<number>
  /** Whether statements of before the watch were looked for. */
  listed: boolean
  told: Map<string, string>
  /** When what it does now began: the pace follows from how long that is ago. */
  since: number
  /** When the first unfinished statement became the first. */
  followed: number
  /** When it began to run, or was cancelled: the pace of the looks at statements. */
  began: number
  /** Ends the wait for the next look at its statements; while there is one, they are followed. */
  statementWait?: () => void
  timer?: NodeJS.Timeout
  failures: number
  over: boolean
}

const OVER = new Set(['available', 'cancelled', 'error'])
/** A look costs Livy about a millisecond: never more than this part of the time that something has taken. */
const PART = 0.03
const TIGHT_MS = 1
/** A statement that runs for less than that is asked for again at once: a timer would take as long as it does. */
const AT_ONCE_MS = 10
/** What a statement is in between is told after so long only: most are over before. */
const SHORT_MS = 20
const START_MS = 25
const BUSY_MS = 50
const BACK_OFF_MS = 5_000
/** From here on, one list is asked for instead of each. */
const MANY = 3
/** How old a list may be. */
const LIST_MS = 40

/** One watcher for one Livy: asks as rarely as it can and as often as it has to, and tells what changed. */
export function livyWatcher({ livy, onLost, idleMs = 5_000, mostMs = 1_000 }: WatcherInit): Watcher {
  const subjects = new Map<Entry, Subject>()
  const lists = { session: shared(() => livy.sessions()), batch: shared(() => livy.batches()) }
  let stopped = false

  function tell(subject: Subject, change: WatchChange): void {
    // Outputs may be large: one that is over is told once anyway.
    const last = change.type === 'statement' && OVER.has(change.statement.state)
    const key = change.type === 'statement' ? keyOf(change.statement) : change.type
    const body = last ? undefined : JSON.stringify(change)
    if (body !== undefined && subject.told.get(key) === body) return
    if (body === undefined) subject.told.delete(key)
    else subject.told.set(key, body)
    for (const listener of subject.listeners) listener(change)
  }

  function lost(subject: Subject, why: string): void {
    end(subject)
    for (const listener of subject.listeners) listener({ type: 'lost', why })
    onLost(subject.entry)
  }

  function end(subject: Subject): void {
    subject.over = true
    clearTimeout(subject.timer)
    subject.statementWait?.()
    if (subjects.get(subject.entry) === subject) subjects.delete(subject.entry)
  }

  const backOff = (subject: Subject) => Math.min(BACK_OFF_MS, 50 * 2 ** Math.min(subject.failures, 10))

  /** Milliseconds to the next look at a session or batch. */
  function pace(subject: Subject): number {
    if (subject.failures > 0) return backOff(subject)
    const { state, type } = subject.entry
    if (state === 'idle') return idleMs
    // Its statements are looked at more often, and tell when it is idle again.
    if (state === 'busy' && subject.open.size > 0) return Math.min(idleMs, 2 * mostMs)
    const elapsed = performance.now() - subject.since
    return Math.min(mostMs, Math.max(type === 'batch' || state !== 'busy' ? START_MS : TIGHT_MS, elapsed * PART))
  }

  async function look(subject: Subject): Promise<LivySession | LivyBatch | undefined> {
    const { entry } = subject
    const alike = [...subjects.values()].filter((other) => other.entry.type === entry.type)
    if (alike.length > MANY) {
      const seen = (await lists[entry.type]()).get(entry.name)
      if (seen !== undefined) return seen
      // The list may have been asked for before this one was made.
    }
    try {
      return entry.type === 'session' ? await livy.session(entry) : await livy.batch(entry)
    } catch (error) {
      if (error instanceof LivyRefusal && error.status === 404) return undefined
      throw error
    }
  }

  async function turn(subject: Subject): Promise<void> {
    const before = subject.entry.state
    try {
      const seen = await look(subject)
      if (subject.over || stopped) return
      subject.failures = 0
      if (seen === undefined) return lost(subject, 'Livy does not have it any more')
      if (seen.state !== before) subject.since = performance.now()
      subject.entry.state = seen.state
      if (subject.entry.type === 'session') await sessionSeen(subject, seen as LivySession)
      else tell(subject, { type: 'batch', batch: seen as LivyBatch })
      if (ENDED.has(seen.state)) return end(subject)
    } catch {
      subject.failures++
    }
    schedule(subject)
  }

  async function sessionSeen(subject: Subject, session: LivySession): Promise<void> {
    if (ENDED.has(session.state)) await lastStatements(subject)
    else if (!subject.listed && (session.state === 'idle' || session.state === 'busy')) {
      for (const statement of await livy.statements(subject.entry)) statementSeen(subject, statement)
      subject.listed = true
    }
    tell(subject, { type: 'session', session })
  }

  /** A session that ended may have finished one more. */
  async function lastStatements(subject: Subject): Promise<void> {
    for (const id of [...subject.open.keys()])
      try {
        statementSeen(subject, await livy.statement(subject.entry, id))
      } catch {
        return
      }
  }

  function statementSeen(subject: Subject, statement: LivyStatement): void {
    const over = OVER.has(statement.state)
    if (over) {
      subject.open.delete(statement.id)
      subject.cancelled.delete(statement.id)
    } else subject.open.set(statement.id, statement)
    tell(subject, { type: 'statement', statement })
    if (!over && subject.statementWait === undefined) followStatements(subject)
  }

  /** Looks at the first unfinished statement, for those behind it wait, and at those that were cancelled. */
  function followStatements(subject: Subject): void {
    const first = subject.open.keys().next().value
    if (first === undefined || subject.over || stopped) {
      delete subject.statementWait
      return
    }
    subject.followed = subject.began = performance.now()
    // It may be over already.
    lookIn(subject, first, 0)
  }

  function again(subject: Subject, first: number): void {
    const elapsed = performance.now() - subject.began
    const paced = elapsed < AT_ONCE_MS ? 0 : Math.min(mostMs, Math.max(TIGHT_MS, elapsed * PART))
    lookIn(subject, first, subject.failures > 0 ? backOff(subject) : paced)
  }

  function lookIn(subject: Subject, first: number, ms: number): void {
    const look = () => void lookAtStatements(subject, first)
    subject.statementWait?.()
    if (ms === 0) {
      const immediate = setImmediate(look)
      subject.statementWait = () => clearImmediate(immediate)
    } else {
      const timer = setTimeout(look, ms)
      subject.statementWait = () => clearTimeout(timer)
    }
  }

  async function lookAtStatements(subject: Subject, first: number): Promise<void> {
    try {
      for (const id of [first, ...subject.cancelled].filter((each) => subject.open.has(each)))
        await lookAtStatement(subject, id)
    } catch {
      subject.failures++
    }
    if (subject.over || stopped) return
    if (subject.open.has(first)) return again(subject, first)
    if (subject.open.size === 0) rested(subject)
    followStatements(subject)
  }

  async function lookAtStatement(subject: Subject, id: number): Promise<void> {
    try {
      const before = subject.open.get(id)?.state
      const statement = await livy.statement(subject.entry, id)
      if (subject.over || stopped) return
      subject.failures = 0
      if (before === 'waiting' && statement.state === 'running') subject.began = performance.now()
      if (OVER.has(statement.state) || performance.now() - subject.followed > SHORT_MS)
        statementSeen(subject, statement)
      else subject.open.set(id, statement)
    } catch (error) {
      if (!(error instanceof LivyRefusal && error.status === 404)) throw error
      // Livy keeps the last hundred; or the session is gone, which a look at it will tell.
      subject.open.delete(id)
      subject.cancelled.delete(id)
      soon(subject)
    }
  }

  /** All statements are over. One that was seen busy is expected to be idle; another has only a log that may have grown. */
  function rested(subject: Subject): void {
    if (subject.entry.state !== 'idle') subject.since = performance.now()
    schedule(subject, subject.entry.state === 'idle' ? BUSY_MS : 0)
  }

  function schedule(subject: Subject, wait = pace(subject)): void {
    clearTimeout(subject.timer)
    if (subject.over || stopped) return
    subject.timer = setTimeout(() => void turn(subject), wait)
  }

  function soon(subject: Subject): void {
    subject.since = performance.now()
    schedule(subject, TIGHT_MS)
  }

  function subjectOf(entry: Entry): Subject {
    const known = subjects.get(entry)
    if (known !== undefined) return known
    const subject: Subject = {
      entry,
      listeners: new Set(),
      open: new Map(),
      cancelled: new Set(),
      listed: false,
      told: new Map(),
      since: performance.now(),
      followed: 0,
      began: 0,
      failures: 0,
      over: false,
    }
    subjects.set(entry, subject)
    schedule(subject, 0)
    return subject
  }

  return {
    watch(entry, onChange) {
      const known = subjects.get(entry)
      const subject = subjectOf(entry)
      subject.listeners.add(onChange)
      if (known !== undefined) {
        // It has to be told everything once.
        subject.told.clear()
        subject.listed = false
        soon(subject)
      }
      return () => {
        subject.listeners.delete(onChange)
        if (subject.listeners.size === 0) end(subject)
      }
    },
    submitted(entry, statement) {
      const subject = subjects.get(entry)
      if (subject === undefined) return
      // Who submitted it has the answer: it is told what comes of it.
      if (!OVER.has(statement.state))
        subject.told.set(keyOf(statement), JSON.stringify({ type: 'statement', statement }))
      statementSeen(subject, statement)
      // Most are over before it is worth asking whether the session is busy.
      if (subject.entry.state === 'idle') schedule(subject, BUSY_MS)
    },
    cancelled(entry, statement) {
      const subject = subjects.get(entry)
      const first = subject?.open.keys().next().value
      if (subject === undefined || first === undefined || !subject.open.has(statement)) return
      subject.cancelled.add(statement)
      subject.began = performance.now()
      again(subject, first)
    },
    touched(entry) {
      const subject = subjects.get(entry)
      if (subject !== undefined) soon(subject)
    },
    forget(entry) {
      const subject = subjects.get(entry)
      if (subject !== undefined) end(subject)
    },
    stop() {
      stopped = true
      for (const subject of [...subjects.values()]) end(subject)
    },
  }
}

const keyOf = ({ id }: LivyStatement) => `statement ${id}`

/** Calls that come within a moment share one answer. */
function shared<T>(ask: () => Promise<T>): () => Promise<T> {
  let current: { promise: Promise<T>; until: number } | undefined
  return () => {
    if (current !== undefined && performance.now() < current.until) return current.promise
    const promise = ask()
    const mine = { promise, until: performance.now() + LIST_MS }
    current = mine
    promise.then(
      () => (mine.until = Math.min(mine.until, performance.now() + LIST_MS)),
      () => (mine.until = 0),
    )
    return promise
  }
}
