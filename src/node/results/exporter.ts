import { once } from 'node:events'
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { Cell } from '../../protocols/model/task.ts'
import { encoderFor } from './export/encoders.ts'
import { encoderThread } from './export/thread.ts'
import type { WorkerInit } from './export/worker.ts'
import type { TableExporter, TableFormat } from './port.ts'

export interface TableExporterInit {
  /** Written into files that name their maker, e.g. `archipel 0.1.0`. */
  createdBy: string
  /** Threads for binary formats at a time; further exports wait. Default 2. */
  threads?: number
}

/** Arrow is the IPC file format (Feather V2). */
export const FORMATS: Record<TableFormat, { mediaType: string; extension: string }> = {
  csv: { mediaType: 'text/csv; charset=utf-8; header=present', extension: 'csv' },
  json: { mediaType: 'application/json', extension: 'json' },
  ndjson: { mediaType: 'application/x-ndjson', extension: 'ndjson' },
  parquet: { mediaType: 'application/vnd.apache.parquet', extension: 'parquet' },
  arrow: { mediaType: 'application/vnd.apache.arrow.file', extension: 'arrow' },
}

/** Tables up to so many cells are written without a thread. */
const INLINE_CELLS = 50_000
/** Batches of rows on their way to a thread. */
const AHEAD = 2

type Rows = AsyncIterable<Cell[][]>

/** @see TableExporter */
export function tableExporter(init: TableExporterInit): TableExporter {
  const limit = init.threads ?? 2
  let running = 0
  const queue: (() => void)[] = []

  /** A place for a thread, in order. */
  async function place(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (running < limit) {
      running++
      return
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    queue.push(resolve)
    const stop = new AbortController()
    try {
      await Promise.race([promise, once(signal, 'abort', { signal: stop.signal }).then(() => signal.throwIfAborted())])
    } catch (error) {
      const at = queue.indexOf(resolve)
      if (at >= 0) queue.splice(at, 1)
      else leave()
      throw error
    } finally {
      stop.abort()
    }
  }

  function leave(): void {
    const next = queue.shift()
    if (next === undefined) running--
    else next()
  }

  async function* inThread(
    first: Cell[][][],
    rest: AsyncIterator<Cell[][]>,
    worker: WorkerInit,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    await place(signal)
    const thread = encoderThread(worker)
    const abort = () => void thread.close()
    signal.addEventListener('abort', abort, { once: true })
    try {
      const sent: Promise<Uint8Array[]>[] = []
      const send = (request: Parameters<typeof thread.ask>[0]) => {
        const answer = thread.ask(request)
        // Looked at later; a failure before that is not lost, and not unheard either.
        answer.catch(() => {})
        sent.push(answer)
      }
      for (const rows of first) send({ rows })
      for (;;) {
        while (sent.length > AHEAD) yield* await sent.shift()!
        const next = await rest.next()
        if (next.done) break
        send({ rows: next.value })
      }
      send({ end: true })
      for (const answer of sent) yield* await answer
    } finally {
      signal.removeEventListener('abort', abort)
      await thread.close()
      leave()
    }
  }

  async function* bytes(
    worker: WorkerInit,
    rows: Rows,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const source = rows[Symbol.asyncIterator]()
    try {
      const binary = worker.format === 'parquet' || worker.format === 'arrow'
      const most = binary ? INLINE_CELLS / worker.columns.length : Number.POSITIVE_INFINITY
      const first: Cell[][][] = []
      for (let count = 0; binary && count <= most; ) {
        const next = await source.next()
        signal.throwIfAborted()
        if (next.done) {
          yield* await atOnce(worker, first)
          return
        }
        first.push(next.value)
        count += next.value.length
      }
      if (binary) {
        yield* inThread(first, source, worker, signal)
        return
      }
      const encoder = await encoderFor(worker.format, worker.columns, worker.createdBy)
      for (let next = await source.next(); !next.done; next = await source.next()) {
        signal.throwIfAborted()
        yield* encoder.push(next.value)
      }
      yield* encoder.end()
    } finally {
      await source.return?.()
    }
  }

  return {
    async export(table, format, { signal }) {
      if (table.columns.length === 0) throw new ArchipelError('BAD_INPUT', 'the table has no columns')
      const { mediaType, extension } = FORMATS[format]
      const worker: WorkerInit = { format, columns: table.columns, createdBy: init.createdBy }
      return { mediaType, fileName: `result.${extension}`, body: coded(bytes(worker, table.rows(), signal), signal) }
    },
  }
}

async function atOnce({ format, columns, createdBy }: WorkerInit, batches: Cell[][][]): Promise<Uint8Array[]> {
  const encoder = await encoderFor(format, columns, createdBy)
  return [...batches.flatMap((rows) => encoder.push(rows)), ...encoder.end()]
}

/** An abort as the coded error that it is. */
async function* coded(
  body: AsyncGenerator<Uint8Array, void, undefined>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* body
  } catch (error) {
    if (signal.aborted) throw new ArchipelError('CANCELLED', 'the table was not saved to its end', { cause: error })
    throw error
  }
}
