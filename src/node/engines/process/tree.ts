import { readdirSync, readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'

const PAGE_BYTES = 4096
/** `sysconf(_SC_CLK_TCK)`: 100 on every Linux that Node runs on. */
const TICK_MS = 10
/** A tree that is larger than this is not looked at to its end: it is ended anyway. */
const MAX_PROCESSES = 4096

/** A process and all that came of it. */
export interface ProcessTree {
  /** Parents before their children. */
  pids: number[]
  /** Resident bytes; pages that processes share count for each of them. */
  residentBytes: number
  /** Processor time, that of children waited for among it. */
  cpuMs: number
}

/**
 * Looks at a process and its descendants; empty when the system does not tell. Synchronous on purpose: reading
 * /proc takes microseconds, and a growing process must not outrun a busy thread pool.
 */
export function processTree(root: number): ProcessTree {
  const tree: ProcessTree = { pids: [], residentBytes: 0, cpuMs: 0 }
  const todo = [root]
  for (let pid = todo.shift(); pid !== undefined && tree.pids.length < MAX_PROCESSES; pid = todo.shift()) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
      // The name of the program may hold spaces and brackets: the fields are counted from its end. @see proc(5)
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      const ticks = [11, 12, 13, 14].reduce((sum, i) => sum + Number(fields[i]), 0)
      tree.pids.push(pid)
      tree.cpuMs += ticks * TICK_MS
      tree.residentBytes += Number(fields[21]) * PAGE_BYTES
      todo.push(...childrenOf(pid))
    } catch {
      // It has ended, or there is no /proc.
    }
  }
  return tree
}

/**
 * Bytes that these processes hold, a page that several share counted once in all. Slow: the kernel looks at each
 * page. A process that may not be looked at counts with all that is resident. @see proc(5) smaps_rollup
 */
export function sharedOnce(pids: number[]): number {
  let bytes = 0
  for (const pid of pids) {
    try {
      const pss = /^Pss:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1]
      bytes += pss === undefined ? residentOf(pid) : Number(pss) * 1024
    } catch {
      bytes += residentOf(pid)
    }
  }
  return bytes
}

function residentOf(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]) * PAGE_BYTES
  } catch {
    // It has ended.
    return 0
  }
}

/** Of every thread: a child belongs to the thread that started it. */
export function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
    try {
      return readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1').split(' ').filter(Boolean).map(Number)
    } catch {
      return []
    }
  })
}

/** Ends a process group at once, and what of its tree has left the group. */
export function killTree(root: number): void {
  const { pids } = processTree(root)
  for (const target of [-root, ...pids]) {
    try {
      process.kill(target, 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
  }
}

/** Rounds of looking for processes that start others while they are being ended. */
const ROUNDS = 10

/** Ends every process of this user with this word in its environment: those that left their tree without a sandbox. */
export async function killMarked(mark: string): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    let found = 0
    for (const name of await readdir('/proc').catch(() => [])) {
      if (!/^\d+$/.test(name) || Number(name) === process.pid) continue
      const environment = await readFile(`/proc/${name}/environ`, 'latin1').catch(() => '')
      if (!environment.includes(mark)) continue
      found++
      try {
        process.kill(Number(name), 'SIGKILL')
      } catch {
        // It has ended by itself.
      }
    }
    if (found === 0) return
  }
}
