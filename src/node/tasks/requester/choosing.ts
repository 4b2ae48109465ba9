import { ArchipelError, type ErrorInfo, toArchipelError } from '../../../protocols/model/errors.ts'
import type { Work } from '../../../protocols/model/task.ts'
import type { Placement, PlacementData, PlacementRequest } from '../../placement/port.ts'
import type { OwnedAttempt, OwnedTask } from '../store/records.ts'
import type { RequesterComponents } from './components.ts'
import type { Errands } from './errands.ts'
import { ASK_AGAIN, mayGoElsewhere, wasTried } from './failures.ts'
import { type LiveTask, type LiveTasks, withLast } from './live.ts'
import { drop, MAX_FULL_WAIT_MS, type Memory } from './memory.ts'
import { chosen, type End } from './outcome.ts'

export interface ChoosingInit {
  /** Milliseconds that a task waits for an island to have room, and for islands to be found after a start. */
  placeForMs: number
  settleMs: number
  stopping: AbortSignal
}

export interface ChoosingComponents extends Pick<RequesterComponents, 'clock' | 'placement' | 'holders' | 'logger'> {
  live: LiveTasks
  errands: Errands
  end(task: LiveTask, memory: Memory, how: End): Promise<void>
  /** Waits with the slot given to others. */
  idle(task: LiveTask, wait: () => Promise<void>): Promise<void>
}

const MAX_LISTED_ATTEMPTS = 32
const LOST_HINT =
  'Another island that holds the data takes over; where there is none, the task fails and says what can be done.'
/** What may be another answer a while after the start. */
const NOT_YET = new Set(['NO_HOLDER', 'DATASET_NOT_FOUND', 'UNREACHABLE', 'DEADLINE', 'RECOVERING'])

