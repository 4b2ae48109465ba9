import { ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import type { Cell } from '../../../protocols/model/task.ts'
import { type RunEvent, type RunRequest, runSpec } from '../../../protocols/task/messages.ts'
import { serve } from '../../../protocols/wire/server.ts'
import type { EnginePort, StatementOutcome } from '../../engines/port.ts'
import type { JournalPort } from '../../journal/journal.ts'
import type { NetworkPort } from '../../network/port.ts'
import type { PolicyPort } from '../../policy/policy.ts'
import { type Clock, pause } from '../clock.ts'
import type { FairQueue } from '../fair-queue.ts'
import type { DataBinder } from '../port.ts'

export interface OldComponents {
  network: Pick<NetworkPort, 'archipelagoId' | 'handleStream'>
  clock: Clock
  engine: EnginePort
  data: DataBinder
  policy: PolicyPort
  journal: JournalPort
  queue: FairQueue
}

const RUNNING_EVERY_MS = 5_000
/** Rows a frame, by a rough count of their bytes. */
const FRAME_BYTES = 256 * 1024
/** One row has to fit into a frame of the protocol with room to spare. */
const MAX_ROW_BYTES = 4 * 1024 * 1024

/** `task-run/1`, for islands of the version before: a statement that lives as long as its stream. */
export async function serveOldRuns(components: OldComponents, options: { stopping: AbortSignal }): Promise<void> {
  const { clock } = components

  async function* events(request: RunRequest, island: string, signal: AbortSignal): AsyncGenerator<RunEvent> {
    const over = new AbortController()
    const work = run(components, request, island, signal).finally(() => over.abort())
    work.catch(() => {})
    yield { type: 'accepted' }
    while (!over.signal.aborted) {
      await pause(clock, RUNNING_EVERY_MS, over.signal)
      if (!over.signal.aborted) yield { type: 'running' }
    }
    const { result, elapsedMs } = await work
    yield { type: 'columns', columns: result.columns }
    for (const rows of framesOf(result.rows)) yield { type: 'rows', rows }
    yield { type: 'done', rowCount: result.rowCount, truncated: result.truncated, elapsedMs }
  }

  await serve(
    components.network,
    runSpec,
    (request, { remote, signal }) => events(request, remote.island ?? '', signal),
    options,
  )
}

async function run(
  { engine, data, policy, journal, queue }: OldComponents,
  request: RunRequest,
  island: string,
  signal: AbortSignal,
): Promise<StatementOutcome> {
  const entry = { actor: `${request.user}@${island}`, action: 'task:run', subject: request.task }
  const { user, kind, datasets } = request
  try {
    policy.check({ island, user, action: 'task:run', kind, datasets: datasets.map((d) => d.id) })
    const place = queue.enter(island, user)
    const leave = () => place.leave()
    signal.addEventListener('abort', leave, { once: true })
    const free = await place.turn
    signal.removeEventListener('abort', leave)
    try {
      if (free === undefined || signal.aborted) throw new ArchipelError('CANCELLED', 'the asker left')
      const bound = await data.bind(datasets, { signal })
      const session = await engine.createSession({ kind, datasets: bound, forwarded: true }, { signal })
      try {
        const { maxRows, timeoutMs } = request
        const outcome = await session.run(request.code, {
          signal,
          ...(maxRows === undefined ? {} : { maxRows }),
          ...(timeoutMs === undefined ? {} : { timeoutMs }),
        })
        await data.recheck(datasets)
        journal.write({ ...entry, outcome: 'ok' })
        return outcome
      } finally {
        void session.close()
      }
    } finally {
      free?.()
    }
  } catch (cause) {
    const { code } = toArchipelError(cause)
    const refused = code === 'FORBIDDEN' || code === 'SQL_REFUSED'
    journal.write({ ...entry, outcome: refused ? 'refused' : 'failed', code })
    throw cause
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
