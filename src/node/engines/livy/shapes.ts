import { livyNumber } from '../../../protocols/livy/json.ts'
import type {
  LivyAppInfo,
  LivyBatch,
  LivyJob,
  LivyKind,
  LivyLog,
  LivyOutput,
  LivySession,
  LivyStatement,
  LivyVersion,
} from '../../../protocols/livy/objects.ts'
import { LIVY_KINDS } from '../../../protocols/livy/objects.ts'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import { type SessionState, type StatementState, sessionState, statementState } from '../../../protocols/model/task.ts'

type Fields = Record<string, unknown>

const strange = (what: string) => new ArchipelError('PROTOCOL', `Livy answered with something that is no ${what}`)

function fields(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw strange(what)
  return value as Fields
}

const text = (value: unknown): string | null => (typeof value === 'string' ? value : null)
const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : [])
const map = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {}
const textMap = (value: unknown): Record<string, string> =>
  Object.fromEntries(Object.entries(map(value)).map(([key, each]) => [key, String(each)]))

function idOf(value: unknown, what: string): number {
  const id = livyNumber(value, -1)
  if (!Number.isSafeInteger(id) || id < 0) throw strange(what)
  return id
}

/** Words that no version of Livy has are read as the ones that keep a watcher looking. */
function sessionWord(value: unknown): SessionState {
  const parsed = sessionState.safeParse(value)
  return parsed.success ? parsed.data : 'busy'
}
function statementWord(value: unknown): StatementState {
  const parsed = statementState.safeParse(value)
  return parsed.success ? parsed.data : 'running'
}

function kindOf(value: unknown): LivyKind {
  const known = LIVY_KINDS.find((kind) => kind === value)
  if (known !== undefined) return known
  // Sessions of 0.4 and before, which a server that was upgraded may still have.
  return value === 'pyspark3' ? 'pyspark' : 'shared'
}

function appInfo(value: unknown): LivyAppInfo {
  const given = Object.entries(map(value)).map(([key, each]) => [key, text(each)] as const)
  return { driverLogUrl: null, sparkUiUrl: null, executorLogUrls: null, ...Object.fromEntries(given) }
}

/** What versions before 0.9 do not tell has the value of 0.9 for absence. @throws PROTOCOL */
export function readSession(value: unknown): LivySession {
  const of = fields(value, 'session')
  return {
    id: idOf(of.id, 'session'),
    name: text(of.name),
    appId: text(of.appId),
    owner: text(of.owner),
    proxyUser: text(of.proxyUser),
    state: sessionWord(of.state),
    kind: kindOf(of.kind),
    appInfo: appInfo(of.appInfo),
    log: texts(of.log),
    ttl: text(of.ttl),
    idleTimeout: text(of.idleTimeout),
    driverMemory: text(of.driverMemory),
    driverCores: livyNumber(of.driverCores),
    executorMemory: text(of.executorMemory),
    executorCores: livyNumber(of.executorCores),
    conf: textMap(of.conf),
    archives: texts(of.archives),
    files: texts(of.files),
    heartbeatTimeoutInSecond: livyNumber(of.heartbeatTimeoutInSecond),
    jars: texts(of.jars),
    numExecutors: livyNumber(of.numExecutors),
    pyFiles: texts(of.pyFiles),
    queue: text(of.queue),
  }
}

/** @throws PROTOCOL */
export function readBatch(value: unknown): LivyBatch {
  const of = fields(value, 'batch')
  return {
    id: idOf(of.id, 'batch'),
    name: text(of.name),
    owner: text(of.owner),
    proxyUser: text(of.proxyUser),
    state: sessionWord(of.state),
    appId: text(of.appId),
    appInfo: appInfo(of.appInfo),
    log: texts(of.log),
  }
}

function readOutput(value: unknown): LivyOutput | null {
  if (typeof value !== 'object' || value === null) return null
  const of = value as Fields
  const execution_count = livyNumber(of.execution_count)
  if (of.status === 'error')
    return {
      status: 'error',
      execution_count,
      ename: text(of.ename) ?? 'Error',
      evalue: text(of.evalue) ?? '',
      traceback: texts(of.traceback),
    }
  return { status: 'ok', execution_count, data: map(of.data) }
}

/** @throws PROTOCOL */
export function readStatement(value: unknown): LivyStatement {
  const of = fields(value, 'statement')
  const output = readOutput(of.output)
  const word = statementWord(of.state)
  // A driver that has just ended it may be read half-way: the next look has the output, too.
  const state = word === 'available' && output === null ? 'running' : word
  const over = state === 'available' || state === 'cancelled' || state === 'error'
  return {
    id: idOf(of.id, 'statement'),
    code: text(of.code) ?? '',
    state,
    output,
    progress: livyNumber(of.progress, over ? 1 : 0),
    started: livyNumber(of.started),
    completed: livyNumber(of.completed),
  }
}

/** @throws PROTOCOL */
export function readStatements(value: unknown): LivyStatement[] {
  const of = fields(value, 'list of statements')
  if (!Array.isArray(of.statements)) throw strange('list of statements')
  return of.statements.map(readStatement)
}

/** One page; sessions and batches have the same key. @throws PROTOCOL */
export function readList<T>(value: unknown, read: (each: unknown) => T): { total: number; entries: T[] } {
  const of = fields(value, 'list')
  if (!Array.isArray(of.sessions)) throw strange('list')
  const entries = of.sessions.map(read)
  return { total: livyNumber(of.total, entries.length), entries }
}

/** @throws PROTOCOL */
export function readLog(value: unknown): LivyLog {
  const of = fields(value, 'log')
  const log = texts(of.log)
  return { id: idOf(of.id, 'log'), from: livyNumber(of.from), total: livyNumber(of.total, log.length), log }
}

/** @throws PROTOCOL */
export function readJob(value: unknown): LivyJob {
  const of = fields(value, 'job')
  return { id: idOf(of.id, 'job'), state: text(of.state) ?? '', result: text(of.result), error: text(of.error) }
}

/** @throws PROTOCOL */
export function readVersion(value: unknown): LivyVersion {
  const of = fields(value, 'version')
  const word = (key: string) => text(of[key]) ?? ''
  return {
    version: word('version'),
    user: word('user'),
    revision: word('revision'),
    branch: word('branch'),
    date: word('date'),
    url: word('url'),
  }
}

/** What a version knows. A field that it does not know makes it refuse the whole request. */
export interface LivyAbilities {
  /** Durations of a session: 0.8. */
  ttl: boolean
  /** And 0.9. */
  idleTimeout: boolean
  /** `ttl` of a session's view is what was asked: 0.8 shows the proxy user there. */
  showsTtl: boolean
}

export function abilitiesOf({ version }: Pick<LivyVersion, 'version'>): LivyAbilities {
  const [major = 0, minor = 0] = /^(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number) ?? []
  const since = (wanted: number) => major > 0 || minor >= wanted
  return { ttl: since(8), idleTimeout: since(9), showsTtl: since(9) }
}
