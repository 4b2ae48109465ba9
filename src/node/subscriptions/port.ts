import type { Logger } from 'pino'
import type { CallOptions } from '../../protocols/model/call-options.ts'
import type { ErrorInfo } from '../../protocols/model/errors.ts'
import type {
  SubscriptionExplanation,
  SubscriptionPage,
  SubscriptionPlan,
  SubscriptionRequest,
  SubscriptionView,
} from '../../protocols/model/subscription.ts'
import type { TransferView } from '../../protocols/model/transfer.ts'
import type { DatasetView } from '../../protocols/model/views.ts'
import type { SignedRecord } from '../../protocols/record/envelope.ts'
import type { CatalogPort } from '../catalog/port.ts'
import type { JournalPort } from '../journal/journal.ts'
import type { PolicyPort } from '../policy/policy.ts'
import type { ReplicasPort } from '../replicas/replicas.ts'

/** A standing wish. Durable. */
export interface Subscription {
  id: string
  filter: SubscriptionRequest['filter']
  files: string[]
  fromStart: boolean
  maxBytes?: number
  user: string
  state: 'active' | 'paused'
  problem?: ErrorInfo
  /** Bytes asked for in all. */
  bytes: number
  /** Milliseconds since 1970. */
  created: number
}

/** A dataset that a subscription has met: durable before and after it is asked for, so that it is asked for once. */
export interface Met {
  publisher: string
  dataset: string
  name: string
  version: string
  /**
   * `known` before the subscription; `wanted`: to be asked for; `asked`: it has a transfer; `here` before; `skipped`: none of
   * its files matches; `failed`: cannot be asked for; `withdrawn` before it was asked for.
   */
  state: 'known' | 'wanted' | 'asked' | 'here' | 'skipped' | 'failed' | 'withdrawn'
  transfer?: string
  problem?: ErrorInfo
  /** Milliseconds since 1970, of this state. */
  at: number
}

/** Durable; one writer. */
export interface SubscriptionStore {
  all(): Promise<{ subscription: Subscription; met: Met[] }[]>
  /** All or nothing, durable when it resolves. @throws DISK_FULL */
  commit(subscription: Subscription, met?: readonly Met[]): Promise<void>
  /** With everything it has met. */
  forget(id: string): Promise<void>
}

export interface SubscriptionsComponents {
  store: SubscriptionStore
  catalog: Pick<CatalogPort, 'get' | 'list' | 'on'>
  viewOf(record: SignedRecord): DatasetView | undefined
  /** The one that is meant. @throws DATASET_NOT_FOUND, AMBIGUOUS, BAD_ID */
  dataset(ref: string, options: { signal?: AbortSignal }): Promise<DatasetView>
  nameOf(island: string): string
  replicas: Pick<ReplicasPort, 'get' | 'plan' | 'list' | 'cancel'>
  /** What is here of that version of a claim: nothing, or the state of the replica. */
  heldState(publisher: string, dataset: string, version: string): string | undefined
  policy: PolicyPort
  journal: JournalPort
  newId(): string
  logger: Logger
}

/** Datasets that are fetched as they appear. */
export interface SubscriptionsPort {
  /** Compares what it has met with the catalog, then follows it. When others can be reached. */
  start(): Promise<void>
  stop(): Promise<void>
  /** Durable when it resolves. @throws BAD_INPUT (no condition), TOO_MANY, DISK_FULL */
  create(request: SubscriptionRequest, options?: CallOptions): Promise<SubscriptionView>
  /** What it would begin with; nothing is kept. @throws BAD_INPUT */
  plan(request: SubscriptionRequest, options?: CallOptions): Promise<SubscriptionPlan>
  /** Newest first. */
  list(page?: { limit?: number; cursor?: string }): Promise<SubscriptionPage>
  /** Whether there is one of this id. */
  lives(id: string): boolean
  /** @throws SUBSCRIPTION_NOT_FOUND */
  show(id: string): Promise<SubscriptionView>
  /** @throws SUBSCRIPTION_NOT_FOUND, DATASET_NOT_FOUND, AMBIGUOUS */
  explain(id: string, ref: string, options?: CallOptions): Promise<SubscriptionExplanation>
  pause(id: string, options?: CallOptions): Promise<SubscriptionView>
  /** Also asks again for what could not be asked for. `maxBytes` is the new bound. */
  resume(id: string, request?: { maxBytes?: number }, options?: CallOptions): Promise<SubscriptionView>
  /** What it brought stays, and transfers go on. @throws SUBSCRIPTION_NOT_FOUND */
  remove(id: string, options?: CallOptions): Promise<{ id: string }>
  /** Those that were paused by a problem: for the findings. */
  troubled(): { id: string; message: string }[]
}

export type TransferOf = (id: string) => Pick<TransferView, 'state' | 'problem'> | undefined
