import type { Logger } from 'pino'
import type { CallOptions } from '../../protocols/model/call-options.ts'
import type { ErrorInfo } from '../../protocols/model/errors.ts'
import type {
  ReplicaRequestPage,
  ReplicaRequestState,
  ReplicaRequestView,
  ReplicateRequest,
} from '../../protocols/model/replica-request.ts'
import type { RequestStatus, WantedReplica } from '../../protocols/replicate/messages.ts'
import type { JournalPort } from '../journal/journal.ts'
import type { PolicyPort } from '../policy/policy.ts'
import type { Amount } from '../replicas/port.ts'
import type { ReplicasPort, VersionUse } from '../replicas/replicas.ts'

/** A request as it is kept at either side. Durable. */
export interface StoredRequest extends WantedReplica {
  direction: 'outgoing' | 'incoming'
  /** The other island. */
  island: string
  state: ReplicaRequestState
  /** Outgoing: the other island has not answered to the last thing that was said. */
  owed: boolean
  wanted?: Amount
  done?: Amount
  /** Incoming: the transfer here. */
  transfer?: string
  problem?: ErrorInfo
  created: number
  updated: number
}

/** Durable; one writer. A request is named by direction, island and id. */
export interface RequestStore {
  all(): Promise<StoredRequest[]>
  put(request: StoredRequest): Promise<void>
  forget(request: StoredRequest): Promise<void>
}

/** The other side, over the network. */
export interface RemoteRequests {
  ask(island: string, wanted: WantedReplica, signal: AbortSignal): Promise<RequestStatus>
  plan(island: string, wanted: WantedReplica, signal: AbortSignal): Promise<RequestStatus>
  state(island: string, ids: string[], signal: AbortSignal): Promise<RequestStatus[]>
  cancel(island: string, id: string, signal: AbortSignal): Promise<RequestStatus>
}

export interface RequestsInit {
  self: string
  /** Bytes of one incoming request, and of all accepted ones. */
  maxBytes: number
  quotaBytes: number
  /** Ended requests that are remembered. */
  kept: number
}

export interface RequestsComponents {
  store: RequestStore
  remote: RemoteRequests
  replicas: Pick<ReplicasPort, 'get' | 'plan' | 'list' | 'cancel' | 'keepManifest'>
  /** The claim and the version that are meant. @throws DATASET_NOT_FOUND, AMBIGUOUS, NOT_FOUND (no such version) */
  pin(
    ref: string,
    version: string | undefined,
    signal: AbortSignal,
  ): Promise<Pick<WantedReplica, 'dataset' | 'publisher' | 'version'>>
  /** What is here of that version of a claim: nothing, or the state of the replica. */
  heldState(publisher: string, dataset: string, version: string): string | undefined
  /** @throws NOT_FOUND, AMBIGUOUS */
  islandNamed(text: string): string
  nameOf(island: string): string
  isMember(island: string): boolean
  /** Whether patterns of paths mean this one; none mean all. */
  matches(globs: readonly string[], path: string): boolean
  policy: PolicyPort
  journal: JournalPort
  newId(): string
  logger: Logger
}

/** Asking other islands to hold data, and being asked. */
export interface RequestsPort {
  start(): Promise<void>
  stop(): Promise<void>
  /** Durable when it resolves, whether or not that island is there. @throws NOT_FOUND, AMBIGUOUS, DATASET_NOT_FOUND, BAD_INPUT, UNREACHABLE (a dry run) */
  replicate(ref: string, request: ReplicateRequest, options?: CallOptions): Promise<ReplicaRequestView>
  /** Newest first. */
  list(query?: { direction?: 'outgoing' | 'incoming'; limit?: number; cursor?: string }): Promise<ReplicaRequestPage>
  /** @throws REQUEST_NOT_FOUND */
  show(id: string): Promise<ReplicaRequestView>
  /** From either side. One that has ended stays as it is. @throws REQUEST_NOT_FOUND */
  cancel(id: string, options?: CallOptions): Promise<ReplicaRequestView>
  /** Somebody wants bytes of it here: what was promised of it is fetched. @param path of a file; of any when absent */
  used(use: VersionUse): void
  /** What other islands say. */
  handle: {
    ask(island: string, wanted: WantedReplica): Promise<RequestStatus>
    plan(island: string, wanted: WantedReplica, signal: AbortSignal): Promise<RequestStatus>
    state(island: string, ids: readonly string[]): Promise<RequestStatus[]>
    cancel(island: string, id: string): Promise<RequestStatus>
  }
  /** A replica record of that island changed, or who is a member. */
  news(island?: string): void
}
