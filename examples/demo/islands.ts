/** Islands of the demo: each a process of its own, started by the command line as a person would. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createClient, type IslandClient } from '../../src/web/client/node.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const CLI = join(ROOT, 'src', 'node', 'cli', 'main.ts')
export const DATA = join(ROOT, 'examples', 'data')

const SECOND_MS = 1000
const PATIENCE_MS = 60 * SECOND_MS
const NETWORK = ['--listen', '/ip4/127.0.0.1/tcp/0', '--web-port', '0', '--log-level', 'warn', '--json']

export interface Running {
  name: string
  dataDir: string
  process: ChildProcess
  url: string
  client: IslandClient
}

/** What went wrong, in words for the person who runs the demo. */
export function demoError(message: string): Error {
  return Object.assign(new Error(message), { name: 'DemoError' })
}

/** Settings of the user's own islands do not reach those of the demo. */
function environment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('ARCHIPEL_'))
  return Object.fromEntries(kept)
}

/** Runs one command of the command line to its end. */
export async function archipel(args: string[], signal: AbortSignal): Promise<string> {
  const child = spawn(process.execPath, [CLI, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: environment(),
    signal,
  })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk) => (out += chunk))
  child.stderr.on('data', (chunk) => (err += chunk))
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  if (code !== 0) throw demoError(`archipel ${args[0]} ended with ${code}:\n${err}`)
  return out
}

/** A command that becomes a running island (`up`, `join`); waits until its web service answers. */
async function start(name: string, dataDir: string, args: string[], signal: AbortSignal): Promise<Running> {
  const child = spawn(process.execPath, [CLI, ...args, '--data-dir', dataDir, ...NETWORK], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: environment(),
  })
  let err = ''
  child.stderr.on('data', (chunk) => (err += chunk))
  try {
    const daemon = await waitFor(`${name} answers`, signal, async () => {
      if (child.exitCode !== null) throw demoError(`${name} ended with ${child.exitCode}:\n${err}`)
      return readFile(join(dataDir, 'daemon.json'), 'utf8').catch(() => undefined)
    })
    const { url } = JSON.parse(daemon) as { url: string }
    const token = (await readFile(join(dataDir, 'owner.token'), 'utf8')).trim()
    return { name, dataDir, process: child, url, client: createClient({ url, token }) }
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
}

/** An archipelago of these islands below `base`; each is added to `running` as soon as it is up. */
export async function startAll(base: string, names: string[], running: Running[], signal: AbortSignal): Promise<void> {
  const dirs = names.map((name) => join(base, name))
  await archipel(['create', 'demo', '--data-dir', dirs[0]!, '--name', names[0]!, '--json'], signal)
  running.push(await start(names[0]!, dirs[0]!, ['up', '--name', names[0]!], signal))
  for (const [i, name] of names.entries()) {
    if (i === 0) continue
    const invited = await archipel(['invite', '--local', '--data-dir', dirs[0]!, '--json'], signal)
    const { ticket } = JSON.parse(invited) as { ticket: string }
    running.push(await start(name, dirs[i]!, ['join', ticket, '--name', name], signal))
  }
}

/** Looks again until there is an answer. */
export async function waitFor<T>(what: string, signal: AbortSignal, look: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + PATIENCE_MS
  for (;;) {
    signal.throwIfAborted()
    const found = await look()
    if (found !== undefined) return found
    if (Date.now() > end) throw demoError(`${what}: not after ${PATIENCE_MS / SECOND_MS} s`)
    await sleep(100)
  }
}

/** As a power failure would: without a word. */
export async function kill(island: Running): Promise<void> {
  const ended = new Promise((resolve) => island.process.once('close', resolve))
  island.process.kill('SIGKILL')
  await ended
}

/** In good order. */
export async function stop(island: Running): Promise<void> {
  await island.client.close()
  if (island.process.exitCode !== null || island.process.signalCode !== null) return
  const ended = new Promise((resolve) => island.process.once('close', resolve))
  island.process.kill('SIGTERM')
  const forced = setTimeout(() => island.process.kill('SIGKILL'), 10 * SECOND_MS)
  await ended
  clearTimeout(forced)
}
