import type { Column } from '../../../protocols/model/dataset.ts'
import { ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import type { Cell, ParamValue, TableResult } from '../../../protocols/model/task.ts'
import type { ResultSink } from '../../results/port.ts'
import { encodeFrame, frameReader } from '../child/frames.ts'
import { type Analysis, CHILD_CODES, type ChildReply, type ChildRequest } from '../child/messages.ts'
import { causeOfDeath } from './death.ts'
import { killChild, launchChild } from './launch.ts'
import { oomWatch } from './oom.ts'
import { type Bind, CHILD_MAIN, CHILD_MAIN_IN_SANDBOX, NODE_IN_SANDBOX, sqlBinds } from './sandbox.ts'
import type { Tools } from './tools.ts'
import { processTree } from './tree.ts'

export interface WorkerInit {
  tools: Tools
  /** What the sandbox shows beside the program. */
  binds: Bind[]
  cpuMs: number
  /** The files as the child sees them. */
  files: string[]
  threads: number
  /** Resident bytes beyond which the child is killed. */
  memoryBytes: number
  setup: string[]
  /** Run once when the process is gone; `exited` waits for it. */
  release?(): Promise<void>
}

export interface CallOptions {
  timeoutMs: number
  /** What is said when it is over. */
  late?: ArchipelError
  signal?: AbortSignal
}

export interface RunOptions extends CallOptions {
  mode: 'select' | 'trusted'
  maxRows: number
  maxBytes: number
  /** Values of `$name`. */
  params?: Record<string, ParamValue>
  /** Takes the rows as they come; nothing is read from the process meanwhile. */
  sink?: Pick<ResultSink, 'table' | 'rows' | 'cut'>
  /** What the columns are told as. */
  describe?(columns: Column[]): Column[]
}

/** One SQL child. Calls are answered one after the other. A call that fails by a limit of the process leaves it dead. */
export interface Worker {
  readonly dead: boolean
  /** Holds so much memory after a statement that the next one might fail for it: DuckDB does not give all of it back. */
  readonly bloated: boolean
  /** Settles when the process is gone. */
  readonly exited: Promise<void>
  /** @throws STALE, ENGINE_FAILED, TIME_LIMIT; the child is dead then */
  open(options: CallOptions): Promise<{ version: string }>
  analyse(sql: string, options: CallOptions): Promise<Analysis>
  run(sql: string, options: RunOptions): Promise<TableResult>
  /** Kills the process and waits for its end; never throws. */
  close(): Promise<void>
}

/** From the polite interrupt to the kill: some functions of DuckDB do not look up for tens of seconds. */
const INTERRUPT_GRACE_MS = 300
const WATCH_MS = 50
/** Resident bytes of Node and DuckDB before the first row; DuckDB may plan with the rest. */
const BASE_BYTES = 160 * 1024 * 1024
const MIN_DUCKDB_BYTES = 16 * 1024 * 1024
/** What a reply may have beyond the rows: names and types of columns, the frame around rows. */
const REPLY_SLACK_BYTES = 8 * 1024 * 1024
/** Private memory that is mapped but never touched (stacks, arenas), measured at about 0.5 GB for 8 threads. */
const DATA_SLACK_BYTES = 1024 * 1024 * 1024
const STDERR_BYTES = 4096
/** Megabytes of the child's JavaScript heap: rows pass through it in batches. */
const HEAP_MB = 256

interface Call {
  id: number
  /** A promise stops the reading until it is settled. It never rejects. */
  onReply(reply: ChildReply): void | Promise<void>
  onGone(error: ArchipelError): void
  bytesLeft: number
}

export function startWorker(init: WorkerInit): Worker {
  const boxed = init.tools.bwrap !== undefined
  const child = launchChild({
    tools: init.tools,
    sandbox: { binds: [...sqlBinds(), ...init.binds] },
    command: [
      boxed ? NODE_IN_SANDBOX : process.execPath,
      `--max-old-space-size=${HEAP_MB}`,
      '--disable-warning=ExperimentalWarning',
      boxed ? CHILD_MAIN_IN_SANDBOX : CHILD_MAIN,
    ],
    env: {},
    cpuMs: init.cpuMs,
    dataBytes: init.memoryBytes + DATA_SLACK_BYTES,
    files: init.files.length + 256,
  })
  let dead = false
  let lastId = 0
  let current: Call | undefined
  let verdict: ArchipelError | undefined
  let stderr = ''
  let oom = oomWatch()

  /** Kills the child for a reason of ours, which is then the answer to the call that runs. */
  function kill(error: ArchipelError): void {
    verdict ??= error
    dead = true
    killChild(child)
  }

  /** Replies that arrived while one of them was being dealt with. */
  let backlog: ChildReply[] | undefined

  const reader = frameReader(256 * 1024 * 1024, (message) => {
    const reply = message as ChildReply
    if (backlog !== undefined) return void backlog.push(reply)
    const busy = deliver(reply)
    if (busy instanceof Promise) void drain(busy)
  })
  const deliver = (reply: ChildReply) => (reply.id === current?.id ? current.onReply(reply) : undefined)
  async function drain(busy: Promise<void>): Promise<void> {
    backlog = []
    child.stdout.pause()
    await busy
    for (let reply = backlog.shift(); reply !== undefined; reply = backlog.shift()) await deliver(reply)
    backlog = undefined
    child.stdout.resume()
  }
  child.stdout.on('data', (chunk: Buffer) => {
    if (dead) return
    if (current !== undefined) current.bytesLeft -= chunk.length
    if (current === undefined || current.bytesLeft < 0 || !reader.push(chunk))
      kill(new ArchipelError('ENGINE_FAILED', 'the SQL process did not keep to its protocol'))
  })
  child.stderr.on('data', (chunk: Buffer) => {
    if (stderr.length < STDERR_BYTES) stderr += chunk.toString('latin1')
  })
  child.stdin.on('error', () => {})

  const gone = new Promise<void>((resolve) => {
    const end = (code: number | null, signal: NodeJS.Signals | null) => {
      dead = true
      verdict ??= causeOfDeath(code, signal, stderr, oom())
      current?.onGone(verdict)
      resolve()
    }
    child.once('error', () => end(null, null))
    child.once('close', end)
  })
  const exited = gone.then(() => init.release?.()).catch(() => {})

  function send(request: ChildRequest): void {
    if (!dead) child.stdin.write(encodeFrame(request))
  }

  /** Sends a request and collects its replies until the last one. */
  async function call<T>(
    request: Exclude<ChildRequest, { op: 'interrupt' }>,
    options: CallOptions & { maxBytes?: number },
    last: (reply: ChildReply) => { value: T } | Promise<void> | undefined,
  ): Promise<T> {
    const { signal, timeoutMs } = options
    const late = options.late ?? new ArchipelError('TIME_LIMIT', `it took longer than ${timeoutMs} ms`)
    if (dead) throw verdict ?? new ArchipelError('ENGINE_FAILED', 'the SQL process has ended')
    if (signal?.aborted) throw new ArchipelError('CANCELLED', 'the statement was cancelled')
    oom = oomWatch()
    let stopping: ArchipelError | undefined
    let grace: NodeJS.Timeout | undefined

    /** Politely at first; what does not stop is killed. */
    const stop = (error: ArchipelError) => {
      if (stopping !== undefined) return
      stopping = error
      send({ op: 'interrupt' })
      grace = setTimeout(() => kill(error), INTERRUPT_GRACE_MS)
    }
    const onAbort = () => stop(new ArchipelError('CANCELLED', 'the statement was cancelled'))
    const deadline = setTimeout(() => stop(late), timeoutMs)
    const watch = setInterval(() => {
      if (child.pid !== undefined && processTree(child.pid).residentBytes > init.memoryBytes)
        kill(new ArchipelError('MEMORY_LIMIT', 'the statement needed more memory than the island allows'))
    }, WATCH_MS)
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      return await new Promise<T>((resolve, reject) => {
        current = {
          id: request.id,
          bytesLeft: (options.maxBytes ?? 0) * 2 + REPLY_SLACK_BYTES,
          onGone: reject,
          onReply(reply) {
            if (reply.is === 'failed') {
              const failure = stopping ?? failureOf(reply)
              // What a statement left that filled the memory, nobody can say: the next one starts afresh.
              if (reply.fatal || reply.code === 'MEMORY_LIMIT') kill(failure)
              reject(failure)
              return
            }
            // Of a statement that is being stopped nothing counts but that it has stopped.
            if (stopping !== undefined && (reply.is === 'columns' || reply.is === 'rows')) return
            const result = last(reply)
            if (result instanceof Promise) return result.catch((error) => stop(toArchipelError(error)))
            if (result === undefined) return
            if (stopping === undefined) resolve(result.value)
            else reject(stopping)
          },
        }
        send(request)
      })
    } finally {
      current = undefined
      clearTimeout(deadline)
      clearTimeout(grace)
      clearInterval(watch)
      signal?.removeEventListener('abort', onAbort)
    }
  }

  return {
    get dead() {
      return dead
    },
    get bloated() {
      return processTree(child.pid ?? 0).residentBytes > BASE_BYTES + (init.memoryBytes - BASE_BYTES) / 2
    },
    exited,
    open(options) {
      const memoryBytes = Math.max(MIN_DUCKDB_BYTES, init.memoryBytes - BASE_BYTES)
      const { threads, files, setup } = init
      return call({ op: 'open', id: ++lastId, threads, files, setup, memoryBytes }, options, (reply) =>
        reply.is === 'opened' ? { value: { version: reply.version } } : undefined,
      ).catch((error) => {
        kill(error)
        throw error
      })
    },
    analyse(sql, options) {
      return call({ op: 'analyse', id: ++lastId, sql }, options, (reply) =>
        reply.is === 'analysed' ? { value: reply } : undefined,
      )
    },
    run(sql, options) {
      const { mode, maxRows, maxBytes, params = {}, sink, describe = (columns) => columns } = options
      let columns: Column[] = []
      let rowCount = 0
      const rows: Cell[][] = []
      return call({ op: 'run', id: ++lastId, sql, mode, maxRows, maxBytes, params }, options, (reply) => {
        if (reply.is === 'columns') {
          columns = describe(reply.columns)
          return sink?.table(columns)
        }
        if (reply.is === 'rows') {
          rowCount += reply.rows.length
          if (sink !== undefined) return sink.rows(reply.rows)
          for (const row of reply.rows) rows.push(row)
        } else if (reply.is === 'done') {
          if (reply.truncated) sink?.cut()
          return { value: { columns, rows, rowCount, truncated: reply.truncated } }
        }
        return undefined
      })
    },
    async close() {
      kill(new ArchipelError('CANCELLED', 'the session was closed'))
      await exited
    },
  }
}

function failureOf(reply: { code: string; message: string }): ArchipelError {
  const code = CHILD_CODES.find((known) => known === reply.code) ?? 'ENGINE_FAILED'
  return new ArchipelError(code, String(reply.message).slice(0, 4000))
}
