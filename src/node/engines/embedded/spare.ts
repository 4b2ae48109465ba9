import { toArchipelError } from '../../../protocols/model/errors.ts'
import type { BoundDataset, EngineLimits } from '../port.ts'
import { type NeutralFiles, neutralFiles, stampFiles } from '../process/files.ts'
import { scrubber } from '../process/scrub.ts'
import type { Tools } from '../process/tools.ts'
import { startWorker, type Worker } from '../process/worker.ts'
import { viewStatements } from './views.ts'

/** An opened child with the views of its datasets, ready for a statement. */
export interface BoundWorker {
  worker: Worker
  neutral: NeutralFiles
}

export interface WorkerSource {
  /** Takes the spare if it was made for the same, else starts a child. @throws STALE, ENGINE_FAILED */
  take(datasets: BoundDataset[], limits: EngineLimits): Promise<BoundWorker>
  /** Starts a spare for what was asked last, in the background. */
  prepare(datasets: BoundDataset[], limits: EngineLimits): void
  close(): Promise<void>
}

const OPEN_TIMEOUT_MS = 15_000
/** A spare holds about 100 MB; it goes when nobody wants it. */
const SPARE_TTL_MS = 60_000

/**
 * Starts children and keeps `spares` warm ones. What a sandbox shows is fixed when it starts, and a descriptor cannot be
 * handed to it later, so a spare is one for the datasets of the session that ended last: people ask the same data again.
 * It is dropped when a file is no longer the one that it was started with.
 */
export function workerSource(init: { tools: Tools; scratchDir: string; spares: number }): WorkerSource {
  let kept: { key: string; bound: Promise<BoundWorker>; timer: NodeJS.Timeout }[] = []
  let closed = false

  const keyOf = (datasets: BoundDataset[], limits: EngineLimits) => JSON.stringify([datasets, limits])

  async function start(datasets: BoundDataset[], limits: EngineLimits): Promise<BoundWorker> {
    const { tools, scratchDir } = init
    const neutral = await neutralFiles(
      datasets.map(({ paths }) => paths),
      { sandbox: tools.bwrap !== undefined, scratchDir },
    )
    const { threads, memoryBytes, cpuMs } = limits
    const setup = viewStatements(datasets, neutral.paths)
    const worker = startWorker({
      release: neutral.release,
      tools,
      binds: neutral.binds,
      files: neutral.paths.flat(),
      setup,
      threads,
      memoryBytes,
      cpuMs,
    })
    try {
      await worker.open({ timeoutMs: OPEN_TIMEOUT_MS })
    } catch (error) {
      await worker.exited
      throw scrubber(datasets, neutral.paths)(toArchipelError(error))
    }
    return { worker, neutral }
  }

  /** What a first statement has to load and to set up is there already when it comes. */
  async function warmed(bound: BoundWorker): Promise<BoundWorker> {
    const once = { mode: 'select', maxRows: 1, maxBytes: 1024, timeoutMs: OPEN_TIMEOUT_MS } as const
    await bound.worker.run('SELECT 1', once).catch(() => {})
    return bound
  }

  async function drop(entry: (typeof kept)[number]): Promise<void> {
    clearTimeout(entry.timer)
    kept = kept.filter((other) => other !== entry)
    await entry.bound.then(
      ({ worker }) => worker.close(),
      () => {},
    )
  }

  return {
    async take(datasets, limits) {
      const key = keyOf(datasets, limits)
      const entry = kept.find((each) => each.key === key)
      if (entry !== undefined) {
        kept = kept.filter((other) => other !== entry)
        clearTimeout(entry.timer)
        const bound = await entry.bound.catch(() => undefined)
        const stamp = await stampFiles(datasets.map(({ paths }) => paths)).catch(() => undefined)
        if (bound !== undefined && !bound.worker.dead && bound.neutral.stamp === stamp) return bound
        await bound?.worker.close()
      }
      return await start(datasets, limits)
    },
    prepare(datasets, limits) {
      if (closed || init.spares < 1) return
      const key = keyOf(datasets, limits)
      const others = kept.filter((each) => each.key !== key)
      while (others.length >= init.spares) void drop(others.shift()!)
      if (kept.some((each) => each.key === key)) return
      const bound = start(datasets, limits).then(warmed)
      bound.catch(() => {})
      const entry = { key, bound, timer: setTimeout(() => void drop(entry), SPARE_TTL_MS).unref() }
      kept.push(entry)
    },
    async close() {
      closed = true
      await Promise.all(kept.map(drop))
    },
  }
}
