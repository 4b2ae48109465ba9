import { ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import type { Work } from '../../../protocols/model/task.ts'
import type { TaskView } from '../../../protocols/model/views.ts'
import type { Placement, PlacementData, PlacementRequest } from '../../placement/port.ts'
import { type Clock, pause } from '../clock.ts'
import type { OwnedAttempt, OwnedTask } from '../store/records.ts'
import type { Collector } from './collect.ts'
import type { RequesterComponents } from './components.ts'
import type { Errands, Told } from './errands.ts'
import { ASK_AGAIN, endedBy, mayGoElsewhere, tried } from './failures.ts'
import type { Contact, follower, Verdict } from './follow.ts'
import { hasEnded, type LiveTask, type LiveTasks, openAttempt, withLast } from './live.ts'

export interface DriverInit {
  self: string
  placeForMs: number
  settleMs: number
  stopping: AbortSignal
}

export interface DriverComponents
  extends Pick<
    RequesterComponents,
    'clock' | 'placement' | 'holders' | 'remotes' | 'journal' | 'logger' | 'publish' | 'results'
  > {
  live: LiveTasks
  errands: Errands
  collect: Collector
  follow: ReturnType<typeof follower>
  viewOf(task: LiveTask): TaskView
  /** Waits with the slot given to others. */
  idle(task: LiveTask, wait: () => Promise<void>): Promise<void>
}

/** What the driver of a task remembers between its steps; lost in a crash, and found out again. */
interface Memory {
  early: Promise<Placement> | undefined
  /** Islands still to be offered the task, from the last placement. */
  order: string[]
  excluded: Map<string, string>
  contact: Contact
  /** Nobody else can take it: stay with the open attempt until its lease runs out. */
  patient: boolean
  /** Why the last attempt did not do. */
  last: { error: ArchipelError; lost: boolean } | undefined
  /** What goes with the next durable write. */
  told: Told[]
  placingSince: number
  /** After a start, those that may run it need a while to be found. */
  resumed: boolean
  fullWaitMs: number
  /** Tries to bring the result here without a byte of it. */
  failedCopies: number
}

const MAX_LISTED_ATTEMPTS = 32
const FIRST_FULL_WAIT_MS = 250
const MAX_FULL_WAIT_MS = 5_000
const NOT_YET = new Set(['NO_HOLDER', 'DATASET_NOT_FOUND', 'UNREACHABLE', 'DEADLINE', 'RECOVERING'])
const RELEASE_MS = 5_000
const MAX_FAILED_COPIES = 30

/** Takes one task from where it is to its end. What it does next follows from the record alone. */
export function driver(init: DriverInit, components: DriverComponents) {
  const { clock, live, errands, collect, follow, journal } = components
  const { stopping } = init

  /** `early`: the first placement, under way already. `resumed`: this process has not begun the task. */
  async function drive(
    task: LiveTask,
    { early, resumed }: { early?: Promise<Placement> | undefined; resumed: boolean },
  ): Promise<void> {
    const open = openAttempt(task.record)
    const memory: Memory = {
      early,
      order: [],
      excluded: tried(task.record),
      contact: { sent: open !== undefined, accepted: false, lastSign: clock.now() },
      patient: false,
      last: undefined,
      told: [],
      placingSince: clock.now(),
      resumed,
      fullWaitMs: FIRST_FULL_WAIT_MS,
      failedCopies: 0,
    }
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
      void live.touch(task, (now) => ({
        ...(openAttempt(now)?.number === open.number ? withLast(now, { state }) : now),
        state: state === 'running' ? 'running' : 'staging',
        started: now.started ?? (state === 'running' ? clock.now() : undefined),
        logBytes,
      }))
    }
    if (logBytes > 0)
      void collect.log(keyOf(task, open), open, logBytes, stopping).catch(() => {
        // It is asked for again with the next sign of life, and at the end.
      })
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

  /** The attempt did not do; the task looks for another island. Durable with the next hand-over or the end. */
  async function setBack(
    task: LiveTask,
    memory: Memory,
    open: OwnedAttempt,
    how: { state: 'failed' | 'lost'; error: ArchipelError },
  ): Promise<void> {
    const { state, error } = how
    memory.last = { error, lost: state === 'lost' }
    if (!ASK_AGAIN.has(error.code)) memory.excluded.set(open.island, `was tried: ${error.message}`)
    if (!mayGoElsewhere(error, state)) return await end(task, memory, { state: 'failed', error, attempt: open })
    await live.touch(task, (now) => ({
      ...withLast(now, { state, ended: clock.now(), error: error.toInfo() }),
      state: 'placing',
    }))
  }

  /** Another island takes over if there is one; if not, this one is waited for. */
  async function goElsewhere(task: LiveTask, memory: Memory, open: OwnedAttempt, error: ArchipelError): Promise<void> {
    if (memory.order.length === 0) {
      const excluded = new Map([...memory.excluded, [open.island, `was tried: ${error.message}`]])
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

  /** For work that may begin but once: whether the island has not begun it and never will. */
  async function released(open: OwnedAttempt, task: LiveTask): Promise<boolean> {
    try {
      const signal = AbortSignal.any([stopping, timeout(clock, RELEASE_MS, stopping)])
      const { state } = await components.remotes.control(open.island, { op: 'drop', ...keyOf(task, open) }, { signal })
      return state === 'unknown' || state === 'accepted'
    } catch {
      return false
    }
  }

  async function unknown(task: LiveTask, memory: Memory, open: OwnedAttempt): Promise<void> {
    const error = new ArchipelError('OUTCOME_UNKNOWN', 'the island that had it is lost, and it may have run there')
    await end(task, memory, { state: 'failed', error, attempt: open, attemptState: 'lost', told: [drop(task, open)] })
  }

  async function done(
    task: LiveTask,
    memory: Memory,
    open: OwnedAttempt,
    event: Extract<Verdict, { type: 'done' }>['event'],
  ): Promise<void> {
    const key = keyOf(task, open)
    try {
      await collect.log(key, open, event.logBytes, stopping)
      if (event.state === 'succeeded' && !task.record.cancelRequested) {
        const onBytes = () => {
          memory.contact.lastSign = clock.now()
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
        return await end(task, memory, { state: 'failed', error, attempt: open, told: [drop(task, open)] })
      if (error.code === 'PROTOCOL' && !task.record.atMostOnce) {
        memory.told.push(drop(task, open))
        return await setBack(task, memory, open, { state: 'failed', error })
      }
      if (++memory.failedCopies > MAX_FAILED_COPIES)
        return await end(task, memory, { state: 'failed', error, attempt: open, told: [drop(task, open)] })
      // The result is there and waits; the next watch brings it again, or the lease runs out.
      await pause(clock, FIRST_FULL_WAIT_MS, stopping, task.cancel.signal)
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

  /** The outcome that counts, once and for good. */
  async function accept(
    task: LiveTask,
    memory: Memory,
    open: OwnedAttempt,
    event: Extract<Verdict, { type: 'done' }>['event'],
    error: ArchipelError | undefined,
  ): Promise<void> {
    const told: Told[] = [...memory.told, { island: open.island, ...keyOf(task, open), op: 'acknowledge' }]
    const ended = clock.now()
    const accepted = await live.commit(task, 'requester:outcome', (now) => {
      if (now.cancelRequested) return undefined
      const record: OwnedTask = {
        ...withLast(now, {
          state: error === undefined ? 'succeeded' : 'failed',
          ended,
          ...(error === undefined ? {} : { error: error.toInfo() }),
        }),
        accepted: open.number,
        logBytes: event.logBytes,
      }
      if (error !== undefined) Object.assign(record, { state: 'failed', error: error.toInfo() })
      else {
        const rowCount = event.result?.table?.rowCount
        if (rowCount !== undefined) record.rowCount = rowCount
        if (now.publish === undefined) record.state = 'succeeded'
      }
      if (hasEnded(record.state)) record.ended = ended
      const details = { ...task.details, explain: chosen(task, open.island) }
      if (event.result !== undefined && error === undefined) details.result = event.result
      return { record, details, more: errands.changes(told) }
    })
    if (!accepted) return
    errands.added(told)
    if (event.result !== undefined)
      components.results?.observe(task.record.kind, task.record.datasets, event.result.bytes)
    if (hasEnded(task.record.state)) note(task)
  }

  async function publish(task: LiveTask): Promise<void> {
    const { record } = task
    const attempt = record.accepted!
    let published: { id: string; version: string } | undefined
    let error: ArchipelError | undefined
    try {
      if (components.publish === undefined) throw new ArchipelError('BAD_INPUT', 'this island does not publish results')
      const signal = AbortSignal.any([stopping, task.cancel.signal])
      published = await components.publish(components.viewOf(task), { task: record.id, attempt }, { signal })
    } catch (cause) {
      if (stopping.aborted) return
      error = toArchipelError(cause)
      if (error.code === 'INTERNAL')
        components.logger.error({ err: cause, task: record.id }, 'a result was not published')
    }
    const ended = clock.now()
    await live.commit(task, 'requester:published', (now) => {
      if (published !== undefined) return { record: { ...now, state: 'succeeded', published, ended } }
      if (now.cancelRequested) return { record: { ...now, state: 'cancelled', ended } }
      return { record: { ...now, state: 'failed', error: error!.toInfo(), ended } }
    })
    note(task)
  }

  async function end(
    task: LiveTask,
    memory: Memory,
    how: {
      state: 'failed' | 'cancelled'
      error?: ArchipelError
      attempt?: OwnedAttempt
      attemptState?: 'failed' | 'lost'
      told?: Told[]
    },
  ): Promise<void> {
    const told = [...memory.told, ...(how.told ?? [])]
    const ended = clock.now()
    const written = await live.commit(task, 'requester:outcome', (now) => {
      // A cancel that came first is the outcome.
      const state = now.cancelRequested ? 'cancelled' : how.state
      const error = state === 'failed' ? how.error : undefined
      const open = openAttempt(now)
      const closed =
        open === undefined
          ? now
          : withLast(now, {
              state: state === 'cancelled' ? 'cancelled' : (how.attemptState ?? 'failed'),
              ended,
              ...(error === undefined ? {} : { error: error.toInfo() }),
            })
      const record: OwnedTask = { ...closed, state, ended, ...(error === undefined ? {} : { error: error.toInfo() }) }
      return { record, more: errands.changes(told) }
    })
    if (!written) return
    errands.added(told)
    note(task)
  }

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
      if (memory.last !== undefined && ASK_AGAIN.has(memory.last.error.code)) await pauseFull(task, memory)
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
        details: { ...task.details, explain: chosen(task, island) },
        more: errands.changes(told),
      }
    })
    if (!offered) return
    errands.added(told)
    Object.assign(memory, { told: [], patient: false, contact: { sent: false, accepted: false, lastSign: now } })
  }

  async function notPlaced(task: LiveTask, memory: Memory, error: ArchipelError, cause: unknown): Promise<void> {
    if (stopping.aborted) return
    if (task.record.cancelRequested) return await end(task, memory, { state: 'cancelled' })
    if (error.code === 'INTERNAL')
      components.logger.error({ err: cause, task: task.record.id }, 'a task was not placed')
    const full = error.code === 'TOO_MANY'
    const settling = memory.resumed && memory.last === undefined && NOT_YET.has(error.code)
    const waits = full ? init.placeForMs : settling ? init.settleMs : 0
    if (clock.now() - memory.placingSince < waits) {
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

  function note(task: LiveTask): void {
    const { record } = task
    journal.write({
      actor: `${record.user}@${init.self}`,
      action: record.state === 'cancelled' ? 'task:cancelled' : 'task:end',
      subject: record.id,
      outcome: record.state === 'failed' ? 'failed' : 'ok',
      ...(record.error === undefined ? {} : { code: record.error.code }),
    })
  }

  return { drive }
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
    datasets,
    ...(record.on === undefined ? {} : { on: record.on }),
    excluded: [...excluded].map(([island, reason]) => ({ island, reason })),
    codeBytes: Buffer.byteLength(work.code) + JSON.stringify(work.params).length,
  }
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

function leaseExpired(cause: ArchipelError): ArchipelError {
  return new ArchipelError('LEASE_EXPIRED', `its lease ran out: ${cause.message}`, { cause })
}

function keyOf(task: LiveTask, open: OwnedAttempt): { task: string; attempt: number } {
  return { task: task.record.id, attempt: open.number }
}

function drop(task: LiveTask, open: OwnedAttempt): Told {
  return { island: open.island, ...keyOf(task, open), op: 'drop' }
}

function chosen(task: LiveTask, island: string) {
  return task.details.explain.map((entry) => ({ ...entry, chosen: entry.island === island }))
}

/** A signal that aborts after the time; ends its timer with `outer`. */
function timeout(clock: Clock, ms: number, outer: AbortSignal): AbortSignal {
  const controller = new AbortController()
  void pause(clock, ms, outer).then(() => controller.abort())
  return controller.signal
}
