/** A scripted Livy: each method answers what a test says, and every call is kept. */
import type { LivyBatch, LivySession, LivyStatement } from '../../../src/protocols/livy/objects.ts'
import type { LivyPort } from '../../../src/web/livy/port.ts'

type Method = (...args: never[]) => unknown

export interface FakeLivy {
  port: LivyPort
  /** e.g. `sessions.create` and its arguments but the last, who asked. */
  calls: { name: string; args: unknown[]; user: string; admin: boolean }[]
  /** What the next calls of this method do. */
  on(name: string, method: Method): void
}

/** As Livy 0.9.0 shows one that was just made. */
export const SESSION: LivySession = {
  id: 20,
  name: null,
  appId: null,
  owner: null,
  proxyUser: null,
  state: 'starting',
  kind: 'pyspark',
  appInfo: { driverLogUrl: null, sparkUiUrl: null, executorLogUrls: null },
  log: ['stdout: ', '\nstderr: '],
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

export const BATCH: LivyBatch = {
  id: 3,
  name: null,
  owner: null,
  proxyUser: null,
  state: 'starting',
  appId: null,
  appInfo: { driverLogUrl: null, sparkUiUrl: null, executorLogUrls: null },
  log: [],
}

export const STATEMENT: LivyStatement = {
  id: 7,
  code: '1 + 2',
  state: 'waiting',
  output: null,
  progress: 0,
  started: 0,
  completed: 0,
}

const VERSION = {
  version: '0.9.0-incubating',
  user: 'runner',
  revision: 'abc',
  branch: 'HEAD',
  date: '2026-01-09',
  url: 'https://example.org',
}

/** Fields of ours, which must not leave. */
const ours = { island: 'x', trace: 1 }

export function fakeLivy(): FakeLivy {
  const calls: FakeLivy['calls'] = []
  const methods: Record<string, Method> = {
    'sessions.list': ({ from }: { from: number }) => ({ from, total: 1, sessions: [{ ...SESSION, ...ours }] }),
    'sessions.create': () => ({ ...SESSION, ...ours }),
    'sessions.show': () => ({ ...SESSION, ...ours }),
    'sessions.state': () => ({ id: 20, state: 'idle', ...ours }),
    'sessions.log': () => ({ id: 20, from: 0, total: 2, log: ['stdout: ', '\nstderr: '], ...ours }),
    'sessions.connect': () => SESSION,
    'sessions.statements': () => ({ total_statements: 1, statements: [{ ...STATEMENT, ...ours }] }),
    'sessions.submit': () => ({ ...STATEMENT, ...ours }),
    'sessions.statement': () => ({ ...STATEMENT, ...ours }),
    'sessions.complete': () => ({ candidates: ['map', 'max'] }),
    'sessions.submitJob': () => ({ id: 1, state: 'SENT', result: null, error: null, ...ours }),
    'sessions.job': () => ({ id: 1, state: 'SUCCEEDED', result: 'AA==', error: null, ...ours }),
    'batches.list': ({ from }: { from: number }) => ({ from, total: 1, sessions: [{ ...BATCH, ...ours }] }),
    'batches.create': () => ({ ...BATCH, ...ours }),
    'batches.show': () => ({ ...BATCH, ...ours }),
    'batches.state': () => ({ id: 3, state: 'running', ...ours }),
    'batches.log': () => ({ id: 3, from: 0, total: 0, log: [], ...ours }),
  }
  const group = (prefix: string) =>
    new Proxy(
      {},
      {
        get:
          (_, key) =>
          async (...args: unknown[]) => {
            const name = `${prefix}.${String(key)}`
            const { user, admin } = args.at(-1) as { user: string; admin: boolean }
            calls.push({ name, args: args.slice(0, -1), user, admin })
            return await methods[name]?.(...(args as never[]))
          },
      },
    )
  return {
    calls,
    port: { version: async () => VERSION, sessions: group('sessions'), batches: group('batches') } as never,
    on(name, method) {
      methods[name] = method
    },
  }
}
