import { ArchipelError } from '../../../protocols/model/errors.ts'
import { wantedEngine } from '../../../protocols/model/spark.ts'
import type { ResultMeta, Work } from '../../../protocols/model/task.ts'
import type { ResultSink, SpoolKey } from '../../results/port.ts'
import { pause } from '../clock.ts'
import type { ProviderComponents } from './components.ts'
import { prepared, type Run } from './engine-run.ts'
import { type HeldAttempt, interrupted, keyOf } from './held.ts'

export interface Execution {
  meta: ResultMeta
  /** Milliseconds until the engine was ready. */
  startMs: number
}

export interface ExecuteHooks {
  /** Called, and awaited, before the code begins; `again` when it had begun before the island was interrupted, and goes on. */
  begin(again: boolean): Promise<void>
  /** The log is so long now. */
  onLog(bytes: number): void
}

/** So much of the end of a log is looked at for what was told already. */
const PRINTED_BYTES = 1024 ** 2
/** The log's growth is told this often at most. */
const LOG_EVERY_MS = 250

/** Runs one attempt: data, engine, code, and another look at the data. What comes out is in the spool when it resolves. */
export function executor(
  init: { self: string },
  { clock, spool, engine, data, main }: Pick<ProviderComponents, 'clock' | 'spool' | 'engine' | 'data' | 'main'>,
): (held: HeldAttempt, work: Work, hooks: ExecuteHooks) => Promise<Execution> {
  return async (held, work, hooks) => {
    const { record } = held
    const { signal } = held.stop
    const began = clock.elapsed()
    const key = keyOf(record)
    const again = (await engine.outliving?.find(key, { signal })) ?? false
    if (!again && record.begun === true) throw interrupted()
    const [bound, file] = await Promise.all([
      data.bind(work.datasets, { signal, kind: work.kind, engine: wantedEngine(work) }),
      mainPath(work, record.requester, signal),
    ])
    const forwarded = record.requester !== init.self
    const user = forwarded ? `${work.user}@${record.requester}` : work.user
    const [run, writer] = await both(
      prepared(engine, { work, datasets: bound, forwarded, user, file, key }, signal),
      spool.write(record, { again }),
    )
    const startMs = clock.elapsed() - began
    let finished = false
    try {
      await hooks.begin(again)
      if (signal.aborted) throw new ArchipelError('CANCELLED', 'the work was cancelled')
      let table = false
      const sink: ResultSink = {
        async table(columns) {
          table = true
          await writer.table(columns)
        },
        rows: (rows) => writer.rows(rows),
        cut: () => writer.cut(),
        item: (...item) => writer.item(...item),
        log: logger(writer),
      }
      const { result, elapsedMs } = await run.start({
        signal,
        sink,
        ...(again ? { printed: await printedBy(record) } : {}),
        ...(work.timeoutMs === undefined ? {} : { timeoutMs: work.timeoutMs }),
        ...(work.maxRows === undefined ? {} : { maxRows: work.maxRows }),
      })
      if (!table && result.columns.length > 0) {
        await writer.table(result.columns)
        await writer.rows(result.rows)
        if (result.truncated) writer.cut()
      }
      // A file that changed under the work: the answer is of no version at all.
      const [meta] = await Promise.all([writer.finish(elapsedMs), data.recheck(work.datasets)])
      finished = true
      return { meta, startMs }
    } finally {
      // Neither throws; the answer need not wait for the process to end.
      void run.close()
      if (!finished) await writer.discard().catch(() => {})
    }

    async function printedBy({ logBytes, ...key }: SpoolKey & { logBytes: number }): Promise<string> {
      const { bytes } = await spool.log(key, { offset: Math.max(0, logBytes - PRINTED_BYTES), limit: PRINTED_BYTES })
      return Buffer.from(bytes).toString()
    }

    async function mainPath(work: Work, from: string, signal: AbortSignal): Promise<string | undefined> {
      if (work.batch === undefined) return undefined
      if (main === undefined) throw new ArchipelError('LANGUAGE_MISSING', 'this island takes no main files')
      return await main(work, from, { signal })
    }

    function logger(writer: ResultSink): ResultSink['log'] {
      let bytes = record.logBytes
      let told = bytes
      let waiting = false
      return (chunk) => {
        writer.log(chunk)
        held.logged = true
        bytes += typeof chunk === 'string' ? Buffer.byteLength(chunk) : chunk.length
        if (waiting) return
        waiting = true
        void pause(clock, LOG_EVERY_MS, signal).then(() => {
          waiting = false
          if (told === bytes) return
          told = bytes
          hooks.onLog(bytes)
        })
      }
    }
  }
}

/** Both, or neither: a session that was made while the spool failed is closed. */
async function both<W extends { discard(): Promise<void> }>(run: Promise<Run>, writer: Promise<W>): Promise<[Run, W]> {
  const [made, opened] = await Promise.allSettled([run, writer])
  if (made.status === 'fulfilled' && opened.status === 'fulfilled') return [made.value, opened.value]
  if (made.status === 'fulfilled') void made.value.close()
  if (opened.status === 'fulfilled') await opened.value.discard().catch(() => {})
  throw made.status === 'rejected' ? made.reason : (opened as PromiseRejectedResult).reason
}
