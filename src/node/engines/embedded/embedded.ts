import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import type { EngineInfo } from '../../../protocols/model/island.ts'
import type { TaskKind } from '../../../protocols/model/task.ts'
import type {
  BatchInit,
  BoundDataset,
  EngineCapability,
  EngineLimits,
  EnginePort,
  EngineSession,
  EngineStatus,
  SessionInit,
  SqlAnalyser,
} from '../port.ts'
import { islandMark } from '../process/mark.ts'
import { findTools, type SandboxMode, type Tools } from '../process/tools.ts'
import { killMarked } from '../process/tree.ts'
import { programBackend } from '../program/backend.ts'
import { findLanguages, type Languages } from '../program/find.ts'
import type { Language, ProgramKind } from '../program/languages.ts'
import { sessionBatch } from '../session/batch.ts'
import { sessionLog } from '../session/log.ts'
import { engineSession } from '../session/session.ts'
import { analyserProcess } from './analyser.ts'
import { slots } from './slots.ts'
import { type WorkerSource, workerSource } from './spare.ts'
import { sqlBackend } from './sql.ts'
import { checkFiles, checkTables } from './views.ts'

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
  /** What runs programs: commands or paths, `none` for none. Default `python3` and `Rscript`. */
  python?: string
  r?: string
}

const CAPABILITIES: EngineCapability[] = ['sql', 'cancel-running', 'limits', 'params', 'batches', 'bound-data', 'queue']
const DEFAULTS = { scratchBytes: 256 * 1024 ** 2, outputBytes: 64 * 1024 ** 2, processes: 64 }

export interface EmbeddedEngineComponents {
  logger?: Pick<Logger, 'debug' | 'info' | 'warn'>
}

