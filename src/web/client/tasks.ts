/** The functions of `IslandTasks` over HTTP. */
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { TaskView } from '../../protocols/model/views.ts'
import type { Route } from '../contract/route.ts'
import { ROUTES } from '../contract/routes.ts'
import type { CallOptions, IslandTasks } from '../ports.ts'
import { cutOff, progress } from './progress.ts'
import { type CallInput, fromTransport, type Transport } from './transport.ts'

type Ask = (name: keyof typeof ROUTES, input: CallInput, options?: CallOptions) => Promise<never>

interface Opened {
  mediaType: string
  fileName: string
  body: AsyncIterable<Uint8Array>
}

/** A file whose bytes have to be read or given up. */
async function open(http: Transport, route: Route, input: CallInput): Promise<Opened> {
  const { headers, body } = await http.open(route, input)
  async function* bytes(): AsyncGenerator<Uint8Array> {
    try {
      yield* body
    } catch (cause) {
      throw fromTransport(cause, input.signal)
    } finally {
      body.on('error', () => {}).destroy()
    }
  }
  const name = /filename="([^"]*)"/.exec(String(headers['content-disposition'] ?? ''))?.[1] ?? 'result'
  return { mediaType: String(headers['content-type'] ?? 'application/octet-stream'), fileName: name, body: bytes() }
}

/** The header of an idempotency key. */
export function keyed(key: string | undefined): Record<string, string> {
  return key === undefined ? {} : { 'idempotency-key': key }
}

export function taskClient(http: Transport, ask: Ask): IslandTasks {
  return {
    submit: (body, options) => ask('taskSubmit', { body }, options),
    place: (body, options) => ask('taskPlace', { body }, options),
    list: (query, options) => ask('taskList', { query: { ...query } }, options),
    show: (id, options) => ask('taskShow', { params: { id } }, options),
    async *watch(id, { signal } = {}) {
      let before = ''
      for await (const line of progress<TaskView, TaskView>(http, ROUTES.taskWatch, { params: { id }, signal })) {
        const view = line.progress ?? line.result
        const text = JSON.stringify(view)
        // The end is told twice: as the last change, and as the result.
        if (text !== before) yield view
        before = text
        if (line.result !== undefined) return
      }
      throw cutOff()
    },
    log: (id, query, options) => ask('taskLog', { params: { id }, query }, options),
    rows: (id, query, options) => ask('taskRows', { params: { id }, query }, options),
    async *read(id, name, { signal, offset = 0 } = {}) {
      const headers: Record<string, string> = offset === 0 ? {} : { range: `bytes=${offset}-` }
      try {
        const { body } = await open(http, ROUTES.taskRead, { params: { id, name }, headers, signal })
        yield* body
      } catch (cause) {
        // Asked for what comes after the last byte: nothing does.
        const end = cause instanceof ArchipelError && cause.code === 'BAD_RANGE' ? cause.details?.bytes : undefined
        if (end !== offset) throw cause
      }
    },
    table: (id, format, { signal } = {}) => open(http, ROUTES.taskTable, { params: { id }, query: { format }, signal }),
    cancel: (id, options) => ask('taskCancel', { params: { id } }, options),
    retry: (id, { idempotencyKey, ...options } = {}) =>
      ask('taskRetry', { params: { id }, headers: keyed(idempotencyKey) }, options),
  }
}
