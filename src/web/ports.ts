/**
 * What the web service needs of an island. `node/island.ts` builds one; tests may script one.
 * Every method throws `ArchipelError`; every long one takes a signal and reports progress.
 */

import type { CallOptions } from '../protocols/model/call-options.ts'
import type { FileUrl, FileUrlRequest } from '../protocols/model/file-url.ts'
import type { DropPlan, ReplicaPage, ReplicaView } from '../protocols/model/replica.ts'
import type { ReplicaRequestPage, ReplicaRequestView, ReplicateRequest } from '../protocols/model/replica-request.ts'
import type { RuleExplanation, RulePage, RuleRequest, RuleView } from '../protocols/model/rule.ts'
import type { MainFile } from '../protocols/model/spark.ts'
import type {
  SubscriptionExplanation,
  SubscriptionPage,
  SubscriptionPlan,
  SubscriptionRequest,
  SubscriptionView,
} from '../protocols/model/subscription.ts'
import type { TableFormat } from '../protocols/model/task.ts'
import type { TransferPlan, TransferPriority, TransferView, Verification } from '../protocols/model/transfer.ts'
import type { DatasetUpdate, DatasetVersions, DiffRequest, VersionDiff } from '../protocols/model/versions.ts'
import type {
  ActionPage,
  ActionQuery,
  ActionRequest,
  ActionRunRequest,
  ActionView,
  ConfigView,
  DatasetFilter,
  DatasetPage,
  DatasetView,
  FilePage,
  Invitation,
  IslandEvent,
  IslandPage,
  IslandStatus,
  JournalPage,
  LivyEntryPage,
  LogPage,
  NewToken,
  PlacementView,
  Preview,
  PublishProgress,
  PublishRequest,
  Resolution,
  ResolveRequest,
  RowsPage,
  SessionPage,
  SessionRequest,
  SessionView,
  SignInCode,
  SqlRequest,
  StatementPage,
  StatementRequest,
  StatementView,
  SubmitRequest,
  TableExport,
  TaskPage,
  TaskQuery,
  TaskResult,
  TaskView,
  TokenPage,
  TokenQuery,
  TokenRequest,
  TokenView,
  TransferPage,
  UpdateRequest,
} from '../protocols/model/views.ts'
import type { Scope } from './contract/scopes.ts'

export interface PageRequest {
  limit?: number
  /** `next` of the page before. */
  cursor?: string
}

/** Who sends a request. */
export interface Caller {
  /** Of the token; `owner` for that of the owner. */
  id: string
  name: string
  scopes: readonly Scope[]
  /** Aborts when the token expires or is revoked, with the error as its reason; absent when it never does. */
  signal?: AbortSignal
  expires?: string
}

/** Who may call: asked by the web service at each request. */
export interface AccessPort {
  /** At once, from memory. @throws UNAUTHENTICATED, TOKEN_EXPIRED, TOKEN_REVOKED */
  authenticate(token: string): Caller
  /** Whose address of a file that is, and what may be read by it: nothing else. @throws URL_INVALID, URL_EXPIRED */
  fileUrl(capability: string, name: string): { file: Required<ReadRequest>; caller: Caller }
  /** Makes the token of a browser session, when it is durable. A code counts once. @throws UNAUTHENTICATED */
  signIn(code: string): Promise<{ token: string; caller: Caller }>
  /** Ends the session. */
  signOut(caller: Caller): Promise<void>
}

/** Tokens that were given out; that of the owner is none of them. */
export interface IslandTokens {
  /** @throws TOKEN_EXISTS, TOO_MANY, BAD_INPUT (a name or a time that is none) */
  create(request: TokenRequest, options?: CallOptions): Promise<NewToken>
  /** Newest first; those of browser sessions, too. */
  list(query: TokenQuery, options?: CallOptions): Promise<TokenPage>
  /** By id, or by the name of an active one. What it had opened ends at once. @throws TOKEN_NOT_FOUND */
  revoke(ref: string, options?: CallOptions): Promise<TokenView>
}

