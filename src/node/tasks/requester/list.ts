import { ArchipelError } from '../../../protocols/model/errors.ts'
import type { TaskPage, TaskQuery, TaskSummary } from '../../../protocols/model/views.ts'
import type { ProvidedAttempt } from '../store/records.ts'
import { orderOf, type TaskStore } from '../store/task-store.ts'
import { type Names, providedSummary, taskSummary } from '../views.ts'
import type { LiveTasks } from './live.ts'

const DEFAULT_LIMIT = 50
const MAX_LIMIT = 1000

export interface ListComponents {
  store: TaskStore
  live: LiveTasks
  names: Names
  now(): number
  /** An attempt that is under way here, as it is now. */
  current(task: string, attempt: number): ProvidedAttempt | undefined
}

interface Cursor {
  /** The last task shown, and the last attempt. */
  t?: string
  a?: string
}

/** Tasks of this island, newest first; with `all` also what it runs or ran for others. @throws BAD_INPUT for a cursor that is none */
export async function listTasks(query: TaskQuery, components: ListComponents): Promise<TaskPage> {
  const limit = Math.min(Math.max(1, query.limit ?? DEFAULT_LIMIT), MAX_LIMIT)
  const cursor = query.cursor === undefined ? {} : readCursor(query.cursor)
  const sources = [own(components, cursor)]
  if (query.all === true) sources.push(provided(components, cursor))
  const heads = await Promise.all(sources.map((s) => s.next()))
  const items: TaskSummary[] = []
  try {
    for (;;) {
      const at = newest(heads)
      if (at === undefined) return { items }
      const head = heads[at]!.value!
      const wanted =
        (query.state === undefined || head.summary.state === query.state) &&
        (query.user === undefined || head.summary.user === query.user)
      if (wanted && items.length === limit) return { items, next: writeCursor(cursor) }
      if (wanted) items.push(head.summary)
      Object.assign(cursor, head.cursor)
      heads[at] = await sources[at]!.next()
    }
  } finally {
    await Promise.all(sources.map((s) => s.return(undefined)))
  }
}

interface Entry {
  time: string
  summary: TaskSummary
  cursor: Cursor
}

function newest(heads: IteratorResult<Entry, unknown>[]): number | undefined {
  let best: number | undefined
  for (const [i, head] of heads.entries()) {
    if (head.done === true) continue
    if (best === undefined || head.value.time > (heads[best]!.value as Entry).time) best = i
  }
  return best
}

async function* own(components: ListComponents, { t }: Cursor): AsyncGenerator<Entry, undefined> {
  const { store, live, names, now } = components
  for await (const kept of store.tasks(t === undefined ? {} : { before: t })) {
    const summary = taskSummary(live.get(kept.id)?.record ?? kept, names, now())
    yield { time: summary.askedAt.time, summary, cursor: { t: kept.id } }
  }
}

async function* provided(components: ListComponents, { a }: Cursor): AsyncGenerator<Entry, undefined> {
  const { store, names, now } = components
  for await (const kept of store.attempts(a === undefined ? {} : { before: a })) {
    if (kept.requester === names.self || kept.settled === 'dropped') continue
    const summary = providedSummary(components.current(kept.task, kept.attempt) ?? kept, names, now())
    yield { time: summary.askedAt.time, summary, cursor: { a: orderOf(kept) } }
  }
}

function writeCursor(cursor: Cursor): string {
  return Buffer.from(JSON.stringify(cursor)).toString('base64url')
}

function readCursor(text: string): Cursor {
  try {
    const read = JSON.parse(Buffer.from(text, 'base64url').toString()) as Cursor
    const { t, a } = read
    if ((t === undefined || typeof t === 'string') && (a === undefined || typeof a === 'string'))
      return { ...(t === undefined ? {} : { t }), ...(a === undefined ? {} : { a }) }
  } catch {
    // Said below.
  }
  throw new ArchipelError('BAD_INPUT', 'this cursor is not from a list of tasks')
}
