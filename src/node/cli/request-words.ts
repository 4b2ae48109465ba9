/** Requests to hold data, in words. */
import { ArchipelError, errorFromInfo } from '../../protocols/model/errors.ts'
import type { ReplicaRequestView } from '../../protocols/model/replica-request.ts'
import { bytes } from './format.ts'

/** `refused: this island holds no data for others` */
export function stateWords({ state, problem, undelivered }: ReplicaRequestView): string {
  const waits = undelivered ? ' (that island has not been told yet)' : ''
  return `${state}${problem === undefined ? '' : `: ${problem.message}`}${waits}`
}

/** `1.2 MB of 3.4 MB` */
export function doneWords({ wanted, done }: ReplicaRequestView): string {
  if (wanted === undefined) return '-'
  return done === undefined ? bytes(wanted.bytes) : `${bytes(done.bytes)} of ${bytes(wanted.bytes)}`
}

/** Why it did not come to hold what it should. */
export function failureOf({ state, problem }: ReplicaRequestView): ArchipelError {
  return problem === undefined ? new ArchipelError('CANCELLED', `the request is ${state}`) : errorFromInfo(problem)
}
