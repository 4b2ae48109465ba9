import { ArchipelError } from '../../../protocols/model/errors.ts'
import type { Work } from '../../../protocols/model/task.ts'
import { type Bell, bell } from '../clock.ts'
import type { Place } from '../fair-queue.ts'
import type { ProvidedAttempt } from '../store/records.ts'
import { type Turns, turns } from '../turns.ts'

/** An attempt that is not settled, in memory. Records are replaced, never changed. */
export interface HeldAttempt {
  record: ProvidedAttempt
  /** Undefined for long code that waits: it is on the disk. */
  work: Work | undefined
  /** Aborts when the work shall stop. */
  readonly stop: AbortController
  readonly changed: Bell
  /** Streams of the requester that watch it. */
  watchers: number
  /** It has printed something in this run. */
  logged: boolean
  /** Its begin in this run is on the disk, in `begins`. */
  counted: boolean
  place?: Place
}

/** What the work of an attempt is called at engines that have it outlive the island. */
export const keyOf = ({ task, attempt }: Pick<ProvidedAttempt, 'task' | 'attempt'>): string => `${task}/${attempt}`

/** The end of what may begin but once, had begun, and is not there any more. */
export const interrupted = () => new ArchipelError('OUTCOME_UNKNOWN', 'the island was interrupted while it ran')

export function hasEnded(record: ProvidedAttempt): boolean {
  return record.ended !== undefined
}

/** All attempts that are not settled. */
export interface HeldAttempts extends Iterable<HeldAttempt> {
  /** One change of the attempts of a task at a time. */
  readonly order: Turns
  get(task: string, attempt: number): HeldAttempt | undefined
  /** Of a task, the one with the highest number. */
  newest(task: string): HeldAttempt | undefined
  ofTask(task: string): HeldAttempt[]
  add(record: ProvidedAttempt, work: Work | undefined): HeldAttempt
  remove(attempt: HeldAttempt): void
  /** Whether this very one is still held. */
  has(attempt: HeldAttempt): boolean
  /** A change, for those who watch. */
  show(attempt: HeldAttempt, change: Partial<ProvidedAttempt>): void
}

export function heldAttempts(): HeldAttempts {
  const held = new Map<string, HeldAttempt>()
  const nameOf = (task: string, attempt: number) => `${task}/${attempt}`
  const ofTask = (task: string) => [...held.values()].filter((h) => h.record.task === task)

  return {
    order: turns(),
    [Symbol.iterator]: () => held.values(),
    get: (task, attempt) => held.get(nameOf(task, attempt)),
    newest: (task) => ofTask(task).sort((a, b) => b.record.attempt - a.record.attempt)[0],
    ofTask,
    add(record, work) {
      const attempt = {
        record,
        work,
        stop: new AbortController(),
        changed: bell(),
        watchers: 0,
        logged: false,
        counted: false,
      }
      if (record.cancelRequested === true) attempt.stop.abort()
      held.set(nameOf(record.task, record.attempt), attempt)
      return attempt
    },
    remove({ record }) {
      held.delete(nameOf(record.task, record.attempt))
    },
    has: (attempt) => held.get(nameOf(attempt.record.task, attempt.record.attempt)) === attempt,
    show(attempt, change) {
      attempt.record = { ...attempt.record, ...change }
      attempt.changed.ring()
    },
  }
}
