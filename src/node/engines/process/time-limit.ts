import { ArchipelError } from '../../../protocols/model/errors.ts'

/** The wall time of one statement or program, and what is said when it is over. */
export interface TimeLimit {
  /** Milliseconds. */
  ms: number
  late: ArchipelError
}

/** The smaller of what was asked for and what the island allows, and whose limit that is. */
export function timeLimit(what: 'statement' | 'program', asked: number | undefined, allowed: number): TimeLimit {
  const own = asked !== undefined && asked <= allowed
  const ms = Math.max(1, own ? asked : allowed)
  const text = ms % 1000 === 0 ? `${ms / 1000} s` : `${ms} ms`
  const late = own
    ? new ArchipelError('TIME_LIMIT', `the ${what} ran longer than the ${text} that were asked for`, {
        hint: 'Ask for more time (--timeout), or do less.',
      })
    : new ArchipelError('TIME_LIMIT', `the ${what} ran longer than the ${text} that the island allows`, {
        hint: what === 'statement' ? 'Select less, or aggregate.' : 'Do less at a time.',
      })
  return { ms, late }
}
