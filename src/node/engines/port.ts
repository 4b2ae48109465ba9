import type { Column, DatasetFormat, Dialect } from '../../protocols/model/dataset.ts'
import type { EngineInfo } from '../../protocols/model/island.ts'
import type { ParamValue, TableResult, TaskKind } from '../../protocols/model/task.ts'
import type { ResultSink } from '../results/port.ts'

/** Livy's words (REST API, Session State). */
export type SessionState =
  | 'not_started'
  | 'starting'
  | 'idle'
  | 'busy'
  | 'shutting_down'
  | 'error'
  | 'dead'
  | 'killed'
  | 'success'

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
}

export interface EngineLimits {
  /** Resident bytes of the session's process. */
  memoryBytes: number
  /** Milliseconds of wall time of one statement, and of CPU time of the session. */
  statementMs: number
  cpuMs: number
  resultRows: number
  resultBytes: number
  /** Threads of the SQL engine. */
  threads: number
}

export interface StatementOutcome {
  /** Without rows where a sink took them. */
  result: TableResult
  elapsedMs: number
}

export interface StatementOptions {
  signal?: AbortSignal
  maxRows?: number
  timeoutMs?: number
  /** Takes rows, items and log as they come; memory does not grow with the result then. */
  sink?: ResultSink
}

export interface EngineSession {
  readonly id: number
  readonly state: SessionState
  /** Runs one statement. @throws SQL_INVALID, SQL_REFUSED, MEMORY_LIMIT, TIME_LIMIT, RESULT_LIMIT, STALE, ENGINE_FAILED, CANCELLED */
  run(code: string, options?: StatementOptions): Promise<StatementOutcome>
  /** Ends the session and its process; never throws. */
  close(): Promise<void>
}

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
}

export interface EnginePort {
  start(options?: { signal?: AbortSignal }): Promise<void>
  stop(): Promise<void>
  info(): EngineInfo
  status(): EngineStatus
  /** @throws ENGINE_DOWN, TOO_MANY when the queue is full */
  createSession(init: SessionInit, options?: { signal?: AbortSignal }): Promise<EngineSession>
}

/** What a statement reads, found by parsing it, never by searching its text. */
export interface StatementAnalysis {
  /** Names as written (unquoted), each once, CTE names not among them. */
  tables: string[]
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
