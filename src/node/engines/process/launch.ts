import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { openSync, readdirSync, readFileSync } from 'node:fs'
import { release } from 'node:os'
import type { Readable, Writable } from 'node:stream'
import { type SandboxInit, sandboxArguments } from './sandbox.ts'
import { seccompFilter } from './seccomp.ts'
import { keptApart, type Tools } from './tools.ts'
import { killTree } from './tree.ts'

export type Child = ChildProcessByStdio<Writable, Readable, Readable>

export interface LaunchOptions {
  tools: Pick<Tools, 'bwrap' | 'prlimit' | 'apart'>
  /** What a sandbox shows; used where there is one. */
  sandbox: SandboxInit
  /** The command as the child sees it. */
  command: string[]
  env: Record<string, string>
  /** Where it runs without a sandbox. Default `/`. */
  cwd?: string
  /** Seconds are the unit of the kernel's limit: rounded up. Of each process. */
  cpuMs: number
  /** Bound on the private memory of each process, enforced by the kernel at each allocation; undefined for none. */
  dataBytes?: number
  /** Bytes up to which a file may grow. Default 0. */
  fileBytes?: number
  /** Files open at a time. */
  files: number
  /** Processes and threads, counted inside the sandbox; undefined for no bound. */
  processes?: number
  /** Without a sandbox not as a child of the daemon's own, where the machine has what that needs. */
  apart?: boolean
}

/** From here on the kernel counts processes for each user namespace by itself. */
const COUNTS_BY_NAMESPACE = [5, 14] as const

/**
 * Starts a child as the leader of its own process group, with nothing in its environment but `env` and the kernel's
 * limits: CPU seconds, no core dump, the size of files, private memory. Processes are limited inside a sandbox only: outside of
 * one the kernel counts them per user, so that a bound would depend on what else that user runs.
 */
export function launchChild(options: LaunchOptions): Child {
  const { tools, sandbox, env } = options
  const stdio: ('pipe' | 'ignore' | number)[] = ['pipe', 'pipe', 'pipe', ...closedToChildren()]
  let filter: { fd: number; program: Buffer } | undefined
  let command = options.command
  if (tools.bwrap !== undefined) {
    const program = seccompFilter()
    if (program !== undefined) filter = { fd: stdio.push('pipe') - 1, program }
    command = [
      tools.bwrap,
      ...sandboxArguments(sandbox),
      ...(filter === undefined ? [] : ['--seccomp', String(filter.fd)]),
      '--',
      ...(options.processes === undefined ? [] : countedInside(tools, options.processes)),
      ...command,
    ]
  } else if (options.apart === true && tools.apart !== undefined) command = keptApart(tools.apart, command)
  if (tools.prlimit !== undefined) {
    const seconds = Math.ceil(options.cpuMs / 1000)
    const limits = [
      // The first limit ends a process with a signal that tells why, the second just kills.
      `--cpu=${seconds}:${seconds + 5}`,
      '--core=0',
      `--fsize=${options.fileBytes ?? 0}`,
      `--nofile=${options.files}`,
    ]
    if (options.dataBytes !== undefined) limits.push(`--data=${options.dataBytes}`)
    command = [tools.prlimit, ...limits, '--', ...command]
  }
  const child = spawn(command[0]!, command.slice(1), {
    cwd: tools.bwrap === undefined ? (options.cwd ?? '/') : '/',
    // Time zones of casts and prints are the session's own, never the site's.
    env: { TZ: 'UTC', ...env },
    stdio,
    detached: true,
  })
  if (filter !== undefined) {
    const pipe = child.stdio[filter.fd] as unknown as Writable | null
    pipe?.on('error', () => {})
    pipe?.end(filter.program)
  }
  return child as unknown as Child
}

/** By `prlimit` itself, where the sandbox shows it under its own name. */
function countedInside(tools: LaunchOptions['tools'], processes: number): string[] {
  const [major = 0, minor = 0] = release().split('.').map(Number)
  const counts = major > COUNTS_BY_NAMESPACE[0] || (major === COUNTS_BY_NAMESPACE[0] && minor >= COUNTS_BY_NAMESPACE[1])
  if (tools.prlimit === undefined || !/^(\/usr)?\/bin\//.test(tools.prlimit) || !counts) return []
  return [tools.prlimit, `--nproc=${processes}`, '--']
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

/** Ends the child and all that came of it at once. There is nothing to save in a child. */
export function killChild(child: Child): void {
  // One that has ended has no number any more: another process may have it by now.
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  killTree(child.pid)
  child.kill('SIGKILL')
}
