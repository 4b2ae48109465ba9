import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { openSync, readdirSync, readFileSync } from 'node:fs'
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
    stdio: ['pipe', 'pipe', 'pipe', ...closedToChildren()],
    detached: true,
  }) as SqlChild
}

/** O_CLOEXEC as Linux prints it in `/proc/self/fdinfo`, octal. */
const CLOSE_ON_EXEC = 0o2000000
let nowhere: number | undefined

/**
 * What stands for the descriptors 3 and up in a child: `/dev/null` in place of each that it would inherit. Node marks
 * its own descriptors so that children do not get them, LevelDB does not mark those of the store.
 */
function closedToChildren(): ('ignore' | number)[] {
  const stdio: ('ignore' | number)[] = []
  try {
    for (const name of readdirSync('/proc/self/fdinfo')) {
      const fd = Number(name)
      if (fd < 3 || fd === nowhere || !isInherited(fd)) continue
      nowhere ??= openSync('/dev/null', 'r')
      while (stdio.length < fd - 3) stdio.push('ignore')
      stdio[fd - 3] = nowhere
    }
  } catch {
    // No /proc: not Linux.
  }
  return stdio
}

function isInherited(fd: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? '0'
    return (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0
  } catch {
    // Closed meanwhile: the descriptor that listed the folder is among them.
    return false
  }
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
