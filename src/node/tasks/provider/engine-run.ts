import type { Work } from '../../../protocols/model/task.ts'
import type { BatchInit, BoundDataset, EnginePort, StatementOptions, StatementOutcome } from '../../engines/port.ts'

/** Work that an engine is ready to begin. */
export interface Run {
  start(options: StatementOptions): Promise<StatementOutcome>
  /** Ends what is left of it. Never throws. */
  close(): Promise<void>
}

interface Ready {
  work: Work
  datasets: BoundDataset[]
  forwarded: boolean
  /** Whose it is, `user@island` for work of others. */
  user: string
  /** Absolute path of the main file. */
  file: string | undefined
  /** Of the attempt, for good. */
  key: string
}

/** A session that runs the code, or a batch that is begun when it is its turn. */
export async function prepared(engine: EnginePort, ready: Ready, signal: AbortSignal): Promise<Run> {
  const { work, datasets, forwarded, user, key } = ready
  const init: BatchInit = {
    kind: work.kind,
    code: work.code,
    datasets,
    params: work.params,
    forwarded,
    user,
    key,
    ...(work.engine === undefined ? {} : { engine: work.engine }),
    ...(work.spark === undefined ? {} : { spark: work.spark }),
    ...(work.timeoutMs === undefined ? {} : { limits: { statementMs: work.timeoutMs } }),
  }
  if (work.batch !== undefined) return batchRun(engine, { ...init, ...partsOf(work.batch, ready.file) })
  const { code, ...rest } = init
  const session = await engine.createSession(rest, { signal })
  return { start: (options) => session.run(code, options), close: () => session.close() }
}

/** What code is called that came without a file. */
const CODE_NAME = 'work.py'

function partsOf({ main, className, args }: NonNullable<Work['batch']>, file: string | undefined): Partial<BatchInit> {
  const named = { name: main?.name ?? CODE_NAME, ...(className === undefined ? {} : { className }) }
  return {
    ...(args === undefined ? {} : { args }),
    ...(file === undefined ? {} : { code: '', main: { path: file, ...named } }),
  }
}

/** What a batch printed and did not tell while it ran is told at its end. */
const LOG_BYTES = 256 * 1024

function batchRun(engine: EnginePort, init: BatchInit): Run {
  let cancel = async () => {}
  return {
    async start(options) {
      const { sink } = options
      let told = false
      const log = (chunk: string | Uint8Array) => {
        told = true
        sink?.log(chunk)
      }
      const batch = await engine.createBatch(
        init,
        sink === undefined ? options : { ...options, sink: { ...sink, log } },
      )
      cancel = () => batch.cancel()
      try {
        return await batch.outcome
      } finally {
        if (!told && sink !== undefined) await copyLog(batch, sink.log)
      }
    },
    close: () => cancel(),
  }
}

async function copyLog(
  batch: Awaited<ReturnType<EnginePort['createBatch']>>,
  log: (chunk: Uint8Array) => void,
): Promise<void> {
  for (let offset = 0; ; ) {
    const page = await batch.log({ offset, limit: LOG_BYTES }).catch(() => undefined)
    if (page === undefined || page.bytes.length === 0) return
    log(page.bytes)
    offset = page.offset + page.bytes.length
  }
}
