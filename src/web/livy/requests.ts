/** Bodies of requests, checked and in canonical form. Every failure is Livy's own answer to it. */
import type {
  LivyBatchRequest,
  LivyCodeKind,
  LivyKind,
  LivyResources,
  LivySessionRequest,
  LivyStatementRequest,
} from '../../protocols/livy/objects.ts'
import { LivyRefusal } from '../../protocols/livy/refusal.ts'
import { type Fields, fields, type Shape } from './fields.ts'
import { LateRefusal } from './late.ts'

// Fields in the order in which Livy lists them.
const SESSION: Shape = {
  name: 'org.apache.livy.server.interactive.CreateInteractiveRequest',
  known: [
    'executorCores',
    'conf',
    'driverMemory',
    'name',
    'driverCores',
    'idleTimeout',
    'pyFiles',
    'archives',
    'kind',
    'files',
    'jars',
    'proxyUser',
    'numExecutors',
    'heartbeatTimeoutInSecond',
    'ttl',
    'queue',
    'executorMemory',
  ],
}
const BATCH: Shape = {
  name: 'org.apache.livy.server.batch.CreateBatchRequest',
  known: [
    'executorCores',
    'className',
    'conf',
    'driverMemory',
    'name',
    'driverCores',
    'pyFiles',
    'archives',
    'executorMemory',
    'files',
    'jars',
    'proxyUser',
    'numExecutors',
    'file',
    'args',
    'queue',
  ],
}
/** `msg_type` is taken and says nothing. */
const STATEMENT: Shape = { name: 'org.apache.livy.ExecuteRequest', known: ['msg_type', 'kind', 'code'] }
const COMPLETION: Shape = { name: 'org.apache.livy.CompletionRequest', known: ['code', 'kind', 'cursor'] }
const JOB: Shape = { name: 'org.apache.livy.client.common.HttpMessages$SerializedJob', known: ['job', 'jobType'] }
const RESOURCE: Shape = { name: 'org.apache.livy.client.common.HttpMessages$AddResource', known: ['uri'] }

const KINDS: Record<string, LivyKind> = {
  spark: 'spark',
  scala: 'spark',
  pyspark: 'pyspark',
  python: 'pyspark',
  sparkr: 'sparkr',
  r: 'sparkr',
  sql: 'sql',
  shared: 'shared',
}
/** Settings of Spark that Livy refuses without any configuration. */
const BLACKLIST = ['spark.submit.deployMode', 'spark.submit.proxyUser.allowCustomClasspathInClusterMode']
/** Characters of a name: it stands in paths. */
const MAX_NAME = 1_000
const SUFFIXES = ['us', 'ms', 's', 'm', 'min', 'h', 'd']

const rejected = (reason: string) => new LivyRefusal(400, { msg: `Rejected, Reason: ${reason}` })
/** What Livy throws and does not catch; it prints a Java stack after it. */
const thrown = (text: string) => new LateRefusal(500, text)

function kindOf(text: string): LivyKind | undefined {
  return Object.hasOwn(KINDS, text) ? KINDS[text] : undefined
}

function given<T extends object>(parts: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)) as never
}

/** @param doAs of the query: beats the field `proxyUser` */
function resources(f: Fields, doAs: string | undefined): LivyResources {
  return given({
    proxyUser: doAs ?? f.text('proxyUser'),
    jars: f.list('jars'),
    pyFiles: f.list('pyFiles'),
    files: f.list('files'),
    archives: f.list('archives'),
    driverMemory: f.text('driverMemory'),
    driverCores: f.int('driverCores'),
    executorMemory: f.text('executorMemory'),
    executorCores: f.int('executorCores'),
    numExecutors: f.int('numExecutors'),
    queue: f.text('queue'),
    name: f.text('name'),
    conf: f.map('conf'),
  }) as LivyResources
}