/** Tasks of the owner of this island, and those of any island by their id. */
export interface IslandTasks {
  /**
   * Durable when it resolves; it goes on whoever leaves. The same idempotency key is the same task.
   * @throws DATASET_NOT_FOUND, AMBIGUOUS, SQL_INVALID, SQL_REFUSED, IDEMPOTENCY_CONFLICT, TOO_MANY, FORBIDDEN, DISK_FULL
   */
  submit(request: SubmitRequest, options?: CallOptions): Promise<TaskView>
  /** The choice of an island, without the hand-over. */
  place(request: SubmitRequest, options?: CallOptions): Promise<PlacementView>
  list(query: TaskQuery, options?: CallOptions): Promise<TaskPage>
  /** @throws TASK_NOT_FOUND, UNREACHABLE */
  show(id: string, options?: CallOptions): Promise<TaskView>
  /** The view now and at each change, until the end state. */
  watch(id: string, options?: CallOptions): AsyncIterable<TaskView>
  log(id: string, range: { offset: number; limit: number }, options?: CallOptions): Promise<LogPage>
  /** @throws TASK_STATE (no result yet), NOT_FOUND (no table), RESULT_EXPIRED */
  rows(id: string, page: { from: number; limit: number }, options?: CallOptions): Promise<RowsPage>
  /** Bytes of an item of the result, from an offset. @throws TASK_STATE, NOT_FOUND, RESULT_EXPIRED */
  read(id: string, item: string, options?: CallOptions & { offset?: number }): AsyncIterable<Uint8Array>
  /** The table of the result in another format, streamed. @throws TASK_STATE, NOT_FOUND (no table), RESULT_EXPIRED */
  table(id: string, format: TableFormat, options?: CallOptions): Promise<TableExport>
  /** A task that has ended stays as it is. @throws TASK_NOT_FOUND, FORBIDDEN (of another island) */
  cancel(id: string, options?: CallOptions): Promise<TaskView>
  /** A new task with the same work. @throws TASK_STATE while it runs */
  retry(id: string, options?: CallOptions & { idempotencyKey?: string }): Promise<TaskView>
}

/** Main files of batches: JARs and Python files. */
export interface IslandMains {
  /** Durable when it resolves; the same bytes again are the same file. @throws BAD_INPUT (the name), TOO_LARGE, DISK_FULL */
  put(name: string, bytes: AsyncIterable<Uint8Array>, options?: CallOptions): Promise<MainFile>
}

/** Named, reusable pieces of work: those saved here, and those that any island shares. */
export interface IslandActions {
  /** A new one, or another content of a known one of the same user. @throws BAD_INPUT, TOO_LARGE, FORBIDDEN (of another user), TOO_MANY */
  save(request: ActionRequest, options?: OwnOptions): Promise<ActionView>
  /** By name. */
  list(query: ActionQuery, options?: CallOptions): Promise<ActionPage>
  /** By id or name. @throws ACTION_NOT_FOUND, AMBIGUOUS (details.candidates) */
  show(ref: string, options?: CallOptions): Promise<ActionView>
  /** An ordinary task, which remembers the action. @throws ACTION_NOT_FOUND, AMBIGUOUS, BAD_INPUT (its parameters), and what submitting throws */
  run(ref: string, request: ActionRunRequest, options?: CallOptions): Promise<TaskView>
  /** Shows it, as it is now, to all islands. @throws ACTION_NOT_FOUND (of this island), FORBIDDEN */
  share(ref: string, options?: OwnOptions): Promise<ActionView>
  /** Of this island; what was shared is withdrawn. Tasks stay. @throws ACTION_NOT_FOUND, FORBIDDEN */
  remove(ref: string, options?: OwnOptions): Promise<{ id: string }>
}

interface OwnOptions extends CallOptions {
  /** Refuse what other users made. */
  onlyOwn?: boolean
}

/** Interactive sessions of the engine of this island, with the fields and states of Livy. They end with the island. */
export interface IslandSessions {
  /** Answers while it starts. @throws DATASET_NOT_FOUND (not held here), STALE, TOO_MANY, ENGINE_DOWN, LANGUAGE_MISSING */
  create(request: SessionRequest, options?: CallOptions): Promise<SessionView>
  /** Newest first. */
  list(page?: PageRequest, options?: CallOptions): Promise<SessionPage>
  /** @throws SESSION_NOT_FOUND */
  show(session: number, options?: CallOptions): Promise<SessionView>
  /** Ends it, and forgets it. @throws SESSION_NOT_FOUND, FORBIDDEN */
  delete(session: number, options?: OwnOptions): Promise<{ id: number }>
  log(session: number, range: { offset: number; limit: number }, options?: CallOptions): Promise<LogPage>
}

/** One after the other, in the order in which they come. */
export interface IslandStatements {
  /** Does not wait for its end. @throws SESSION_NOT_FOUND, SESSION_STATE, TOO_MANY, FORBIDDEN, and why the session did not start */
  create(session: number, request: StatementRequest, options?: OwnOptions): Promise<StatementView>
  /** Newest first, the last hundred, without their outputs. */
  list(session: number, page?: PageRequest, options?: CallOptions): Promise<StatementPage>
  /** @throws SESSION_NOT_FOUND, STATEMENT_NOT_FOUND */
  show(session: number, statement: number, options?: CallOptions): Promise<StatementView>
  /** Answers when it is over. One that is over stays as it is. */
  cancel(session: number, statement: number, options?: OwnOptions): Promise<StatementView>
}

