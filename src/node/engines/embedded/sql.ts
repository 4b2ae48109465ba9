import { ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import type { ParamValue } from '../../../protocols/model/task.ts'
import type { BoundDataset, EngineLimits } from '../port.ts'
import { scrubber } from '../process/scrub.ts'
import { timeLimit } from '../process/time-limit.ts'
import type { Worker } from '../process/worker.ts'
import { COLLECT_BYTES, COLLECT_ROWS } from '../session/collect.ts'
import type { Backend } from '../session/session.ts'
import type { AnalyserProcess } from './analyser.ts'
import { describer } from './describe.ts'
import type { BoundWorker } from './spare.ts'

export interface SqlParts {
  datasets: BoundDataset[]
  limits: EngineLimits
  params: Record<string, ParamValue>
  bound: BoundWorker
  /** Starts another child for the same. */
  renew(): Promise<BoundWorker>
  analyser: Pick<AnalyserProcess, 'analyse'>
}

/**
 * Statements in a child. Each is analysed in a process that holds no data first; only
 * one SELECT over names of this session reaches the child, as the text that was analysed. (The tree could be run with
 * `json_execute_serialized_sql` instead, but that needs a function that statements must never have, loses the places
 * in messages, and what it prints back is not always what was parsed. The child parses the text with the same library
 * and settings, and refuses anything but one SELECT by itself.)
 */
export function sqlBackend(parts: SqlParts): Backend {
  const { datasets, limits, params, analyser } = parts
  let { worker, neutral } = parts.bound
  const names = new Set(datasets.flatMap((dataset) => dataset.names.map((name) => name.toLowerCase())))
  const exited = Promise.withResolvers<void>()
  let closing = false

  watch(worker)

  function watch(current: Worker): void {
    current.exited.then(() => {
      if (current === worker) exited.resolve()
    })
  }

  return {
    exited: exited.promise,
    get dead() {
      return worker.dead
    },
    async execute(code, options) {
      const { signal, sink, maxRows = limits.resultRows } = options
      const { ms, late } = timeLimit('statement', options.timeoutMs, limits.statementMs)
      const started = performance.now()
      try {
        const { tables, origins } = await analyser.analyse(code, { signal })
        const foreign = tables.find((table) => !names.has(table.toLowerCase()))
        if (foreign !== undefined)
          throw new ArchipelError('SQL_REFUSED', `"${foreign.slice(0, 200)}" is not among the datasets of this session`)
        const most = sink === undefined ? COLLECT_ROWS : limits.resultRows
        const result = await worker.run(code, {
          mode: 'select',
          maxRows: Math.max(0, Math.min(maxRows, limits.resultRows, most)),
          maxBytes: sink === undefined ? Math.min(COLLECT_BYTES, limits.resultBytes) : limits.resultBytes,
          timeoutMs: ms,
          late,
          signal,
          params,
          ...(origins && { describe: describer(origins, datasets) }),
          ...(sink && { sink }),
        })
        return { result, items: [], elapsedMs: performance.now() - started }
      } catch (error) {
        throw scrubber(datasets, neutral.paths)(toArchipelError(error))
      }
    },
    /** Statements leave nothing behind in a session but memory: another child with the same views is as good. */
    async rest() {
      if (closing || worker.dead || !worker.bloated) return
      const old = worker
      try {
        ;({ worker, neutral } = await parts.renew())
        watch(worker)
      } catch {
        // The session ends here: what is missing is told to whoever opens the next one.
      }
      await old.close()
      if (closing) await worker.close()
    },
    async kill() {
      closing = true
      await worker.close()
    },
  }
}
