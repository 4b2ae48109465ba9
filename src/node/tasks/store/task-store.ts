import { toArchipelError } from '../../../protocols/model/errors.ts'
import type { Work } from '../../../protocols/model/task.ts'
import type { BucketChange, StorePort } from '../../store/port.ts'
import {
  beyond,
  type Errand,
  type KeyUse,
  keys,
  type OwnedTask,
  type ProvidedAttempt,
  readAttemptKey,
  type TaskDetails,
} from './records.ts'

/** Every durable write has a name; tests end the process there. */
export const WRITE_POINTS = [
  'requester:queued',
  'requester:offered',
  'requester:outcome',
  'requester:published',
  'requester:cancel',
  'requester:errands',
  'requester:expired',
  'provider:accepted',
  'provider:begun',
  'provider:done',
  'provider:cancel',
  'provider:settled',
  'provider:expired',
] as const
export type WritePoint = (typeof WRITE_POINTS)[number]

/** Called before and after each durable write. */
export type Failpoint = (name: WritePoint, when: 'before' | 'after') => void | Promise<void>

export interface Change {
  key: string
  /** Null deletes. */
  value: unknown
}

export interface TaskStore {
  /** All or nothing, durable when it resolves, in the order of the calls. @throws DISK_FULL, DATA_DIR_BROKEN */
  write(point: WritePoint, changes: Change[]): Promise<void>
  task(id: string): Promise<OwnedTask | undefined>
  work(id: string): Promise<Work | undefined>
  details(id: string): Promise<TaskDetails | undefined>
  unfinished(): Promise<OwnedTask[]>
  /** Newest first; from the one after `before`. */
  tasks(options?: { before?: string; oldestFirst?: boolean }): AsyncIterable<OwnedTask>
  key(user: string, key: string): Promise<KeyUse | undefined>
  errands(): Promise<Errand[]>
  attempt(task: string, attempt: number): Promise<ProvidedAttempt | undefined>
  /** The one with the highest number. */
  lastAttempt(task: string): Promise<ProvidedAttempt | undefined>
  attemptWork(task: string, attempt: number): Promise<Work | undefined>
  unsettled(): Promise<ProvidedAttempt[]>
  /** In the order of coming, newest first unless said otherwise. `before`: a cursor, see `orderOf`. */
  attempts(options?: { before?: string; oldestFirst?: boolean }): AsyncIterable<ProvidedAttempt>
}

/** The changes that keep a task, with its place among the unfinished ones. */
export function keepTask(task: OwnedTask): Change[] {
  const ended = task.ended !== undefined
  return [
    { key: keys.task(task.id), value: task },
    { key: keys.unfinished(task.id), value: ended ? null : 1 },
  ]
}

export function keepAttempt(record: ProvidedAttempt): Change[] {
  return [
    { key: keys.attempt(record.task, record.attempt), value: record },
    { key: keys.unsettled(record.task, record.attempt), value: record.settled === undefined ? 1 : null },
  ]
}

/** Where a provided attempt stands in the order of coming. */
export function orderOf(record: ProvidedAttempt): string {
  return keys.order(record.created, record.task, record.attempt)
}

/** Changes that come while a batch is on its way to the disk go together in the next: many tasks share one write. */
export function taskStore(init: {
  store: Pick<StorePort, 'bucket' | 'batch'>
  failpoint?: Failpoint
  onBroken?: (key: string) => void
}): TaskStore {
  const bucket = init.store.bucket('tasks')
  let waiting: { changes: BucketChange[]; done: PromiseWithResolvers<void> }[] = []
  let flushing = false

  async function flush(): Promise<void> {
    flushing = true
    while (waiting.length > 0) {
      const group = waiting
      waiting = []
      try {
        await init.store.batch(group.flatMap((g) => g.changes))
        for (const { done } of group) done.resolve()
      } catch (error) {
        for (const { done } of group) done.reject(toArchipelError(error))
      }
    }
    flushing = false
  }

  async function get<T>(key: string): Promise<T | undefined> {
    return parse<T>(key, await bucket.get(key))
  }

  function parse<T>(key: string, text: string | undefined): T | undefined {
    if (text === undefined) return undefined
    try {
      return JSON.parse(text) as T
    } catch {
      // One damaged entry must not keep the others from their work.
      init.onBroken?.(key)
      return undefined
    }
  }

  async function* range<T>(prefix: string, options: { reverse?: boolean; below?: string } = {}) {
    const { reverse = false, below = beyond(prefix) } = options
    for await (const [key, text] of bucket.entries({ from: prefix, below, reverse })) {
      const value = parse<T>(key, text)
      if (value !== undefined) yield { key, value }
    }
  }

  async function all<T>(prefix: string): Promise<T[]> {
    const found: T[] = []
    for await (const { value } of range<T>(prefix)) found.push(value)
    return found
  }

  async function lastAttempt(task: string): Promise<ProvidedAttempt | undefined> {
    for await (const { value } of range<ProvidedAttempt>(`a/${task}/`, { reverse: true })) return value
    return undefined
  }

  return {
    async write(point, changes) {
      await init.failpoint?.(point, 'before')
      const done = Promise.withResolvers<void>()
      waiting.push({
        done,
        changes: changes.map(({ key, value }) => ({
          bucket: 'tasks',
          key,
          value: value === null ? null : JSON.stringify(value),
        })),
      })
      if (!flushing) void flush()
      await done.promise
      await init.failpoint?.(point, 'after')
    },
    task: (id) => get(keys.task(id)),
    work: (id) => get(keys.work(id)),
    details: (id) => get(keys.details(id)),
    async unfinished() {
      const found: OwnedTask[] = []
      for await (const { key } of range('u/')) {
        const task = await get<OwnedTask>(keys.task(key.slice(2)))
        if (task !== undefined) found.push(task)
      }
      return found
    },
    async *tasks({ before, oldestFirst = false } = {}) {
      const below = before === undefined ? beyond('t/') : keys.task(before)
      for await (const { value } of range<OwnedTask>('t/', { reverse: !oldestFirst, below })) yield value
    },
    key: (user, key) => get(keys.idempotency(user, key)),
    errands: () => all('e/'),
    attempt: (task, attempt) => get(keys.attempt(task, attempt)),
    lastAttempt,
    attemptWork: (task, attempt) => get(keys.attemptWork(task, attempt)),
    async unsettled() {
      const found: ProvidedAttempt[] = []
      for await (const { key } of range('v/')) {
        const { task, attempt } = readAttemptKey(key)
        const record = await get<ProvidedAttempt>(keys.attempt(task, attempt))
        if (record !== undefined) found.push(record)
      }
      return found
    },
    async *attempts({ before, oldestFirst = false } = {}) {
      for await (const { key } of range('o/', { reverse: !oldestFirst, below: before ?? beyond('o/') })) {
        const { task, attempt } = readAttemptKey(key)
        const record = await get<ProvidedAttempt>(keys.attempt(task, attempt))
        if (record !== undefined) yield record
      }
    },
  }
}
