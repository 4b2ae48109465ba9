import type { Work } from '../../../protocols/model/task.ts'
import { type Bell, bell } from '../clock.ts'
import type { Place } from '../fair-queue.ts'
import type { ProvidedAttempt } from '../store/records.ts'

/** An attempt that is not settled, in memory. Records are replaced, never changed. */
export interface HeldAttempt {
  record: ProvidedAttempt
  readonly work: Work
  /** Aborts when the work shall stop. */
  readonly stop: AbortController
  readonly changed: Bell
  /** Streams of the requester that watch it. */
  watchers: number
  /** It has printed something in this run. */
  logged: boolean
  place?: Place
}

export function heldAttempt(record: ProvidedAttempt, work: Work): HeldAttempt {
  const held = { record, work, stop: new AbortController(), changed: bell(), watchers: 0, logged: false }
  if (record.cancelRequested === true) held.stop.abort()
  return held
}

export function hasEnded(record: ProvidedAttempt): boolean {
  return record.ended !== undefined
}