/** A file by its path in a dataset. */
export interface ReadRequest {
  ref: string
  path: string
  /** Its beginning is enough; the newest when absent. */
  version?: string | undefined
}

/** What is known of a file before it is read. */
export interface FileReading {
  path: string
  bytes: number
  /** Its hash by the manifest, hex. */
  pieces: string
  mediaType: string
  /** From this byte on, before that one. What is not here is fetched, verified, and kept. @throws NO_HOLDER, BAD_DATA, STALE, QUOTA_EXCEEDED, DISK_FULL */
  open(range: { from: number; to: number }): AsyncIterable<Uint8Array>
}

/** A dataset, or files of it, to be fetched. */
export interface GetRequest {
  /** Patterns of paths; all files when absent. */
  files?: string[] | undefined
  /** Absolute path of a folder on the machine of the island. */
  to?: string | undefined
  /** Its beginning is enough. */
  version?: string | undefined
  priority?: TransferPriority | undefined
  /** From now on new versions are fetched, too, and take its place. Not with `version`. */
  follow?: boolean | undefined
}

/** Transfers to this island. */
export interface IslandTransfers {
  /** Newest first. */
  list(page?: PageRequest, options?: CallOptions): Promise<TransferPage>
  /** @throws TRANSFER_NOT_FOUND */
  show(id: string, options?: CallOptions): Promise<TransferView>
  /** @throws TRANSFER_NOT_FOUND, TRANSFER_STATE */
  pause(id: string, options?: CallOptions): Promise<TransferView>
  /** @throws TRANSFER_NOT_FOUND, TRANSFER_STATE, QUOTA_EXCEEDED, DISK_FULL */
  resume(id: string, options?: CallOptions): Promise<TransferView>
  /** @throws TRANSFER_NOT_FOUND, TRANSFER_STATE */
  cancel(id: string, options?: CallOptions): Promise<TransferView>
  /** @throws TRANSFER_NOT_FOUND, TRANSFER_STATE */
  priority(id: string, request: { priority: TransferPriority }, options?: CallOptions): Promise<TransferView>
}

/** Requests to hold data: of this island to others, and of others to this one. */
export interface IslandRequests {
  /** Newest first. */
  list(
    query?: PageRequest & { direction?: 'incoming' | 'outgoing' },
    options?: CallOptions,
  ): Promise<ReplicaRequestPage>
  /** @throws REQUEST_NOT_FOUND */
  show(id: string, options?: CallOptions): Promise<ReplicaRequestView>
  /** From either side. One that has ended stays as it is. @throws REQUEST_NOT_FOUND */
  cancel(id: string, options?: CallOptions): Promise<ReplicaRequestView>
}

/** Datasets that are fetched to this island as they appear. */
export interface IslandSubscriptions {
  /** Durable when it resolves. @throws BAD_INPUT (no condition), TOO_MANY, DISK_FULL */
  create(request: SubscriptionRequest, options?: CallOptions): Promise<SubscriptionView>
  /** What it would begin with; nothing is kept. @throws BAD_INPUT */
  plan(request: SubscriptionRequest, options?: CallOptions): Promise<SubscriptionPlan>
  /** Newest first. */
  list(page?: PageRequest, options?: CallOptions): Promise<SubscriptionPage>
  /** @throws SUBSCRIPTION_NOT_FOUND */
  show(id: string, options?: CallOptions): Promise<SubscriptionView>
  /** Why a dataset is one of it or is not, and what became of it. @throws SUBSCRIPTION_NOT_FOUND, DATASET_NOT_FOUND, AMBIGUOUS */
  explain(id: string, ref: string, options?: CallOptions): Promise<SubscriptionExplanation>
  /** @throws SUBSCRIPTION_NOT_FOUND */
  pause(id: string, options?: CallOptions): Promise<SubscriptionView>
  /** Also tries again what failed. `maxBytes` is a new bound. @throws SUBSCRIPTION_NOT_FOUND */
  resume(id: string, request?: { maxBytes?: number }, options?: CallOptions): Promise<SubscriptionView>
  /** What it brought stays. @throws SUBSCRIPTION_NOT_FOUND */
  remove(id: string, options?: CallOptions): Promise<{ id: string }>
}

