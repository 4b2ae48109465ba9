import type { ArchipelError } from '../../../protocols/model/errors.ts'
import type { Placement } from '../../placement/port.ts'
import type { OwnedAttempt } from '../store/records.ts'
import type { Told } from './errands.ts'
import { tried } from './failures.ts'
import type { Contact } from './follow.ts'
import { type LiveTask, openAttempt } from './live.ts'

/** What the driver of a task remembers between its steps; lost in a crash, and found out again. */
export interface Memory {
  /** The first placement, under way already. */
  early: Promise<Placement> | undefined
  /** Islands still to be offered the task, from the last placement. */
  order: string[]
  /** Islands that are not asked again, and why. */
  excluded: Map<string, string>
  contact: Contact
  /** Nobody else can take it: stay with the open attempt until its lease runs out. */
  patient: boolean
  /** Why the last attempt did not do. */
  last: { error: ArchipelError; lost: boolean } | undefined
  /** What goes with the next durable write. */
  told: Told[]
  placingSince: number
  /** After a start, those that may run it need a while to be found. */
  resumed: boolean
  fullWaitMs: number
  /** Tries to bring the result here without a byte of it. */
  failedCopies: number
}

export const FIRST_FULL_WAIT_MS = 250
export const MAX_FULL_WAIT_MS = 5_000

export function newMemory(
  task: LiveTask,
  now: number,
  how: { early?: Promise<Placement> | undefined; resumed: boolean },
): Memory {
  return {
    early: how.early,
    order: [],
    excluded: tried(task.record),
    contact: { sent: openAttempt(task.record) !== undefined, accepted: false, lastSign: now, silent: 0 },
    patient: false,
    last: undefined,
    told: [],
    placingSince: now,
    resumed: how.resumed,
    fullWaitMs: FIRST_FULL_WAIT_MS,
    failedCopies: 0,
  }
}

export function keyOf(task: LiveTask, open: OwnedAttempt): { task: string; attempt: number } {
  return { task: task.record.id, attempt: open.number }
}

export function drop(task: LiveTask, open: OwnedAttempt): Told {
  return { island: open.island, ...keyOf(task, open), op: 'drop' }
}
