import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { LivySession } from '../../../protocols/livy/objects.ts'
import { LivyRefusal } from '../../../protocols/livy/refusal.ts'
import { ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import type { TaskKind } from '../../../protocols/model/task.ts'
import { slots } from '../embedded/slots.ts'
import { checkFiles, checkTables } from '../embedded/views.ts'
import type { BoundDataset, EngineCapability, EngineLimits, EnginePort, EngineSession, SessionInit } from '../port.ts'
import { scrubber } from '../process/scrub.ts'
import { sessionBatch } from '../session/batch.ts'
import { sessionLog } from '../session/log.ts'
import { engineSession } from '../session/session.ts'
import { livyBackend, refused } from './backend.ts'
import { livyBatch } from './batch.ts'
import { ENDED } from './entries.ts'
import { type Location, locator } from './locations.ts'
import { outlivingWork } from './outliving.ts'
import type { RealLivySite } from './site.ts'
import { spareSessions } from './spares.ts'

export interface LivyEngineInit {
  limits: EngineLimits
  /** Sessions and batches of tasks at a time. */
  maxSessions: number
  queue: number
  /** What this Livy can run. */
  languages: TaskKind[]
  locations?: Location[]
  /** A folder of this engine alone that Spark reads, for main files. */
  stagingDir: string
  /** Sessions that are kept ready once Spark is in use. Default 0. */
  spares?: number
  /** Milliseconds that a session may take to start. Default 10 minutes. */
  startMs?: number
}

export interface LivyEngineComponents {
  site: RealLivySite
  logger?: Pick<Logger, 'debug' | 'info' | 'warn'>
}

const START_MS = 600_000
/** Rows that Spark hands out of one statement of SQL at most: they are in the memory of its driver. */
const MOST_ROWS = 1_000_000
const FIRST_LOOK_MS = 2_000
const LOOK_MS = 15_000
const LOOK_DOWN_MS = 2_000
const MARK = 'task-'
const OUR_PLACE = /\b(file|hdfs|s3a?|abfss?|gs):\/+[^\s"')]*/g

const CAPABILITIES: EngineCapability[] = ['cancel-running', 'params', 'batches', 'bound-data', 'queue']

/** Tasks on Spark, through sessions of its Livy: one for each session of the engine, of Livy's kind `shared`. */
export function livyEngine(init: LivyEngineInit) {
  return ({ site, logger }: LivyEngineComponents): EnginePort => {
    const gate = slots(init.maxSessions, init.queue)
    const locate = locator(init.locations ?? [])
    const sessions = new Set<EngineSession>()
    const batches = new Set<{ cancel(): Promise<void> }>()
    const stopping = new AbortController()
    let lastId = 0
    let lastBatch = 0
    let version = ''
    let started = false
    /** Of what is in use now. */
    const inUse = new Set<string>()
    const work = outlivingWork({
      site,
      ours: MARK,
      inUse,
      stagingDir: init.stagingDir,
      ready: () => reason === undefined,
      stopping: stopping.signal,
      logger,
    })
    let reason: string | undefined = 'the engine is not started'
    let timer: NodeJS.Timeout | undefined

    const down = () =>
      new ArchipelError('ENGINE_DOWN', `Spark is down: ${reason}`, {
        hint: 'The operator of that island starts Livy, or corrects livy.url; `archipel status` there tells more.',
      })
    const conf = { 'livy.rsc.sql.num-rows': String(Math.min(init.limits.resultRows, MOST_ROWS) + 1) }
    const spares = spareSessions({
      count: init.spares ?? 0,
      open: (signal) => openAtLivy({}, undefined, signal),
      close,
    })

    const marks = new Map<number, string>()

    function forget(id: number): void {
      inUse.delete(marks.get(id) ?? '')
      marks.delete(id)
    }

    async function close(id: number): Promise<void> {
      await site.deleteSession(id).catch(() => {})
      forget(id)
    }

    /** Asks for the version, again and again; whenever Livy is back, what nobody here knows of is ended. */
    async function look(): Promise<void> {
      try {
        version = (await site.version({ signal: stopping.signal })).version
        const back = reason !== undefined
        reason = undefined
        if (back) {
          logger?.info({ version }, 'Livy answers')
          await work.sweep()
          work.answers()
        }
      } catch (error) {
        if (stopping.signal.aborted) return
        const why = toArchipelError(error).message.replace(/^Livy is down: /, '')
        if (reason !== why) logger?.warn({ reason: why }, 'Livy is down')
        reason = why
      }
      if (!stopping.signal.aborted)
        timer = setTimeout(() => void look(), reason === undefined ? LOOK_MS : LOOK_DOWN_MS).unref()
    }

    const newMark = () => MARK + randomBytes(8).toString('hex')

    /** A session that is up. @throws ENGINE_FAILED with the end of its log when it does not start */
    async function openAtLivy(
      asked: NonNullable<SessionInit['spark']>,
      user: string | undefined,
      signal: AbortSignal,
    ): Promise<number> {
      const { name: _name, ...spark } = asked
      const request = { ...spark, kind: 'shared' as const, conf: { ...conf, ...spark.conf } }
      const mark = {
        mark: newMark(),
        datasets: [],
        params: {},
        forwarded: false,
        ...(user === undefined ? {} : { user }),
      }
      inUse.add(mark.mark)
      const { id } = await site.createSession(request, mark, { signal }).catch((error: unknown) => {
        inUse.delete(mark.mark)
        throw error
      })
      marks.set(id, mark.mark)
      try {
        await up(id, signal)
        return id
      } catch (error) {
        await close(id)
        throw error
      }
    }

    async function up(id: number, signal: AbortSignal): Promise<void> {
      const done = Promise.withResolvers<void>()
      const failed = (why: string) => done.reject(new ArchipelError('ENGINE_FAILED', why))
      const unwatch = site.watch({ session: id }, (change) => {
        if (change.type === 'lost') failed('the Spark session was lost while it started')
        if (change.type !== 'session') return
        if (change.session.state === 'idle' || change.session.state === 'busy') done.resolve()
        else if (change.session.state === 'error' || ENDED.has(change.session.state)) failed(notStarted(change.session))
      })
      const onAbort = () => done.reject(new ArchipelError('CANCELLED', 'the call was cancelled'))
      signal.addEventListener('abort', onAbort, { once: true })
      if (signal.aborted) onAbort()
      const late = setTimeout(() => failed('the Spark session did not start in time'), init.startMs ?? START_MS)
      try {
        await done.promise
      } finally {
        clearTimeout(late)
        unwatch()
        signal.removeEventListener('abort', onAbort)
      }
    }

    function scrubOf(datasets: BoundDataset[]): (error: ArchipelError) => ArchipelError {
      const known = scrubber(
        datasets,
        datasets.map(({ paths }) => paths.map(locate)),
      )
      return (error) => {
        const own = known(error)
        const message = own.message.replaceAll(OUR_PLACE, '<path>')
        return message === own.message ? own : new ArchipelError(own.code, message, { hint: own.hint })
      }
    }

    function check({ kind, datasets, engine, key }: SessionInit): void {
      // What is gone on with waits for its Livy.
      if (reason !== undefined && (key === undefined || !work.outliving.has(key))) throw down()
      if (engine === 'embedded' || !init.languages.includes(kind))
        throw new ArchipelError('LANGUAGE_MISSING', `the Spark of this island does not run ${kind}`)
      if (kind === 'sql') checkTables(datasets)
      else checkFiles(datasets)
    }

    function within(asked: Partial<EngineLimits> = {}): EngineLimits {
      const least = (key: 'statementMs' | 'resultRows' | 'resultBytes') =>
        Math.max(1, Math.min(init.limits[key], asked[key] ?? init.limits[key]))
      return {
        ...init.limits,
        statementMs: least('statementMs'),
        resultRows: least('resultRows'),
        resultBytes: least('resultBytes'),
      }
    }

    /** The session of work that is gone on with. */
    async function rejoined({ key }: SessionInit, signal: AbortSignal): Promise<number | undefined> {
      const kept = work.kept('session', key)
      if (kept?.id === undefined) return undefined
      inUse.add(kept.mark)
      marks.set(kept.id, kept.mark)
      try {
        await up(kept.id, signal)
        return kept.id
      } catch (error) {
        if (work.stays(key)) forget(kept.id)
        else await close(kept.id)
        if (toArchipelError(error).code !== 'ENGINE_FAILED') throw error
        throw new ArchipelError('ENGINE_FAILED', 'the Spark session of this work has ended', { hint: 'Run it again.' })
      }
    }

    async function freshSession(
      { datasets, params = {}, forwarded = false, user, spark = {}, key }: SessionInit,
      signal: AbortSignal,
    ): Promise<number> {
      // A spare one runs as nobody in particular.
      const common = Object.keys(spark).length === 0 && site.runsAs(user) === site.runsAs(undefined)
      const livy = (common ? spares.take() : undefined) ?? (await openAtLivy(spark, user, signal))
      const binding = { datasets, params, forwarded, ...(key === undefined ? {} : { key }) }
      await site.bind(livy, binding).catch(async (error: unknown) => {
        await close(livy)
        throw error
      })
      return livy
    }

    async function createSession(session: SessionInit, options: { signal?: AbortSignal } = {}): Promise<EngineSession> {
      check(session)
      const { kind, datasets, params = {} } = session
      if (kind === 'jar') throw new ArchipelError('BAD_INPUT', 'a JAR runs as a batch')
      const signal = AbortSignal.any([stopping.signal, ...(options.signal === undefined ? [] : [options.signal])])
      const release = await gate.acquire(options.signal)
      try {
        const livy = (await rejoined(session, signal)) ?? (await freshSession(session, signal))
        const log = sessionLog()
        const scrub = scrubOf(datasets)
        const backend = livyBackend({
          site,
          session: livy,
          kind,
          params,
          limits: within(session.limits),
          log,
          stays: () => work.stays(session.key),
          scrub,
        })
        const onEnd = () => {
          sessions.delete(opened)
          forget(livy)
          release()
          if (!stopping.signal.aborted) spares.prepare()
        }
        const opened = engineSession({ id: lastId++, kind, backend, log, onEnd })
        sessions.add(opened)
        return opened
      } catch (error) {
        release()
        if (stopping.signal.aborted) throw down()
        throw error instanceof LivyRefusal ? refused(error) : error
      }
    }

    const info = () => ({
      kind: 'livy' as const,
      languages: [...init.languages],
      version,
      ...(version === ''
        ? {}
        : { versions: Object.fromEntries(init.languages.map((kind) => [kind, `livy ${version}`])) }),
    })
    const status = () => ({
      state: reason === undefined ? ('ready' as const) : ('down' as const),
      sandbox: false,
      running: gate.running,
      waiting: gate.waiting,
      ...(reason === undefined ? {} : { reason }),
    })

    return {
      async start() {
        if (started) return
        started = true
        gate.open()
        // An island starts without its Livy; it goes on looking for it.
        await Promise.race([look(), sleep(FIRST_LOOK_MS, undefined, { ref: false })])
      },
      async stop() {
        stopping.abort()
        clearTimeout(timer)
        reason = 'the engine is stopped'
        gate.close(down())
        await Promise.all([
          spares.stop(),
          ...[...sessions].map((session) => session.close()),
          ...[...batches].map((batch) => batch.cancel()),
        ])
      },
      info,
      engines: () => [{ info: info(), status: status() }],
      status,
      capabilities: () => new Set([...CAPABILITIES, ...init.languages]),
      outliving: work.outliving,
      createSession,
      async createBatch(batch, options = {}) {
        check(batch)
        const id = lastBatch++
        const { main } = batch
        const kept = work.kept('batch', batch.key)
        const mark = kept?.mark ?? newMark()
        inUse.add(mark)
        const made =
          main === undefined
            ? sessionBatch(id, batch, options, (signal) => createSession(batch, { signal }))
            : livyBatch({ ...batch, main }, options, {
                id,
                site,
                mark,
                again: kept?.id,
                limits: within(batch.limits),
                staging: init.stagingDir,
                locate,
                scrub: scrubOf(batch.datasets),
                stays: () => work.stays(batch.key),
                acquire: (signal) => gate.acquire(signal),
              })
        batches.add(made)
        const onEnd = () => {
          batches.delete(made)
          inUse.delete(mark)
        }
        made.outcome.then(onEnd, onEnd)
        return made
      },
    }
  }
}

function notStarted({ log }: LivySession): string {
  const why = log.map((line) => line.trim()).filter((line) => line !== '' && !/^(stdout|stderr):$/.test(line))
  return `the Spark session did not start${why.length === 0 ? '' : `: ${why.slice(-3).join(' ')}`}`
}
