import { ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import { requesterOf, type Work } from '../../../protocols/model/task.ts'
import type { TaskView } from '../../../protocols/model/views.ts'
import type { AttemptRequest } from '../../../protocols/task/messages.ts'
import type { LocalLoad } from '../../placement/port.ts'
import type { SpoolKey } from '../../results/port.ts'
import type { TaskHandlers } from '../calls.ts'
import { type FairQueue, fairQueue } from '../fair-queue.ts'
import { canonical, sha256 } from '../hash.ts'
import { keys, type ProvidedAttempt } from '../store/records.ts'
import { keepAttempt, orderOf } from '../store/task-store.ts'
import { turns } from '../turns.ts'
import { providedView } from '../views.ts'
import { claimer } from './claims.ts'
import type { ProviderComponents, ProviderInit } from './components.ts'
import { attemptEvents } from './events.ts'
import { executor } from './execute.ts'
import { type HeldAttempt, hasEnded, heldAttempt } from './held.ts'
import { retention } from './retention.ts'

export interface Provider extends Pick<TaskHandlers, 'attempt' | 'control' | 'read'> {
  /** Takes up again what was under way. */
  start(): Promise<void>
  stop(): Promise<void>
  keeps(key: SpoolKey): Promise<boolean>
  load(): LocalLoad
  /** The slots of this island's engine, for work that comes another way. */
  readonly queue: FairQueue
  /** What it knows of a task that runs or ran here; undefined when it is to say nothing. */
  describe(task: string): Promise<TaskView | undefined>
  current(task: string, attempt: number): ProvidedAttempt | undefined
  sweep(): Promise<{ expired: number; forgotten: number }>
}

type SubmitOp = Extract<AttemptRequest, { op: 'submit' }>

const READ_BYTES = 256 * 1024

/** The serving side of tasks: it owns the execution of attempts. @see ../README.md */
export function provider(init: ProviderInit, components: ProviderComponents): Provider {
  const { clock, store, spool, journal, policy } = components
  const { self } = init
  const stopping = new AbortController()
  const names = { self, nameOf: components.nameOf }
  const held = new Map<string, HeldAttempt>()
  const order = turns()
  const queue = fairQueue({
    slots: init.slots,
    maxWaiting: init.maxWaiting ?? 1_000,
    maxPerGroup: init.maxPerIsland ?? 200,
    maxPerMember: init.maxPerUser ?? 100,
  })
  /** Milliseconds since 1970 at which what runs now began. */
  const running = new Map<HeldAttempt, number>()
  const underway = new Set<Promise<void>>()
  const execute = executor({ self }, components)
  const claims = claimer(
    { self, claimMs: init.claimMs ?? 60_000, stopping: stopping.signal },
    { ...components, held: () => held.values(), drop: (h) => settle(h.record.task, h.record.attempt, 'drop') },
  )
  const old = retention(
    { unclaimedDays: init.unclaimedDays ?? 7, keepDays: init.keepDays ?? 90, maxAttempts: init.maxAttempts ?? 10_000 },
    { ...components, expire: (r) => settle(r.task, r.attempt, 'drop') },
  )

  const nameOf = (task: string, attempt: number) => `${task}/${attempt}`

  async function take(request: SubmitOp, from: string): Promise<HeldAttempt> {
    const { work, attempt } = request
    if (requesterOf(work.task) !== from)
      throw new ArchipelError('FORBIDDEN', 'an attempt is handed over by the island that owns the task')
    return await order.run(work.task, async () => {
      const last = newest(work.task) ?? (await store.lastAttempt(work.task))
      if (last !== undefined && last.attempt > attempt)
        throw new ArchipelError('FENCED', `attempt ${attempt} came after attempt ${last.attempt}`)
      const workSha256 = sha256(canonical(work))
      if (last?.attempt === attempt) {
        const known = held.get(nameOf(work.task, attempt))
        if (known === undefined) throw new ArchipelError('FENCED', `attempt ${attempt} is over here`)
        if (last.workSha256 !== workSha256)
          throw new ArchipelError('BAD_INPUT', `attempt ${attempt} was handed over with other work before`)
        return known
      }
      return await accept(request, from, workSha256)
    })
  }

  async function accept(request: SubmitOp, from: string, workSha256: string): Promise<HeldAttempt> {
    const { work, attempt } = request
    const fresh: HeldAttempt = heldAttempt(newRecord(request, from, workSha256, clock.now()), work)
    const { record } = fresh
    try {
      policy.check({ island: from, user: work.user, action: 'task:run', kind: work.kind, datasets: record.datasets })
      fresh.place = queue.enter(from, work.user)
    } catch (cause) {
      note(record, toArchipelError(cause))
      throw cause
    }
    const before = [...held.values()].filter((h) => h.record.task === work.task)
    held.set(nameOf(work.task, attempt), fresh)
    // What may run twice begins while its acceptance gets to the disk.
    if (!request.atMostOnce) start(fresh)
    try {
      await store.write('provider:accepted', [
        ...keepAttempt(record),
        { key: keys.attemptWork(work.task, attempt), value: work },
        { key: orderOf(record), value: 1 },
        ...before.flatMap((h) => keepAttempt({ ...h.record, settled: 'dropped' })),
      ])
    } catch (error) {
      held.delete(nameOf(work.task, attempt))
      fresh.stop.abort()
      fresh.place.leave()
      throw error
    }
    for (const older of before) await release(older, 'dropped')
    if (request.atMostOnce) start(fresh)
    return fresh
  }

  /** Waits for a slot, runs, and keeps the end. */
  async function run(attempt: HeldAttempt): Promise<void> {
    const leave = () => attempt.place?.leave()
    attempt.stop.signal.addEventListener('abort', leave, { once: true })
    const ahead = Math.max(0, queue.running + queue.waiting - queue.slots)
    const free = await attempt.place?.turn
    attempt.stop.signal.removeEventListener('abort', leave)
    const started = clock.now()
    try {
      if (stopping.signal.aborted) return
      if (free === undefined || attempt.stop.signal.aborted)
        return await finish(attempt, { error: new ArchipelError('CANCELLED', 'the work was cancelled') })
      running.set(attempt, started)
      show(attempt, { ...attempt.record, state: 'running', started })
      const { meta, startMs } = await execute(attempt, {
        begin: () => begin(attempt),
        onLog: (logBytes) => show(attempt, { ...attempt.record, logBytes }),
      })
      const waited = started - attempt.record.created
      components.queue?.observe(attempt.record.kind, waited, clock.now() - started, { ahead, startMs })
      await finish(attempt, { rowCount: meta.table?.rowCount, elapsedMs: meta.elapsedMs })
    } catch (cause) {
      await failed(attempt, cause)
    } finally {
      running.delete(attempt)
      free?.()
      // Dropped while it ran: what it wrote after that goes, too.
      if (attempt.record.settled !== undefined) await forgetResult(attempt.record)
    }
  }

  /** Runs it, and lets `stop` wait for its end. */
  function start(attempt: HeldAttempt): void {
    const ending = run(attempt).catch((err: unknown) => {
      components.logger.error({ err, task: attempt.record.task }, 'an attempt could not be run')
    })
    underway.add(ending)
    void ending.then(() => underway.delete(ending))
  }

  async function begin(attempt: HeldAttempt): Promise<void> {
    if (!attempt.record.atMostOnce) return
    await order.run(attempt.record.task, async () => {
      if (attempt.stop.signal.aborted) return
      await store.write('provider:begun', keepAttempt({ ...attempt.record, begun: true }))
      show(attempt, { ...attempt.record, begun: true })
    })
  }

  async function failed(attempt: HeldAttempt, cause: unknown): Promise<void> {
    // The island stops: it runs again after the start, or its end is unknown.
    if (stopping.signal.aborted) return
    const error = toArchipelError(cause)
    if (error.code === 'INTERNAL')
      components.logger.error({ err: cause, task: attempt.record.task }, 'an attempt failed unexpectedly')
    await finish(attempt, { error }).catch((err: unknown) => {
      components.logger.error({ err, task: attempt.record.task }, 'the end of an attempt could not be kept')
    })
  }

  async function finish(
    attempt: HeldAttempt,
    end: { error?: ArchipelError; rowCount?: number | undefined; elapsedMs?: number },
  ): Promise<void> {
    await order.run(attempt.record.task, async () => {
      const { record } = attempt
      // Somebody else has ended or dropped it meanwhile.
      if (hasEnded(record) || held.get(nameOf(record.task, record.attempt)) !== attempt) return
      const { error, rowCount, elapsedMs } = end
      const logBytes = attempt.logged ? await logSize(record) : record.logBytes
      const next: ProvidedAttempt = {
        ...record,
        state: error === undefined ? 'succeeded' : attempt.stop.signal.aborted ? 'cancelled' : 'failed',
        ended: clock.now(),
        logBytes,
        ...(error === undefined ? {} : { error: error.toInfo() }),
        ...(rowCount === undefined ? {} : { rowCount }),
        ...(elapsedMs === undefined ? {} : { elapsedMs }),
        ...(record.atMostOnce ? { begun: record.begun === true } : {}),
      }
      await store.write(next.state === 'cancelled' ? 'provider:cancel' : 'provider:done', keepAttempt(next))
      show(attempt, next)
      note(next, error)
    })
  }

  function show(attempt: HeldAttempt, record: ProvidedAttempt): void {
    attempt.record = record
    attempt.changed.ring()
  }

  function newest(task: string): ProvidedAttempt | undefined {
    let found: ProvidedAttempt | undefined
    for (const { record } of held.values())
      if (record.task === task && record.attempt > (found?.attempt ?? 0)) found = record
    return found
  }

  /** The requester is done with an attempt, or wants it no more. @returns the state before */
  async function settle(
    task: string,
    attempt: number,
    op: 'acknowledge' | 'drop',
  ): Promise<ProvidedAttempt['state'] | 'unknown'> {
    return await order.run(task, async () => {
      const known = held.get(nameOf(task, attempt))
      if (known === undefined) {
        const kept = await store.attempt(task, attempt)
        if (kept !== undefined) return kept.settled === 'dropped' && kept.user === '' ? 'unknown' : kept.state
        if (op === 'drop') await refuseLater(task, attempt)
        return 'unknown'
      }
      const before = known.record.state
      const settled = op === 'acknowledge' && hasEnded(known.record) ? 'acknowledged' : 'dropped'
      const record: ProvidedAttempt = { ...known.record, settled }
      await store.write('provider:settled', keepAttempt(record))
      known.record = record
      await release(known, settled)
      return before
    })
  }

  /** Nothing is known of it, and nothing of it shall begin should it come yet. */
  async function refuseLater(task: string, attempt: number): Promise<void> {
    const now = clock.now()
    const record: ProvidedAttempt = {
      v: 1,
      task,
      attempt,
      requester: requesterOf(task),
      user: '',
      kind: 'sql',
      state: 'cancelled',
      created: now,
      ended: now,
      leaseMs: 0,
      atMostOnce: false,
      logBytes: 0,
      codeSha256: '',
      workSha256: '',
      datasets: [],
      settled: 'dropped',
    }
    await store.write('provider:settled', [...keepAttempt(record), { key: orderOf(record), value: 1 }])
  }

  /** Out of memory, and out of the spool unless that is the requester's own. */
  async function release(attempt: HeldAttempt, settled: 'acknowledged' | 'dropped'): Promise<void> {
    const { task, attempt: number } = attempt.record
    attempt.record = { ...attempt.record, settled }
    held.delete(nameOf(task, number))
    attempt.stop.abort()
    attempt.place?.leave()
    attempt.changed.ring()
    await forgetResult(attempt.record)
  }

  async function forgetResult({ task, attempt, requester }: ProvidedAttempt): Promise<void> {
    if (requester === self) return
    await spool.remove({ task, attempt }).catch((err: unknown) => {
      components.logger.warn({ err, task }, 'a result that nobody wants could not be removed')
    })
  }

  async function logSize({ task, attempt }: ProvidedAttempt): Promise<number> {
    return (await spool.log({ task, attempt }, { offset: 0, limit: 0 })).total
  }

  async function cancel(task: string, attempt: number): Promise<ProvidedAttempt['state'] | 'unknown'> {
    const known = held.get(nameOf(task, attempt))
    if (known === undefined) return (await store.attempt(task, attempt))?.state ?? 'unknown'
    const before = known.record.state
    if (hasEnded(known.record) || known.record.cancelRequested === true) return before
    await order.run(task, async () => {
      if (hasEnded(known.record) || known.record.settled !== undefined) return
      const record = { ...known.record, cancelRequested: true }
      await store.write('provider:cancel', keepAttempt(record))
      show(known, { ...known.record, cancelRequested: true })
    })
    known.stop.abort()
    return before
  }

  /** Journalled once, with what came of it. */
  function note(record: ProvidedAttempt, error: ArchipelError | undefined): void {
    const refused = error?.code === 'FORBIDDEN' || error?.code === 'SQL_REFUSED' || error?.code === 'TOO_MANY'
    journal.write({
      actor: `${record.user}@${record.requester}`,
      action: 'task:run',
      subject: record.task,
      outcome: error === undefined ? 'ok' : refused ? 'refused' : 'failed',
      ...(error === undefined ? {} : { code: error.code }),
    })
  }

  async function takeUp(record: ProvidedAttempt): Promise<void> {
    const work: Work | undefined = await store.attemptWork(record.task, record.attempt)
    if (work === undefined) return
    const again = heldAttempt(record, work)
    held.set(nameOf(record.task, record.attempt), again)
    if (hasEnded(record)) return
    if (record.begun === true) {
      again.record = { ...record, begun: true }
      const error = new ArchipelError('OUTCOME_UNKNOWN', 'the island was interrupted while it ran')
      await finish(again, { error })
      return
    }
    again.record = { ...record, state: 'accepted', logBytes: await logSize(record) }
    again.place = queue.enter(record.requester, record.user, { force: true })
    start(again)
  }

  async function owned(task: string, attempt: number, from: string): Promise<HeldAttempt> {
    if (requesterOf(task) !== from)
      throw new ArchipelError('FORBIDDEN', 'an attempt is shown to the island that owns the task')
    const known = held.get(nameOf(task, attempt))
    if (known !== undefined) return known
    throw new ArchipelError('TASK_NOT_FOUND', `attempt ${attempt} is not known here`)
  }

  return {
    queue,
    async start() {
      for (const record of await store.unsettled()) await takeUp(record)
      claims.start()
      old.start()
    },
    async stop() {
      stopping.abort()
      claims.stop()
      old.stop()
      for (const attempt of held.values()) {
        attempt.stop.abort()
        attempt.changed.ring()
      }
      await Promise.all(underway)
    },
    async *attempt(request, from, { signal }) {
      const found =
        request.op === 'submit' ? await take(request, from) : await owned(request.task, request.attempt, from)
      const both = AbortSignal.any([signal, stopping.signal])
      yield* attemptEvents(found, { inlineBytes: request.inlineBytes, signal: both }, { clock, spool })
      if (stopping.signal.aborted) throw new ArchipelError('UNREACHABLE', 'the island stops')
    },
    async control({ op, task, attempt }, from) {
      if (requesterOf(task) !== from)
        throw new ArchipelError('FORBIDDEN', 'an attempt is ended by the island that owns the task')
      return { state: op === 'cancel' ? await cancel(task, attempt) : await settle(task, attempt, op) }
    },
    async *read({ task, attempt, item, offset, limit }, from) {
      const { record } = await owned(task, attempt ?? 0, from)
      const key = { task: record.task, attempt: record.attempt }
      if (item !== 'log') {
        if (record.state !== 'succeeded') throw new ArchipelError('TASK_STATE', 'the attempt has no result')
        for await (const bytes of spool.read(key, item, { offset, limit })) yield { bytes }
        return
      }
      for (let at = offset; at < offset + limit; ) {
        const { bytes } = await spool.log(key, { offset: at, limit: Math.min(READ_BYTES, offset + limit - at) })
        if (bytes.length === 0) return
        yield { bytes }
        at += bytes.length
      }
    },
    async keeps({ task, attempt }) {
      const record = await store.attempt(task, attempt)
      return record !== undefined && record.settled === undefined
    },
    load: () => ({
      running: queue.running,
      waiting: queue.waiting,
      slots: queue.slots,
      maxWaiting: init.maxWaiting ?? 1_000,
      runningMs: [...running.values()].map((since) => clock.now() - since),
    }),
    async describe(task) {
      const record = newest(task) ?? (await store.lastAttempt(task))
      if (record === undefined || record.settled === 'dropped') return undefined
      const work = await store.attemptWork(task, record.attempt)
      return providedView(record, work, names, clock.now())
    },
    current: (task, attempt) => held.get(nameOf(task, attempt))?.record,
    sweep: old.sweep,
  }
}

function newRecord(request: SubmitOp, from: string, workSha256: string, now: number): ProvidedAttempt {
  const { work, attempt, leaseMs, atMostOnce } = request
  return {
    v: 1,
    task: work.task,
    attempt,
    requester: from,
    user: work.user,
    kind: work.kind,
    state: 'accepted',
    created: now,
    leaseMs,
    atMostOnce,
    logBytes: 0,
    codeSha256: sha256(work.code),
    workSha256,
    datasets: work.datasets.map((d) => d.id),
  }
}
