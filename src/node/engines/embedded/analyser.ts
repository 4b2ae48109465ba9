import { ArchipelError } from '../../../protocols/model/errors.ts'
import type { Analysis } from '../child/messages.ts'
import type { SqlAnalyser } from '../port.ts'
import type { Tools } from '../process/tools.ts'
import { startWorker, type Worker } from '../process/worker.ts'

/** Parsing 100 kB takes milliseconds; what takes longer is an attack. */
const PARSE_TIMEOUT_MS = 5_000
const OPEN_TIMEOUT_MS = 15_000
const MEMORY_BYTES = 512 * 1024 ** 2
/** After an hour of processor time the child is replaced. */
const CPU_MS = 3_600_000
const MAX_WAITING = 64
/** Statements that were understood, by their text: the same text means the same, and comes twice where it is asked for and run. */
const MAX_KNOWN = 256
const MAX_KNOWN_LENGTH = 10_000

export interface AnalyserProcess extends SqlAnalyser {
  analyse(sql: string, options?: { signal?: AbortSignal }): Promise<Analysis>
  /** Starts the child. @returns DuckDB's version */
  start(tools: Tools): Promise<string>
  stop(): Promise<void>
}

/**
 * Parses statements in a child that has no files: a statement made to crash the parser costs that child, and the next
 * statement starts another.
 */
export function analyserProcess(): AnalyserProcess {
  let tools: Tools | undefined
  let started: Promise<{ worker: Worker; version: string }> | undefined
  let waiting = 0
  let turn: Promise<unknown> = Promise.resolve()
  const known = new Map<string, Analysis>()

  function remember(sql: string, analysis: Analysis): void {
    if (sql.length > MAX_KNOWN_LENGTH) return
    known.set(sql, analysis)
    if (known.size > MAX_KNOWN) known.delete(known.keys().next().value!)
  }

  async function launch(): Promise<{ worker: Worker; version: string }> {
    if (tools === undefined) throw new ArchipelError('ENGINE_DOWN', 'the engine is not running')
    const worker = startWorker({
      tools,
      binds: [],
      files: [],
      setup: [],
      threads: 1,
      memoryBytes: MEMORY_BYTES,
      cpuMs: CPU_MS,
    })
    const { version } = await worker.open({ timeoutMs: OPEN_TIMEOUT_MS })
    return { worker, version }
  }

  async function ready(): Promise<Worker> {
    const current = await started?.catch(() => undefined)
    if (current === undefined || current.worker.dead) {
      started = launch()
      started.catch(() => {})
    }
    return (await started!).worker
  }

  async function parse(sql: string, signal?: AbortSignal): Promise<Analysis> {
    if (signal?.aborted) throw new ArchipelError('CANCELLED', 'the call was cancelled')
    const worker = await ready()
    try {
      return await worker.analyse(sql, { timeoutMs: PARSE_TIMEOUT_MS, ...(signal && { signal }) })
    } catch (error) {
      const { code } = error as ArchipelError
      if (code === 'CANCELLED' || !worker.dead) throw error
      if (tools === undefined) throw new ArchipelError('ENGINE_DOWN', 'the engine is stopping')
      throw new ArchipelError('SQL_REFUSED', 'the statement is too large or too deeply nested to be understood', {
        cause: error,
      })
    }
  }

  return {
    async start(found) {
      tools = found
      await ready()
      return (await started!).version
    },
    async stop() {
      tools = undefined
      const current = await started?.catch(() => undefined)
      started = undefined
      await current?.worker.close()
      await turn
    },
    async analyse(sql, options = {}) {
      const before = known.get(sql)
      if (before !== undefined && tools !== undefined && !options.signal?.aborted) return before
      if (waiting >= MAX_WAITING) throw new ArchipelError('TOO_MANY', 'too many statements wait to be understood')
      waiting++
      const result = turn.then(() => parse(sql, options.signal))
      turn = result.catch(() => {}).finally(() => waiting--)
      const analysis = await result
      remember(sql, analysis)
      return analysis
    },
  }
}