/** Finds the island for the next attempt of a task, and makes the attempt durable before anybody hears of it. */
export function choosing(init: ChoosingInit, components: ChoosingComponents) {
  const { clock, live, errands, end } = components
  const { stopping } = init

  async function place(task: LiveTask, memory: Memory, excluded: Map<string, string>): Promise<Placement> {
    const signal = AbortSignal.any([stopping, task.cancel.signal])
    const { record, work } = task
    const { early } = memory
    memory.early = undefined
    if (early !== undefined) return await early
    const datasets = await Promise.all(work.datasets.map((ref) => components.holders(ref, { signal })))
    const request = placementRequest(record, work, datasets, excluded)
    return await components.placement.place(request, { confirm: true, signal })
  }

  async function choose(task: LiveTask, memory: Memory): Promise<void> {
    if (task.record.state !== 'placing') void live.touch(task, (now) => ({ ...now, state: 'placing' }))
    if (memory.order.length === 0) {
      const again = memory.last !== undefined && ASK_AGAIN.has(memory.last.error.code)
      if (again && clock.elapsed() - memory.placingSince >= init.placeForMs)
        return await end(task, memory, { state: 'failed', error: memory.last!.error })
      if (again) await pauseFull(task, memory)
      if (stopping.aborted || task.record.cancelRequested) return
      try {
        const { order, explain } = await place(task, memory, memory.excluded)
        memory.order = order.map((o) => o.island)
        await live.touch(task, (now) => now, { ...task.details, explain })
        if (order.length === 0) throw new ArchipelError('NO_HOLDER', 'no island can run this now')
      } catch (cause) {
        return await notPlaced(task, memory, toArchipelError(cause), cause)
      }
    }
    const island = memory.order.shift()!
    const { told } = memory
    const now = clock.now()
    const offered = await live.commit(task, 'requester:offered', (record) => {
      if (record.cancelRequested) return undefined
      const number = record.lastAttempt + 1
      const attempts = [...record.attempts, { number, island, state: 'offered' as const, started: now }]
      return {
        record: { ...record, state: 'staging', lastAttempt: number, attempts: attempts.slice(-MAX_LISTED_ATTEMPTS) },
        details: { ...task.details, explain: chosen(task, island, memory.excluded) },
        more: errands.changes(told),
      }
    })
    if (!offered) return
    errands.added(told)
    Object.assign(memory, {
      told: [],
      patient: false,
      contact: { sent: false, accepted: false, lastSign: clock.elapsed(), silent: 0 },
    })
  }

  async function notPlaced(task: LiveTask, memory: Memory, error: ArchipelError, cause: unknown): Promise<void> {
    if (stopping.aborted) return
    if (task.record.cancelRequested) return await end(task, memory, { state: 'cancelled' })
    if (error.code === 'INTERNAL')
      components.logger.error({ err: cause, task: task.record.id }, 'a task was not placed')
    const full = error.code === 'TOO_MANY'
    const settling = memory.resumed && memory.last === undefined && NOT_YET.has(error.code)
    const waits = full ? init.placeForMs : settling ? init.settleMs : 0
    if (clock.elapsed() - memory.placingSince < waits) {
      // Where the next choice begins with a pause, this one needs none.
      if (memory.last === undefined || !ASK_AGAIN.has(memory.last.error.code)) await pauseFull(task, memory)
      return
    }
    const explain = error.details?.explain
    if (Array.isArray(explain)) await live.touch(task, (now) => now, { ...task.details, explain })
    await end(task, memory, { state: 'failed', error: finalError(memory, error) })
  }

  /** A while for others to have the slot of this task, longer each time. */
  async function pauseFull(task: LiveTask, memory: Memory): Promise<void> {
    await components.idle(task, () => task.wake.wait(clock, memory.fullWaitMs, stopping, task.cancel.signal))
    memory.fullWaitMs = Math.min(memory.fullWaitMs * 2, MAX_FULL_WAIT_MS)
  }

  /** The attempt did not do; the task looks for another island. Durable with the next hand-over or the end. */
  async function setBack(
    task: LiveTask,
    memory: Memory,
    open: OwnedAttempt,
    how: { state: 'failed' | 'lost'; error: ArchipelError },
  ): Promise<void> {
    const { state, error } = how
    memory.last = { error, lost: state === 'lost' }
    if (!ASK_AGAIN.has(error.code)) memory.excluded.set(open.island, wasTried(error.message, state === 'lost'))
    if (!mayGoElsewhere(error, state)) return await end(task, memory, { state: 'failed', error })
    const explain = chosen(task, undefined, memory.excluded)
    const change = (now: OwnedTask): OwnedTask => ({
      ...withLast(now, { state, ended: clock.now(), error: attemptError(error, state) }),
      state: 'placing',
    })
    await live.touch(task, change, { ...task.details, explain })
  }

  /** Another island takes over if there is one; if not, this one is waited for. */
  async function goElsewhere(task: LiveTask, memory: Memory, open: OwnedAttempt, error: ArchipelError): Promise<void> {
    if (memory.order.length === 0) {
      const excluded = new Map([...memory.excluded, [open.island, wasTried(error.message, memory.contact.sent)]])
      try {
        memory.order = (await place(task, memory, excluded)).order.map((o) => o.island)
      } catch {
        memory.patient = true
        return
      }
    }
    if (memory.contact.sent) memory.told.push(drop(task, open))
    await setBack(task, memory, open, { state: memory.contact.sent ? 'lost' : 'failed', error })
  }

  return { choose, setBack, goElsewhere }
}

export function placementRequest(
  record: OwnedTask,
  work: Work,
  datasets: PlacementData[],
  excluded: Map<string, string>,
): PlacementRequest {
  return {
    user: record.user,
    kind: record.kind,
    ...(work.engine === undefined ? {} : { engine: work.engine }),
    datasets,
    ...(record.on === undefined ? {} : { on: record.on }),
    excluded: [...excluded].map(([island, reason]) => ({ island, reason })),
    codeBytes: Buffer.byteLength(work.code) + JSON.stringify(work.params).length + (work.batch?.main?.bytes ?? 0),
  }
}

/** What is said of an attempt that is over while its task is not. */
function attemptError(error: ArchipelError, state: 'failed' | 'lost'): ErrorInfo {
  return state === 'lost' ? { ...error.toInfo(), hint: LOST_HINT } : error.toInfo()
}

/** What is said in the end when nobody else can take the task. */
function finalError(memory: Memory, placing: ArchipelError): ArchipelError {
  const { last } = memory
  if (last === undefined || last.error.code === 'FENCED') return placing
  const details = { ...last.error.details, ...(placing.details ?? {}) }
  if (!last.lost) return new ArchipelError(last.error.code, last.error.message, { hint: last.error.hint, details })
  if (last.error.code === 'LEASE_EXPIRED') return new ArchipelError('LEASE_EXPIRED', last.error.message, { details })
  return new ArchipelError('LEASE_EXPIRED', `the island that had it is lost: ${last.error.message}`, { details })
}
