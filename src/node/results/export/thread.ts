import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { ArchipelError, errorFromInfo } from '../../../protocols/model/errors.ts'
import type { WorkerInit, WorkerReply, WorkerRequest } from './worker.ts'

/** The sources and the built package have different endings. */
const WORKER = new URL(`./worker${extname(import.meta.filename)}`, import.meta.url)
const HEAP_MB = 768

/** An encoder in a thread of its own. */
export interface EncoderThread {
  /** In order. @throws what the encoder throws, MEMORY_LIMIT */
  ask(request: WorkerRequest): Promise<Uint8Array[]>
  close(): Promise<void>
}

export function encoderThread(init: WorkerInit): EncoderThread {
  const worker = new Worker(WORKER, {
    workerData: init,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    execArgv: ['--disable-warning=ExperimentalWarning'],
    env: {},
  })
  const waiting: { resolve: (chunks: Uint8Array[]) => void; reject: (error: Error) => void }[] = []
  let failure: ArchipelError | undefined

  function fail(error: ArchipelError): void {
    failure ??= error
    for (const { reject } of waiting.splice(0)) reject(failure)
  }

  worker.on('message', (reply: WorkerReply) => {
    const next = waiting.shift()
    if ('chunks' in reply) next?.resolve(reply.chunks)
    else next?.reject(errorFromInfo(reply.error))
  })
  worker.on('error', (cause: NodeJS.ErrnoException) => {
    const full = cause.code === 'ERR_WORKER_OUT_OF_MEMORY'
    fail(
      full
        ? new ArchipelError('MEMORY_LIMIT', 'the rows are too large for this format; save as csv or json', { cause })
        : new ArchipelError('INTERNAL', 'the table could not be written', { cause }),
    )
  })
  worker.on('exit', () => fail(new ArchipelError('CANCELLED', 'the table was not written to its end')))

  return {
    ask(request) {
      if (failure !== undefined) return Promise.reject(failure)
      return new Promise((resolve, reject) => {
        waiting.push({ resolve, reject })
        worker.postMessage(request)
      })
    },
    async close() {
      await worker.terminate()
    },
  }
}
