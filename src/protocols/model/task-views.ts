/** Tasks and actions, as people and programs see them, and as they ask for them. */
import type { ActionBody, ActionUse } from './action.ts'
import type { ErrorInfo } from './errors.ts'
import type { BatchWork, EngineName, MainFile, SparkResources } from './spark.ts'
import type { AttemptState, BoundRef, ParamValue, PlacementEntry, ResultMeta, TaskKind, TaskState } from './task.ts'

/** What somebody wants to have run. */
export interface SubmitRequest {
  kind: TaskKind
  code: string
  /** Refs of datasets. A statement's are found in the statement; those given here have to be among them. */
  datasets?: string[]
  params?: Record<string, ParamValue>
  /** Island id or name that has to run it. */
  on?: string
  /** Milliseconds of one attempt; the island's limit when absent. */
  timeoutMs?: number
  maxRows?: number
  /** Of one user: the same key is the same task. */
  idempotencyKey?: string
  /** Never begin it a second time, not even when nobody knows what became of the first. */
  atMostOnce?: boolean
  /** A word for people. */
  name?: string
  /** Publish the result as a dataset of this id or name. */
  publish?: { id: string; title?: string; description?: string; keywords?: string[]; licence?: string }
  /** Milliseconds; default 60 s. */
  leaseMs?: number
  /** Where an island has more than one; see `wantedEngine`. */
  engine?: EngineName
  /** What Spark is asked for, in Livy's fields. */
  spark?: SparkResources
  /** As a program in a Spark of its own: JARs always, Python where this is given. The size of its main file is looked up. */
  batch?: Omit<BatchWork, 'main'> & { main?: Pick<MainFile, 'name' | 'sha256'> & { bytes?: number } }
  /** Given by the island itself for runs of actions; no input of people. */
  action?: ActionUse
}

export interface AttemptView {
  number: number
  island: string
  name: string
  state: AttemptState
  started: string
  ended?: string
  error?: ErrorInfo
}

export interface TaskView {
  id: string
  kind: TaskKind
  user: string
  name?: string
  state: TaskState
  code: string
  /** Hex. */
  codeSha256: string
  params: Record<string, ParamValue>
  datasets: BoundRef[]
  askedAt: { island: string; name: string; time: string }
  /** Where the attempt that counts runs or ran. */
  ranAt?: { island: string; name: string }
  attempts: AttemptView[]
  explain: PlacementEntry[]
  /** Bytes of the log so far. */
  logBytes: number
  result?: ResultMeta
  error?: ErrorInfo
  atMostOnce: boolean
  timeoutMs?: number
  maxRows?: number
  cancelRequested: boolean
  publish?: SubmitRequest['publish']
  published?: { id: string; version: string }
  /** The task that this one tries again. */
  retryOf?: string
  engine?: EngineName
  spark?: SparkResources
  batch?: BatchWork
  /** The action that it is a run of. */
  action?: ActionUse
  /** ISO instants. */
  started?: string
  ended?: string
  /** Milliseconds from the submission to the end, or to now. */
  elapsedMs: number
  /** Of a provider: its attempt has ended, and this island, which owns the task, has not taken the end yet. */
  waitsFor?: { island: string; name: string }
  /** Who answered: `requester` is the truth; a `provider` answers for its attempt while the requester is away. */
  from: { island: string; name: string; role: 'requester' | 'provider' }
}

export interface TaskQuery {
  state?: TaskState
  user?: string
  /** Also what this island runs or ran for others. */
  all?: boolean
  limit?: number
  cursor?: string
}

/** A line of a list: a task without its code and explanation. */
export type TaskSummary = Pick<
  TaskView,
  'id' | 'kind' | 'user' | 'name' | 'state' | 'askedAt' | 'ranAt' | 'started' | 'ended' | 'elapsedMs' | 'waitsFor'
> & { datasets: string[]; error?: { code: string; message: string }; rowCount?: number }

export interface TaskPage {
  items: TaskSummary[]
  next?: string
}

/** An action: saved at this island, or shared by one. */
export interface ActionView extends ActionBody {
  /** `archipel:<island>/<name>` */
  id: string
  publisher: { id: string; name: string }
  /** SHA-256 of what it says. */
  version: string
  /** Who saved it, at this island. */
  user?: string
  /** Of this island. */
  own: boolean
  /** What the other islands see, where it was shared: of an earlier version while `version` differs. */
  shared?: { version: string; time: string }
  modified: string
}

export interface ActionPage {
  items: ActionView[]
  total: number
  next?: string
}

export interface ActionQuery {
  text?: string
  /** Id or name of the publisher. */
  island?: string
  limit?: number
  cursor?: string
}

/** What somebody wants to keep. */
export type ActionRequest = Omit<ActionBody, 'datasets' | 'params' | 'batch'> &
  Partial<Pick<ActionBody, 'datasets' | 'params'>> &
  Pick<SubmitRequest, 'batch'>

/** What a run decides. */
export type ActionRunRequest = Omit<SubmitRequest, 'kind' | 'code' | 'engine' | 'spark' | 'batch' | 'action'>
