/** Calls of the island that serves the page. Failures are `ArchipelError`; an island that does not answer is NOT_RUNNING. */
import { ArchipelError, errorFromInfo, toArchipelError } from '../../protocols/model/errors.ts'
import type { TableFormat } from '../../protocols/model/task.ts'
import type {
  DatasetFilter,
  DatasetPage,
  DatasetView,
  FilePage,
  IslandEvent,
  IslandStatus,
  IslandView,
  LogPage,
  PlacementView,
  Preview,
  RowsPage,
  SubmitRequest,
  TaskPage,
  TaskQuery,
  TaskView,
} from '../../protocols/model/views.ts'
import { lines, serverSentEvents } from '../client/streams.ts'

const API = '/api/v1'

/** What authenticates the calls: a token, or the cookie of a browser session with its guard against forged requests. */
export const credentials: { token?: string; csrf?: string } = {}

interface Init {
  method?: 'GET' | 'POST' | 'DELETE'
  query?: object
  body?: unknown
  headers?: Record<string, string>
  signal?: AbortSignal
}

function queryText(query: object = {}): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    for (const item of Array.isArray(value) ? value : [value]) if (item !== undefined) search.append(name, String(item))
  }
  return search.size === 0 ? '' : `?${search}`
}

async function failure(response: Response): Promise<ArchipelError> {
  const problem = (await response.json().catch(() => undefined)) as Record<string, unknown> | undefined
  if (typeof problem?.code !== 'string')
    return new ArchipelError('PROTOCOL', `the island answered with ${response.status} and no reason`)
  return errorFromInfo({ ...problem, message: problem.detail })
}

async function open(path: string, init: Init = {}): Promise<Response> {
  const { method = 'GET', query, body, signal } = init
  const headers: Record<string, string> = { ...init.headers }
  if (credentials.token !== undefined) headers.authorization = `Bearer ${credentials.token}`
  if (method !== 'GET' && credentials.csrf !== undefined) headers['x-csrf-token'] = credentials.csrf
  if (body !== undefined) headers['content-type'] = 'application/json'
  let response: Response
  try {
    response = await fetch(`${API}${path}${queryText(query)}`, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
      cache: 'no-store',
    })
  } catch (cause) {
    throw broken(cause, signal)
  }
  if (!response.ok) throw await failure(response)
  return response
}

function broken(cause: unknown, signal: AbortSignal | undefined): ArchipelError {
  if (cause instanceof ArchipelError) return cause
  if (signal?.aborted || (cause as Error)?.name === 'AbortError')
    return toArchipelError(new DOMException('', 'AbortError'))
  return new ArchipelError('NOT_RUNNING', 'the island does not answer', {
    hint: 'It may be restarting; this page tries again by itself.',
    cause,
  })
}

async function json<T>(path: string, init: Init = {}): Promise<T> {
  const response = await open(path, init)
  try {
    return (await response.json()) as T
  } catch (cause) {
    throw broken(cause, init.signal)
  }
}

async function* bytes(response: Response, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  const reader = response.body!.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } catch (cause) {
    throw broken(cause, signal)
  } finally {
    reader.cancel().catch(() => {})
  }
}

const at = encodeURIComponent

export interface BrowserSession {
  name: string
  scopes: string[]
  csrf: string
  expires?: string
}

type Signalled = { signal?: AbortSignal }

