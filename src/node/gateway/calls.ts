/** What the two sides of the gateway say to each other, whether on one island or between two. */
import type {
  LivyArtifact,
  LivyBatch,
  LivyBatchRequest,
  LivyCodeKind,
  LivyJob,
  LivyLog,
  LivySession,
  LivySessionRequest,
  LivyStatement,
  LivyStatementRequest,
} from '../../protocols/livy/objects.ts'
import type { ArchipelError } from '../../protocols/model/errors.ts'
import type { BoundRef } from '../../protocols/model/task.ts'
import type { SiteChange } from './site.ts'

export type EntryType = 'session' | 'batch'

/** A session or batch to be made. `request` goes to the site as it is. */
export type Making = {
  /** Given by the asker, never reused. */
  key: string
  /** Who asks at the asker's island. */
  user: string
  /** What it sees by name, pinned. */
  datasets: BoundRef[]
  engine?: 'livy' | 'embedded'
} & ({ type: 'session'; request: LivySessionRequest } | { type: 'batch'; request: LivyBatchRequest })

export interface Made {
  engine: 'livy' | 'embedded'
  session?: LivySession
  batch?: LivyBatch
}

export interface Attached {
  key: string
  /** `later`: the site does not answer; a change will tell. */
  state: 'there' | 'later' | 'lost'
  session?: LivySession
  batch?: LivyBatch
  why?: string
}

export interface CallOptions {
  signal?: AbortSignal
}

export type LogRange = { from?: number; size?: number }

/** Of one asker. Each throws `LivyRefusal` with the site's answer, or an `ArchipelError`. */
export interface LivyCalls {
  /** All entries that the asker has there: whatever else it had is ended. */
  attach(entries: { key: string; type: EntryType }[], options?: CallOptions): Promise<Attached[]>
  /** The same key again is the same one. @throws FORBIDDEN, LANGUAGE_MISSING, ENGINE_DOWN, DATASET_NOT_FOUND, STALE, TOO_MANY */
  create(making: Making, options?: CallOptions): Promise<Made>
  /** Ends it and forgets it; what is not there is gone already. */
  delete(key: string, options?: CallOptions): Promise<void>
  stop(key: string, options?: CallOptions): Promise<void>
  log(key: string, range: LogRange, options?: CallOptions): Promise<LivyLog>
  statements(key: string, options?: CallOptions): Promise<LivyStatement[]>
  /** The same `expect` again is the same statement. */
  submit(key: string, request: LivyStatementRequest, expect: number, options?: CallOptions): Promise<LivyStatement>
  cancel(key: string, statement: number, options?: CallOptions): Promise<void>
  complete(
    key: string,
    request: { code: string; kind: LivyCodeKind; cursor: number },
    options?: CallOptions,
  ): Promise<string[]>
  submitJob(
    key: string,
    way: 'submit' | 'run',
    request: { job: string; jobType: string },
    options?: CallOptions,
  ): Promise<LivyJob>
  job(key: string, job: number, options?: CallOptions): Promise<LivyJob>
  cancelJob(key: string, job: number, options?: CallOptions): Promise<void>
  add(key: string, what: LivyArtifact, uri: string, options?: CallOptions): Promise<void>
  upload(
    key: string,
    what: LivyArtifact,
    file: { name: string; bytes: Uint8Array },
    options?: CallOptions,
  ): Promise<void>
}

/** From a provider: something of an entry is another now. */
export type OnChange = (key: string, change: SiteChange) => void

/** The way to one provider while it is open. */
export interface Line extends LivyCalls {
  /** Settles when it is over. Never rejects. */
  readonly ended: Promise<ArchipelError>
  close(): void
}