/** Rules about copies: those of all islands, of which one removes its own. */
export interface IslandRules {
  /** Durable when it resolves; with `dryRun` nothing is added. @throws BAD_INPUT, RULE_IMPOSSIBLE, RULE_EXISTS, NOT_FOUND, AMBIGUOUS */
  add(request: RuleRequest, options?: CallOptions): Promise<RuleExplanation>
  /** Newest first. */
  list(page?: PageRequest, options?: CallOptions): Promise<RulePage>
  /** By id, or its beginning. @throws RULE_NOT_FOUND, AMBIGUOUS */
  show(id: string, options?: CallOptions): Promise<RuleView>
  /** Which islands it means and why not the others, and how it stands with its datasets. @throws RULE_NOT_FOUND, AMBIGUOUS */
  explain(id: string, options?: CallOptions): Promise<RuleExplanation>
  /** What was copied stays. @throws RULE_NOT_FOUND, AMBIGUOUS, FORBIDDEN (of another island) */
  remove(id: string, options?: CallOptions): Promise<{ id: string }>
}

/** The sessions and batches of the Livy endpoint, beside what Livy has words for. */
export interface IslandLivy {
  /** Newest first. */
  list(page?: PageRequest, options?: CallOptions): Promise<LivyEntryPage>
  /** Ends it, and forgets it. @throws SESSION_NOT_FOUND, FORBIDDEN (of another user) */
  end(type: 'sessions' | 'batches', id: number, options?: OwnOptions): Promise<{ id: number }>
  /** Of the text of the JSON of an output. @throws SESSION_NOT_FOUND, STATEMENT_NOT_FOUND, FORBIDDEN (of another user) */
  output(
    session: number,
    statement: number,
    range: { offset: number; limit: number },
    options?: OwnOptions,
  ): Promise<LogPage>
}

/** Versions of datasets. */
export interface IslandVersions {
  /** Publishes again what this island publishes. @throws DATASET_NOT_FOUND, BAD_INPUT (the path is not remembered), UNREADABLE, STALE */
  update(
    ref: string,
    request?: UpdateRequest,
    options?: CallOptions & { onProgress?: (progress: PublishProgress) => void },
  ): Promise<DatasetUpdate>
  /** Those that are known, with who holds each. @throws DATASET_NOT_FOUND, AMBIGUOUS */
  versions(ref: string, options?: CallOptions): Promise<DatasetVersions>
  /** @throws DATASET_NOT_FOUND, AMBIGUOUS, NOT_FOUND (no such version), NO_HOLDER (details.islands: where its list is) */
  diff(ref: string, request: DiffRequest, options?: CallOptions): Promise<VersionDiff>
}

