import { ArchipelError, type ErrorCode, errorFromInfo } from '../../../protocols/model/errors.ts'
import type { OwnedTask } from '../store/records.ts'
import type { DoneEvent } from './collect.ts'

/** Failures that are the island's, not the work's: another island may do better. */
const ELSEWHERE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'CANCELLED',
  'DATASET_NOT_FOUND',
  'DEADLINE',
  'DISK_FULL',
  'ENGINE_DOWN',
  'FENCED',
  'FORBIDDEN',
  'INTERNAL',
  'LANGUAGE_MISSING',
  'LEASE_EXPIRED',
  'MEMBER_REVOKED',
  'NOT_A_MEMBER',
  'NOT_READY',
  'NO_SANDBOX',
  'PROTOCOL',
  'RECOVERING',
  'STALE',
  'TASK_NOT_FOUND',
  'TOO_MANY',
  'UNREACHABLE',
])

/** Refusals after which the same island may be asked once more: it is full, or it knew the attempt's number already. */
export const ASK_AGAIN: ReadonlySet<string> = new Set(['TOO_MANY', 'FENCED'])

export function mayGoElsewhere(error: ArchipelError, state: 'failed' | 'lost'): boolean {
  return state === 'lost' || ELSEWHERE.has(error.code) || wasKilled(error)
}

/** Its process was ended from outside, for no reason that anybody knows. */
function wasKilled({ code, details }: ArchipelError): boolean {
  return code === 'ENGINE_FAILED' && details?.signal === 'SIGKILL'
}

/** The error of an attempt that ended at its provider without a result. */
export function endedBy(event: DoneEvent): ArchipelError | undefined {
  if (event.state === 'succeeded') return undefined
  if (event.error !== undefined) return errorFromInfo(event.error)
  if (event.state === 'cancelled') return new ArchipelError('CANCELLED', 'the island that had it has cancelled it')
  return new ArchipelError('PROTOCOL', 'it failed without saying why')
}

/** Islands that had an attempt already, with what became of it. */
export function tried(record: OwnedTask): Map<string, string> {
  const found = new Map<string, string>()
  for (const attempt of record.attempts) {
    if (attempt.ended === undefined || ASK_AGAIN.has(attempt.error?.code ?? '')) continue
    found.set(attempt.island, wasTried(attempt.error?.message ?? attempt.state, attempt.state === 'lost'))
  }
  return found
}

/** Why an island is not asked again. */
export function wasTried(what: string, lost: boolean): string {
  return `was tried${lost ? ', and does not answer any more' : ''}: ${what}`
}
