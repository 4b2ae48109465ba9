import { ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import type { Placement } from '../../placement/port.ts'
import { pause, timeoutSignal } from '../clock.ts'
import type { OwnedAttempt } from '../store/records.ts'
import { choosing } from './choosing.ts'
import type { Collector, DoneEvent } from './collect.ts'
import type { RequesterComponents } from './components.ts'
import type { Errands } from './errands.ts'
import { endedBy, mayGoElsewhere } from './failures.ts'
import type { follower, Verdict } from './follow.ts'
import { hasEnded, type LiveTask, type LiveTasks, openAttempt, withLast } from './live.ts'
import { drop, keyOf, type Memory, newMemory } from './memory.ts'
import { type OutcomeComponents, outcomes } from './outcome.ts'

export interface DriverInit {
  self: string
  placeForMs: number
  settleMs: number
  publishForMs: number
  stopping: AbortSignal
}

export interface DriverComponents
  extends OutcomeComponents,
    Pick<RequesterComponents, 'placement' | 'holders' | 'remotes'> {
  live: LiveTasks
  errands: Errands
  collect: Collector
  follow: ReturnType<typeof follower>
}

/** Milliseconds for an island to say that it has not begun what may begin but once. */
const RELEASE_MS = 5_000
const COPY_PAUSE_MS = 250
const MAX_FAILED_COPIES = 30

/** Takes one task from where it is to its end. What it does next follows from the record alone. */
export function driver(init: DriverInit, components: DriverComponents) {
  const { clock, live, collect, follow } = components
  const { stopping } = init
  const { accept, publish, end } = outcomes(init, components)
  const { choose, setBack, goElsewhere } = choosing(init, { ...components, end })

  /** `early`: the first placement, under way already. `resumed`: this process has not begun the task. */
  async function drive(
    task: LiveTask,
    { early, resumed }: { early?: Promise<Placement> | undefined; resumed: boolean },
  ): Promise<void> {
    const memory = newMemory(task, clock.elapsed(), { early, resumed })
    while (!hasEnded(task.record.state) && !stopping.aborted) await step(task, memory)
  }

  async function step(task: LiveTask, memory: Memory): Promise<void> {
    if (task.record.accepted !== undefined) return await publish(task)
    const open = openAttempt(task.record)
    if (open === undefined) {
      if (task.record.cancelRequested) return await end(task, memory, { state: 'cancelled' })
      return await choose(task, memory)
    }
    const verdict = await follow(task, open, memory.contact, {
      patient: memory.patient,
      stopping,
      onState: (state, logBytes) => onState(task, open, state, logBytes),
    })
    await judge(task, memory, open, verdict)
  }

  function onState(task: LiveTask, open: OwnedAttempt, state: 'accepted' | 'running', logBytes: number): void {
    const { record } = task
    const last = openAttempt(record)
    if (last?.number === open.number && (last.state !== state || record.logBytes !== logBytes)) {
      void live.touch(task, (now) => {
        if (openAttempt(now)?.number !== open.number) return now
        const next = { ...withLast(now, { state }), state: state === 'running' ? state : 'staging', logBytes } as const
        return state === 'running' ? { ...next, started: now.started ?? clock.now() } : next
      })
    }
    if (logBytes > 0) collect.follow(keyOf(task, open), open, logBytes, stopping)
  }

  async function judge(task: LiveTask, memory: Memory, open: OwnedAttempt, verdict: Verdict): Promise<void> {
    const { atMostOnce, cancelRequested } = task.record
    switch (verdict.type) {
      case 'unanswered':
        return await end(task, memory, { state: 'cancelled', told: [drop(task, open)] })
      case 'unreachable':
        if (atMostOnce && memory.contact.sent) {
          // Somebody else may only have it when nobody can have begun: the lease decides.
          memory.patient = true
          return
        }
        return await goElsewhere(task, memory, open, verdict.error)
      case 'refused':
        if (atMostOnce && !(await released(open, task))) return await unknown(task, memory, open)
        if (!verdict.certain) memory.told.push(drop(task, open))
        return await setBack(task, memory, open, { state: 'failed', error: verdict.error })
      case 'gone':
        if (atMostOnce) return await unknown(task, memory, open)
        memory.told.push(drop(task, open))
        return await setBack(task, memory, open, { state: 'lost', error: verdict.error })
      case 'expired':
        if (cancelRequested) return await end(task, memory, { state: 'cancelled', told: [drop(task, open)] })
        if (atMostOnce && memory.contact.sent) return await unknown(task, memory, open)
        memory.told.push(drop(task, open))
        return await setBack(task, memory, open, { state: 'lost', error: leaseExpired(verdict.error) })
      case 'done':
        return await done(task, memory, open, verdict.event)
    }
  }

  /** For work that may begin but once: whether the island has not begun it and never will. */
  async function released(open: OwnedAttempt, task: LiveTask): Promise<boolean> {
    try {
      const signal = timeoutSignal(clock, RELEASE_MS, stopping)
      const { state } = await components.remotes.control(open.island, { op: 'drop', ...keyOf(task, open) }, { signal })
      return state === 'unknown' || state === 'accepted'
    } catch {
      return false
    }
  }

  async function unknown(task: LiveTask, memory: Memory, open: OwnedAttempt): Promise<void> {
    const error = new ArchipelError('OUTCOME_UNKNOWN', 'the island that had it is lost, and it may have run there')
    await end(task, memory, { state: 'failed', error, attemptState: 'lost', told: [drop(task, open)] })
  }

  async function done(task: LiveTask, memory: Memory, open: OwnedAttempt, event: DoneEvent): Promise<void> {
    const key = keyOf(task, open)
    try {
      await collect.log(key, open, event.logBytes, stopping)
      if (event.state === 'succeeded' && !task.record.cancelRequested) {
        const onBytes = () => {
          memory.contact.lastSign = clock.elapsed()
          memory.failedCopies = 0
        }
        const signal = AbortSignal.any([stopping, task.cancel.signal])
        await collect.result(key, open, event, { signal, onBytes })
      }
    } catch (cause) {
      const error = toArchipelError(cause)
      if (stopping.aborted) return
      if (task.record.cancelRequested) return await end(task, memory, { state: 'cancelled', told: [drop(task, open)] })
      if (error.code === 'DISK_FULL' || error.code === 'RESULT_LIMIT')
        return await end(task, memory, { state: 'failed', error, told: [drop(task, open)] })
      if (error.code === 'PROTOCOL' && !task.record.atMostOnce) {
        memory.told.push(drop(task, open))
        return await setBack(task, memory, open, { state: 'failed', error })
      }
      if (++memory.failedCopies > MAX_FAILED_COPIES)
        return await end(task, memory, { state: 'failed', error, told: [drop(task, open)] })
      // The result is there and waits; the next watch brings it again, or the lease runs out.
      await pause(clock, COPY_PAUSE_MS, stopping, task.cancel.signal)
      memory.contact.accepted = true
      return
    }
    if (task.record.cancelRequested) return await end(task, memory, { state: 'cancelled', told: [drop(task, open)] })
    const error = endedBy(event)
    const mayAgain = !task.record.atMostOnce || event.begun === false
    if (error !== undefined && mayAgain && mayGoElsewhere(error, 'failed')) {
      memory.told.push(drop(task, open))
      return await setBack(task, memory, open, { state: 'failed', error })
    }
    await accept(task, memory, open, event, error)
  }

  return { drive }
}

function leaseExpired(cause: ArchipelError): ArchipelError {
  return new ArchipelError('LEASE_EXPIRED', `its lease ran out: ${cause.message}`, { cause })
}
