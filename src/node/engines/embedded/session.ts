import { ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import type { BoundDataset, EngineLimits, EngineSession, SessionState, SqlAnalyser } from '../port.ts'
import type { Worker } from '../process/worker.ts'
import { scrubber } from './scrub.ts'
import type { BoundWorker } from './spare.ts'

export interface SessionParts {
  id: number
  datasets: BoundDataset[]
  limits: EngineLimits
  bound: BoundWorker
  /** Starts another child for the same. */
  renew(): Promise<BoundWorker>
  analyser: SqlAnalyser
  /** Called once, when the process is gone, whatever the reason. */
  onEnd(): void
}

/** Statements that may wait for the one that runs. */
const MAX_WAITING = 16

const closed = () => new ArchipelError('CANCELLED', 'the session was closed')
const ended = () => new ArchipelError('ENGINE_FAILED', 'the session has ended', { hint: 'Open a new session.' })

/**
 * A session: one child, one statement at a time. A statement is analysed in a process that holds no data first; only
 * one SELECT over names of this session reaches the child, as the text that was analysed. (The tree could be run with
 * `json_execute_serialized_sql` instead, but that needs a function that statements must never have, loses the places
 * in messages, and what it prints back is not always what was parsed. The child parses the text with the same library
 * and settings, and refuses anything but one SELECT by itself.)
 */
export function embeddedSession(parts: SessionParts): EngineSession {
  const { id, datasets, limits, analyser } = parts
  let { worker, neutral } = parts.bound
  const names = new Set(datasets.flatMap((dataset) => dataset.names.map((name) => name.toLowerCase())))
  let state: SessionState = 'idle'
  let waiting = 0
  let closing = false
  let turn: Promise<unknown> = Promise.resolve()

  let exited = watch(worker)

  function watch(current: Worker): Promise<void> {
    return current.exited.then(() => {
      if (current !== worker) return
      state = 'dead'
      parts.onEnd()
    })
  }

  /** Statements leave nothing behind in a session but memory: another child with the same views is as good. */
  async function renewBloated(): Promise<void> {
    if (closing || worker.dead || !worker.bloated) return
    const old = worker
    try {
      ;({ worker, neutral } = await parts.renew())
      exited = watch(worker)
    } catch {
      // The session ends here: what is missing is told to whoever opens the next one.
    }
    await old.close()
    if (closing) await worker.close()
  }

  async function runOne(code: string, options: NonNullable<Parameters<EngineSession['run']>[1]>) {
    const { signal, maxRows = limits.resultRows, timeoutMs = limits.statementMs } = options
    if (closing) throw closed()
    if (worker.dead) throw ended()
    const started = performance.now()
    state = 'busy'
    try {
      const { tables } = await analyser.analyse(code, signal && { signal })
      const foreign = tables.find((table) => !names.has(table.toLowerCase()))
      if (foreign !== undefined)
        throw new ArchipelError('SQL_REFUSED', `"${foreign.slice(0, 200)}" is not among the datasets of this session`)
      const result = await worker.run(code, {
        mode: 'select',
        maxRows: Math.max(0, Math.min(maxRows, limits.resultRows)),
        maxBytes: limits.resultBytes,
        timeoutMs: Math.max(1, Math.min(timeoutMs, limits.statementMs)),
        ...(signal && { signal }),
      })
      return { result, elapsedMs: performance.now() - started }
    } catch (error) {
      if (closing) throw closed()
      throw scrubber(datasets, neutral.paths)(toArchipelError(error))
    } finally {
      if (worker.dead) await exited
      else if (state === 'busy') state = 'idle'
    }
  }

  return {
    id,
    get state() {
      return state
    },
    async run(code, options = {}) {
      if (closing || worker.dead) throw ended()
      if (waiting >= MAX_WAITING)
        throw new ArchipelError('TOO_MANY', `${waiting} statements wait in this session already`)
      waiting++
      const result = turn.then(() => runOne(code, options))
      turn = result
        .catch(() => {})
        .finally(() => waiting--)
        .then(renewBloated)
      return await result
    },
    async close() {
      closing = true
      if (state !== 'dead') state = 'shutting_down'
      await worker.close()
      await turn
      await exited
    },
  }
}