/** SQL by DuckDB, Python and R by the machine's own, a process for each session. @see README.md */
export function embeddedEngine(init: EmbeddedEngineInit) {
  return ({ logger }: EmbeddedEngineComponents = {}): EnginePort & SqlAnalyser => {
    const most: Required<EngineLimits> = { ...DEFAULTS, ...init.limits }
    const analyser = analyserProcess()
    const gate = slots(init.maxSessions, init.queue)
    const sessions = new Set<EngineSession>()
    let lastId = 0
    let lastBatch = 0
    let version = ''
    let tools: Tools | undefined
    let source: WorkerSource | undefined
    let languages: Languages = { found: {}, missing: {}, tried: Promise.resolve() }
    let reason: string | undefined = 'the engine is not started'

    const present = () => (['python', 'r'] as const).filter((kind) => languages.found[kind] !== undefined)
    const down = () => new ArchipelError('ENGINE_DOWN', `the engine is down: ${reason}`)

    async function openSql(
      { datasets, params = {} }: SessionInit,
      limits: Required<EngineLimits>,
      release: () => void,
    ): Promise<EngineSession> {
      const from = source
      if (from === undefined) throw down()
      const bound = await from.take(datasets, limits)
      const onEnd = () => {
        sessions.delete(session)
        release()
        if (source === from) from.prepare(datasets, limits)
      }
      const renew = () => from.take(datasets, limits)
      const backend = sqlBackend({ datasets, limits, params, bound, renew, analyser })
      const session = engineSession({ id: lastId++, kind: 'sql', backend, onEnd })
      sessions.add(session)
      return session
    }

    async function openProgram(
      { kind, datasets, params = {}, prompt }: SessionInit,
      limits: Required<EngineLimits>,
      release: () => void,
      signal?: AbortSignal,
    ): Promise<EngineSession> {
      await languages.tried
      const language = languageOf(kind)
      const log = sessionLog()
      const { scratchDir } = init
      const backend = await programBackend(
        { language, tools: tools!, limits, datasets, params, scratchDir, log, prompt },
        signal,
      )
      const onEnd = () => {
        sessions.delete(session)
        release()
      }
      const session = engineSession({ id: lastId++, kind, backend, log, onEnd })
      sessions.add(session)
      return session
    }

    const isProgram = (kind: TaskKind): kind is ProgramKind => kind === 'python' || kind === 'r'

    function languageOf(kind: TaskKind): Language {
      const language = isProgram(kind) ? languages.found[kind] : undefined
      if (language !== undefined) return language
      const why = isProgram(kind) ? `: ${languages.missing[kind] ?? 'it is not known'}` : ': it has no Spark'
      throw new ArchipelError('LANGUAGE_MISSING', `this island does not run ${kind}${why}`)
    }

    function check({ kind, datasets, forwarded, engine, spark, main }: SessionInit & Pick<BatchInit, 'main'>): void {
      if (reason !== undefined) throw down()
      if (engine === 'livy' || spark !== undefined || main !== undefined)
        throw new ArchipelError('LANGUAGE_MISSING', `this island does not run ${kind} on Spark: it has none`)
      if (kind === 'sql') checkTables(datasets)
      else checkProgram(kind, datasets, forwarded)
    }

    function checkProgram(kind: TaskKind, datasets: BoundDataset[], forwarded = false): void {
      if (forwarded && tools?.bwrap === undefined)
        throw new ArchipelError('NO_SANDBOX', `this island has no sandbox to run forwarded ${kind} in`)
      languageOf(kind)
      checkFiles(datasets)
    }

    async function createSession(session: SessionInit, options: { signal?: AbortSignal } = {}) {
      const { signal } = options
      check(session)
      const limits = within(most, session.limits)
      const release = await gate.acquire(signal)
      try {
        const opened = await (session.kind === 'sql'
          ? openSql(session, limits, release)
          : openProgram(session, limits, release, signal))
        if (!signal?.aborted && reason === undefined) return opened
        await opened.close()
        throw reason === undefined ? new ArchipelError('CANCELLED', 'the call was cancelled') : down()
      } catch (error) {
        release()
        throw error
      }
    }

    const info = (): EngineInfo => ({
      kind: 'embedded',
      languages: ['sql', ...present()],
      version: version === '' ? 'duckdb' : `duckdb ${version}`,
      versions: Object.fromEntries([
        ...(version === '' ? [] : [['sql', `duckdb ${version}`]]),
        ...present().map((kind) => [kind, languages.found[kind]!.version]),
      ]),
      memoryBytes: most.memoryBytes,
    })

    function status(): EngineStatus {
      const sandbox = tools?.bwrap !== undefined
      return {
        state: reason === undefined ? 'ready' : 'down',
        sandbox,
        running: gate.running,
        waiting: gate.waiting,
        ...(reason !== undefined && { reason }),
        ...(!sandbox && tools?.reason !== undefined && { sandboxReason: tools.reason }),
        missing: languages.missing,
      }
    }

    return {
      /** Never fails: an engine that cannot run is down, and says why in its status. */
      async start() {
        if (source !== undefined) return
        try {
          tools = await findTools(init.sandbox)
          await killMarked(await islandMark(init.scratchDir))
          await sweep(init.scratchDir)
          const commands = { python: init.python ?? 'python3', r: init.r ?? 'Rscript' }
          const where = { tools, limits: most, scratchDir: init.scratchDir }
          ;[version, languages] = await Promise.all([analyser.start(tools), findLanguages(commands, where)])
          source = workerSource({ tools, scratchDir: init.scratchDir, spares: init.spares ?? 1 })
          reason = undefined
          gate.open()
          if (tools.bwrap === undefined) logger?.warn({ reason: tools.reason }, 'sessions run without a sandbox')
          void languages.tried.then(() => logger?.debug({ missing: languages.missing }, 'languages were tried'))
        } catch (error) {
          reason = toArchipelError(error).message
          await analyser.stop()
          logger?.warn({ reason }, 'the engine is down')
        }
      },

      async stop() {
        reason = 'the engine is stopped'
        gate.close(down())
        const closing = source
        source = undefined
        await Promise.all([...sessions].map((session) => session.close()))
        await languages.tried
        await closing?.close()
        await analyser.stop()
      },

      info,
      engines: () => [{ info: info(), status: status() }],
      capabilities: () => new Set([...CAPABILITIES, ...present()]),

      status,
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
function within(most: Required<EngineLimits>, asked: Partial<EngineLimits> = {}): Required<EngineLimits> {
  const limits = { ...most }
  for (const key of Object.keys(most) as (keyof EngineLimits)[])
    limits[key] = Math.max(1, Math.min(most[key], asked[key] ?? most[key]))
  return limits
}

/** Links that a killed daemon left behind; its programs have been ended. */
async function sweep(scratchDir: string): Promise<void> {
  const left = await readdir(scratchDir).catch(() => [])
  await Promise.all(
    left
      .filter((name) => /^(sql|run)-/.test(name))
      .map((name) => rm(join(scratchDir, name), { recursive: true, force: true })),
  )
}
