import type { Logger } from 'pino'
import { ArchipelError, toArchipelError } from '../../protocols/model/errors.ts'
import type { Cell } from '../../protocols/model/task.ts'
import { type RunEvent, type RunRequest, runSpec } from '../../protocols/task/messages.ts'
import { serve } from '../../protocols/wire/server.ts'
import type { EnginePort, StatementOutcome } from '../engines/port.ts'
import type { JournalPort } from '../journal/journal.ts'
import type { NetworkPort } from '../network/port.ts'
import type { PolicyPort } from '../policy/policy.ts'
import type { DataBinder } from './port.ts'

export interface ProviderComponents {
  network: NetworkPort
  engine: EnginePort
  data: DataBinder
  policy: PolicyPort
  journal: JournalPort
  logger: Logger
}

export interface ProviderPort {
  start(): Promise<void>
  stop(): void
  /** Runs one attempt here for `island`. @throws as the task-run protocol's README lists */
  run(request: RunRequest, island: string, signal: AbortSignal): Promise<StatementOutcome>
}

const RUNNING_EVERY_MS = 5_000
/** Rows a frame, by a rough count of their bytes. */
const FRAME_BYTES = 256 * 1024
/** One row has to fit into a frame of the protocol with room to spare. */
const MAX_ROW_BYTES = 4 * 1024 * 1024

/** The serving side of tasks: policy, data, engine, journal, in this order. */
export function provider(components: ProviderComponents): ProviderPort {
  const { engine, data, policy, journal } = components
  const stopping = new AbortController()

  async function run(request: RunRequest, island: string, signal: AbortSignal): Promise<StatementOutcome> {
    const entry = { actor: `${request.user}@${island}`, action: 'task:run', subject: request.task }
    try {
      policy.check({
        island,
        user: request.user,
        action: 'task:run',
        kind: request.kind,
        datasets: request.datasets.map((d) => d.id),
      })
      const bound = await data.bind(request.datasets, { signal })
      const session = await engine.createSession({ kind: 'sql', datasets: bound }, { signal })
      try {
        const outcome = await session.run(request.code, {
          signal,
          maxRows: request.maxRows,
          timeoutMs: request.timeoutMs,
        })
        // A file that changed under the statement: the answer is of no version at all.
        await data.recheck(request.datasets)
        journal.write({ ...entry, outcome: 'ok' })
        return outcome
      } finally {
        // Never throws; the answer need not wait for the process to end.
        void session.close()
      }
    } catch (cause) {
      const error = toArchipelError(cause)
      journal.write({
        ...entry,
        outcome: error.code === 'FORBIDDEN' || error.code === 'SQL_REFUSED' ? 'refused' : 'failed',
        code: error.code,
      })
      if (error.code === 'INTERNAL')
        components.logger.error({ err: cause, task: request.task }, 'an attempt failed unexpectedly')
      throw error
    }
  }

  async function* events(request: RunRequest, island: string, signal: AbortSignal): AsyncGenerator<RunEvent> {
    const work = run(request, island, signal)
    let finished = false
    const settled = work.then(
      () => (finished = true),
      () => (finished = true),
    )
    yield { type: 'accepted' }
    while (!finished) {
      const timer = Promise.withResolvers<void>()
      const handle = setTimeout(timer.resolve, RUNNING_EVERY_MS)
      await Promise.race([settled, timer.promise])
      clearTimeout(handle)
      if (!finished) yield { type: 'running' }
    }
    const { result, elapsedMs } = await work
    yield { type: 'columns', columns: result.columns }
    for (const rows of framesOf(result.rows)) yield { type: 'rows', rows }
    yield { type: 'done', rowCount: result.rowCount, truncated: result.truncated, elapsedMs }
  }

  return {
    async start() {
      await serve(
        components.network,
        runSpec,
        (request, { remote, signal }) => events(request, remote.island ?? '', signal),
        { stopping: stopping.signal },
      )
    },
    stop() {
      stopping.abort()
    },
    run,
  }
}

function* framesOf(rows: Cell[][]): Generator<Cell[][]> {
  let frame: Cell[][] = []
  let bytes = 0
  for (const row of rows) {
    const size = 16 + row.reduce<number>((sum, cell) => sum + sizeOf(cell), 0)
    if (size > MAX_ROW_BYTES)
      throw new ArchipelError('RESULT_LIMIT', `a row of the result is larger than ${MAX_ROW_BYTES} bytes`)
    if (frame.length > 0 && bytes + size > FRAME_BYTES) {
      yield frame
      frame = []
      bytes = 0
    }
    frame.push(row)
    bytes += size
  }
  if (frame.length > 0) yield frame
}

/** Bytes on the wire, roughly. */
function sizeOf(cell: Cell): number {
  if (typeof cell === 'string') return Buffer.byteLength(cell)
  return typeof cell === 'object' && cell !== null ? JSON.stringify(cell).length : 9
}
