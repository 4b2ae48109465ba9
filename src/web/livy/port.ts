/** What the Livy endpoint needs of an island. Ids are those of this endpoint; requests are checked and in canonical form. */
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
  LivyVersion,
} from '../../protocols/livy/objects.ts'

/** Whose call it is. */
export interface LivyCaller {
  /** Name of the token, `owner` for that of the owner. */
  user: string
  /** May see and change what belongs to others. */
  admin: boolean
  signal: AbortSignal
}

/** An id, or a name where it is not all digits. */
export type LivyRef = number | string

export interface LivyRange {
  from: number
  size: number
}

/** Each method throws `LivyRefusal` where Livy itself answers so, and `ArchipelError` for what Livy has no words for. */
export interface LivySessions {
  /** In the order of their ids. Keeps none alive. */
  list(range: LivyRange, who: LivyCaller): Promise<{ from: number; total: number; sessions: LivySession[] }>
  create(request: LivySessionRequest, who: LivyCaller): Promise<LivySession>
  /** Waits for a change while it starts, as long as the configuration says. */
  show(ref: LivyRef, who: LivyCaller): Promise<LivySession>
  state(ref: LivyRef, who: LivyCaller): Promise<{ id: number; state: string }>
  log(ref: LivyRef, range: Partial<LivyRange>, who: LivyCaller): Promise<LivyLog>
  delete(ref: LivyRef, who: LivyCaller): Promise<void>
  /** Ends it; the entry stays. `interrupt` is the same in Livy. */
  stop(ref: LivyRef, who: LivyCaller): Promise<void>
  /** Counts as a use. */
  connect(ref: LivyRef, who: LivyCaller): Promise<LivySession>
  statements(
    ref: LivyRef,
    range: Partial<LivyRange> & { descending?: boolean },
    who: LivyCaller,
  ): Promise<{ total_statements: number; statements: LivyStatement[] }>
  submit(ref: LivyRef, request: LivyStatementRequest, who: LivyCaller): Promise<LivyStatement>
  /** Waits for a change while it waits or runs, as long as the configuration says. */
  statement(ref: LivyRef, id: number, who: LivyCaller): Promise<LivyStatement>
  cancelStatement(ref: LivyRef, id: number, who: LivyCaller): Promise<void>
  complete(
    ref: LivyRef,
    request: { code: string; kind: LivyCodeKind; cursor: number },
    who: LivyCaller,
  ): Promise<{ candidates: string[] }>
  /** Jobs of Livy's own client libraries, opaque bytes in base64. */
  submitJob(
    ref: LivyRef,
    way: 'submit' | 'run',
    request: { job: string; jobType: string },
    who: LivyCaller,
  ): Promise<LivyJob>
  job(ref: LivyRef, id: number, who: LivyCaller): Promise<LivyJob>
  cancelJob(ref: LivyRef, id: number, who: LivyCaller): Promise<void>
  /** `name` has no directories. */
  upload(ref: LivyRef, what: LivyArtifact, file: { name: string; bytes: Uint8Array }, who: LivyCaller): Promise<void>
  add(ref: LivyRef, what: LivyArtifact, uri: string, who: LivyCaller): Promise<void>
}

export interface LivyBatches {
  list(range: LivyRange, who: LivyCaller): Promise<{ from: number; total: number; sessions: LivyBatch[] }>
  create(request: LivyBatchRequest, who: LivyCaller): Promise<LivyBatch>
  /** Waits for a change while it runs, as long as the configuration says. */
  show(ref: LivyRef, who: LivyCaller): Promise<LivyBatch>
  state(ref: LivyRef, who: LivyCaller): Promise<{ id: number; state: string }>
  log(ref: LivyRef, range: Partial<LivyRange>, who: LivyCaller): Promise<LivyLog>
  delete(ref: LivyRef, who: LivyCaller): Promise<void>
}

export interface LivyPort {
  version(): Promise<LivyVersion>
  readonly sessions: LivySessions
  readonly batches: LivyBatches
}
