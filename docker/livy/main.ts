/**
 * `node docker/livy/main.ts up|down|status|assemble [--port N] [--data folder]... [--run folder] [--json]`: a Livy with a Spark on
 * loopback. Exit code 1 when something is missing, 2 for a wrong argument; `status` gives 3 when no server runs.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { assemble } from './assemble.ts'
import { LivyFault } from './fault.ts'
import { tryLock } from './lock.ts'
import { driversOf, end, isRunning } from './processes.ts'
import { answers, checkPort, portFault, type Server, startServer } from './server.ts'
import { cacheFolder } from './tools.ts'

const DEFAULT_PORT = 8998
/** So long the server may take to end its drivers. */
const GRACE_MS = 10_000
const USAGE = 'usage: npm run livy:up|livy:down|livy:status -- [--port N] [--data folder]... [--run folder] [--json]'

const { values, positionals } = parsed()
const runDir = resolve(values.run ?? join(cacheFolder(), 'run'))
const note = join(runDir, 'server.json')
const commands: Record<string, () => Promise<void>> = { up, down, status, assemble: assembleOnly }
const command = commands[positionals[0] ?? '']
if (command === undefined || positionals.length > 1) usage()
try {
  await command()
} catch (error) {
  // What the system refuses (a folder that cannot be written) is for people, too.
  if (!(error instanceof LivyFault) && (error as NodeJS.ErrnoException).code === undefined) throw error
  process.stderr.write(`error: ${(error as Error).message}\n`)
  process.exitCode = 1
}

async function up(): Promise<void> {
  const port = Number(values.port ?? DEFAULT_PORT)
  if (!Number.isInteger(port) || port < 0 || port > 65535) usage()
  await alone(() => start(port))
}

/** Two starts at once would write into one folder, and end each other's server. */
async function alone(work: () => Promise<void>): Promise<void> {
  const release = await tryLock(join(runDir, '.lock'))
  if (release === undefined)
    throw new LivyFault(
      `a Livy is being started or ended in ${runDir} already`,
      'wait for that, or name another folder with --run',
    )
  try {
    await work()
  } finally {
    await release()
  }
}

async function start(port: number): Promise<void> {
  const running = noted()
  if (running !== undefined && (await isUp(running))) return tell(running, 'runs already')
  if (running !== undefined) await end(running, 0)
  // Two starts on one port, in two folders, would both find it free.
  const release = port === 0 ? undefined : await tryLock(join(cacheFolder(), `.port-${port}`))
  if (port !== 0 && release === undefined) throw portFault(port, 'is about to be used by another Livy')
  try {
    await startOn(port)
  } finally {
    await release?.()
  }
}

async function startOn(port: number): Promise<void> {
  if (port !== 0) await checkPort(port)
  const assembled = await assemble({ say })
  // The main files of batches are there when an island of this user has its data where it has them by default.
  const dataDirs = [stagingOfIsland(), ...(values.data ?? [])].map((folder) => resolve(folder))
  say('starting Livy')
  // Noted at once: `down` finds it even when this process is ended meanwhile.
  const onSpawn = (server: Server) => writeFileSync(note, JSON.stringify(server))
  tell(await startServer(assembled, { runDir, port: port || undefined, dataDirs, detached: true, onSpawn }), 'runs')
}

async function down(): Promise<void> {
  if (!existsSync(runDir)) return print({ running: false }, 'no Livy runs')
  await alone(endIt)
}

async function endIt(): Promise<void> {
  const server = noted()
  if (server === undefined) return print({ running: false }, 'no Livy runs')
  await end(server, GRACE_MS)
  rmSync(note, { force: true })
  print({ running: false }, 'Livy and its drivers have ended')
}

async function status(): Promise<void> {
  const server = noted()
  if (server !== undefined && (await isUp(server))) return tell(server, 'runs')
  const drivers = server === undefined ? [] : driversOf(server)
  process.exitCode = 3
  const left = drivers.length > 0 ? `; ${drivers.length} of its processes are left: npm run livy:down` : ''
  print({ running: false, drivers: drivers.length }, `no Livy runs${left}`)
}

async function assembleOnly(): Promise<void> {
  const { livyHome, livyFrom, sparkHome } = await assemble({ say })
  print({ livyHome, livyFrom, sparkHome }, `Livy of ${livyFrom}: ${livyHome}\nSpark: ${sparkHome}`)
}

function stagingOfIsland(): string {
  const { ARCHIPEL_DATA_DIR, XDG_DATA_HOME } = process.env
  const dataDir = ARCHIPEL_DATA_DIR || join(XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'archipel')
  return join(dataDir, 'livy-staging')
}

function tell(server: Server, what: string): void {
  const drivers = driversOf(server).length
  print(
    { running: true, url: server.url, pid: server.pid, drivers, log: server.log },
    `Livy ${what}: ${server.url} (log: ${server.log})
an island in front of it: archipel up --set livy.url=${server.url}
to end it: npm run livy:down${values.run === undefined ? '' : ` -- --run ${values.run}`}`,
  )
}

/** What answers on the port of a server that has ended is another one. */
async function isUp(server: Server): Promise<boolean> {
  return isRunning(server) && (await answers(server.url))
}

function noted(): Server | undefined {
  try {
    const server = JSON.parse(readFileSync(note, 'utf8')) as Server
    return isRunning(server) || driversOf(server).length > 0 ? server : undefined
  } catch {
    return undefined
  }
}

function print(json: object, text: string): void {
  process.stdout.write(values.json ? `${JSON.stringify(json)}\n` : `${text}\n`)
}

function say(text: string): void {
  if (!values.json) process.stderr.write(`${text}\n`)
}

function parsed() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        port: { type: 'string' },
        data: { type: 'string', multiple: true },
        run: { type: 'string' },
        json: { type: 'boolean' },
      },
    })
  } catch (error) {
    process.stderr.write(`error: ${(error as Error).message}\n`)
    return usage()
  }
}

function usage(): never {
  process.stderr.write(`${USAGE}\n`)
  process.exit(2)
}
