import { setTimeout as sleep } from 'node:timers/promises'
import type { LivyCodeKind, LivyStatement } from '../../../protocols/livy/objects.ts'
import { LivyRefusal } from '../../../protocols/livy/refusal.ts'
import { ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import type { ParamValue, TaskKind } from '../../../protocols/model/task.ts'
import type { EngineLimits, StatementOptions, StatementOutcome } from '../port.ts'
import { timeLimit } from '../process/time-limit.ts'
import type { SessionLog } from '../session/log.ts'
import type { Backend } from '../session/session.ts'
import type { Running } from '../session/statement.ts'
import { ENDED } from './entries.ts'
import { failureOf, outcomeOf, printed } from './outputs.ts'
import type { RealLivySite } from './site.ts'
import { withParams } from './sql-params.ts'

export interface LivyBackendInit {
  site: RealLivySite
  /** Of a session that is up. */
  session: number
  kind: Exclude<TaskKind, 'jar'>
  params: Record<string, ParamValue>
  limits: EngineLimits
  log: SessionLog
  /** Whether the session goes on when it is closed here: the island stops, and finds it again. */
  stays(): boolean
  /** Takes the site's places out of a message. */
  scrub(error: ArchipelError): ArchipelError
}

export const LIVY_KIND: Record<Exclude<TaskKind, 'jar'>, LivyCodeKind> = {
  sql: 'sql',
  python: 'pyspark',
  r: 'sparkr',
  scala: 'spark',
}

const OVER = new Set(['available', 'cancelled', 'error'])
/** Livy ends Spark's jobs at once; code that runs none goes on, so its session is ended after this time. */
const CANCEL_MS = 3_000

const sessionOver = () =>
  new ArchipelError('ENGINE_FAILED', 'the Spark session has ended', { hint: 'Open a new session.' })

/** Statements of one session of a real Livy. */
export function livyBackend({ site, session, kind, params, limits, log, stays, scrub }: LivyBackendInit): Backend {
  const exited = Promise.withResolvers<void>()
  const seen = new Map<number, LivyStatement>()
  let changed = Promise.withResolvers<void>()
  let dead = false
  let next = 0

  const unwatch = site.watch({ session }, (change) => {
    if (change.type === 'statement') seen.set(change.statement.id, change.statement)
    if (change.type === 'lost' || (change.type === 'session' && ENDED.has(change.session.state))) die()
    changed.resolve()
    changed = Promise.withResolvers()
  })

  function die(): void {
    dead = true
    exited.resolve()
  }

  /** Resolves with the statement when it is over, undefined when the session is; tells progress meanwhile. */
  async function over(id: number, progress?: (fraction: number) => void): Promise<LivyStatement | undefined> {
    for (let told = 0; ; ) {
      const now = seen.get(id)
      if (now !== undefined && OVER.has(now.state)) return now
      if (dead) return undefined
      if (now?.state === 'running' && now.progress > told) {
        told = now.progress
        progress?.(told)
      }
      await changed.promise
    }
  }

  async function stopStatement(id: number): Promise<void> {
    const done = over(id)
    await site.cancelStatement(session, id).catch(() => {})
    const ended = await Promise.race([done.then(() => true), sleep(CANCEL_MS, false, { ref: false })])
    if (!ended) await kill()
  }

  async function kill(): Promise<void> {
    unwatch()
    await site.deleteSession(session).catch(() => {})
    quit()
  }

  function quit(): void {
    unwatch()
    die()
    changed.resolve()
  }

  async function run(code: string, options: StatementOptions & Running): Promise<StatementOutcome> {
    const { ms, late } = timeLimit('statement', options.timeoutMs, limits.statementMs)
    const started = performance.now()
    const stop = Promise.withResolvers<'late' | 'cancelled'>()
    const timer = setTimeout(() => stop.resolve('late'), ms)
    const onAbort = () => stop.resolve('cancelled')
    options.signal.addEventListener('abort', onAbort, { once: true })
    if (options.signal.aborted) onAbort()
    try {
      const { id } = await site.submit(session, { code, kind: LIVY_KIND[kind] }, next)
      next = id + 1
      const first = await Promise.race([over(id, options.progress), stop.promise])
      if (first === 'late' || first === 'cancelled') {
        if (first === 'late' || !stays()) await stopStatement(id)
        throw first === 'late' ? late : new ArchipelError('CANCELLED', 'the statement was cancelled')
      }
      seen.delete(id)
      return { ...(await taken(first, options)), elapsedMs: performance.now() - started }
    } finally {
      clearTimeout(timer)
      options.signal.removeEventListener('abort', onAbort)
    }
  }

  async function taken(statement: LivyStatement | undefined, options: StatementOptions) {
    if (statement === undefined) throw sessionOver()
    const { output } = statement
    if (output === null) throw new ArchipelError('CANCELLED', 'the statement was cancelled at Livy')
    const text = untold(printed(output), options.printed)
    if (text !== '') {
      log.append(Buffer.from(text))
      options.sink?.log(text)
    }
    if (output.status === 'ok')
      return await outcomeOf(output, {
        maxRows: Math.min(options.maxRows ?? limits.resultRows, limits.resultRows),
        maxBytes: limits.resultBytes,
        ...(options.sink && { sink: options.sink }),
      })
    const unbound = await site.bindingError(session).catch(() => undefined)
    if (unbound === undefined) throw failureOf(kind, output)
    throw new ArchipelError('ENGINE_FAILED', `the data could not be made known to Spark: ${unbound}`, {
      hint: 'The operator of that island looks at livy.locations: Spark does not find or cannot read the files there.',
    })
  }

  return {
    exited: exited.promise,
    get dead() {
      return dead
    },
    async execute(code, options) {
      try {
        return await run(kind === 'sql' ? withParams(code, params) : code, options)
      } catch (error) {
        if (error instanceof LivyRefusal) throw dead ? sessionOver() : scrub(refused(error))
        throw scrub(toArchipelError(error))
      }
    },
    kill: async () => (stays() ? quit() : await kill()),
  }
}

/** Without what stands already at the end of a log. */
function untold(text: string, logged = ''): string {
  if (logged.endsWith(text)) return ''
  return text.startsWith(logged) ? text.slice(logged.length) : text
}

/** Livy's own words for what it did not take. */
export function refused(refusal: LivyRefusal): ArchipelError {
  const [line = ''] = refusal.message.split('\n')
  if (/too many sessions/.test(line)) return new ArchipelError('TOO_MANY', 'Livy has as many sessions as it may')
  const code = refusal.status === 400 ? 'BAD_INPUT' : refusal.status === 403 ? 'FORBIDDEN' : 'ENGINE_FAILED'
  return new ArchipelError(code, `Livy refuses it: ${line.replace(/^Rejected, Reason: /, '')}`)
}
