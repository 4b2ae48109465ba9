/** The functions of `IslandTasks` over HTTP, and `run`. */
import { ArchipelError, toArchipelError } from '../../protocols/model/errors.ts'
import type { SubmitRequest, TaskView } from '../../protocols/model/views.ts'
import type { IslandTasks } from '../ports.ts'
import { afterBreak, wasTold } from './failures.ts'
import type { ClientOptions } from './options.ts'
import { cutOff, progress } from './progress.ts'
import type { ClientRoute } from './request.ts'
import { jittered, pause } from './retry.ts'
import { type RunOptions, runTask, type TaskRun } from './run-task.ts'
import { type RouteName, TABLE } from './table.ts'
import type { CallInput, Transport } from './transport.ts'

export type Ask = (name: RouteName, input: CallInput, options?: ClientOptions) => Promise<never>

export interface ClientTasks extends IslandTasks {
  /** The task now and at each change, until its end; a connection that breaks is made again. Nothing is cancelled by leaving it. */
  watch(id: string, options?: ClientOptions): AsyncGenerator<TaskView, void, void>
  /** Submits, waits for the end, gives the rows. @throws what ended the task without a result, as `submit` */
  run(request: SubmitRequest, options?: RunOptions): Promise<TaskRun>
}

interface Opened {
  mediaType: string
  fileName: string
  body: AsyncIterable<Uint8Array>
}

/** Tries, without news between them, of a stream that broke; the opening has tries of its own. */
const WATCH_TRIES = 3
const WATCH_PAUSE_MS = 500

/** A file whose bytes have to be read or given up. */
async function open(http: Transport, route: ClientRoute, input: CallInput): Promise<Opened> {
  const { headers, body } = await http.open(route, input)
  const name = /filename="([^"]*)"/.exec(headers.get('content-disposition') ?? '')?.[1] ?? 'result'
  return { mediaType: headers.get('content-type') ?? 'application/octet-stream', fileName: name, body }
}

async function* watchOnce(http: Transport, id: string, signal?: AbortSignal): AsyncGenerator<TaskView, void, void> {
  for await (const line of progress<TaskView, TaskView>(http, TABLE.taskWatch, { params: { id }, signal })) {
    yield line.progress ?? line.result
    if (line.result !== undefined) return
  }
  throw cutOff()
}

export function taskClient(http: Transport, ask: Ask): ClientTasks {
  async function* watch(id: string, { signal }: ClientOptions = {}): AsyncGenerator<TaskView, void, void> {
    let before = ''
    for (let tried = 1; ; tried++) {
      try {
        for await (const view of watchOnce(http, id, signal)) {
          const text = JSON.stringify(view)
          // The end is told twice: as the last change, and as the result.
          if (text === before) continue
          before = text
          tried = 1
          yield view
        }
        return
      } catch (cause) {
        const error = toArchipelError(cause)
        if (error.code !== 'UNREACHABLE' || wasTold(error) || tried >= WATCH_TRIES)
          throw tried === 1 ? error : afterBreak(error)
        await pause(jittered(WATCH_PAUSE_MS), signal)
      }
    }
  }

  const tasks: IslandTasks = {
    submit: (body, options) => ask('taskSubmit', { body, idempotencyKey: body.idempotencyKey }, options),
    place: (body, options) => ask('taskPlace', { body }, options),
    list: (query, options) => ask('taskList', { query }, options),
    show: (id, options) => ask('taskShow', { params: { id } }, options),
    watch,
    log: (id, query, options) => ask('taskLog', { params: { id }, query }, options),
    rows: (id, query, options) => ask('taskRows', { params: { id }, query }, options),
    async *read(id, name, { signal, offset = 0 } = {}) {
      const headers: Record<string, string> = offset === 0 ? {} : { range: `bytes=${offset}-` }
      try {
        const { body } = await open(http, TABLE.taskRead, { params: { id, name }, headers, signal })
        yield* body
      } catch (cause) {
        // Asked for what comes after the last byte: nothing does.
        const end = cause instanceof ArchipelError && cause.code === 'BAD_RANGE' ? cause.details?.bytes : undefined
        if (end !== offset) throw cause
      }
    },
    table: (id, format, { signal } = {}) => open(http, TABLE.taskTable, { params: { id }, query: { format }, signal }),
    cancel: (id, options) => ask('taskCancel', { params: { id } }, options),
    retry: (id, options) => ask('taskRetry', { params: { id } }, options),
  }
  return { ...tasks, watch, run: (request, options) => runTask(tasks, request, options) }
}
