import { ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import { requesterOf, taskId } from '../../../protocols/model/task.ts'
import type { SubmitRequest, TaskView } from '../../../protocols/model/views.ts'
import type { ClaimRequest, ReadRequest } from '../../../protocols/task/messages.ts'
import type { Placement } from '../../placement/port.ts'
import type { SpoolKey } from '../../results/port.ts'
import { pause } from '../clock.ts'
import { fairQueue, type Place } from '../fair-queue.ts'
import type { TasksPort } from '../port.ts'
import type { OwnedTask, ProvidedAttempt } from '../store/records.ts'
import { keys } from '../store/records.ts'
import { keepTask } from '../store/task-store.ts'
import { turns } from '../turns.ts'
import { type Names, taskView } from '../views.ts'
import { placementRequest } from './choosing.ts'
import { collector } from './collect.ts'
import type { RequesterComponents, RequesterInit } from './components.ts'
import { driver } from './drive.ts'
import { errands as errandsOf } from './errands.ts'
import { follower } from './follow.ts'
import { foreignTasks } from './foreign.ts'
import { listTasks } from './list.ts'
import { hasEnded, type LiveTask, liveTasks, openAttempt } from './live.ts'
import { retention } from './retention.ts'
import { checkRequest, newTask, preparer, requestHash } from './submit.ts'
import { logPage } from './text.ts'

export interface Requester extends TasksPort {
  /** Whether the spool has to keep what it has of this attempt. */
  keeps(key: SpoolKey): Promise<boolean>
  /** Resolves at the end of a task of this island; at once when it is over or unknown. */
  ended(id: string): Promise<void>
  claim(request: ClaimRequest, from: string): Promise<{ verdicts: ('keep' | 'drop')[] }>
  /** The own copy. @throws TASK_NOT_FOUND, NOT_FOUND, TASK_STATE, RESULT_EXPIRED */
  readOwn(request: ReadRequest): AsyncIterable<{ bytes: Uint8Array }>
  describe(id: string): Promise<TaskView | undefined>
  /** Removes what is too old. */
  sweep(): Promise<{ results: number; tasks: number }>
  /** Unfinished tasks, and attempts whose provider has to hear something yet. */
  status(): { unfinished: number; errands: number }
}

/** What the requester has to know of the own provider. */
export interface OwnProvider {
  describe(task: string): Promise<TaskView | undefined>
  current(task: string, attempt: number): ProvidedAttempt | undefined
}

const POLL_MS = 1_000
const AGAIN_MS = 5_000
const LOG_BYTES = 1024 * 1024
const MAX_PAGE_ROWS = 1_000_000

/** The asking side of tasks: it owns them from their submission to their end. @see ../README.md */
export function requester(init: RequesterInit, components: RequesterComponents & { provider: OwnProvider }): Requester {
  const { clock, store, spool, remotes, journal, logger } = components
  const { self, maxUnfinishedPerUser = 2_000, maxUnfinished = 10_000, leaseMs = 60_000 } = init
  const stopping = new AbortController()
  const names: Names = { self, nameOf: components.nameOf }
  const live = liveTasks(store)
  const prepare = preparer(components)
  const submissions = turns()
  const errands = errandsOf({ stopping: stopping.signal }, components)
  const old = retention(
    { resultDays: init.resultDays ?? 7, taskDays: init.taskDays ?? 90, maxTasks: init.maxTasks ?? 10_000 },
    components,
  )
  const foreign = foreignTasks(
    { stopping: stopping.signal },
    {
      remotes,
      spool,
      nameOf: components.nameOf,
      isMember: components.isMember,
      provided: components.provider.describe,
    },
  )
  const active = fairQueue({
    slots: init.active ?? 128,
    maxWaiting: Number.POSITIVE_INFINITY,
    maxPerGroup: Number.POSITIVE_INFINITY,
    maxPerMember: Number.POSITIVE_INFINITY,
  })
  /** The slots of the tasks under way. */
  const holding = new Map<string, () => void>()
  const viewOf = (task: LiveTask) => taskView(task.record, task.work, task.details, names, clock.now())
  const { drive } = driver(
    { self, placeForMs: init.placeForMs ?? 3_600_000, settleMs: init.settleMs ?? 30_000, stopping: stopping.signal },
    {
      ...components,
      live,
      errands,
      viewOf,
      collect: collector({ self }, components),
      follow: follower({ inlineBytes: init.inlineBytes ?? 512 * 1024 }, components),
      async idle(task, wait) {
        holding.get(task.record.id)?.()
        await wait()
        await takeSlot(task, active.enter(task.record.user, ''))
      },
    },
  )

  async function takeSlot(task: LiveTask, place: Place): Promise<void> {
    const leave = () => place.leave()
    // What is cancelled while it waits needs no slot to end.
    const signal = AbortSignal.any([stopping.signal, task.cancel.signal])
    signal.addEventListener('abort', leave, { once: true })
    if (signal.aborted) leave()
    const release = await place.turn
    signal.removeEventListener('abort', leave)
    if (release !== undefined) holding.set(task.record.id, release)
  }

  async function run(task: LiveTask, place: Place, how: { early?: Promise<Placement>; resumed?: boolean } = {}) {
    await takeSlot(task, place)
    let { early, resumed = false } = how
    while (!hasEnded(task.record.state) && !stopping.signal.aborted) {
      try {
        await drive(task, { early, resumed })
      } catch (cause) {
        if (stopping.signal.aborted) break
        const { code } = toArchipelError(cause)
        logger.error({ err: cause, task: task.record.id, code }, 'a task could not go on, and is taken up again')
        await pause(clock, AGAIN_MS, stopping.signal)
      }
      early = undefined
      resumed = true
    }
    holding.get(task.record.id)?.()
    holding.delete(task.record.id)
  }

  function limits(user: string): void {
    if (live.countOf(user) >= maxUnfinishedPerUser)
      throw new ArchipelError('TOO_MANY', `${user} has ${maxUnfinishedPerUser} unfinished tasks already`, {
        hint: 'Wait until some have ended, or cancel some.',
      })
    if (live.size >= maxUnfinished)
      throw new ArchipelError('TOO_MANY', `this island has ${maxUnfinished} unfinished tasks already`)
  }

  async function submitNew(
    request: SubmitRequest,
    user: string,
    signal: AbortSignal,
    retryOf?: string,
  ): Promise<TaskView> {
    limits(user)
    const prepared = await prepare(request, signal)
    if (request.publish !== undefined) await components.checkPublish?.(request.publish.id)
    notAborted(signal)
    limits(user)
    const id = `task-${self}-${components.newId()}`
    const fields = { id, user, now: clock.now(), leaseMs, ...(retryOf === undefined ? {} : { retryOf }) }
    const record = newTask(request, prepared, fields)
    const work = { task: id, user, ...prepared.work }
    const task = live.add(record, work, { explain: [] })
    const place = active.enter(user, '')
    // The first choice is made while the task gets to the disk; the hand-over waits for both.
    const early = place.waiting ? undefined : placeEarly(task, prepared)
    const { idempotencyKey } = request
    try {
      await store.write('requester:queued', [
        ...keepTask(record),
        { key: keys.work(id), value: work },
        ...(idempotencyKey === undefined
          ? []
          : [{ key: keys.idempotency(user, idempotencyKey), value: { task: id, sha256: requestHash(request) } }]),
      ])
    } catch (error) {
      live.forget(id)
      task.cancel.abort()
      place.leave()
      void place.turn.then((release) => release?.())
      throw error
    }
    const view = viewOf(task)
    void run(task, place, early === undefined ? {} : { early })
    return view
  }

  function placeEarly(task: LiveTask, prepared: Awaited<ReturnType<typeof prepare>>): Promise<Placement> {
    const signal = AbortSignal.any([stopping.signal, task.cancel.signal])
    const request = placementRequest(task.record, task.work, prepared.data, new Map())
    const placing = components.placement.place(request, { confirm: true, signal })
    placing.catch(() => {})
    return placing
  }

  async function submit(
    request: SubmitRequest,
    user: string,
    outer: AbortSignal | undefined,
    retryOf?: string,
  ): Promise<TaskView> {
    const signal = outer === undefined ? stopping.signal : AbortSignal.any([stopping.signal, outer])
    checkRequest(request, user)
    components.policy.check({ island: self, user, action: 'task:run', kind: request.kind })
    const key = request.idempotencyKey
    if (key === undefined) return await submitNew(request, user, signal, retryOf)
    return await submissions.run(keys.idempotency(user, key), async () => {
      const known = await store.key(user, key)
      if (known === undefined) return await submitNew(request, user, signal, retryOf)
      if (known.sha256 !== requestHash(request))
        throw new ArchipelError(
          'IDEMPOTENCY_CONFLICT',
          `the key ${key} was used for ${known.task}, which is another task`,
        )
      const view = await describe(known.task)
      if (view === undefined) throw new ArchipelError('TASK_NOT_FOUND', `${known.task} is not kept any more`)
      return view
    })
  }

  async function describe(id: string): Promise<TaskView | undefined> {
    const task = live.get(id)
    if (task !== undefined) return viewOf(task)
    const [record, work, details] = await Promise.all([store.task(id), store.work(id), store.details(id)])
    if (record === undefined || work === undefined) return undefined
    // It may have been written as unfinished by a process before this one that has not taken it up yet.
    return taskView(record, work, details ?? { explain: [] }, names, clock.now())
  }

  async function show(id: string, signal: AbortSignal): Promise<TaskView> {
    if (!taskId.safeParse(id).success) throw notFound(id)
    if (requesterOf(id) !== self) return await foreign.show(id, signal)
    const view = await describe(id)
    if (view === undefined) throw notFound(id)
    return view
  }

  /** An own task whose result is here. */
  async function ownResult(id: string): Promise<{ record: OwnedTask; key: SpoolKey }> {
    const record = live.get(id)?.record ?? (await store.task(id))
    if (record === undefined) throw notFound(id)
    if (record.expired === true) throw new ArchipelError('RESULT_EXPIRED', 'the result is not kept any more')
    if (
      record.accepted === undefined ||
      record.attempts.find((a) => a.number === record.accepted)?.state !== 'succeeded'
    )
      throw new ArchipelError('TASK_STATE', `there is no result: the task is ${record.state}`)
    return { record, key: { task: id, attempt: record.accepted } }
  }

  const signalOf = (options: { signal?: AbortSignal } | undefined) =>
    options?.signal === undefined ? stopping.signal : AbortSignal.any([stopping.signal, options.signal])

  async function ownLog(id: string, range: { offset: number; limit: number }) {
    const record = live.get(id)?.record ?? (await store.task(id))
    if (record === undefined) throw notFound(id)
    const attempt = record.accepted ?? record.lastAttempt
    const ended = hasEnded(record.state)
    if (attempt === 0) return { bytes: new Uint8Array(), total: 0, ended }
    return { ...(await spool.log({ task: id, attempt }, range)), ended }
  }

  async function foreignLog(id: string, range: { offset: number; limit: number }, signal: AbortSignal) {
    const view = await foreign.show(id, signal)
    const parts: Uint8Array[] = []
    if (range.offset < view.logBytes)
      for await (const bytes of foreign.bytes(id, 'log', range, signal)) parts.push(bytes)
    return { bytes: Buffer.concat(parts), total: view.logBytes, ended: hasEnded(view.state) }
  }

  return {
    async start() {
      await errands.start()
      old.start()
      for (const record of await store.unfinished()) {
        const [work, details] = await Promise.all([store.work(record.id), store.details(record.id)])
        if (work === undefined) continue
        const task = live.add(record, work, details ?? { explain: [] })
        void run(task, active.enter(record.user, ''), { resumed: true })
      }
      remotes.onReady((island) => {
        for (const task of live.all()) if (openAttempt(task.record)?.island === island) task.wake.ring()
      })
    },
    async stop() {
      stopping.abort()
      old.stop()
      errands.stop()
    },
    async submit(request, options = {}) {
      const user = options.user ?? 'owner'
      const entry = { actor: `${user}@${self}`, action: 'task:submit' }
      try {
        const view = await submit(request, user, options.signal)
        journal.write({ ...entry, subject: view.id, outcome: 'ok' })
        return view
      } catch (cause) {
        const { code } = toArchipelError(cause)
        journal.write({ ...entry, subject: request.kind, outcome: code === 'FORBIDDEN' ? 'refused' : 'failed', code })
        throw cause
      }
    },
    async place(request, options = {}) {
      const user = options.user ?? 'owner'
      checkRequest(request, user)
      const signal = signalOf(options)
      const prepared = await prepare(request, signal)
      const record = newTask(request, prepared, { id: '', user, now: clock.now(), leaseMs })
      const work = { task: '', user, ...prepared.work }
      const asked = placementRequest(record, work, prepared.data, new Map())
      return await components.placement.place(asked, { confirm: true, signal })
    },
    list: (query) =>
      listTasks(query, { store, live, names, now: () => clock.now(), current: components.provider.current }),
    show: (id, options) => show(id, signalOf(options)),
    async *watch(id, options) {
      const signal = signalOf(options)
      const task = live.get(id)
      if (task === undefined || requesterOf(id) !== self) {
        for (let last = ''; ; await pause(clock, POLL_MS, signal)) {
          notAborted(signal)
          const view = await show(id, signal)
          const { elapsedMs: _, ...seen } = view
          if (JSON.stringify(seen) !== last) yield view
          last = JSON.stringify(seen)
          if (hasEnded(view.state)) return
        }
      }
      for (let last: unknown; ; ) {
        notAborted(signal)
        // Asked for first: what changes while the reader is busy is seen in the next round.
        const changed = task.changed.wait(clock, AGAIN_MS, signal)
        if (task.record !== last) yield viewOf(task)
        last = task.record
        if (hasEnded(task.record.state)) return
        await changed
      }
    },
    async log(id, range, options) {
      const limit = Math.min(Math.max(4, range.limit), LOG_BYTES)
      const asked = { offset: range.offset, limit }
      if (!taskId.safeParse(id).success) throw notFound(id)
      const own = requesterOf(id) === self
      const { bytes, total, ended } = own ? await ownLog(id, asked) : await foreignLog(id, asked, signalOf(options))
      return logPage(bytes, { offset: range.offset, total, ended })
    },
    async rows(id, page, options) {
      const from = Math.max(0, page.from)
      const limit = Math.min(Math.max(1, page.limit), MAX_PAGE_ROWS)
      const { key, total } = await (async () => {
        if (requesterOf(id) === self) {
          const { record, key } = await ownResult(id)
          return { key, total: record.rowCount ?? 0 }
        }
        const view = await show(id, signalOf(options))
        if (view.result === undefined)
          throw new ArchipelError('TASK_STATE', `there is no result: the task is ${view.state}`)
        return { key: await foreign.fetch(id, view.result), total: view.result.table?.rowCount ?? 0 }
      })()
      return { ...(await spool.rows(key, { from, limit })), from, total }
    },
    async *read(id, item, options = {}) {
      if (!taskId.safeParse(id).success) throw notFound(id)
      const offset = options.offset ?? 0
      if (requesterOf(id) !== self) yield* foreign.bytes(id, item, { offset }, signalOf(options))
      else yield* spool.read((await ownResult(id)).key, item, { offset })
    },
    async cancel(id) {
      const task = live.get(id)
      if (task === undefined) {
        if (requesterOf(id) !== self) throw ofAnother(id)
        return await show(id, stopping.signal)
      }
      await live.commit(task, 'requester:cancel', (now) =>
        now.cancelRequested ? undefined : { record: { ...now, cancelRequested: true } },
      )
      task.cancel.abort()
      return viewOf(task)
    },
    async retry(id) {
      if (requesterOf(id) !== self) throw ofAnother(id)
      const view = await show(id, stopping.signal)
      if (!hasEnded(view.state)) throw new ArchipelError('TASK_STATE', `the task is ${view.state}`)
      const record = await store.task(id)
      const request: SubmitRequest = {
        kind: view.kind,
        code: view.code,
        datasets: view.datasets.map((d) => d.table),
        params: view.params,
        atMostOnce: view.atMostOnce,
        ...(record?.on === undefined ? {} : { on: record.on }),
        ...(view.name === undefined ? {} : { name: view.name }),
        ...(view.timeoutMs === undefined ? {} : { timeoutMs: view.timeoutMs }),
        ...(view.maxRows === undefined ? {} : { maxRows: view.maxRows }),
        ...(view.publish === undefined ? {} : { publish: view.publish }),
        ...(record?.leaseMs === undefined ? {} : { leaseMs: record.leaseMs }),
      }
      const again = await submit(request, view.user, undefined, id)
      journal.write({ actor: `${view.user}@${self}`, action: 'task:submit', subject: again.id, outcome: 'ok' })
      return again
    },
    async keeps({ task, attempt }) {
      if (requesterOf(task) !== self) return false
      const record = await store.task(task)
      if (record === undefined || record.expired === true) return false
      return attempt === record.accepted || record.attempts.some((a) => a.number === attempt)
    },
    async ended(id) {
      await live.get(id)?.ended
    },
    async claim({ attempts }, from) {
      const verdicts = attempts.map(async ({ task: id, attempt }): Promise<'keep' | 'drop'> => {
        // Only what is on the disk counts: a drop is for good.
        const record = requesterOf(id) === self ? await store.task(id) : undefined
        const mine = record?.attempts.find((a) => a.number === attempt && a.island === from)
        if (record === undefined || mine === undefined) return 'drop'
        if (record.accepted === attempt) {
          // It has not heard yet, or has forgotten that it did.
          errands.added([{ island: from, task: id, attempt, op: 'acknowledge' }])
          return 'keep'
        }
        if (mine.ended !== undefined) return 'drop'
        live.get(id)?.wake.ring()
        return 'keep'
      })
      return { verdicts: await Promise.all(verdicts) }
    },
    async *readOwn({ task, item, offset, limit }) {
      if (item === 'log') {
        for (let at = offset; at < offset + limit; ) {
          const { bytes } = await ownLog(task, { offset: at, limit: Math.min(limit - (at - offset), LOG_BYTES / 4) })
          if (bytes.length === 0) return
          yield { bytes }
          at += bytes.length
        }
        return
      }
      const { key } = await ownResult(task)
      for await (const bytes of spool.read(key, item, { offset, limit })) yield { bytes }
    },
    describe,
    sweep: old.sweep,
    status: () => ({ unfinished: live.size, errands: errands.size }),
  }
}

function notAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new ArchipelError('CANCELLED', 'the call was cancelled', { cause: signal.reason })
}

function notFound(id: string): ArchipelError {
  return new ArchipelError('TASK_NOT_FOUND', `no task ${id.slice(0, 100)} is known here`)
}

function ofAnother(id: string): ArchipelError {
  if (!taskId.safeParse(id).success) return notFound(id)
  return new ArchipelError('FORBIDDEN', 'a task is cancelled and tried again at the island that asked for it', {
    hint: `Ask there: the owner is ${requesterOf(id)}.`,
  })
}
