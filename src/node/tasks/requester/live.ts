import type { TaskState, Work } from '../../../protocols/model/task.ts'
import { FINAL_STATES } from '../../../protocols/model/task-states.ts'
import { type Bell, bell } from '../clock.ts'
import type { OwnedAttempt, OwnedTask, TaskDetails } from '../store/records.ts'
import { keys } from '../store/records.ts'
import { type Change, keepTask, type TaskStore, type WritePoint } from '../store/task-store.ts'
import { turns } from '../turns.ts'

/** A task of this island that has not ended, in memory. Records are replaced, never changed. */
export interface LiveTask {
  record: OwnedTask
  readonly work: Work
  details: TaskDetails
  /** Aborts when the task shall end. */
  readonly cancel: AbortController
  /** Something happened that makes it worth while to try again at once. */
  readonly wake: Bell
  /** Its view is another one now. */
  readonly changed: Bell
  /** Resolves at the end. */
  readonly ended: Promise<void>
}

export interface LiveTasks {
  get(id: string): LiveTask | undefined
  /** The same, or one of the last that ended: as its record was then. */
  recent(id: string): LiveTask | undefined
  /** Its record was changed or removed on the disk. */
  expire(id: string): void
  all(): Iterable<LiveTask>
  /** Unfinished tasks of a user. */
  countOf(user: string): number
  readonly size: number
  add(record: OwnedTask, work: Work, details: TaskDetails): LiveTask
  /** Forgets one whose first write failed. */
  forget(id: string): void
  /** A change in memory, which the next durable one takes with it. */
  touch(task: LiveTask, change: (record: OwnedTask) => OwnedTask, details?: TaskDetails): Promise<void>
  /**
   * A durable change: shown only after it is on the disk. Undefined from `change` means that there is nothing to do.
   * @returns whether something was written
   */
  commit(
    task: LiveTask,
    point: WritePoint,
    change: (record: OwnedTask) => { record: OwnedTask; details?: TaskDetails; more?: Change[] } | undefined,
  ): Promise<boolean>
}

export function hasEnded(state: TaskState): boolean {
  return FINAL_STATES.has(state)
}

/** The attempt that may still end. */
export function openAttempt(record: OwnedTask): OwnedAttempt | undefined {
  const last = record.attempts.at(-1)
  return last !== undefined && last.ended === undefined ? last : undefined
}

/** The record with its newest attempt changed. */
export function withLast(record: OwnedTask, change: Partial<OwnedAttempt>): OwnedTask {
  const last = record.attempts.at(-1)
  if (last === undefined) return record
  return { ...record, attempts: [...record.attempts.slice(0, -1), { ...last, ...change }] }
}

/** Ended tasks that are asked for in a moment by who waited for them. */
const MAX_RECENT = 32

/** `onState`: after a task got another state or another island. */
export function liveTasks(store: TaskStore, onState: (record: OwnedTask) => void = () => {}): LiveTasks {
  const tasks = new Map<string, LiveTask & { end: () => void }>()
  const recent = new Map<string, LiveTask>()
  const queue = turns()

  function show(task: LiveTask, record: OwnedTask, details: TaskDetails | undefined): void {
    const before = task.record
    task.record = record
    if (details !== undefined) task.details = details
    if (hasEnded(record.state)) {
      tasks.get(record.id)?.end()
      tasks.delete(record.id)
      recent.set(record.id, task)
      for (const [oldest] of recent) {
        if (recent.size <= MAX_RECENT) break
        recent.delete(oldest)
      }
    }
    task.changed.ring()
    if (before.state !== record.state || before.attempts.at(-1)?.island !== record.attempts.at(-1)?.island)
      onState(record)
  }

  return {
    get: (id) => tasks.get(id),
    recent: (id) => tasks.get(id) ?? recent.get(id),
    expire: (id) => void recent.delete(id),
    all: () => tasks.values(),
    get size() {
      return tasks.size
    },
    countOf(user) {
      let count = 0
      for (const task of tasks.values()) if (task.record.user === user) count++
      return count
    },
    add(record, work, details) {
      const ended = Promise.withResolvers<void>()
      const task = {
        record,
        work,
        details,
        cancel: new AbortController(),
        wake: bell(),
        changed: bell(),
        ended: ended.promise,
        end: ended.resolve,
      }
      if (record.cancelRequested) task.cancel.abort()
      tasks.set(record.id, task)
      return task
    },
    forget(id) {
      tasks.delete(id)
    },
    touch: (task, change, details) =>
      queue.run(task.record.id, async () => {
        if (!hasEnded(task.record.state)) show(task, change(task.record), details)
      }),
    commit: (task, point, change) =>
      queue.run(task.record.id, async () => {
        if (hasEnded(task.record.state)) return false
        const next = change(task.record)
        if (next === undefined) return false
        const { record, details = task.details, more = [] } = next
        // The long parts are written when they changed, and at the end.
        const long = details !== task.details || hasEnded(record.state)
        await store.write(point, [
          ...keepTask(record),
          ...(long ? [{ key: keys.details(record.id), value: details }] : []),
          ...more,
        ])
        show(task, record, details)
        return true
      }),
  }
}
