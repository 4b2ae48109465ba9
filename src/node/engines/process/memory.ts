import { readFileSync } from 'node:fs'

const PAGE_BYTES = 4096

/**
 * Resident bytes of a process and all that came of it, 0 when the system does not tell. Synchronous on purpose: reading
 * /proc takes microseconds, and a growing process must not outrun a busy thread pool.
 */
export function residentBytes(pid: number): number {
  try {
    const resident = Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]) * PAGE_BYTES
    return resident + childrenOf(pid).reduce((sum, child) => sum + residentBytes(child), 0)
  } catch {
    return 0
  }
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ').filter(Boolean).map(Number)
}