/** Names and settings that Livy would refuse, one of them only after its driver was started. */
function check({ name, conf = {} }: LivyResources): void {
  // Digits of any script: Java reads them all as a number.
  if (name !== undefined && (name === '' || /^\p{Nd}+$/u.test(name))) throw rejected(`Invalid session name: ${name}`)
  if (name !== undefined && name.length > MAX_NAME)
    throw rejected(`Invalid session name: it has more than ${MAX_NAME} characters`)
  const refused = Object.keys(conf).filter((key) => BLACKLIST.includes(key))
  if (refused.length > 0) throw rejected(`Blacklisted configuration values in session config: ${refused.join(', ')}`)
}

function duration(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const parts = /^-?\d+([a-z]+)?$/.exec(text.trim().toLowerCase())
  if (parts === null) throw rejected(`Invalid time string: ${text}`)
  if (parts[1] !== undefined && !SUFFIXES.includes(parts[1])) throw rejected(`Invalid suffix: "${parts[1]}"`)
  return text
}

export function sessionRequest(body: unknown, doAs?: string): LivySessionRequest {
  const f = fields(body, SESSION)
  if (!['undefined', 'string'].includes(typeof ((body as { kind?: unknown }).kind ?? undefined)))
    throw new LivyRefusal(
      400,
      `requirement failed: Kind should be a string. (through reference chain: ${SESSION.name}["kind"])`,
    )
  const word = f.text('kind')
  const kind = word === undefined ? 'shared' : kindOf(word)
  if (kind === undefined)
    throw new LivyRefusal(400, `Invalid kind: ${word} (through reference chain: ${SESSION.name}["kind"])`)
  const [ttl, idleTimeout] = [duration(f.text('ttl')), duration(f.text('idleTimeout'))]
  const request = given({
    kind,
    ...resources(f, doAs),
    heartbeatTimeoutInSecond: f.int('heartbeatTimeoutInSecond'),
    ttl,
    idleTimeout,
  }) as LivySessionRequest
  check(request)
  return request
}

export function batchRequest(body: unknown, doAs?: string): LivyBatchRequest {
  const f = fields(body, BATCH)
  const file = f.text('file')
  const rest = given({ ...resources(f, doAs), className: f.text('className'), args: f.list('args') })
  check(rest as LivyResources)
  if (file === undefined) throw rejected('requirement failed: File is required.')
  if (file === '') throw thrown('java.lang.IndexOutOfBoundsException: 0')
  return { ...rest, file } as LivyBatchRequest
}

function codeKind(word: string): LivyCodeKind {
  const kind = kindOf(word)
  // Livy takes `shared` here and then never runs the statement.
  if (kind === undefined || kind === 'shared') throw thrown(`java.lang.IllegalArgumentException: Invalid kind: ${word}`)
  return kind
}

export function statementRequest(body: unknown): LivyStatementRequest {
  const f = fields(body, STATEMENT)
  const [code, kind] = [f.text('code'), f.text('kind')]
  if (code === undefined) throw thrown('java.lang.NullPointerException')
  return { code: code.replaceAll('\r\n', '\n'), ...(kind === undefined ? {} : { kind: codeKind(kind) }) }
}

export function completionRequest(body: unknown): { code: string; kind: LivyCodeKind; cursor: number } {
  const f = fields(body, COMPLETION)
  const [code, kind, cursor] = [f.text('code'), f.text('kind'), f.int('cursor')]
  if (code === undefined) throw thrown('java.lang.NullPointerException')
  return { code, kind: codeKind(kind ?? 'null'), cursor: cursor ?? 0 }
}

export function jobRequest(body: unknown): { job: string; jobType: string } {
  const f = fields(body, JOB)
  const [job, jobType] = [f.text('job'), f.text('jobType')]
  if (job === undefined || Buffer.from(job, 'base64').length === 0)
    throw new LateRefusal(400, { msg: 'requirement failed: no job provided.' })
  return { job, jobType: jobType ?? 'spark' }
}

export function resourceRequest(body: unknown): string {
  const uri = fields(body, RESOURCE).text('uri')
  if (uri === undefined || uri === '') throw new LateRefusal(400, { msg: 'requirement failed: uri is required.' })
  return uri
}
