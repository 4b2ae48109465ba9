import type { LivyResources } from '../../protocols/livy/objects.ts'
import type { Column, DatasetFormat, Dialect } from '../../protocols/model/dataset.ts'
import type { ErrorInfo } from '../../protocols/model/errors.ts'
import type { EngineInfo } from '../../protocols/model/island.ts'
import type { ParamValue, SessionState, StatementState, TableResult, TaskKind } from '../../protocols/model/task.ts'

export type { SessionState, StatementState } from '../../protocols/model/task.ts'

import type { ResultSink } from '../results/port.ts'

/** A dataset as a session sees it: names on one side, this site's files on the other. Paths never leave the engine. */
export interface BoundDataset {
  /** Normalised id. */
  id: string
  /** Every name under which the statement's tables may mean it: the id as written, the short name. */
  names: string[]
  format: DatasetFormat
  columns: Column[]
  dialect?: Dialect
  /** Absolute local paths of the table's files, all of one schema. */
  paths: string[]
}

export interface SessionInit {
  kind: TaskKind
  datasets: BoundDataset[]
  /** Values that the code may use: `archipel.params` in programs, `$name` in a statement. */
  params?: Record<string, ParamValue>
  limits?: Partial<EngineLimits>
  /** Work of another island: a program then runs in a sandbox or not at all. */
  forwarded?: boolean
  /** Whose work it is: the name of a token, `user@island` for work of others. Spark may run it as somebody of the site's. */
  user?: string
  /** Which engine it has to be, where an island has more than one; without it the built-in one where that can do it. */
  engine?: 'livy' | 'embedded'
  /** A program as at a prompt: what its last line gives is printed, magics of Livy work, and there is an object `spark`. */
  prompt?: Prompt
  /** What Spark is asked for, in Livy's fields. Refused by engines without Spark. */
  spark?: LivyResources
  /** Names the work for good. An engine that has work outlive the island goes on with that of the same key. @see OutlivingWork */
  key?: string
}

export interface Prompt {
  /** Answers `spark.sql()` of the program. Its error's message is shown to the program. */
  sql(query: string, options: { maxRows: number; signal: AbortSignal }): Promise<TableResult>
}

export interface EngineLimits {
  /** Resident bytes of the session's processes together. */
  memoryBytes: number
  /** Milliseconds of wall time of one statement, and of CPU time of the session. */
  statementMs: number
  cpuMs: number
  resultRows: number
  /** Bytes of one result, the table and the other items together. */
  resultBytes: number
  /** Threads of the SQL engine; programs are told it. */
  threads: number
  /** Bytes of files that a program may have written at a time. Default 256 MiB. */
  scratchBytes?: number
  /** Bytes that one statement of a program may print; beyond that it is ended. Default 64 MiB. */
  outputBytes?: number
  /** Processes of one program, itself among them. Default 64. */
  processes?: number
}

/** An item of a result that no sink took: `text.txt`, `value.json`, `figure-1.png`, or a file that the code wrote. */
export interface CollectedItem {
  name: string
  mediaType: string
  bytes: Uint8Array
}

export interface StatementOutcome {
  /** Without rows where a sink took them; without columns where there is no table. */
  result: TableResult
  /** Empty where a sink took them. */
  items: CollectedItem[]
  elapsedMs: number
}

export interface StatementOptions {
  signal?: AbortSignal
  maxRows?: number
  timeoutMs?: number
  /**
   * Takes rows, items and log as they come; memory does not grow with the result then. Without it the result is collected,
   * cut at 100,000 rows and 16 MiB.
   */
  sink?: ResultSink
  /** The end of what it had printed when the island last heard of it, where work is gone on with: that is not told again. */
  printed?: string
}

export interface StatementView {
  /** From 0, one count per session, never used again. */
  id: number
  code: string
  state: StatementState
  /** 0 to 1; what the code tells of itself, 1 when it is over. */
  progress: number
  /** Milliseconds since 1970; 0 = not yet. */
  started: number
  completed: number
  /** When it is `available`: the one or the other. */
  outcome?: StatementOutcome
  error?: ErrorInfo
}

export interface EngineStatement {
  readonly id: number
  view(): StatementView
  /** The view now and at each change of state, up to the last. */
  watch(options?: { signal?: AbortSignal }): AsyncIterable<StatementView>
  /** What `run` gives; its rejection need not be handled. */
  readonly outcome: Promise<StatementOutcome>
  /** Resolves when it is over; one that is over stays as it is. Never throws. */
  cancel(): Promise<void>
  /** The view shows no outcome from now on: who asked has it. */
  forget(): void
}

/** Bytes of a log. Old ones may be gone: `offset` tells where `bytes` really begin. */
export interface LogChunk {
  bytes: Uint8Array
  offset: number
  /** Bytes that were ever printed. */
  total: number
}

export interface EngineSession {
  readonly id: number
  readonly kind: TaskKind
  readonly state: SessionState
  /** Settles with the last state when the session is over. Never rejects. */
  readonly ended: Promise<SessionState>
  /**
   * Runs one statement.
   * @throws SQL_INVALID, SQL_REFUSED, CODE_FAILED, MEMORY_LIMIT, TIME_LIMIT, DISK_LIMIT, RESULT_LIMIT, STALE, ENGINE_FAILED,
   * CANCELLED, TOO_MANY, and what the sink throws
   */
  run(code: string, options?: StatementOptions): Promise<StatementOutcome>
  /** The same, without waiting. @throws TOO_MANY when too many wait, ENGINE_FAILED when the session is over */
  submit(code: string, options?: StatementOptions): Promise<EngineStatement>
  /** The last 100, oldest first. */
  statements(): EngineStatement[]
  /** What its statements printed. Empty for SQL. */
  log(range: { offset: number; limit: number }): Promise<LogChunk>
  /** Ends the session and its process; never throws. */
  close(): Promise<void>
}

