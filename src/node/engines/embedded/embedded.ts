import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import type {
  BoundDataset,
  EngineCapability,
  EngineLimits,
  EnginePort,
  EngineSession,
  SessionInit,
  SqlAnalyser,
} from '../port.ts'
import { findTools, type SandboxMode, type Tools } from '../process/tools.ts'
import { sessionBatch } from '../session/batch.ts'
import { engineSession } from '../session/session.ts'
import { analyserProcess } from './analyser.ts'
import { slots } from './slots.ts'
import { type WorkerSource, workerSource } from './spare.ts'
import { sqlBackend } from './sql.ts'
import { checkDatasets } from './views.ts'

export interface EmbeddedEngineInit {
  limits: EngineLimits
  /** Sessions that run at once; each is a process. */
  maxSessions: number
  /** Callers that may wait for a session. */
  queue: number
  sandbox: SandboxMode
  /** A folder of this engine alone, for links to data files; emptied at the start. */
  scratchDir: string
  /** Warm children kept for the datasets asked last. Default 1. */
  spares?: number
}

const CAPABILITIES: ReadonlySet<EngineCapability> = new Set([
  'sql',
  'cancel-running',
  'limits',
  'batches',
  'bound-data',
  'queue',
])

export interface EmbeddedEngineComponents {
  logger?: Pick<Logger, 'debug' | 'info' | 'warn'>
}

/** SQL by DuckDB, a process for each session. @see README.md */
export function embeddedEngine(init: EmbeddedEngineInit) {
  return ({ logger }: EmbeddedEngineComponents = {}): EnginePort & SqlAnalyser => {
    const analyser = analyserProcess()
    const gate = slots(init.maxSessions, init.queue)
    const sessions = new Set<EngineSession>()
    let lastId = 0
    let lastBatch = 0
    let version = ''
    let tools: Tools | undefined
    let source: WorkerSource | undefined
    let reason: string | undefined = 'the engine is not started'

    const down = () => new ArchipelError('ENGINE_DOWN', `the SQL engine is down: ${reason}`)

    async function open(datasets: BoundDataset[], limits: EngineLimits, release: () => void): Promise<EngineSession> {
      const from = source
      if (from === undefined) throw down()
      const bound = await from.take(datasets, limits)
      const onEnd = () => {
        sessions.delete(session)
        release()
        if (source === from) from.prepare(datasets, limits)
      }
      const renew = () => from.take(datasets, limits)
      const backend = sqlBackend({ datasets, limits, bound, renew, analyser })
      const session = engineSession({ id: lastId++, kind: 'sql', backend, onEnd })
      sessions.add(session)
      return session
    }

    function check(session: SessionInit): void {
      if (reason !== undefined) throw down()
      if (session.kind !== 'sql') throw new ArchipelError('LANGUAGE_MISSING', `no ${session.kind} here`)
      checkDatasets(session.datasets)
    }

    async function createSession(session: SessionInit, options: { signal?: AbortSignal } = {}) {
      check(session)
      const limits = within(init.limits, session.limits)
      const release = await gate.acquire(options.signal)
      try {
        const opened = await open(session.datasets, limits, release)
        if (!options.signal?.aborted && reason === undefined) return opened
        await opened.close()
        throw reason === undefined ? new ArchipelError('CANCELLED', 'the call was cancelled') : down()
      } catch (error) {
        release()
        throw error
      }
    }

    return {
      /** Never fails: an engine that cannot run is down, and says why in its status. */
      async start() {
        if (source !== undefined) return
        try {
          tools = await findTools(init.sandbox)
          await sweep(init.scratchDir)
          version = await analyser.start(tools)
          source = workerSource({ tools, scratchDir: init.scratchDir, spares: init.spares ?? 1 })
          reason = undefined
          gate.open()
          if (tools.bwrap === undefined) logger?.warn({ reason: tools.reason }, 'SQL runs without a sandbox')
        } catch (error) {
          reason = toArchipelError(error).message
          await analyser.stop()
          logger?.warn({ reason }, 'the SQL engine is down')
        }
      },

      async stop() {
        reason = 'the engine is stopped'
        gate.close(down())
        const closing = source
        source = undefined
        await Promise.all([...sessions].map((session) => session.close()))
        await closing?.close()
        await analyser.stop()
      },

      info: () => ({ kind: 'embedded', languages: ['sql'], version: version === '' ? 'duckdb' : `duckdb ${version}` }),

      capabilities: () => CAPABILITIES,

      status() {
        const sandbox = tools?.bwrap !== undefined
        return {
          state: reason === undefined ? 'ready' : 'down',
          sandbox,
          running: gate.running,
          waiting: gate.waiting,
          ...(reason !== undefined && { reason }),
          ...(!sandbox && tools?.reason !== undefined && { sandboxReason: tools.reason }),
        }
      },

      createSession,

      async createBatch(batch, options = {}) {
        check(batch)
        return sessionBatch(lastBatch++, batch, options, (signal) => createSession(batch, { signal }))
      },

      async analyse(sql, options = {}) {
        if (reason !== undefined) throw down()
        return await analyser.analyse(sql, options)
      },
    }
  }
}

/** A session may ask for less than the island allows, never for more. */
function within(most: EngineLimits, asked: Partial<EngineLimits> = {}): EngineLimits {
  const limits = { ...most }
  for (const key of Object.keys(most) as (keyof EngineLimits)[])
    limits[key] = Math.max(1, Math.min(most[key]!, asked[key] ?? most[key]!))
  return limits
}

/** Links that a killed daemon left behind. */
async function sweep(scratchDir: string): Promise<void> {
  const left = await readdir(scratchDir).catch(() => [])
  await Promise.all(
    left
      .filter((name) => name.startsWith('sql-'))
      .map((name) => rm(join(scratchDir, name), { recursive: true, force: true })),
  )
}
