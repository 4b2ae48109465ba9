/** `archipel up` as a process of its own, on a data directory made beforehand. */
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { pathIn } from '../../src/node/identity/data-dir.ts'
import { createClient, type IslandClient } from '../../src/web/client/node.ts'
import type { BenchContext } from './bench.ts'

export interface Daemon {
  client: IslandClient
  pid: number
  /** Milliseconds from the start of the process until the API answered. */
  servingMs: number
  /** Seconds of processor time of its main thread until then. */
  servingCpu: number
  stop(): Promise<void>
}

const MAIN = fileURLToPath(new URL('../../src/node/cli/main.ts', import.meta.url))
const START_MS = 120_000
const POLL_MS = 5

/** Starts an island and waits until its web service answers. Stopped at the end of the benchmark, if not before. */
export async function startDaemon(context: BenchContext, dataDir: string, settings: string[] = []): Promise<Daemon> {
  await rm(pathIn(dataDir, 'daemon'), { force: true })
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ARCHIPEL_')))
  const all = ['network.listen=/ip4/127.0.0.1/tcp/0', 'web.port=0', 'log.level=warn', ...settings]
  const args = [MAIN, 'up', '--data-dir', dataDir, ...all.flatMap((s) => ['--set', s])]
  const started = performance.now()
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  child.stderr.on('data', (chunk) => {
    log = `${log}${chunk}`.slice(-20_000)
  })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  let client: IslandClient | undefined
  const stop = async () => {
    await client?.close()
    client = undefined
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
    await ended
  }
  context.cleanup(stop)
  for (;;) {
    context.signal.throwIfAborted()
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the island ended: ${log}`)
    if (performance.now() - started > START_MS) throw new Error(`the island did not come up: ${log}`)
    client ??= await connect(dataDir)
    if (
      client !== undefined &&
      (await client.health().then(
        () => true,
        () => false,
      ))
    )
      break
    await delay(POLL_MS)
  }
  const servingMs = performance.now() - started
  return { client, pid: child.pid!, servingMs, servingCpu: cpuOf(child.pid!).main, stop }
}

async function connect(dataDir: string): Promise<IslandClient | undefined> {
  const text = await readFile(pathIn(dataDir, 'daemon'), 'utf8').catch(() => '')
  if (!text.endsWith('\n')) return undefined
  const { url } = JSON.parse(text) as { url: string }
  const token = (await readFile(pathIn(dataDir, 'token'), 'utf8')).trim()
  return createClient({ url, token })
}

export interface Memory {
  nowMb: number
  /** The part that is the process's own, without pages of files it has mapped. */
  ownMb: number
  peakMb: number
}

/** Resident memory of a process. Linux. */
export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const mb = (field: string) => Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024
  return { nowMb: mb('VmRSS'), ownMb: mb('RssAnon'), peakMb: mb('VmHWM') }
}

/** Makes the highest resident memory of a process what it is now. Linux. */
export function resetPeak(pid: number): void {
  // proc(5): 5 resets the peak, and nothing else.
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

/** Waits until `look` says yes. */
export async function until(
  what: string,
  context: { signal: AbortSignal },
  look: () => Promise<boolean> | boolean,
  options: { pollMs?: number; timeoutMs?: number } = {},
): Promise<void> {
  const { pollMs = 50, timeoutMs = 180_000 } = options
  const end = performance.now() + timeoutMs
  while (!(await look())) {
    context.signal.throwIfAborted()
    if (performance.now() > end) throw new Error(`${what}: not within ${timeoutMs} ms`)
    await delay(pollMs)
  }
}

/** Milliseconds of processor time of a process so far, exact; without those of threads that have ended. Linux. */
export function cpuMsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => {
    try {
      return sum + Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e6
    } catch {
      return sum
    }
  }, 0)
}

/** Seconds of processor time so far: of the whole process, and of its main thread alone. Linux. */
export function cpuOf(pid: number): { all: number; main: number } {
  const read = (path: string) => {
    const fields = readFileSync(path, 'utf8').split(') ')[1]!.split(' ')
    // User and system time in ticks of 10 ms, the 14th and 15th field of proc(5).
    return (Number(fields[11]) + Number(fields[12])) / 100
  }
  return { all: read(`/proc/${pid}/stat`), main: read(`/proc/${pid}/task/${pid}/stat`) }
}
