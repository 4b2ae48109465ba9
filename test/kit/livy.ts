/** A real Livy with a real Spark for tests, on loopback and a free port. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { assemble } from '../../docker/livy/assemble.ts'
import { driversOf, kill, killServer } from '../../docker/livy/processes.ts'
import { type Server, type ServerInit, startServer } from '../../docker/livy/server.ts'
import type { TestContext } from './index.ts'

export interface LivyInit extends Pick<ServerInit, 'livy' | 'spark' | 'port'> {
  /** Folders whose files sessions and batches may read. */
  dataDirs?: string[]
}

export interface TestLivy {
  url: string
  port: number
  /** Log of the server and its drivers. */
  log: string
  /** Everything of this server stands below it; its sub-folder `staging` may be read by sessions. */
  runDir: string
  /** Ids of the processes of its drivers, Pythons included. */
  drivers(): number[]
  /** SIGKILL to the server alone: its drivers go on, as they would. */
  kill(): Promise<void>
  /** SIGKILL to the drivers and whatever is left of the server. */
  killAll(): Promise<void>
  /** On the same port, with the same configuration; the server must have been killed before. It knows no old session. */
  restart(): Promise<void>
}

/** The first time a Spark is fetched from PyPI, so the set-up that calls this may take as long as this. */
export const LIVY_START_MS = 600_000

/**
 * Starts a server that ends with its drivers when the test, or the suite in whose `before` this stands, has ended. A server
 * takes about 3 s, a session 10 s and 550 MB: tests share them. Fails when there is no Livy to be had, saying how to get one.
 */
export async function startLivy(
  t: Pick<TestContext, 'signal' | 'tmpdir' | 'cleanup'>,
  init: LivyInit = {},
): Promise<TestLivy> {
  const assembled = await assemble({ signal: t.signal })
  const runDir = join(await t.tmpdir(), 'livy')
  const { livy, spark, dataDirs = [] } = init
  const start = (port: number | undefined) =>
    startServer(assembled, { runDir, dataDirs, livy, spark, port, signal: t.signal })
  let server: Server = await start(init.port)
  // A driver that is being killed may still write, so the folder is emptied only after that.
  t.cleanup(() => rm(runDir, { recursive: true, force: true, maxRetries: 3 }))
  t.cleanup(() => kill(server))
  return {
    url: server.url,
    port: server.port,
    log: server.log,
    runDir,
    drivers: () => driversOf(server),
    kill: () => killServer(server),
    killAll: () => kill(server),
    async restart() {
      server = await start(server.port)
    },
  }
}