export interface IslandPort extends IslandVersions {
  status(options?: CallOptions): Promise<IslandStatus>
  islands(page?: PageRequest, options?: CallOptions): Promise<IslandPage>
  datasets(filter: DatasetFilter, options?: CallOptions): Promise<DatasetPage>
  /** By id in any spelling or by short name. @throws DATASET_NOT_FOUND, AMBIGUOUS (details.candidates) */
  dataset(ref: string, options?: CallOptions): Promise<DatasetView>
  /** @throws DATASET_NOT_FOUND, AMBIGUOUS, NO_HOLDER (details.islands: where the list is) */
  files(ref: string, page: { limit?: number; cursor?: string }, options?: CallOptions): Promise<FilePage>
  /** A file of any dataset, wherever it is held. @throws DATASET_NOT_FOUND, AMBIGUOUS, NOT_FOUND (no such file or version), NO_HOLDER */
  read(request: ReadRequest, options?: CallOptions): Promise<FileReading>
  /** An address of that file that needs no token, good for a while. `token`: the id of that of who asks. @throws as `read` */
  url(ref: string, request: FileUrlRequest, options?: CallOptions & { token?: string }): Promise<FileUrl>
  /**
   * The first rows. Read here where this island holds the dataset, else by a task where it is held, which `elsewhere` has to allow.
   * @throws DATASET_NOT_FOUND, AMBIGUOUS, NOT_FOUND (no table), SCOPE_MISSING (`elsewhere` is needed), STALE, NO_HOLDER
   */
  preview(ref: string, request: { rows?: number; elsewhere?: boolean }, options?: CallOptions): Promise<Preview>
  publish(
    request: PublishRequest,
    options?: CallOptions & { onProgress?: (progress: PublishProgress) => void },
  ): Promise<DatasetView>
  unpublish(ref: string, options?: CallOptions): Promise<{ id: string }>
  resolve(request: ResolveRequest, options?: CallOptions): Promise<Resolution>
  /** Durable when it resolves. @throws DATASET_NOT_FOUND, AMBIGUOUS, NO_HOLDER, NOT_FOUND, QUOTA_EXCEEDED, DISK_FULL */
  get(ref: string, request?: GetRequest, options?: CallOptions): Promise<TransferView>
  /** What `get` would move. */
  getPlan(ref: string, request?: Pick<GetRequest, 'files' | 'version'>, options?: CallOptions): Promise<TransferPlan>
  /** Once enough others promised to keep theirs. @throws DATASET_NOT_FOUND; without `force` LAST_COPY, BELOW_RULE, PROMISE_MISSING, DROP_CONFLICT; DROP_PROMISED */
  drop(
    ref: string,
    request?: { force?: boolean | undefined },
    options?: CallOptions,
  ): Promise<{ id: string; bytes: number }>
  /** What `drop` would do, by what is known now. @throws DATASET_NOT_FOUND, AMBIGUOUS */
  dropPlan(ref: string, options?: CallOptions): Promise<DropPlan>
  /** Reads what is here of it anew. @throws DATASET_NOT_FOUND */
  verify(ref: string, request?: { checksums?: boolean | undefined }, options?: CallOptions): Promise<Verification>
  /** Those of other islands' datasets that are here, by name. */
  replicas(page?: PageRequest, options?: CallOptions): Promise<ReplicaPage>
  /** From now on new versions take the place of the replica that is here. @throws DATASET_NOT_FOUND, AMBIGUOUS */
  follow(ref: string, options?: CallOptions): Promise<ReplicaView>
  /** The replica that is here stays, whatever is fetched, and follows nothing. @throws DATASET_NOT_FOUND, AMBIGUOUS, NOT_FOUND (no such version here) */
  pin(ref: string, request?: { version?: string | undefined }, options?: CallOptions): Promise<ReplicaView>
  transfers: IslandTransfers
  subscriptions: IslandSubscriptions
  rules: IslandRules
  /** Asks another island to hold a dataset; durable when it resolves. @throws NOT_FOUND, AMBIGUOUS, DATASET_NOT_FOUND, UNREACHABLE (a dry run) */
  replicate(ref: string, request: ReplicateRequest, options?: CallOptions): Promise<ReplicaRequestView>
  requests: IslandRequests
  sql(request: SqlRequest, options?: CallOptions): Promise<TaskResult>
  tasks: IslandTasks
  mains: IslandMains
  actions: IslandActions
  sessions: IslandSessions
  statements: IslandStatements
  livy: IslandLivy
  tokens: IslandTokens
  /** A code with which a browser signs in, good for five minutes. @throws TOO_MANY */
  signInCode(request: { scopes?: TokenView['scopes'] }, options?: CallOptions): Promise<SignInCode>
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
  journal(page?: PageRequest, options?: CallOptions): Promise<JournalPage>
  /** The settings in effect, secrets masked, with where each comes from. */
  config(options?: CallOptions): Promise<ConfigView>
  /** Changes as they arrive. The buffer is bounded; a reader that is too slow gets `{ lost: n }`. */
  events(options?: CallOptions): AsyncIterable<IslandEvent | { lost: number }>
}

/** Of one moment. */
export interface IslandNumbers {
  /** Connected islands. */
  peers: { direct: number; relayed: number }
  members: number
  catalog: { records: number; origins: number; datasets: number }
  /** Of this island. */
  datasets: { served: number; stale: number; lost: number }
  /** Unfinished tasks of this island by state. */
  tasks: Record<string, number>
  /** Of other islands' datasets: replicas by state, and their bytes; since the start: bytes read anew, bad files found, repairs begun. */
  replicas: {
    states: Record<string, number>
    bytes: number
    scrubbedBytes: number
    badFiles: number
    repairs: number
    /** Bad files that are not here again. */
    waitingFiles: number
  }
  /** Unfinished ones to this island by state, and bytes since the start: received, given to others, and what of both went by HTTPS. */
  transfers: {
    states: Record<string, number>
    receivedBytes: number
    sentBytes: number
    httpsBytes: { received: number; sent: number }
  }
  /** Of the queue of the engine. */
  work: { running: number; waiting: number; slots: number }
  engine: { up: boolean; sandbox: boolean; running: number; waiting: number }
  /** Interactive sessions by state; each state is there, so that none is a 0. */
  sessions: { idle: number; busy: number; dead: number }
  disk: { freeBytes: number; totalBytes: number }
}

/** For those that watch an island. */
export interface IslandHealth {
  /** Why it is not ready: `stopping`, `recovering`. Empty when it is. */
  notReady(): string[]
  numbers(): Promise<IslandNumbers>
}
