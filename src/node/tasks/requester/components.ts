import type { Logger } from 'pino'
import type { BoundRef } from '../../../protocols/model/task.ts'
import type { TaskSummary, TaskView } from '../../../protocols/model/views.ts'
import type { SqlAnalyser } from '../../engines/port.ts'
import type { JournalPort } from '../../journal/journal.ts'
import type { MainsPort } from '../../mains/port.ts'
import type { LinkObserver, PlacementData, PlacementPort, ResultObserver } from '../../placement/port.ts'
import type { PolicyPort } from '../../policy/policy.ts'
import type { SpoolPort } from '../../results/port.ts'
import type { TaskRemotes } from '../calls.ts'
import type { Clock } from '../clock.ts'
import type { PublishResult } from '../port.ts'
import type { ProvidedAttempt } from '../store/records.ts'
import type { TaskStore } from '../store/task-store.ts'

export interface RequesterInit {
  self: string
  /** Unfinished tasks of one user, and of all. Default 2,000 and 10,000. */
  maxUnfinishedPerUser?: number
  maxUnfinished?: number
  /** Tasks that are placed or followed at a time. Default 128. */
  active?: number
  /** Milliseconds until an attempt without a sign of life is given up, where the task does not say. Default 60,000. */
  leaseMs?: number
  /** Milliseconds that a task waits for an island to have room. Default an hour. */
  placeForMs?: number
  /** Milliseconds after a start during which those that may run a task are waited for. Default 30,000. */
  settleMs?: number
  /** Milliseconds that a result waits to be published, while what is in the way passes. Default ten minutes. */
  publishForMs?: number
  /** Days that a result is kept, and a task without it. Default 7 and 90. */
  resultDays?: number
  taskDays?: number
  /** Ended tasks kept. Default 10,000. */
  maxTasks?: number
  /** Bytes of a result that come with its end. Default 512 KiB. */
  inlineBytes?: number
}

export interface RequesterComponents {
  clock: Clock
  store: TaskStore
  spool: SpoolPort
  remotes: TaskRemotes
  placement: PlacementPort
  analyser: SqlAnalyser
  /** The one dataset that a ref means, with who is said to hold it. @throws DATASET_NOT_FOUND, AMBIGUOUS, BAD_ID */
  locate(ref: string, options: { signal: AbortSignal }): Promise<PlacementData>
  /** The same, pinned: who holds that version. */
  holders(ref: BoundRef, options: { signal: AbortSignal }): Promise<PlacementData>
  /** By id or name. @throws NOT_FOUND, AMBIGUOUS */
  islandNamed(text: string): string
  nameOf(island: string): string
  isMember(island: string): boolean
  policy: PolicyPort
  journal: JournalPort
  /** A new id's last part, base 36, rising with time. */
  newId(): string
  publish?: PublishResult
  /** Main files that were uploaded here. */
  mains?: Pick<MainsPort, 'find'>
  /** Whether a result could get this id. @throws BAD_ID, DATASET_EXISTS */
  checkPublish?(id: string): Promise<void>
  links?: LinkObserver
  results?: ResultObserver
  /** A task of this island was accepted, or has another state. Told after it is so; must not throw. */
  onChange?(task: TaskSummary): void
  logger: Logger
}

/** What the requester has to know of the own provider. */
export interface OwnProvider {
  describe(task: string): Promise<TaskView | undefined>
  /** @throws TASK_NOT_FOUND when it is not, or no longer, kept here */
  log(
    task: string,
    range: { offset: number; limit: number },
  ): Promise<{ bytes: Uint8Array; total: number; ended: boolean }>
  current(task: string, attempt: number): ProvidedAttempt | undefined
}
