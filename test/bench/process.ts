/** Processes that are timed as a whole, and how to wait until those that go on have nothing to do. */
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { processTree } from '../../src/node/engines/process/tree.ts'
import { memoryOf } from './daemon.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const MAIN = fileURLToPath(new URL('../../src/node/cli/main.ts', import.meta.url))
const PEAK_EVERY_MS = 20

export interface Ended {
  ms: number
  out: string
  /** Highest resident memory, as seen every 20 ms. */
  peakMb: number
}

/** One command of the command line, from its start to its end. */
export function archipel(args: string[], dataDir: string, signal: AbortSignal): Promise<Ended> {
  return processEnd([MAIN, ...args, '--data-dir', dataDir], signal)
}

/** DuckDB without anything of ours, started for this alone: `connection` is open, what `body` prints is the output. */
export function duckdbProcess(body: string, signal: AbortSignal): Promise<Ended> {
  const script = `(async () => {
    const { DuckDBInstance } = require('@duckdb/node-api')
    const connection = await (await DuckDBInstance.create(':memory:', { threads: '2' })).connect()
    ${body}
  })()`
  return processEnd(['-e', script], signal)
}

async function processEnd(args: string[], signal: AbortSignal): Promise<Ended> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ARCHIPEL_')))
  const started = performance.now()
  const child = spawn(process.execPath, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'], signal })
  let peakMb = 0
  const look = setInterval(() => {
    try {
      peakMb = Math.max(peakMb, memoryOf(child.pid!).peakMb || 0)
    } catch {
      // It has ended.
    }
  }, PEAK_EVERY_MS)
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk) => (out += chunk))
  child.stderr.on('data', (chunk) => (err += chunk))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  const ms = performance.now() - started
  clearInterval(look)
  if (code !== 0) throw new Error(`${args.slice(0, 4).join(' ')} ended with ${code}: ${err}`)
  return { ms, out, peakMb }
}

const QUIET_MS = 120
const QUIET_CPU_MS = 10
const MOST_MS = 3_000

/**
 * Until these processes and all below them sleep: the child for the next statement is ready then, so that what is measured
 * is not its start. Linux.
 */
export async function atRest(pids: number[], signal: AbortSignal): Promise<void> {
  const end = performance.now() + MOST_MS
  let before = Number.NaN
  while (performance.now() < end) {
    const trees = pids.map((pid) => processTree(pid))
    const cpuMs = trees.reduce((sum, tree) => sum + tree.cpuMs, 0)
    const asleep = trees.every((tree) => tree.pids.every(sleeps))
    if (asleep && cpuMs - before <= QUIET_CPU_MS) return
    before = asleep ? cpuMs : Number.NaN
    await delay(QUIET_MS, undefined, { signal })
  }
}

function sleeps(pid: number): boolean {
  try {
    return readdirSync(`/proc/${pid}/task`).every((thread) => {
      const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1')
      const state = stat[stat.lastIndexOf(')') + 2]
      return state !== 'R' && state !== 'D'
    })
  } catch {
    // It has just ended: something goes on.
    return false
  }
}
