import type { Logger } from 'pino'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { embeddedEngine } from './embedded/embedded.ts'
import type { EnginePort, SqlAnalyser } from './port.ts'
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
