/** A thread that writes a binary format: a large table takes seconds, which the island has other uses for. */
import { parentPort, workerData } from 'node:worker_threads'
import type { Column } from '../../../protocols/model/dataset.ts'
import { toArchipelError } from '../../../protocols/model/errors.ts'
import type { Cell } from '../../../protocols/model/task.ts'
import type { TableFormat } from '../port.ts'
import { encoderFor } from './encoders.ts'

export interface WorkerInit {
  format: TableFormat
  columns: Column[]
  createdBy: string
}

/** Rows to write, or the end. */
export type WorkerRequest = { rows: Cell[][] } | { end: true }
/** One for each request. */
export type WorkerReply = { chunks: Uint8Array[] } | { error: ReturnType<ReturnType<typeof toArchipelError>['toInfo']> }

const { format, columns, createdBy } = workerData as WorkerInit
const encoder = encoderFor(format, columns, createdBy)
let turn: Promise<void> = Promise.resolve()

parentPort!.on('message', (request: WorkerRequest) => {
  turn = turn.then(async () => {
    try {
      const chunks = 'rows' in request ? (await encoder).push(request.rows) : (await encoder).end()
      // A buffer may be a part of one that others use, too.
      const own = chunks.map((chunk) => Uint8Array.from(chunk))
      parentPort!.postMessage(
        { chunks: own } satisfies WorkerReply,
        own.map((chunk) => chunk.buffer),
      )
    } catch (error) {
      parentPort!.postMessage({ error: toArchipelError(error).toInfo() } satisfies WorkerReply)
    }
    if ('end' in request) parentPort!.close()
  })
})
