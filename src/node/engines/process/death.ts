import { ArchipelError } from '../../../protocols/model/errors.ts'

const MEMORY_WORDS = /heap out of memory|bad_alloc|allocation failed|Cannot allocate memory|out of memory/i
/** Numbers of Linux, as bubblewrap passes them on: 128 + the signal. */
const SIGABRT = 6
const SIGKILL = 9
const SIGXCPU = 24
const SIGTRAP = 5

/** Why a child ended that nobody here killed. */
export function causeOfDeath(code: number | null, signal: NodeJS.Signals | null, stderr: string): ArchipelError {
  const by = (number: number, name: NodeJS.Signals) => signal === name || code === 128 + number
  if (by(SIGXCPU, 'SIGXCPU'))
    return new ArchipelError('TIME_LIMIT', 'the statement used up the processor time that the island allows')
  // The kernel's out-of-memory killer says nothing but this signal.
  if (by(SIGKILL, 'SIGKILL') || MEMORY_WORDS.test(stderr))
    return new ArchipelError('MEMORY_LIMIT', 'the statement needed more memory than the island allows')
  if (by(SIGABRT, 'SIGABRT') || by(SIGTRAP, 'SIGTRAP'))
    return new ArchipelError('ENGINE_FAILED', 'the SQL process gave up')
  return new ArchipelError('ENGINE_FAILED', 'the SQL process ended unexpectedly', { details: { exit: code ?? signal } })
}
