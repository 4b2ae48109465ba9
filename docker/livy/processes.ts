/**
 * The processes of one server: itself, its drivers and their Pythons. All of them inherit an environment variable that names the
 * run folder, so drivers are found even after their server was killed. Elsewhere than on Linux, where no process can
 * read the environment of another, the process group of a server stands for that.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { isAlive } from './lock.ts'

export const RUN_ENV = 'ARCHIPEL_LIVY_RUN'
const LOOK_MS = 50

export interface ServerProcess {
  pid: number
  runDir: string
}

/** Whether the server itself runs; a process that has got the id of a dead one is not taken for it. */
export function isRunning({ pid, runDir }: ServerProcess): boolean {
  return isLinux() ? hasMark(pid, runDir) : isAlive(pid)
}

/** The living processes of this run folder other than the server itself. */
export function driversOf({ pid, runDir }: ServerProcess): number[] {
  return processesOf(runDir).filter((one) => one !== pid)
}

/** The server is asked to end, which ends its drivers; what is left after `graceMs` is killed. Returns when nothing is left. */
export async function end(server: ServerProcess, graceMs: number): Promise<void> {
  if (isRunning(server)) {
    signal(server.pid, 'SIGTERM')
    await gone(() => isLeft(server), graceMs)
  }
  await kill(server)
}

/** Kills the server and all its drivers, at once. */
export async function kill(server: ServerProcess): Promise<void> {
  // A driver may start another process while the first round goes on.
  do {
    await killServer(server)
    if (!isLinux()) signal(-server.pid, 'SIGKILL')
    for (const pid of driversOf(server)) signal(pid, 'SIGKILL')
  } while (!(await gone(() => isLeft(server), 1000)))
}

/** Kills the server alone: its drivers go on. */
export async function killServer(server: ServerProcess): Promise<void> {
  if (isRunning(server)) signal(server.pid, 'SIGKILL')
  await gone(() => isRunning(server), 10_000)
}

const isLeft = (server: ServerProcess) => isRunning(server) || driversOf(server).length > 0

async function gone(isThere: () => boolean, ms: number): Promise<boolean> {
  for (const until = performance.now() + ms; isThere(); await delay(LOOK_MS))
    if (performance.now() > until) return false
  return true
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended.
  }
}

const isLinux = () => existsSync('/proc/self/environ')

function processesOf(runDir: string): number[] {
  if (!isLinux()) return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && hasMark(pid, runDir))
}

function hasMark(pid: number, runDir: string): boolean {
  try {
    // That of a process that has ended and was not yet waited for is empty.
    return readFileSync(`/proc/${pid}/environ`).includes(`${RUN_ENV}=${runDir}\0`)
  } catch {
    return false
  }
}
