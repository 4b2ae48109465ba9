import type { Cell, ParamValue } from '../../../protocols/model/task.ts'
import type { Origins } from './origins.ts'

/** What one SELECT reads and gives. */
export interface Analysis {
  /** Names as written, each once, those of common table expressions not among them. */
  tables: string[]
  /** Names of `$name`, each once. */
  parameters: string[]
  origins?: Origins
}

/** First message to a child: opens its database. */
export interface OpenRequest {
  op: 'open'
  id: number
  threads: number
  /** Bytes that DuckDB may plan with; the process limit lies above. */
  memoryBytes: number
  /** The only files that DuckDB may open, as the child sees them. */
  files: string[]
  /** Statements run before the configuration is locked: the views over the files. */
  setup: string[]
}

export interface RunRequest {
  op: 'run'
  id: number
  sql: string
  /** `select` refuses all but one SELECT; `trusted` runs what the daemon itself wrote. */
  mode: 'select' | 'trusted'
  maxRows: number
  maxBytes: number
  /** Values of `$name`. */
  params?: Record<string, ParamValue>
}

export interface AnalyseRequest {
  op: 'analyse'
  id: number
  sql: string
}

/** Asks DuckDB to stop the statement that runs; the reply to that statement is still awaited. */
export interface InterruptRequest {
  op: 'interrupt'
}

export type ChildRequest = OpenRequest | RunRequest | AnalyseRequest | InterruptRequest

/** Codes that a child may give; the daemon takes no other. */
export const CHILD_CODES = [
  'SQL_INVALID',
  'SQL_REFUSED',
  'MEMORY_LIMIT',
  'RESULT_LIMIT',
  'STALE',
  'ENGINE_FAILED',
  'CANCELLED',
] as const
export type ChildCode = (typeof CHILD_CODES)[number]

export type ChildReply =
  | { id: number; is: 'opened'; version: string }
  | { id: number; is: 'columns'; columns: { name: string; type: string }[] }
  | { id: number; is: 'rows'; rows: Cell[][] }
  | { id: number; is: 'done'; truncated: boolean }
  | ({ id: number; is: 'analysed' } & Analysis)
  | { id: number; is: 'failed'; code: ChildCode; message: string; fatal?: boolean }
