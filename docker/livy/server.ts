/** One Livy server on loopback, in a run folder of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Assembled } from './assemble.ts'
import { type ConfInit, QUICK_JAVA, writeConf } from './conf.ts'
import { LivyFault } from './fault.ts'
import { kill, RUN_ENV, type ServerProcess } from './processes.ts'

const READY_LOOK_MS = 100
const READY_MAX_MS = 120_000
const PORT_MAX_MS = 1000

export interface ServerInit extends Omit<ConfInit, 'port'> {
  /** A free one when undefined. */
  port?: number
  /** In a process group of its own, going on when this process ends. */
  detached?: boolean
  /** Told as soon as its process runs, before it answers. */
  onSpawn?(server: Server): void
  signal?: AbortSignal
}

export interface Server extends ServerProcess {
  url: string
  port: number
  /** What the server and its drivers say. */
  log: string
}

/**
 * Returns when the server answers. Fails when the port is in use, and with the end of its log when it ends before; then nothing is
 * left running.
 */
export async function startServer(assembled: Assembled, init: ServerInit): Promise<Server> {
  const port = init.port ?? (await freePort())
  await checkPort(port)
  await writeConf({ ...init, port })
  const log = logOf(init.runDir)
  const out = openSync(log, 'a')
  const child = spawn('bash', [join(assembled.livyHome, 'bin', 'livy-server')], {
    cwd: join(init.runDir, 'work'),
    env: environment(assembled, init.runDir),
    stdio: ['ignore', out, out],
    detached: init.detached ?? false,
  })
  closeSync(out)
  const server: Server = { pid: child.pid ?? 0, runDir: init.runDir, port, url: `http://127.0.0.1:${port}`, log }
  try {
    init.onSpawn?.(server)
    await ready(server, child, init.signal)
  } catch (error) {
    if (server.pid > 0) await kill(server)
    throw error
  }
  if (init.detached) child.unref()
  return server
}

export const logOf = (runDir: string) => join(runDir, 'logs', 'livy.log')

/** Whether a Livy answers there. */
export async function answers(url: string, signal?: AbortSignal): Promise<boolean> {
  try {
    const limit = AbortSignal.timeout(2000)
    const response = await fetch(`${url}/version`, { signal: signal ? AbortSignal.any([signal, limit]) : limit })
    return typeof ((await response.json()) as { version?: unknown }).version === 'string'
  } catch {
    return false
  }
}

async function ready(server: Server, child: ChildProcess, signal?: AbortSignal): Promise<void> {
  let ended: string | undefined
  child.once('error', (error) => {
    ended = error.message
  })
  child.once('exit', (code, by) => {
    ended = by ?? `exit code ${code}`
  })
  for (const until = performance.now() + READY_MAX_MS; ; await delay(READY_LOOK_MS, undefined, { signal })) {
    if (ended !== undefined) throw new LivyFault(`Livy ended with ${ended}`, `its log ends:\n${tail(server.log)}`)
    // What answers for a server that has ended is another one.
    if ((await answers(server.url, signal)) && ended === undefined) return
    if (performance.now() > until) throw new LivyFault('Livy does not answer', `its log ends:\n${tail(server.log)}`)
  }
}

/** What the drivers inherit, too. */
function environment(assembled: Assembled, runDir: string): NodeJS.ProcessEnv {
  const conf = join(runDir, 'conf')
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    [RUN_ENV]: runDir,
    LIVY_HOME: assembled.livyHome,
    LIVY_CONF_DIR: conf,
    LIVY_LOG_DIR: join(runDir, 'logs'),
    LIVY_PID_DIR: runDir,
    LIVY_SERVER_JAVA_OPTS: `-Xmx512m ${QUICK_JAVA} -Djava.io.tmpdir=${join(runDir, 'tmp')}`,
    SPARK_HOME: assembled.sparkHome,
    SPARK_CONF_DIR: conf,
    SPARK_LAUNCHER_OPTS: QUICK_JAVA,
    SPARK_LOCAL_IP: '127.0.0.1',
    PYSPARK_PYTHON: assembled.python,
    PYSPARK_DRIVER_PYTHON: assembled.python,
    TMPDIR: join(runDir, 'tmp'),
  }
  // What else a machine is set up for is not for this server.
  for (const name of ['HADOOP_CONF_DIR', 'YARN_CONF_DIR', 'CLASSPATH', 'LIVY_CLASSPATH', 'PYTHONPATH']) delete env[name]
  return env
}

function tail(file: string): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-15).join('\n')
  } catch {
    return ''
  }
}

/** @throws LivyFault when the port is in use: also after a moment, in which a server that was killed lets it go. */
export async function checkPort(port: number): Promise<void> {
  for (const until = performance.now() + PORT_MAX_MS; ; await delay(READY_LOOK_MS)) {
    const code = await freePort(port).then(
      () => undefined,
      (error: NodeJS.ErrnoException) => error.code,
    )
    if (code === undefined) return
    if (code !== 'EADDRINUSE') throw portFault(port, `cannot be listened on (${code})`)
    if (performance.now() > until) throw portFault(port, 'is in use')
  }
}

export const portFault = (port: number, what: string) =>
  new LivyFault(`port ${port} ${what}`, 'choose another one with --port, or --port 0 for a free one')

/** This one, or any when it is 0. */
async function freePort(wanted = 0): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(wanted, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise<void>((resolve) => server.close(() => resolve()))
  return port
}
