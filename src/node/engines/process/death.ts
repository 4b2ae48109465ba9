import { ArchipelError } from '../../../protocols/model/errors.ts'

const MEMORY_WORDS = /heap out of memory|bad_alloc|allocation failed|Cannot allocate memory|out of memory/i
/** Numbers of Linux, as bubblewrap passes them on: 128 + the signal. */
const SIGABRT = 6
const SIGKILL = 9
const SIGXCPU = 24
const SIGTRAP = 5

/**
 * Why a child ended that nobody here killed. `oom`: the kernel has ended a process for want of memory meanwhile.
 * Of a SIGKILL without that, `details.signal` tells: the statement may do well elsewhere.
 */
export function causeOfDeath(
  code: number | null,
  signal: NodeJS.Signals | null,
  stderr: string,
  oom: boolean,
): ArchipelError {
  const by = (number: number, name: NodeJS.Signals) => signal === name || code === 128 + number
  if (by(SIGXCPU, 'SIGXCPU'))
    return new ArchipelError('TIME_LIMIT', 'the statement used up the processor time that the island allows')
  const killed = by(SIGKILL, 'SIGKILL')
  if (MEMORY_WORDS.test(stderr))
    return new ArchipelError('MEMORY_LIMIT', 'the statement needed more memory than the island allows')
  if (killed && oom)
    return new ArchipelError('MEMORY_LIMIT', 'the system ended the statement when memory ran out', {
      hint: 'Select less, or take less at a time; the operator can set engine.memoryBytes to what the machine has.',
    })
  if (killed)
    return new ArchipelError(
      'ENGINE_FAILED',
      'the SQL process was ended by SIGKILL (by somebody, or by the system when memory ran out)',
      { hint: 'Run it again; if it ends so again, select less at a time.', details: { signal: 'SIGKILL' } },
    )
  if (by(SIGABRT, 'SIGABRT') || by(SIGTRAP, 'SIGTRAP'))
    return new ArchipelError('ENGINE_FAILED', 'the SQL process gave up')
  return new ArchipelError('ENGINE_FAILED', 'the SQL process ended unexpectedly', { details: { exit: code ?? signal } })
}
