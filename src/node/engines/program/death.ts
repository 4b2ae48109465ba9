import { ArchipelError } from '../../../protocols/model/errors.ts'

/** Numbers of Linux, as bubblewrap passes them on: 128 + the signal. */
const SIGNALS: Record<number, NodeJS.Signals> = {
  4: 'SIGILL',
  5: 'SIGTRAP',
  6: 'SIGABRT',
  7: 'SIGBUS',
  8: 'SIGFPE',
  9: 'SIGKILL',
  11: 'SIGSEGV',
  13: 'SIGPIPE',
  15: 'SIGTERM',
  24: 'SIGXCPU',
  25: 'SIGXFSZ',
  31: 'SIGSYS',
}

/**
 * Why a program ended that nobody here killed. `large`: it held much memory when it was last looked at, so that a crash
 * is that of a refused allocation. `oom`: the kernel has ended a process for want of memory since it began.
 */
export function causeOfEnd(
  code: number | null,
  signal: NodeJS.Signals | null,
  { large, oom }: { large: boolean; oom: boolean },
): ArchipelError {
  const by = signal ?? SIGNALS[(code ?? 0) - 128]
  if (by === 'SIGXCPU')
    return new ArchipelError('TIME_LIMIT', 'the program used up the processor time that the island allows')
  if (by === 'SIGXFSZ') return new ArchipelError('DISK_LIMIT', 'the program wrote a larger file than the island allows')
  if (large && (by === 'SIGABRT' || by === 'SIGSEGV' || by === 'SIGBUS'))
    return new ArchipelError('MEMORY_LIMIT', 'the program needed more memory than the island allows')
  if (by === 'SIGKILL' && oom)
    return new ArchipelError('MEMORY_LIMIT', 'the system ended the program when memory ran out')
  if (by === 'SIGKILL')
    return new ArchipelError(
      'CODE_FAILED',
      'the program was ended by SIGKILL (by itself or somebody, or by the system when memory ran out)',
    )
  if (by !== undefined) return new ArchipelError('CODE_FAILED', `the program was ended by ${by}`)
  return new ArchipelError('CODE_FAILED', `the program ended itself with exit code ${code ?? '?'} before it was done`)
}