export const api = {
  signIn: (code: string) => json<BrowserSession>('/browser-session', { method: 'POST', body: { code } }),
  session: () => json<BrowserSession>('/browser-session'),
  signOut: () => open('/browser-session', { method: 'DELETE' }),

  status: ({ signal }: Signalled = {}) => json<IslandStatus>('/status', { signal }),
  async islands({ signal }: Signalled = {}): Promise<IslandView[]> {
    const all: IslandView[] = []
    let cursor: string | undefined
    do {
      const page = await json<{ items: IslandView[]; next?: string }>('/islands', {
        query: { cursor, limit: 500 },
        signal,
      })
      all.push(...page.items)
      cursor = page.next
    } while (cursor !== undefined)
    return all
  },

  datasets: ({ cone, ...filter }: DatasetFilter, { signal }: Signalled = {}) =>
    json<DatasetPage>('/datasets', {
      query: { ...filter, cone: cone && `${cone.ra},${cone.dec},${cone.radius}` },
      signal,
    }),
  dataset: (ref: string, { signal }: Signalled = {}) => json<DatasetView>(`/datasets/${at(ref)}`, { signal }),

  preview: (ref: string, rows: number, { signal }: Signalled = {}) =>
    json<Preview>(`/datasets/${at(ref)}/preview`, { query: { rows }, signal }),
  files: (ref: string, cursor: string | undefined, { signal }: Signalled = {}) =>
    json<FilePage>(`/datasets/${at(ref)}/files`, { query: { cursor }, signal }),

  submit: (body: SubmitRequest) => json<TaskView>('/tasks', { method: 'POST', body }),
  place: (body: SubmitRequest, { signal }: Signalled = {}) =>
    json<PlacementView>('/tasks/placement', { method: 'POST', body, signal }),
  tasks: (query: TaskQuery, { signal }: Signalled = {}) => json<TaskPage>('/tasks', { query, signal }),
  task: (id: string, { signal }: Signalled = {}) => json<TaskView>(`/tasks/${at(id)}`, { signal }),
  cancel: (id: string) => json<TaskView>(`/tasks/${at(id)}/cancel`, { method: 'POST' }),
  retry: (id: string) => json<TaskView>(`/tasks/${at(id)}/retry`, { method: 'POST' }),
  log: (id: string, offset: number, { signal }: Signalled = {}) =>
    json<LogPage>(`/tasks/${at(id)}/log`, { query: { offset }, signal }),
  rows: (id: string, from: number, limit: number, { signal }: Signalled = {}) =>
    json<RowsPage>(`/tasks/${at(id)}/rows`, { query: { from, limit }, signal }),

  /** The task now and at each change, until its end. */
  async *watch(id: string, { signal }: Signalled = {}): AsyncGenerator<TaskView> {
    const response = await open(`/tasks/${at(id)}/events`, { signal })
    for await (const line of lines(bytes(response, signal))) {
      if (line === '') continue
      const { progress, result, error } = JSON.parse(line) as { progress?: TaskView; result?: TaskView; error?: object }
      if (error !== undefined) throw errorFromInfo({ ...error, message: (error as { detail?: string }).detail })
      yield (result ?? progress)!
      if (result !== undefined) return
    }
    throw broken(undefined, signal)
  },

  itemPath: (id: string, name: string) => `${API}/tasks/${at(id)}/items/${at(name)}`,
  tablePath: (id: string, format: TableFormat) => `${API}/tasks/${at(id)}/table?format=${format}`,
  /** A file of the island as the browser keeps it. `path` is one of those above. */
  async blob(path: string, { signal }: Signalled = {}): Promise<Blob> {
    const response = await open(path.slice(API.length), { signal })
    return response.blob().catch((cause) => {
      throw broken(cause, signal)
    })
  },

  /** Events as they come; `onAlive` at every sign of life. Ends by an error only. */
  async *events(
    lastId: string | undefined,
    { signal, onAlive }: Signalled & { onAlive: () => void },
  ): AsyncGenerator<{ id: string | undefined; event: IslandEvent | { lost: number } }> {
    const headers: Record<string, string> = lastId === undefined ? {} : { 'last-event-id': lastId }
    const response = await open('/events', { headers: { accept: 'text/event-stream', ...headers }, signal })
    async function* alive() {
      for await (const chunk of bytes(response, signal)) {
        onAlive()
        yield chunk
      }
    }
    for await (const { id, data } of serverSentEvents(alive())) yield { id, event: JSON.parse(data) }
    throw broken(undefined, signal)
  },
}
