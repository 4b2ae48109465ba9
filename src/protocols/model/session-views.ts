/** Interactive sessions, with the fields and states of Livy where it has them. */
import type { ErrorInfo } from './errors.ts'
import type { Cell, ParamValue, SessionState, StatementState, TaskKind } from './task.ts'

/** What an interactive session shall be. */
export interface SessionRequest {
  kind: TaskKind
  /** A word for people. */
  name?: string
  /** Refs of datasets that this island holds. */
  datasets?: string[]
  params?: Record<string, ParamValue>
}

/** A session of the island's own engine; fields and states of Livy where it has them. */
export interface SessionView {
  id: number
  name?: string
  owner: string
  kind: TaskKind
  state: SessionState
  datasets: { table: string; id: string; version: string }[]
  /** The last ten lines that it printed. */
  log: string[]
  /** Milliseconds without use after which it ends. */
  idleMs: number
  /** ISO instants. */
  created: string
  active: string
  ended?: string
  /** Why it did not start. */
  error?: ErrorInfo
}

export interface SessionPage {
  items: SessionView[]
  total: number
  next?: string
}

export interface StatementRequest {
  code: string
  /** Default 1,000. */
  maxRows?: number
  timeoutMs?: number
}

/** Livy's. `data` is by media type; a table is `application/json` with `schema`, `data` and `truncated`. */
export type StatementOutput =
  | { status: 'ok'; execution_count: number; data: Record<string, Cell> }
  | {
      status: 'error'
      execution_count: number
      ename: string
      evalue: string
      traceback: string[]
      error: ErrorInfo
    }

/** Livy's. */
export interface StatementView {
  /** From 0, of one session. */
  id: number
  code: string
  state: StatementState
  /** 0 to 1. */
  progress: number
  /** Milliseconds since 1970; 0 = not yet. */
  started: number
  completed: number
  /** Null until it is over, and when it was cancelled. */
  output: StatementOutput | null
}

export type StatementSummary = Omit<StatementView, 'output'>

export interface StatementPage {
  items: StatementSummary[]
  total: number
  next?: string
}
