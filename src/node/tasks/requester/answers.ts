import { ArchipelError } from '../../../protocols/model/errors.ts'
import { logPage } from '../../../protocols/model/log-page.ts'
import { noResult } from '../../../protocols/model/no-result.ts'
import { requesterOf, taskId } from '../../../protocols/model/task.ts'
import type { TaskView } from '../../../protocols/model/views.ts'
import type { ReadRequest } from '../../../protocols/task/messages.ts'
import type { SpoolKey } from '../../results/port.ts'
import { pause } from '../clock.ts'
import type { TasksPort } from '../port.ts'
import type { OwnedTask } from '../store/records.ts'
import { type Names, taskView } from '../views.ts'
import type { OwnProvider, RequesterComponents } from './components.ts'
import { foreignTasks } from './foreign.ts'
import { listTasks } from './list.ts'
import { hasEnded, type LiveTask, type LiveTasks } from './live.ts'

export interface AnswersComponents
  extends Pick<RequesterComponents, 'clock' | 'store' | 'spool' | 'remotes' | 'nameOf' | 'isMember'> {
  live: LiveTasks
  provider: OwnProvider
}

export interface Answers extends Pick<TasksPort, 'list' | 'show' | 'watch' | 'log' | 'rows' | 'read'> {
  viewOf(task: LiveTask): TaskView
  /** A task of this island. */
  describe(id: string): Promise<TaskView | undefined>
  /** The own copy. @throws TASK_NOT_FOUND, NOT_FOUND, TASK_STATE, RESULT_EXPIRED */
  readOwn(request: ReadRequest): AsyncIterable<{ bytes: Uint8Array }>
}

/** Milliseconds between two questions about a task of another island that is followed. */
const POLL_MS = 1_000
/** Milliseconds after which the follower of an own task looks whether it is still wanted. */
const LOOK_MS = 5_000
const LOG_BYTES = 1024 * 1024
const MAX_PAGE_ROWS = 1_000_000

/** What is told of tasks: the own ones from memory and disk, those of others by asking. */
export function answers(init: { self: string; stopping: AbortSignal }, components: AnswersComponents): Answers {
  const { clock, store, spool, remotes, live, nameOf, isMember, provider } = components
  const { self, stopping } = init
  const names: Names = { self, nameOf }
  const foreign = foreignTasks(
    { stopping },
    { self, remotes, spool, nameOf, isMember, provided: provider.describe, providedLog: provider.log },
  )
  const viewOf = (task: LiveTask) => taskView(task.record, task.work, task.details, names, clock.now())

  async function describe(id: string): Promise<TaskView | undefined> {
    const task = live.recent(id)
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
    const record = live.recent(id)?.record ?? (await store.task(id))
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
    options?.signal === undefined ? stopping : AbortSignal.any([stopping, options.signal])

  async function ownLog(id: string, range: { offset: number; limit: number }) {
    const record = live.recent(id)?.record ?? (await store.task(id))
    if (record === undefined) throw notFound(id)
    const attempt = record.accepted ?? record.lastAttempt
    const ended = hasEnded(record.state)
    if (attempt === 0) return { bytes: new Uint8Array(), total: 0, ended }
    return { ...(await spool.log({ task: id, attempt }, range)), ended }
  }

  return {
    viewOf,
    describe,
    list: (query) => listTasks(query, { store, live, names, now: () => clock.now(), current: provider.current }),
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
        const changed = task.changed.wait(clock, LOOK_MS, signal)
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
      const { bytes, total, ended } = own ? await ownLog(id, asked) : await foreign.log(id, asked, signalOf(options))
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
        if (view.result === undefined) throw noResult(view)
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
  }
}

export function notAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new ArchipelError('CANCELLED', 'the call was cancelled', { cause: signal.reason })
}

export function notFound(id: string): ArchipelError {
  return new ArchipelError('TASK_NOT_FOUND', `no task ${id.slice(0, 100)} is known here`)
}
