import type { Logger } from 'pino'
import type { Work } from '../../../protocols/model/task.ts'
import type { EnginePort } from '../../engines/port.ts'
import type { JournalPort } from '../../journal/journal.ts'
import type { QueueObserver } from '../../placement/port.ts'
import type { PolicyPort } from '../../policy/policy.ts'
import type { SpoolPort } from '../../results/port.ts'
import type { TaskRemotes } from '../calls.ts'
import type { Clock } from '../clock.ts'
import type { DataBinder } from '../port.ts'
import type { TaskStore } from '../store/task-store.ts'

export interface ProviderInit {
  self: string
  /** Attempts that run at a time. */
  slots: number
  /** The same at its Spark, which has a queue of its own. Default as `slots`. */
  sparkSlots?: number
  /** Attempts that may wait, of all. Default 1,000. */
  maxWaiting?: number
  /** Attempts of one island, and of one user of an island, that wait or run. Default 200 and 100. */
  maxPerIsland?: number
  maxPerUser?: number
  /** Milliseconds between two rounds of asking requesters about attempts that nobody watches. Default 60,000. */
  claimMs?: number
  /** Days that an end is kept which nobody acknowledges. Default 7. */
  unclaimedDays?: number
  /** Days and number of attempts that are remembered when all is said. Default 90 and 10,000. */
  keepDays?: number
  maxAttempts?: number
}

export interface ProviderComponents {
  clock: Clock
  store: TaskStore
  spool: SpoolPort
  remotes: TaskRemotes
  engine: EnginePort
  data: DataBinder
  policy: PolicyPort
  journal: JournalPort
  nameOf(island: string): string
  queue?: QueueObserver
  /** The program of a batch as a file, here, whole and checked: an absolute path. @throws UNREACHABLE, TOO_LARGE, DISK_FULL, PROTOCOL */
  main?(work: Work, from: string, options: { signal: AbortSignal }): Promise<string>
  logger: Logger
}
