import { ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import { requesterOf, taskId } from '../../../protocols/model/task.ts'
import type { SubmitRequest, TaskView } from '../../../protocols/model/views.ts'
import { withJournal } from '../../../protocols/model/with-journal.ts'
import type { ClaimRequest } from '../../../protocols/task/messages.ts'
import type { Placement } from '../../placement/port.ts'
import type { SpoolKey } from '../../results/port.ts'
import { pause } from '../clock.ts'
import { fairQueue, type Place } from '../fair-queue.ts'
import type { TasksPort } from '../port.ts'
import { keys, type OwnedTask } from '../store/records.ts'
import { keepTask } from '../store/task-store.ts'
import { turns } from '../turns.ts'
import { taskSummary } from '../views.ts'
import { type Answers, answers, notAborted, notFound } from './answers.ts'
import { placementRequest } from './choosing.ts'
import { collector } from './collect.ts'
import type { OwnProvider, RequesterComponents, RequesterInit } from './components.ts'
import { driver } from './drive.ts'
import { errands as errandsOf } from './errands.ts'
import { follower } from './follow.ts'
import { hasEnded, type LiveTask, liveTasks, openAttempt } from './live.ts'
import { retention } from './retention.ts'
import { checkRequest, newTask, preparer, requestHash, requestOf } from './submit.ts'

export interface Requester extends TasksPort, Pick<Answers, 'describe' | 'readOwn'> {
  /** Whether the spool has to keep what it has of this attempt. */
  keeps(key: SpoolKey): Promise<boolean>
  /** Resolves at the end of a task of this island, with its view; at once and with nothing when it is over or unknown. */
  ended(id: string): Promise<TaskView | undefined>
  claim(request: ClaimRequest, from: string): Promise<{ verdicts: ('keep' | 'drop')[] }>
  /** Removes what is too old. */
  sweep(): Promise<{ results: number; tasks: number }>
  /** Unfinished tasks, and attempts whose provider has to hear something yet. */
  status(): { unfinished: number; errands: number; states: Record<string, number> }
}

const AGAIN_MS = 5_000

/** The asking side of tasks: it owns them from their submission to their end. @see ../README.md */
export function requester(init: RequesterInit, components: RequesterComponents & { provider: OwnProvider }): Requester {
  const { clock, store, remotes, journal, logger } = components
  const { self, maxUnfinishedPerUser = 2_000, maxUnfinished = 10_000, leaseMs = 60_000 } = init
  const stopping = new AbortController()
  const tell = (record: OwnedTask) =>
    components.onChange?.(taskSummary(record, { self, nameOf: components.nameOf }, clock.now()))
  const live = liveTasks(store, tell)
  const prepare = preparer(components)
  const submissions = turns()
  const errands = errandsOf({ self, stopping: stopping.signal }, components)
  const old = retention(
    { resultDays: init.resultDays ?? 7, taskDays: init.taskDays ?? 90, maxTasks: init.maxTasks ?? 10_000 },
    { ...components, live },
  )
  const { viewOf, describe, ...shown } = answers({ self, stopping: stopping.signal }, { ...components, live })
  const active = fairQueue({
    slots: init.active ?? 128,
    maxWaiting: Number.POSITIVE_INFINITY,
    maxPerGroup: Number.POSITIVE_INFINITY,
    maxPerMember: Number.POSITIVE_INFINITY,
  })
  /** The slots of the tasks under way. */
  const holding = new Map<string, () => void>()
  const { drive } = driver(
    {
      self,
      placeForMs: init.placeForMs ?? 3_600_000,
      settleMs: init.settleMs ?? 30_000,
      publishForMs: init.publishForMs ?? 600_000,
      stopping: stopping.signal,
    },
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
    tell(record)
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
    const { kind, engine } = request
    components.policy.check({
      island: self,
      user,
      action: 'task:run',
      kind,
      ...(engine === undefined ? {} : { engine }),
    })
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

  const journalled = (user: string, { kind }: SubmitRequest, work: () => Promise<TaskView>) =>
    withJournal(journal, { actor: `${user}@${self}`, action: 'task:submit', subject: kind }, work, {
      subject: ({ id }) => id,
    })

  const signalOf = (options: { signal?: AbortSignal } | undefined) =>
    options?.signal === undefined ? stopping.signal : AbortSignal.any([stopping.signal, options.signal])

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
    submit: (request, { user = 'owner', signal } = {}) =>
      journalled(user, request, () => submit(request, user, signal)),
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
    async cancel(id) {
      const task = live.get(id)
      if (task === undefined) {
        if (requesterOf(id) !== self) throw ofAnother(id)
        return await shown.show(id)
      }
      await live.commit(task, 'requester:cancel', (now) =>
        now.cancelRequested ? undefined : { record: { ...now, cancelRequested: true } },
      )
      task.cancel.abort()
      return viewOf(task)
    },
    async retry(id, { user, idempotencyKey } = {}) {
      if (requesterOf(id) !== self) throw ofAnother(id)
      const view = await shown.show(id)
      if (!hasEnded(view.state)) throw new ArchipelError('TASK_STATE', `the task is ${view.state}`)
      // Whoever retries it answers for it, to other islands, too.
      const by = user ?? view.user
      const keyed = idempotencyKey === undefined ? {} : { idempotencyKey }
      const again = { ...requestOf(view, await store.task(id)), ...keyed }
      return await journalled(by, again, () => submit(again, by, undefined, id))
    },
    async keeps({ task, attempt }) {
      if (requesterOf(task) !== self) return false
      const record = await store.task(task)
      if (record === undefined || record.expired === true) return false
      return attempt === record.accepted || record.attempts.some((a) => a.number === attempt)
    },
    async ended(id) {
      const task = live.get(id)
      if (task === undefined) return undefined
      await task.ended
      return viewOf(task)
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
    ...shown,
    describe,
    sweep: old.sweep,
    status() {
      const states: Record<string, number> = { queued: 0, placing: 0, staging: 0, running: 0 }
      for (const { record } of live.all()) states[record.state] = (states[record.state] ?? 0) + 1
      return { unfinished: live.size, errands: errands.size, states }
    },
  }
}

function ofAnother(id: string): ArchipelError {
  if (!taskId.safeParse(id).success) return notFound(id)
  return new ArchipelError('FORBIDDEN', 'a task is cancelled and tried again at the island that asked for it', {
    hint: `Ask there: the owner is ${requesterOf(id)}.`,
  })
}
