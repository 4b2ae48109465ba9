import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { IndexChange, WriterReply } from './port.ts'

/** The sources and the built package have different endings. */
const THREAD = new URL(`./worker${extname(import.meta.filename)}`, import.meta.url)
/** A thread without work ends after this. */
const IDLE_MS = 10_000

/** A second writer of the index, in a thread: the other islands' catalogs come in faster than words can be indexed. */
export interface IndexWriter {
  /** Changes handed over and not written yet. */
  readonly behind: number
  write(changes: IndexChange[]): void
  settled(): Promise<void>
  /** Ends the thread; what is not written is not written. */
  close(): Promise<void>
}

export function indexWriter(path: string, onFailure: (reason: string) => void): IndexWriter {
  let worker: Worker | undefined
  let behind = 0
  let idle: NodeJS.Timeout | undefined
  const waiting: (() => void)[] = []

  function settle(): void {
    for (const resolve of waiting.splice(0)) resolve()
  }

  function fail(from: Worker, reason: string): void {
    if (from !== worker) return
    void close()
    onFailure(reason)
  }

  function started(): Worker {
    if (worker !== undefined) return worker
    const fresh = new Worker(THREAD, {
      workerData: { path },
      execArgv: ['--disable-warning=ExperimentalWarning'],
      env: {},
    })
    fresh.on('message', (reply: WriterReply) => {
      if (fresh !== worker) return
      if (reply.failed !== undefined) return fail(fresh, reply.failed)
      behind -= reply.written
      if (behind > 0) return
      settle()
      idle = setTimeout(() => void close(), IDLE_MS).unref()
    })
    fresh.on('error', (error) => fail(fresh, error.message))
    fresh.on('exit', () => fail(fresh, 'the thread ended'))
    worker = fresh
    return fresh
  }

  async function close(): Promise<void> {
    clearTimeout(idle)
    const ending = worker
    worker = undefined
    behind = 0
    settle()
    await ending?.terminate()
  }

  return {
    get behind() {
      return behind
    },
    write(changes) {
      clearTimeout(idle)
      behind += changes.length
      started().postMessage(changes)
    },
    settled() {
      if (behind === 0) return Promise.resolve()
      return new Promise((resolve) => waiting.push(resolve))
    },
    close,
  }
}
