/** One session of Livy over the built-in engine. */
import { setImmediate } from 'node:timers/promises'
import { logPage } from '../../protocols/livy/log-page.ts'
import type {
  LivyCodeKind,
  LivyKind,
  LivyLog,
  LivySession,
  LivySessionRequest,
  LivyStatement,
} from '../../protocols/livy/objects.ts'
import { LivyRefusal } from '../../protocols/livy/refusal.ts'
import { toArchipelError } from '../../protocols/model/errors.ts'
import type { SessionState } from '../../protocols/model/task.ts'
import type { EnginePort } from '../engines/port.ts'
import type { Places } from '../sessions/places.ts'
import { interpreters, isProgram, TASK_KINDS } from './embedded-interpreters.ts'
import { lifetime, livyTime } from './embedded-lifetime.ts'
import { embeddedStatements } from './embedded-statements.ts'
import type { Mark, SiteChange } from './site.ts'

/** Livy's `livy.rsc.sql.num-rows`, which a session may set in its `conf`. */
const ROWS_KEY = 'livy.rsc.sql.num-rows'
const SQL_ROWS = 1000
/** Livy's `livy.cache-log.size`. */
const LOG_LINES = 200
const SHOWN_LINES = 10

export interface EmbeddedSession {
  readonly id: number
  /** As asked for. */
  readonly kind: LivyKind
  /** Milliseconds since 1970 of its end, if it has ended. */
  readonly ended: number | undefined
  view(): Promise<LivySession>
  log(range: { from?: number; size?: number }): Promise<LivyLog>
  statements(): LivyStatement[]
  /** @throws LivyRefusal 404 */
  statement(id: number): LivyStatement
  /** @throws LivyRefusal unless it is idle or busy */
  submit(code: string, kind: LivyCodeKind, expect: number): LivyStatement
  cancel(id: number): void
  /** Ends it; resolves when its processes are gone. Never throws. */
  close(): Promise<void>
  watch(onChange: (change: SiteChange) => void): () => void
  /** It is deleted: told to its watchers. */
  lost(why: string): void
}

export interface EmbeddedSessionInit {
  id: number
  request: LivySessionRequest
  mark: Mark
  engine: Pick<EnginePort, 'createSession' | 'status'>
  /** Those that programs of sessions may hold. */
  places: Places
  /** Milliseconds without work after which it ends, where the request does not say it. */
  idleMs: number
  /** It has ended, whatever the reason. */
  onEnded(): void
}

