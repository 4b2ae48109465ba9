/**
 * What the web service needs of an island. `node/island.ts` builds one; tests may script one.
 * Every method throws `ArchipelError`; every long one takes a signal and reports progress.
 */
import type {
  DatasetFilter,
  DatasetPage,
  DatasetView,
  Invitation,
  IslandEvent,
  IslandStatus,
  IslandView,
  JournalEntry,
  PublishProgress,
  PublishRequest,
  Resolution,
  ResolveRequest,
  SqlRequest,
  TaskResult,
} from '../protocols/model/views.ts'

export interface CallOptions {
  signal?: AbortSignal
}

export interface IslandPort {
  status(options?: CallOptions): Promise<IslandStatus>
  islands(options?: CallOptions): Promise<IslandView[]>
  datasets(filter: DatasetFilter, options?: CallOptions): Promise<DatasetPage>
  /** By id in any spelling or by short name. @throws DATASET_NOT_FOUND, AMBIGUOUS (details.candidates) */
  dataset(ref: string, options?: CallOptions): Promise<DatasetView>
  publish(
    request: PublishRequest,
    options?: CallOptions & { onProgress?: (progress: PublishProgress) => void },
  ): Promise<DatasetView>
  unpublish(ref: string, options?: CallOptions): Promise<{ id: string }>
  resolve(request: ResolveRequest, options?: CallOptions): Promise<Resolution>
  sql(request: SqlRequest, options?: CallOptions): Promise<TaskResult>
  /** @throws NOT_REACHABLE, FORBIDDEN when this island may not invite */
  invite(
    request: { expiresMs?: number; mayInvite?: boolean; local?: boolean },
    options?: CallOptions,
  ): Promise<Invitation>
  revoke(
    request: { member?: string; ticket?: string; invitees?: 'keep' | 'revoke'; recoveryKey?: string },
    options?: CallOptions,
  ): Promise<{ revoked: string }>
  /** Ends the quarantine of an island that was caught with two histories. @throws NOT_ADMIN, NOT_FOUND */
  pardon(
    request: { island: string; recoveryKey?: string },
    options?: CallOptions,
  ): Promise<{ pardoned: string; epoch: number }>
  /** Withdraws all own records, tells the others, then stops the island. */
  leave(options?: CallOptions): Promise<{ withdrawn: number; toldPeers: number }>
  journal(request: { limit: number }, options?: CallOptions): Promise<JournalEntry[]>
  /** Changes as they arrive. The buffer is bounded; a reader that is too slow gets `{ lost: n }`. */
  events(options?: CallOptions): AsyncIterable<IslandEvent | { lost: number }>
}
