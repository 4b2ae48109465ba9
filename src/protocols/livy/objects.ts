/**
 * Livy's own objects, as its REST interface (0.9.0) sends and takes them. Nothing of ours is among their fields: clients of
 * Livy fail on fields that they do not know.
 */
import type { SessionState, StatementState } from '../model/task.ts'

/** Kinds of sessions and statements, in the form in which Livy echoes them. */
export const LIVY_KINDS = ['spark', 'pyspark', 'sparkr', 'sql', 'shared'] as const
export type LivyKind = (typeof LIVY_KINDS)[number]
/** What a statement can be: `shared` is a kind of sessions only. */
export type LivyCodeKind = Exclude<LivyKind, 'shared'>

/** What a session and a batch have in common in their requests. */
export interface LivyResources {
  proxyUser?: string
  jars?: string[]
  pyFiles?: string[]
  files?: string[]
  archives?: string[]
  driverMemory?: string
  driverCores?: number
  executorMemory?: string
  executorCores?: number
  numExecutors?: number
  queue?: string
  name?: string
  conf?: Record<string, string>
}

export interface LivySessionRequest extends LivyResources {
  kind: LivyKind
  /** Seconds; 0 = no heartbeats. */
  heartbeatTimeoutInSecond?: number
  /** Livy's durations, e.g. `10m`. */
  ttl?: string
  idleTimeout?: string
}

export interface LivyBatchRequest extends LivyResources {
  file: string
  className?: string
  args?: string[]
}

/** Livy's own keys are `driverLogUrl`, `sparkUiUrl`, `executorLogUrls`; ours begin with `archipel`. */
export type LivyAppInfo = Record<string, string | null>

export interface LivySession {
  id: number
  name: string | null
  appId: string | null
  owner: string | null
  proxyUser: string | null
  state: SessionState
  kind: LivyKind
  appInfo: LivyAppInfo
  /** The last ten lines. */
  log: string[]
  ttl: string | null
  idleTimeout: string | null
  driverMemory: string | null
  driverCores: number
  executorMemory: string | null
  executorCores: number
  conf: Record<string, string>
  archives: string[]
  files: string[]
  heartbeatTimeoutInSecond: number
  jars: string[]
  numExecutors: number
  pyFiles: string[]
  queue: string | null
}

export interface LivyBatch {
  id: number
  name: string | null
  owner: string | null
  proxyUser: string | null
  state: SessionState
  appId: string | null
  appInfo: LivyAppInfo
  log: string[]
}

export type LivyOutput =
  | { status: 'ok'; execution_count: number; data: Record<string, unknown> }
  | { status: 'error'; execution_count: number; ename: string; evalue: string; traceback: string[] }

export interface LivyStatement {
  id: number
  code: string
  state: StatementState
  output: LivyOutput | null
  progress: number
  /** Milliseconds since 1970; 0 = not yet. */
  started: number
  completed: number
}

export interface LivyStatementRequest {
  code: string
  kind?: LivyCodeKind
}

export interface LivyLog {
  id: number
  from: number
  total: number
  log: string[]
}

export interface LivyJob {
  id: number
  state: string
  /** Base64. */
  result: string | null
  error: string | null
}

export interface LivyVersion {
  /** Digits.digits.digits and a suffix. */
  version: string
  user: string
  revision: string
  branch: string
  date: string
  url: string
}

/** What is uploaded to or added to a session. */
export type LivyArtifact = 'jar' | 'pyfile' | 'file'
