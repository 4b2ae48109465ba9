/** Programs of others, timed as a whole with everything they start. */
import { spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import { processTree } from '../../../src/node/engines/process/tree.ts'
import type { BenchContext } from '../bench.ts'

export interface Ran {
  ms: number
  /** Processor time of the program and of who served it. */
  cpuMs: number
  /** Highest sum of resident memory of the program, as seen every 20 ms. */
  peakMb: number
}

const LOOK_MS = 20

/** Whether a program of that name can be started. */
export function installed(name: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** A shell command, from its start to its end. @param servers processes whose time counts, too */
export async function shell(command: string, context: BenchContext, servers: readonly number[] = []): Promise<Ran> {
  const serving = () => servers.reduce((sum, pid) => sum + processTree(pid).cpuMs, 0)
  const before = serving()
  const started = performance.now()
  // `times` says what all that was started has used.
  const child = spawn('bash', ['-c', `set -o pipefail; { ${command}\n} >/dev/null; code=$?; times >&2; exit $code`], {
    stdio: ['ignore', 'ignore', 'pipe'],
    signal: context.signal,
  })
  let said = ''
  child.stderr.on('data', (chunk) => (said = `${said}${chunk}`.slice(-20_000)))
  let peakMb = 0
  const look = setInterval(() => {
    peakMb = Math.max(peakMb, processTree(child.pid!).residentBytes / 2 ** 20)
  }, LOOK_MS)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  const ms = performance.now() - started
  clearInterval(look)
  if (code !== 0) throw new Error(`${command.slice(0, 60)} ended with ${code}: ${said}`)
  return { ms, cpuMs: childrenMs(said) + serving() - before, peakMb }
}

/** The last line of what `times` prints: user and system time of the children, as `0m1.234s 0m0.567s`. */
function childrenMs(said: string): number {
  const last = said.trimEnd().split('\n').at(-1) ?? ''
  return [...last.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, m, s]) => sum + Number(m) * 60_000 + Number(s) * 1000,
    0,
  )
}

export interface Running {
  pid: number
  /** What it printed so far. */
  said(): string
}

/** A server of others, ended at the end of the benchmark. */
export function background(name: string, args: string[], context: BenchContext): Running {
  const child = spawn(name, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => (said = `${said}${chunk}`.slice(-20_000)))
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  child.once('error', (error) => (said = `${said}${error.message}`))
  context.cleanup(async () => {
    child.kill('SIGTERM')
    await ended
  })
  return { pid: child.pid ?? 0, said: () => said }
}

/** A port of loopback that nobody listens on just now. */
export async function freePort(): Promise<number> {
  const server = createServer()
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', resolve)
  await promise
  const { port } = server.address() as { port: number }
  await new Promise((closed) => server.close(closed))
  return port
}
