import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Logger } from 'pino'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { wantedEngine } from '../../protocols/model/spark.ts'
import type { TaskKind } from '../../protocols/model/task.ts'
import { embeddedEngine } from './embedded/embedded.ts'
import { livyEngine } from './livy/engine.ts'
import type { SiteStore } from './livy/entries.ts'
import { locationsOf } from './livy/locations.ts'
import { type LivyAuth, livyRest } from './livy/rest.ts'
import { livySite, type RealLivySite } from './livy/site.ts'
import type { EnginePort, SessionInit, SqlAnalyser } from './port.ts'
import type { SandboxMode } from './process/tools.ts'

/** The settings of the group `engine`. */
export interface EngineSettings {
  kind: 'embedded' | 'disabled'
  memoryBytes: number
  statementMs: number
  cpuMs: number
  resultRows: number
  resultBytes: number
  threads: number
  scratchBytes: number
  outputBytes: number
  processes: number
  python: string
  r: string
  sessions: number
  queue: number
  sandbox: SandboxMode
}

const off = () =>
  Promise.reject(new ArchipelError('ENGINE_DOWN', 'this island runs nothing: its engine is switched off'))

/** The engine that the configuration names. A disabled one still reads statements, so that its owner can ask elsewhere. */
export function engineOf(
  settings: EngineSettings,
  options: { scratchDir: string; logger: Logger },
): EnginePort & SqlAnalyser {
  const { kind, sessions, queue, sandbox, python, r, ...limits } = settings
  const embedded = embeddedEngine({
    limits,
    maxSessions: sessions,
    queue,
    sandbox,
    scratchDir: options.scratchDir,
    ...(kind === 'disabled' ? { spares: 0, python: 'none', r: 'none' } : { python, r }),
  })({ logger: options.logger })
  if (kind === 'embedded') return embedded
  const info = () => ({ kind: 'disabled' as const, languages: [], version: '' })
  const status = () => ({
    state: 'down' as const,
    sandbox: false,
    running: 0,
    waiting: 0,
    reason: 'it is switched off (engine.kind)',
  })
  return {
    start: (o) => embedded.start(o),
    stop: () => embedded.stop(),
    analyse: (sql, o) => embedded.analyse(sql, o),
    info,
    engines: () => [{ info: info(), status: status() }],
    status,
    capabilities: () => new Set(),
    createSession: off,
    createBatch: off,
  }
}

/** The settings of the group `livy`. */
export interface LivySettings {
  url?: string
  user?: string
  password?: string
  header: string
  token?: string
  ca?: string
  locations: string[]
  conf: string[]
  proxyUsers: string[]
  languages: TaskKind[]
  sessions: number
  taskSessions: number
  queue: number
  spare: number
  idleMs: number
  statementMs: number
  resultRows: number
  timeoutMs: number
  staging?: string
}

export interface LivyPlace {
  /** The island's id: tells its sessions from those of others at the same Livy. */
  self: string
  store: SiteStore
  /** For main files, where the settings name no other folder. */
  stagingDir: string
  /** Bytes of one result, as of the built-in engine. */
  resultBytes: number
  logger: Logger
}

/** The real Livy of an island: as a site of the Livy endpoint, and as an engine of tasks over the same site. */
export interface IslandLivy {
  site: RealLivySite
  engine: EnginePort
}

/** Undefined where the configuration names no Livy. @throws CONFIG_INVALID for a file of a secret that cannot be read */
export function livyOf(settings: LivySettings, { self, store, stagingDir, resultBytes, logger }: LivyPlace) {
  const auth = authOf(settings)
  if (settings.url === undefined) return undefined
  const locations = locationsOf(settings.locations)
  const { url, timeoutMs, taskSessions, queue, languages, spare, statementMs, resultRows } = settings
  const rest = livyRest({
    url,
    timeoutMs,
    ...(auth === undefined ? {} : { auth }),
    ...(settings.ca === undefined ? {} : { ca: certificate('livy.ca', settings.ca) }),
  })
  const site = livySite({
    prefix: `archipel-${self.slice(3, 15)}`,
    locations,
    conf: Object.fromEntries(pairs(settings.conf)),
    proxyUsers: Object.fromEntries(pairs(settings.proxyUsers)),
    maxSessions: settings.sessions,
    idleMs: settings.idleMs,
  })({ rest, store, logger })
  const engine = livyEngine({
    limits: { memoryBytes: 0, cpuMs: 0, threads: 0, statementMs, resultRows, resultBytes },
    maxSessions: Math.min(taskSessions, settings.sessions),
    queue,
    languages,
    locations,
    spares: spare,
    stagingDir: settings.staging ?? stagingDir,
  })({ site, logger })
  return { site, engine } satisfies IslandLivy
}

const pairs = (texts: string[]) =>
  texts.map((text): [string, string] => {
    const at = text.indexOf('=')
    return [text.slice(0, at), text.slice(at + 1)]
  })

function authOf({ user, password, header, token }: LivySettings): LivyAuth | undefined {
  if (user !== undefined && token !== undefined)
    throw new ArchipelError('CONFIG_INVALID', 'livy: give livy.user and livy.password, or livy.token, not both')
  if (token !== undefined) return { header, value: secret('livy.token', token) }
  return user === undefined ? undefined : { user, password: secret('livy.password', password ?? '') }
}

const secret = (name: string, value: string) => (value.startsWith('@') ? fileText(name, value.slice(1)).trim() : value)

function fileText(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new ArchipelError('CONFIG_INVALID', `${name}: its file cannot be read`, { cause })
  }
}

/** @throws CONFIG_INVALID: with anything else no connection could be made, and nobody would know why */
function certificate(name: string, path: string): string {
  const text = fileText(name, path)
  try {
    void new X509Certificate(text)
    return text
  } catch (cause) {
    throw new ArchipelError('CONFIG_INVALID', `${name}: its file holds no certificate (PEM)`, { cause })
  }
}

/** Several engines as one: work goes to Spark where it asks for it or needs it, all other to the built-in engine. */
export function withLivy(embedded: EnginePort & SqlAnalyser, livy: EnginePort | undefined): EnginePort & SqlAnalyser {
  if (livy === undefined) return embedded
  const of = (init: SessionInit) => (wantedEngine(init) === 'livy' ? livy : embedded)
  return {
    ...embedded,
    async start(options) {
      await Promise.all([embedded.start(options), livy.start(options)])
    },
    async stop() {
      await Promise.all([embedded.stop(), livy.stop()])
    },
    engines: () => [...embedded.engines(), ...livy.engines()],
    capabilities: () => new Set([...embedded.capabilities(), ...livy.capabilities()]),
    createSession: (init, options) => of(init).createSession(init, options),
    createBatch: (init, options) => of(init).createBatch(init, options),
    ...(livy.outliving === undefined ? {} : { outliving: livy.outliving }),
  }
}
