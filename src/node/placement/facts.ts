import type { ErrorCode } from '../../protocols/model/errors.ts'
import type { Liveness } from '../../protocols/model/island.ts'
import type { EngineName } from '../../protocols/model/spark.ts'
import type { TaskKind } from '../../protocols/model/task.ts'
import type { ConfirmAnswer } from '../../protocols/placement/messages.ts'
import type { LinkEstimate } from './links.ts'
import type { ResultEstimate } from './result-history.ts'

/** A dataset of the task that an island does not have, or not as it is wanted. */
export interface MissingData {
  id: string
  bytes: number
  /** Why, where the island or the catalog says so. */
  why?: string
  /** It has the dataset, in another state. */
  stale: boolean
  /** The holder from which it would come fastest, by name, and how fast; none when nobody else has it. */
  from?: string
  bytesPerSecond?: number
}

/** All that is known of one island for one task: what filters and terms look at. */
export interface Facts {
  island: string
  name: string
  self: boolean
  member: boolean
  liveness: Liveness
  /** The holder itself was heard just now, whatever the heartbeats say. */
  heard: boolean
  /** Name of the only island that is wanted, where it is another. */
  other?: string
  /** What became of an earlier attempt. */
  tried?: string
  kind: TaskKind
  /** The engine that is wanted. */
  wantedEngine: EngineName
  /** Kinds of work that its engines of that sort run; undefined while its card is not known. */
  languages?: string[]
  labels: string[]
  wantedLabels: string[]
  /** Of one session; undefined where it says nothing. */
  memoryBytes?: number
  wantedMemoryBytes?: number
  /** Reason why its policy does not allow the work, as far as that is known. */
  forbidden?: string
  /** Ids of the task's datasets. */
  holds: string[]
  missing: MissingData[]
  link: LinkEstimate
  /** Wait for a slot. */
  queue: { waitMs: number; reason: string }
  /** Milliseconds until its engine has begun, and whether that was measured there or here; undefined where it was measured nowhere. */
  engine?: { startMs: number; measured: 'there' | 'here' }
  result: ResultEstimate
  codeBytes: number
  /** What the island itself said just now. */
  answer?: ConfirmAnswer
  /** It did not say yes. */
  refusal?: Exclusion
}

/** A part of the cost. */
export interface Term {
  name: string
  seconds: number
  reason: string
}

export type TermOf = (facts: Facts) => Term

/** Why an island cannot run the task at all. */
export interface Exclusion {
  code: ErrorCode
  reason: string
}

export type Filter = (facts: Facts) => Exclusion | undefined