/** Begins at once; shows `starting` until its first process is there. */
export function embeddedSession(init: EmbeddedSessionInit): EmbeddedSession {
  const { id, request, mark, engine, places } = init
  const watchers = new Set<(change: SiteChange) => void>()
  const notes: string[] = []
  let nextId = 0
  let started = false
  let ending: Promise<void> | undefined
  let ended: number | undefined
  /** The program that it is for; one without lives on when a program of it has ended. */
  const primary = isProgram(request.kind) ? request.kind : undefined

  const from = interpreters({
    engine,
    places,
    mark,
    onEnd(kind) {
      if (kind === primary) void end(`The process of this session (${kind}) has ended.`)
    },
    onWait(why) {
      notes.push(why)
      void tellSession()
    },
  })
  const own = embeddedStatements({
    from,
    maxRows: rowsOf(request.conf?.[ROWS_KEY]),
    onChange(statement) {
      life.used()
      tell({ type: 'statement', statement })
      void tellSession()
    },
  })
  const life = lifetime({
    idleMs: livyTime(request.idleTimeout) ?? init.idleMs,
    ttlMs: livyTime(request.ttl),
    busy: () => state() !== 'idle',
    onOver: (why) => void end(why),
  })

  function state(): SessionState {
    if (ended !== undefined) return 'dead'
    if (ending !== undefined) return 'shutting_down'
    if (!started) return 'starting'
    return own.busy ? 'busy' : 'idle'
  }

  function tell(change: SiteChange): void {
    for (const each of [...watchers]) each(change)
  }
  async function tellSession(): Promise<void> {
    if (watchers.size > 0) tell({ type: 'session', session: await view() })
  }

  /** Statements first, the session last. */
  function end(why?: string): Promise<void> {
    ending ??= (async () => {
      life.stop()
      if (why !== undefined) notes.push(why)
      for (const { id: statement } of why === undefined ? own.list() : []) own.cancel(statement)
      const drained = own.drain()
      await from.close()
      await drained
      ended = Date.now()
      life.stop()
      init.onEnded()
      await tellSession()
    })()
    return ending
  }

  async function lines(): Promise<string[]> {
    const text = (await from.log()).replace(/\n$/, '')
    return ['stdout: ', ...(text === '' ? [] : text.split('\n').slice(-LOG_LINES)), '\nstderr: ', ...notes]
  }

  async function view(): Promise<LivySession> {
    const log = (await lines()).slice(-SHOWN_LINES)
    return { ...ABSENT, ...request, proxyUser: null, id, state: state(), log }
  }

  function statement(wanted: number): LivyStatement {
    const found = own.find(wanted)
    if (found === undefined) throw new LivyRefusal(404, 'Statement not found')
    return found
  }

  async function start(): Promise<void> {
    try {
      // As in Livy, whoever asked for it sees it start.
      await (primary === undefined ? setImmediate() : from.of(primary))
      started = true
      life.used()
      await tellSession()
    } catch (cause) {
      const { message, hint } = toArchipelError(cause)
      await end(`${message} ${hint}`)
    }
  }
  void start()

  return {
    id,
    kind: request.kind,
    get ended() {
      return ended
    },
    view,
    log: async (range) => logPage(id, await lines(), range),
    statements: () => own.list(),
    statement,
    submit(code, kind, expect) {
      if (expect < nextId) return statement(expect)
      const at = state()
      if (at !== 'idle' && at !== 'busy')
        throw new LivyRefusal(500, `java.lang.IllegalStateException: Session is in state ${at}`)
      // Numbers only grow: one that never came here is left out.
      nextId = expect + 1
      return own.add(expect, kind, code)
    },
    cancel: (wanted) => own.cancel(wanted),
    close: () => end(),
    watch(onChange) {
      watchers.add(onChange)
      void view().then((session) => {
        if (!watchers.has(onChange)) return
        onChange({ type: 'session', session })
        for (const each of own.list()) if (each.completed === 0) onChange({ type: 'statement', statement: each })
      })
      return () => watchers.delete(onChange)
    },
    lost(why) {
      tell({ type: 'lost', why })
      watchers.clear()
    },
  }
}

/** What a session has that did not ask for anything. */
const ABSENT: LivySession = {
  id: 0,
  name: null,
  appId: null,
  owner: null,
  proxyUser: null,
  state: 'starting',
  kind: 'shared',
  appInfo: { driverLogUrl: null, sparkUiUrl: null, executorLogUrls: null },
  log: [],
  ttl: null,
  idleTimeout: null,
  driverMemory: null,
  driverCores: 0,
  executorMemory: null,
  executorCores: 0,
  conf: {},
  archives: [],
  files: [],
  heartbeatTimeoutInSecond: 0,
  jars: [],
  numExecutors: 0,
  pyFiles: [],
  queue: null,
}

function rowsOf(text: string | undefined): number {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : SQL_ROWS
}

/** Kinds of Livy that a language of the engine can run; `shared` where there is any. */
export function kindsOf(languages: readonly string[]): ReadonlySet<LivyKind> {
  const all = Object.keys(TASK_KINDS) as (keyof typeof TASK_KINDS)[]
  const kinds = all.filter((kind) => languages.includes(TASK_KINDS[kind]))
  return new Set<LivyKind>(kinds.length === 0 ? [] : [...kinds, 'shared'])
}