export interface BatchInit extends SessionInit {
  /** The program; empty where a main file is it. */
  code: string
  /** A JAR or a Python file, at an absolute local path, with what it is called. Spark only. */
  main?: { path: string; name: string; className?: string }
  args?: string[]
}

/** One program from its start to its end, in a process of its own. */
export interface EngineBatch {
  readonly id: number
  readonly kind: TaskKind
  readonly state: SessionState
  readonly outcome: Promise<StatementOutcome>
  /** The state now and at each change, up to the last. */
  watch(options?: { signal?: AbortSignal }): AsyncIterable<SessionState>
  log(range: { offset: number; limit: number }): Promise<LogChunk>
  /** Resolves when its process is gone: the batch is `killed` unless it was over. Never throws. */
  cancel(): Promise<void>
}

/** What an engine can do beyond one statement after the other in a session. The contract suite asks for each by name. */
export type EngineCapability =
  | 'sql'
  | 'python'
  | 'r'
  | 'scala'
  | 'jar'
  /** Ends a running statement within seconds. */
  | 'cancel-running'
  /** Holds sessions to the limits of memory, time, rows and bytes that it was given. */
  | 'limits'
  /** `params` of a session. */
  | 'params'
  | 'batches'
  /** Data by name, and refuses tables that are not bound. */
  | 'bound-data'
  /** A bound on sessions, and a queue. */
  | 'queue'

export interface EngineStatus {
  state: 'ready' | 'down'
  /** Whether an operating-system sandbox (bubblewrap) is in use. */
  sandbox: boolean
  running: number
  waiting: number
  /** Why it is down. */
  reason?: string
  /** Why there is no sandbox, where it is not in use. */
  sandboxReason?: string
  /** Languages that are missing, and why, e.g. `r: Rscript is not installed`. */
  missing?: Partial<Record<TaskKind, string>>
}

/** Work that goes on while its island is down, by the `key` with which it was begun. */
export interface OutlivingWork {
  /** Whether work of this key may have begun; asks nobody. */
  has(key: string): boolean
  /**
   * Whether it is still there; waits until that can be known. A session or batch of this key is then that very one.
   * @throws ENGINE_FAILED when it had begun and is lost, CANCELLED
   */
  find(key: string, options: { signal: AbortSignal }): Promise<boolean>
  /** Only these are wanted of what an earlier run of the island began: the others are ended. Nothing is ended before. */
  keep(keys: string[]): void
  /** Nobody waits for it any more: what is left of it is ended. Nothing where it is in use. */
  release(key: string): void
  /** The island stops, and will come back: from now on nothing that has a key is ended, whoever closes or cancels it here. */
  leave(): void
}

export interface EnginePort {
  start(options?: { signal?: AbortSignal }): Promise<void>
  stop(): Promise<void>
  info(): EngineInfo
  /** Each engine behind it, with how it is: this one alone, unless it is several in one. The one that is the default comes first. */
  engines(): { info: EngineInfo; status: EngineStatus }[]
  /** Known after the start. */
  capabilities(): ReadonlySet<EngineCapability>
  status(): EngineStatus
  /**
   * @throws ENGINE_DOWN, TOO_MANY when the queue is full, LANGUAGE_MISSING, NO_SANDBOX (forwarded programs), STALE, BAD_INPUT,
   * AMBIGUOUS, TOO_LARGE, CANCELLED
   */
  createSession(init: SessionInit, options?: { signal?: AbortSignal }): Promise<EngineSession>
  /** Begins at once or when a slot is free; resolves before that. @throws as `createSession`, but for what shows only at the start */
  createBatch(init: BatchInit, options?: StatementOptions): Promise<EngineBatch>
  /** Absent where all work ends with the island. */
  readonly outliving?: OutlivingWork
}

/** What a statement reads, found by parsing it, never by searching its text. */
export interface StatementAnalysis {
  /** Names as written (unquoted), each once, CTE names not among them. */
  tables: string[]
  /** Names of `$name`, each once: they need values among the parameters of the work. */
  parameters?: string[]
}

export interface SqlAnalyser {
  /** @throws SQL_INVALID with the parser's message; SQL_REFUSED when it is anything but one SELECT over named tables */
  analyse(sql: string, options?: { signal?: AbortSignal }): Promise<StatementAnalysis>
}

/** Trusted queries of the daemon itself over a few local files, in a process that a malformed file cannot leave. */
export interface Inspector {
  /** The names under which queries have to read the files, in the order given: `read_csv('<name>')`. Never the real paths. */
  files(): Promise<string[]>
  /** @throws UNREADABLE, MEMORY_LIMIT, TIME_LIMIT, RESULT_LIMIT, STALE (a file is gone), CANCELLED */
  query(sql: string, options?: { signal?: AbortSignal; timeoutMs?: number }): Promise<TableResult>
  /** Ends the process; never throws. */
  close(): Promise<void>
}
