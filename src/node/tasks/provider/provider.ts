import { ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import { type EngineName, wantedEngine } from '../../../protocols/model/spark.ts'
import { requesterOf } from '../../../protocols/model/task.ts'
import type { TaskView } from '../../../protocols/model/views.ts'
import type { AttemptRequest } from '../../../protocols/task/messages.ts'
import type { LocalLoad } from '../../placement/port.ts'
import type { SpoolKey } from '../../results/port.ts'
import type { TaskHandlers } from '../calls.ts'
import { type FairQueue, fairQueue, type Place } from '../fair-queue.ts'
import { canonical, sha256 } from '../hash.ts'
import { keys, type ProvidedAttempt } from '../store/records.ts'
import { keepAttempt, orderOf } from '../store/task-store.ts'
import { providedView } from '../views.ts'
import { claimer } from './claims.ts'
import type { ProviderComponents, ProviderInit } from './components.ts'
import { attemptEvents } from './events.ts'
import { type HeldAttempt, hasEnded, heldAttempts, interrupted, keyOf } from './held.ts'
import { retention } from './retention.ts'
import { runner } from './run.ts'
import { settling } from './settle.ts'

export interface Provider extends Pick<TaskHandlers, 'attempt' | 'control' | 'read'> {
  /** Takes up again what was under way. */
  start(): Promise<void>
  /** What outlives the island goes on, unless this is `forGood`. */
  stop(options?: { forGood?: boolean }): Promise<void>
  keeps(key: SpoolKey): Promise<boolean>
  /** Of the built-in engine unless another is named. */
  load(engine?: EngineName): LocalLoad
  /** The slots of the built-in engine, for work that comes another way. */
  readonly queue: FairQueue
  /** What it knows of a task that runs or ran here; undefined when it is to say nothing. */
  describe(task: string): Promise<TaskView | undefined>
  /** The log of its newest attempt, until the owner has taken it. @throws TASK_NOT_FOUND */
  log(
    task: string,
    range: { offset: number; limit: number },
  ): Promise<{ bytes: Uint8Array; total: number; ended: boolean }>
  /** Whether it has an attempt of it that is not settled. */
  holds(task: string): boolean
  current(task: string, attempt: number): ProvidedAttempt | undefined
  /** Ids of the datasets of all work that waits or runs here. */
  datasets(): string[]
  sweep(): Promise<{ expired: number; forgotten: number }>
}

type SubmitOp = Extract<AttemptRequest, { op: 'submit' }>

const READ_BYTES = 256 * 1024
/** Characters of code that are kept in memory while an attempt waits. */
const MAX_HELD_CODE = 64 * 1024
/** So many attempts are settled before those beyond the bound are forgotten, between two rounds. */
const SWEEP_EVERY = 1_000

/** So many times work may have run when the island came to a sudden end. */
const MAX_BEGINS = 3

/** The serving side of tasks: it owns the execution of attempts. @see ../README.md */
export function provider(init: ProviderInit, components: ProviderComponents): Provider {
  const { clock, store, spool, engine, policy } = components
  const { self } = init
  const stopping = new AbortController()
  const names = { self, nameOf: components.nameOf }
  const held = heldAttempts()
  const { order } = held
  const { maxWaiting = 1_000 } = init
  const bounds = {
    maxWaiting,
    maxPerGroup: init.maxPerIsland ?? 200,
    maxPerMember: init.maxPerUser ?? 100,
  }
  // What runs for hours at Spark keeps nobody from the built-in engine.
  const queues: Record<EngineName, FairQueue> = {
    embedded: fairQueue({ slots: init.slots, ...bounds }),
    livy: fairQueue({ slots: init.sparkSlots ?? init.slots, ...bounds }),
  }
  const work = runner({ self, stopping: stopping.signal }, { ...components, held, queues })
  const { settle, release, cancel } = settling({
    clock,
    store,
    held,
    forgetResult: work.forgetResult,
    onSettled: () => {
      if (++settled % SWEEP_EVERY === 0) old.soon()
    },
  })
  let settled = 0
  const drop = ({ task, attempt }: ProvidedAttempt) => settle(task, attempt, 'drop')
  const claims = claimer({ claimMs: init.claimMs ?? 60_000, stopping: stopping.signal }, { ...components, held, drop })
  const old = retention(
    { unclaimedDays: init.unclaimedDays ?? 7, keepDays: init.keepDays ?? 90, maxAttempts: init.maxAttempts ?? 10_000 },
    { ...components, expire: drop },
  )

  /** @throws FORBIDDEN, FENCED, TOO_MANY, BAD_INPUT, DISK_FULL */
  async function take(request: SubmitOp, from: string): Promise<HeldAttempt> {
    const { task } = request.work
    const { attempt } = request
    if (requesterOf(task) !== from)
      throw new ArchipelError('FORBIDDEN', 'an attempt is handed over by the island that owns the task')
    return await order.run(task, async () => {
      const last = await store.lastAttempt(task)
      if (last !== undefined && last.attempt > attempt)
        throw new ArchipelError('FENCED', `attempt ${attempt} came after attempt ${last.attempt}`)
      const workSha256 = sha256(canonical(request.work))
      if (last?.attempt !== attempt) return await accept(request, from, workSha256)
      const known = held.get(task, attempt)
      if (known === undefined) throw new ArchipelError('FENCED', `attempt ${attempt} is over here`)
      if (last.workSha256 === workSha256) return known
      throw new ArchipelError('BAD_INPUT', `attempt ${attempt} was handed over with other work before`)
    })
  }

  async function accept(request: SubmitOp, from: string, workSha256: string): Promise<HeldAttempt> {
    const { task, user, kind } = request.work
    const record = newRecord(request, from, workSha256, clock.now())
    let place: Place
    try {
      const { engine } = request.work
      const asked = { kind, ...(engine === undefined ? {} : { engine }), datasets: record.datasets }
      policy.check({ island: from, user, action: 'task:run', ...asked })
      place = queues[wantedEngine(record)].enter(from, user)
    } catch (cause) {
      work.note(record, toArchipelError(cause))
      throw cause
    }
    const older = held.ofTask(task)
    // Long code is not kept in memory while it waits.
    const short = request.work.code.length <= MAX_HELD_CODE
    const fresh = held.add(record, short ? request.work : undefined)
    fresh.place = place
    // What may run twice begins while its acceptance gets to the disk.
    const early = short && !request.atMostOnce
    if (early) work.start(fresh)
    try {
      await store.write('provider:accepted', [
        ...keepAttempt(record),
        { key: keys.attemptWork(task, record.attempt), value: request.work },
        { key: orderOf(record), value: 1 },
        ...older.flatMap((h) => keepAttempt({ ...h.record, settled: 'dropped' })),
      ])
    } catch (error) {
      held.remove(fresh)
      fresh.stop.abort()
      place.leave()
      if (!early) void place.turn.then((free) => free?.())
      throw error
    }
    for (const superseded of older) await release(superseded, 'dropped')
    if (!early) work.start(fresh)
    return fresh
  }

  async function takeUp(record: ProvidedAttempt): Promise<void> {
    const again = held.add(record, undefined)
    if (hasEnded(record)) return
    const goesOn = engine.outliving?.has(keyOf(record)) === true
    if (record.begun === true && !goesOn) return await work.finish(again, { error: interrupted() })
    const begins = record.begins ?? 0
    if (!goesOn && begins >= MAX_BEGINS && record.cancelRequested !== true)
      return await work.finish(again, { error: endedIsland(begins) })
    again.record = { ...record, begins, state: 'accepted', logBytes: await work.logSize(record) }
    again.place = queues[wantedEngine(record)].enter(record.requester, record.user, { force: true })
    work.start(again)
  }

  async function owned(task: string, attempt: number, from: string): Promise<HeldAttempt> {
    if (requesterOf(task) !== from)
      throw new ArchipelError('FORBIDDEN', 'an attempt is shown to the island that owns the task')
    const known = held.get(task, attempt)
    if (known !== undefined) return known
    throw new ArchipelError('TASK_NOT_FOUND', `attempt ${attempt} is not known here`)
  }

  return {
    queue: queues.embedded,
    async start() {
      const unsettled = await store.unsettled()
      engine.outliving?.keep(unsettled.filter((record) => !hasEnded(record)).map(keyOf))
      for (const record of unsettled) await takeUp(record)
      claims.start()
      old.start()
    },
    async stop({ forGood = false } = {}) {
      if (!forGood) engine.outliving?.leave()
      stopping.abort()
      claims.stop()
      old.stop()
      for (const attempt of held) {
        attempt.stop.abort()
        attempt.changed.ring()
      }
      await work.idle()
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
      // What it prints is shown to every member, as its code is; the result only to who decides whether it counts.
      const shown = attempt === undefined && item === 'log' ? held.newest(task) : undefined
      const { record } = shown ?? (await owned(task, attempt ?? 0, from))
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
    load(engine = 'embedded') {
      const { running, waiting, slots } = queues[engine]
      return { running, waiting, slots, maxWaiting, runningMs: work.runningMs(engine) }
    },
    async describe(task) {
      const record = held.newest(task)?.record ?? (await store.lastAttempt(task))
      if (record === undefined || record.settled === 'dropped') return undefined
      return providedView(record, await store.attemptWork(task, record.attempt), names, clock.now())
    },
    async log(task, range) {
      const record = held.newest(task)?.record
      if (record === undefined) throw new ArchipelError('TASK_NOT_FOUND', 'the log is not kept here')
      const key = { task, attempt: record.attempt }
      return { ...(await spool.log(key, range)), ended: hasEnded(record) }
    },
    holds: (task) => held.newest(task) !== undefined,
    current: (task, attempt) => held.get(task, attempt)?.record,
    datasets: () => [...held].flatMap(({ record }) => (hasEnded(record) ? [] : record.datasets)),
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
    // A program may be what ends the island.
    ...(work.kind === 'sql' || atMostOnce ? {} : { begins: 0 }),
    codeSha256: work.batch?.main?.sha256 ?? sha256(work.code),
    ...(work.batch?.main === undefined ? {} : { main: work.batch.main.sha256 }),
    ...(work.engine === undefined ? {} : { engine: work.engine }),
    workSha256,
    datasets: work.datasets.map((d) => d.id),
  }
}

function endedIsland(times: number): ArchipelError {
  return new ArchipelError('ENGINE_FAILED', `the island ended ${times} times while it ran this`, {
    hint: 'It may be what ended the island: look at its log there. `archipel task retry` runs it once more if it was not.',
  })
}
