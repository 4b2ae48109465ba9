import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { type Bind, CHILD_MAIN, CHILD_MAIN_IN_SANDBOX, NODE_IN_SANDBOX, sandboxArguments } from './sandbox.ts'
import type { Tools } from './tools.ts'

export type SqlChild = ChildProcessByStdio<Writable, Readable, Readable>

export interface LaunchOptions {
  tools: Tools
  binds: Bind[]
  /** Seconds are the unit of the kernel's limit: rounded up. */
  cpuMs: number
  /** Bound on the child's private memory, enforced by the kernel at each allocation; undefined for none. */
  dataBytes?: number
  /** Files that it has to open, on top of what Node needs. */
  files: number
}

/** Megabytes of the child's JavaScript heap: rows pass through it in batches. */
const HEAP_MB = 256

/**
 * Starts a child as the leader of its own process group, with an empty environment and the kernel's limits: CPU seconds,
 * no core dump, no growing of any file. The number of processes is not limited: the kernel counts it per user, so a bound
 * would depend on what else that user runs.
 */
export function launchChild(options: LaunchOptions): SqlChild {
  const { tools, binds } = options
  const flags = [`--max-old-space-size=${HEAP_MB}`, '--disable-warning=ExperimentalWarning']
  let command =
    tools.bwrap === undefined
      ? [process.execPath, ...flags, CHILD_MAIN]
      : [tools.bwrap, ...sandboxArguments(binds), NODE_IN_SANDBOX, ...flags, CHILD_MAIN_IN_SANDBOX]
  if (tools.prlimit !== undefined) {
    const seconds = Math.ceil(options.cpuMs / 1000)
    const limits = [
      // The first limit ends a process with a signal that tells why, the second just kills.
      `--cpu=${seconds}:${seconds + 5}`,
      '--core=0',
      '--fsize=0',
      `--nofile=${options.files + 256}`,
    ]
    if (options.dataBytes !== undefined) limits.push(`--data=${options.dataBytes}`)
    command = [tools.prlimit, ...limits, '--', ...command]
  }
  return spawn(command[0]!, command.slice(1), {
    cwd: '/',
    // Time zones of casts and prints are the session's own, never the site's.
    env: { TZ: 'UTC' },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  })
}

/** Ends the whole group at once. There is nothing to save in a child. */
export function killChild(child: SqlChild): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    child.kill('SIGKILL')
  }
}
