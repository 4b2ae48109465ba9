/** One Livy of this island, as the gateway uses it: a real one, or the built-in engine that speaks Livy's words. */
import type {
  LivyArtifact,
  LivyBatch,
  LivyBatchRequest,
  LivyCodeKind,
  LivyJob,
  LivyKind,
  LivyLog,
  LivySession,
  LivySessionRequest,
  LivyStatement,
  LivyStatementRequest,
  LivyVersion,
} from '../../protocols/livy/objects.ts'
import type { BoundDataset } from '../engines/port.ts'

/** What changed, as it is now. */
export type SiteChange =
  | { type: 'session'; session: LivySession }
  | { type: 'statement'; statement: LivyStatement }
  | { type: 'batch'; batch: LivyBatch }
  /** It is not there any more: Livy forgot it, or was restarted without it. `why` is for the log. */
  | { type: 'lost'; why: string }

interface CallOptions {
  signal?: AbortSignal
}

/** What binds a session or batch to its entry: durable before Livy is asked, so that nothing is made twice. */
export interface Mark {
  /** Unique at this island; what is found again after a restart is found by it. */
  mark: string
  /** Sees these by name. */
  datasets: BoundDataset[]
  /** Work of another island: an engine may then ask for a sandbox. */
  forwarded: boolean
  /** Who asks: the name of the token here, `name@island` for work of another. The site may map it to a user of its own. */
  user?: string
}

/**
 * Objects are Livy's own, their ids those of the site: `id` of a session, its statements counted from 0 without those that bind
 * data, `name` as it was asked for. Every method throws `LivyRefusal` with the site's answer, ENGINE_DOWN where it does not answer.
 */
export interface LivySite {
  readonly engine: 'livy' | 'embedded'
  /** What it can run, by a session's kind. */
  kinds(): ReadonlySet<LivyKind>
  state(): { up: boolean; reason?: string }
  version(options?: CallOptions): Promise<LivyVersion>

  /** Answers as soon as Livy has taken it. The same mark again is the same session. */
  createSession(request: LivySessionRequest, mark: Mark, options?: CallOptions): Promise<LivySession>
  /** Of this mark, after a restart or where an answer was lost; undefined: there is none, and none will come of it. */
  findSession(mark: string, options?: CallOptions): Promise<LivySession | undefined>
  session(id: number, options?: CallOptions): Promise<LivySession>
  sessionLog(id: number, range: { from?: number; size?: number }, options?: CallOptions): Promise<LivyLog>
  deleteSession(id: number, options?: CallOptions): Promise<void>
  stopSession(id: number, options?: CallOptions): Promise<void>
  /** All that are kept, oldest first. */
  statements(id: number, options?: CallOptions): Promise<LivyStatement[]>
  /** `expect` is the id that it has to get: where the session has that one already, it is answered and nothing is submitted again. */
  submit(id: number, request: LivyStatementRequest, expect: number, options?: CallOptions): Promise<LivyStatement>
  statement(id: number, statement: number, options?: CallOptions): Promise<LivyStatement>
  cancelStatement(id: number, statement: number, options?: CallOptions): Promise<void>
  complete(
    id: number,
    request: { code: string; kind: LivyCodeKind; cursor: number },
    options?: CallOptions,
  ): Promise<string[]>
  submitJob(
    id: number,
    way: 'submit' | 'run',
    request: { job: string; jobType: string },
    options?: CallOptions,
  ): Promise<LivyJob>
  job(id: number, job: number, options?: CallOptions): Promise<LivyJob>
  cancelJob(id: number, job: number, options?: CallOptions): Promise<void>
  upload(
    id: number,
    what: LivyArtifact,
    file: { name: string; bytes: Uint8Array },
    options?: CallOptions,
  ): Promise<void>
  add(id: number, what: LivyArtifact, uri: string, options?: CallOptions): Promise<void>

  createBatch(request: LivyBatchRequest, mark: Mark, options?: CallOptions): Promise<LivyBatch>
  findBatch(mark: string, options?: CallOptions): Promise<LivyBatch | undefined>
  batch(id: number, options?: CallOptions): Promise<LivyBatch>
  batchLog(id: number, range: { from?: number; size?: number }, options?: CallOptions): Promise<LivyLog>
  deleteBatch(id: number, options?: CallOptions): Promise<void>

  /**
   * Tells of every change of a session and of its unfinished statements, or of a batch, until the end of it or `stop`. The first
   * call tells what is there now. One watcher asks Livy for all; `lost` and a final state are the last.
   */
  watch(what: { session: number } | { batch: number }, onChange: (change: SiteChange) => void): () => void
}
