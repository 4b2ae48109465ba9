/** What is kept of tasks. All values are JSON; a field that is unknown is kept as it came. */

import type { ActionUse } from '../../../protocols/model/action.ts'
import type { ErrorInfo } from '../../../protocols/model/errors.ts'
import type { EngineName } from '../../../protocols/model/spark.ts'
import type { AttemptState, PlacementEntry, ResultMeta, TaskKind, TaskState } from '../../../protocols/model/task.ts'
import type { SubmitRequest } from '../../../protocols/model/views.ts'

/** One try, as the requester knows it. */
export interface OwnedAttempt {
  number: number
  island: string
  state: AttemptState
  /** Milliseconds since 1970. */
  started: number
  ended?: number
  error?: ErrorInfo
}

/** A task of this island, without its code and its long parts: what is written at each step. */
export interface OwnedTask {
  v: 1
  id: string
  user: string
  kind: TaskKind
  name?: string
  state: TaskState
  /** Milliseconds since 1970. */
  created: number
  started?: number
  ended?: number
  /** Of the code, or of the main file. */
  codeSha256: string
  /** SHA-256 of the main file. */
  main?: string
  engine?: EngineName
  action?: ActionUse
  /** Ids. */
  datasets: string[]
  on?: string
  atMostOnce: boolean
  leaseMs: number
  publish?: SubmitRequest['publish']
  published?: { id: string; version: string }
  retryOf?: string
  idempotencyKey?: string
  attempts: OwnedAttempt[]
  /** Of the newest attempt, counting those no longer listed. */
  lastAttempt: number
  /** The attempt whose outcome counts. */
  accepted?: number
  cancelRequested: boolean
  error?: ErrorInfo
  rowCount?: number
  logBytes: number
  /** The result was removed by age. */
  expired?: boolean
}

/** The long parts of a task that change. */
export interface TaskDetails {
  explain: PlacementEntry[]
  result?: ResultMeta
}

/** An attempt that runs or ran here, for another island or this one. */
export interface ProvidedAttempt {
  v: 1
  task: string
  attempt: number
  /** Island id. */
  requester: string
  user: string
  kind: TaskKind
  name?: string
  state: AttemptState
  created: number
  started?: number
  ended?: number
  leaseMs: number
  atMostOnce: boolean
  /** The code was about to begin. Only kept up for work that may begin but once. */
  begun?: boolean
  /**
   * Runs that the island began and has not ended in order, while it is known: of programs from the first on, of other
   * work from its taking up after a start on.
   */
  begins?: number
  cancelRequested?: boolean
  error?: ErrorInfo
  logBytes: number
  rowCount?: number
  elapsedMs?: number
  codeSha256: string
  /** SHA-256 of the main file. */
  main?: string
  engine?: EngineName
  /** Of the work, so that the same number with other work is noticed. */
  workSha256: string
  datasets: string[]
  /** What the requester said in the end. */
  settled?: 'acknowledged' | 'dropped'
}

/** What another island has to be told yet. */
export interface Errand {
  island: string
  task: string
  attempt: number
  op: 'acknowledge' | 'drop'
  since: number
}

export interface KeyUse {
  task: string
  /** Of the request: the same key with another is a conflict. */
  sha256: string
}

/**
 * Keys of the bucket `tasks`:
 * - `t/<task>`: an `OwnedTask`; ids of one island are in the order of their making
 * - `u/<task>`: nothing; there while the task has not ended
 * - `w/<task>`: its `Work`
 * - `x/<task>`: its `TaskDetails`
 * - `k/<user>/<key>`: a `KeyUse`
 * - `e/<island>/<task>/<attempt>`: an `Errand`
 * - `a/<task>/<attempt>`: a `ProvidedAttempt`
 * - `b/<task>/<attempt>`: its `Work`
 * - `v/<task>/<attempt>`: nothing; there while the attempt is not settled
 * - `o/<time>/<task>/<attempt>`: nothing; provided attempts in the order of their coming
 */
export const keys = {
  task: (id: string) => `t/${id}`,
  unfinished: (id: string) => `u/${id}`,
  work: (id: string) => `w/${id}`,
  details: (id: string) => `x/${id}`,
  idempotency: (user: string, key: string) => `k/${encodeURIComponent(user)}/${encodeURIComponent(key)}`,
  errand: (e: { island: string; task: string; attempt: number }) => `e/${e.island}/${e.task}/${padded(e.attempt)}`,
  attempt: (task: string, attempt: number) => `a/${task}/${padded(attempt)}`,
  attemptWork: (task: string, attempt: number) => `b/${task}/${padded(attempt)}`,
  unsettled: (task: string, attempt: number) => `v/${task}/${padded(attempt)}`,
  order: (created: number, task: string, attempt: number) =>
    `o/${String(created).padStart(15, '0')}/${task}/${padded(attempt)}`,
}

/** All keys that begin with `prefix`: from it to below this. */
export function beyond(prefix: string): string {
  return `${prefix.slice(0, -1)}${String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)}`
}

/** Order of bytes is order of numbers. */
function padded(attempt: number): string {
  return String(attempt).padStart(7, '0')
}

/** Task and attempt of a key that ends in both. */
export function readAttemptKey(key: string): { task: string; attempt: number } {
  const parts = key.split('/')
  return { task: parts.at(-2) ?? '', attempt: Number(parts.at(-1)) }
}
