import { ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import type { AttemptRequest } from '../../../protocols/task/messages.ts'
import type { TaskRemotes } from '../calls.ts'
import { type Clock, pause, watchdog } from '../clock.ts'
import type { OwnedAttempt } from '../store/records.ts'
import type { DoneEvent } from './collect.ts'
import type { LiveTask } from './live.ts'

/** What is known of an attempt's provider by now. */
export interface Contact {
  /** The hand-over may have left this island. */
  sent: boolean
  /** The provider said that it has it. */
  accepted: boolean
  /** The moment of the last sign of life, by `elapsed`; of the hand-over before the first. */
  lastSign: number
  /** Calls since then that ended without one. */
  silent: number
}

export type Verdict =
  | { type: 'done'; event: DoneEvent }
  /** The provider answers no. `certain`: this was the first hand-over, so nothing of it is there. */
  | { type: 'refused'; error: ArchipelError; certain: boolean }
  /** Nobody answered, and nobody said yet that the attempt is there. */
  | { type: 'unreachable'; error: ArchipelError }
  /** The lease ran out. */
  | { type: 'expired'; error: ArchipelError }
  /** The provider knows nothing of it any more, or only of a newer one. */
  | { type: 'gone'; error: ArchipelError }
  /** It was to be cancelled, and nobody said in time that it is. */
  | { type: 'unanswered' }

export interface FollowOptions {
  /** Keep at it until the lease runs out, even before anybody said that the attempt is there. */
  patient: boolean
  stopping: AbortSignal
  onState(state: 'accepted' | 'running', logBytes: number): void
}

/** Milliseconds until the provider has said that the attempt is durable there. */
const ACCEPT_MS = 10_000
/** Milliseconds for a cancel to be answered by the end of the attempt. */
const CANCEL_MS = 10_000
const FIRST_PAUSE_MS = 100
const MAX_PAUSE_MS = 5_000
const NO_CONTACT = new Set(['UNREACHABLE', 'DEADLINE', 'CANCELLED'])
const GONE = new Set(['TASK_NOT_FOUND', 'FENCED', 'FORBIDDEN', 'NOT_A_MEMBER'])

/** Hands an attempt over, or takes it up again, and stays with it until its end or until it is lost. */
export function follower(
  init: { inlineBytes: number },
  { clock, remotes }: { clock: Clock; remotes: TaskRemotes },
): (task: LiveTask, attempt: OwnedAttempt, contact: Contact, options: FollowOptions) => Promise<Verdict> {
  return async (task, attempt, contact, options) => {
    const { leaseMs } = task.record
    const { stopping } = options
    const key = { task: task.record.id, attempt: attempt.number }
    const over = new AbortController()
    // Ends every wait here: the island stops, or the cancel was not answered.
    const ending = AbortSignal.any([stopping, over.signal])
    const leave = whenCancelled(task.cancel.signal, () => {
      void pause(clock, CANCEL_MS, ending).then(() => over.abort())
      void sendCancel(attempt.island, key, ending).then((known) => {
        if (!known) over.abort()
      })
    })
    let wait = FIRST_PAUSE_MS
    try {
      for (;;) {
        const sentBefore = contact.sent
        const failure = await listen(task, attempt, contact, options, ending, () => {
          wait = FIRST_PAUSE_MS
        })
        if (failure.type === 'done') return failure
        const { error } = failure
        if (stopping.aborted) throw new ArchipelError('CANCELLED', 'the island stops')
        if (over.signal.aborted) return { type: 'unanswered' }
        const contactLost = NO_CONTACT.has(error.code)
        if (contact.accepted) {
          if (GONE.has(error.code)) return { type: 'gone', error }
        } else {
          if (!contactLost) return { type: 'refused', error, certain: !sentBefore }
          if (task.cancel.signal.aborted) return { type: 'unanswered' }
          if (!options.patient) return { type: 'unreachable', error }
        }
        const left = contact.lastSign + leaseMs - clock.elapsed()
        // A machine that slept hears of what came meanwhile only when it asks once more.
        if (left <= 0 && ++contact.silent > 1) return { type: 'expired', error }
        await task.wake.wait(clock, Math.max(0, Math.min(wait, left)), ending)
        wait = Math.min(wait * 2, MAX_PAUSE_MS, Math.max(FIRST_PAUSE_MS, leaseMs / 8))
      }
    } finally {
      leave()
      over.abort()
    }
  }

  async function listen(
    task: LiveTask,
    attempt: OwnedAttempt,
    contact: Contact,
    options: FollowOptions,
    ending: AbortSignal,
    onSign: () => void,
  ): Promise<{ type: 'done'; event: DoneEvent } | { type: 'broken'; error: ArchipelError }> {
    const { leaseMs, atMostOnce, id } = task.record
    const idleMs = leaseMs / 2
    const guard = watchdog(clock, contact.accepted ? idleMs : Math.min(ACCEPT_MS, idleMs), ending)
    const { inlineBytes } = init
    const request: AttemptRequest = contact.accepted
      ? { op: 'watch', task: id, attempt: attempt.number, inlineBytes }
      : { op: 'submit', attempt: attempt.number, work: task.work, leaseMs, inlineBytes, atMostOnce }
    try {
      const onSent = () => {
        contact.sent = true
      }
      const call = { signal: guard.signal, onSent }
      for await (const event of remotes.attempt(attempt.island, request, call)) {
        contact.lastSign = clock.elapsed()
        contact.silent = 0
        contact.accepted = true
        guard.renew(idleMs)
        onSign()
        if (event.type === 'done') return { type: 'done', event }
        if (event.type === 'accepted') options.onState('accepted', 0)
        else options.onState(event.state === 'running' ? 'running' : 'accepted', event.logBytes)
      }
      return broken(new ArchipelError('UNREACHABLE', 'the connection ended before the work did'))
    } catch (cause) {
      if (guard.expired && !ending.aborted)
        return broken(new ArchipelError('DEADLINE', 'no sign of life in time', { cause }))
      return broken(toArchipelError(cause))
    } finally {
      guard.clear()
    }
  }

  /** Until the provider has heard it. @returns whether it knows the attempt */
  async function sendCancel(
    island: string,
    key: { task: string; attempt: number },
    ending: AbortSignal,
  ): Promise<boolean> {
    for (let wait = FIRST_PAUSE_MS; !ending.aborted; wait *= 2) {
      try {
        const { state } = await remotes.control(island, { op: 'cancel', ...key }, { signal: ending })
        return state !== 'unknown'
      } catch {
        await pause(clock, wait, ending)
      }
    }
    return false
  }
}

function broken(error: ArchipelError): { type: 'broken'; error: ArchipelError } {
  return { type: 'broken', error }
}

/** Calls `fn` when the signal aborts or at once. @returns what ends the waiting */
function whenCancelled(signal: AbortSignal, fn: () => void): () => void {
  if (signal.aborted) fn()
  else signal.addEventListener('abort', fn, { once: true })
  return () => signal.removeEventListener('abort', fn)
}
