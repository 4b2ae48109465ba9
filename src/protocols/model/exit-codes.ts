import { ERRORS, type ErrorCode } from './errors.ts'

/** What each exit code of the CLI means; `config/errors.md` shows it. */
export const EXIT_CODES = {
  0: 'it was done',
  1: 'the work failed, or something is broken',
  2: 'the input is wrong, does not fit what is there, or asks for more than a limit allows: the same call fails again',
  3: 'not allowed',
  4: 'not found, or gone',
  5: 'busy, unreachable, stopped or out of time: the same call may succeed later',
} as const

/** What was asked for needs more than the island allows, whatever the limit: one exit code, as of RESULT_LIMIT (413). */
const LIMITS = new Set<ErrorCode>(['MEMORY_LIMIT', 'TIME_LIMIT', 'DISK_LIMIT'])

/** The exit code of the CLI for an error code. */
export function exitCode(code: ErrorCode): keyof typeof EXIT_CODES {
  const { status, retryable } = ERRORS[code]
  if (LIMITS.has(code)) return 2
  if (status === 404 || status === 410) return 4
  if (status === 401 || status === 403) return 3
  if (status === 400 || status === 405 || status === 406 || status === 409 || status === 413 || status === 416) return 2
  if (retryable && (status === 429 || status === 499 || status === 503 || status === 504)) return 5
  return 1
}
