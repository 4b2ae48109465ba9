import { z } from 'zod'
import { column } from './dataset.ts'
import { MAX_ID_LENGTH } from './ids.ts'
import { batchWork, engineName, sparkResources } from './spark.ts'

/** What is run: the languages of the engines. `scala` and `jar` (a program with its main file) need Spark. */
export const taskKind = z.enum(['sql', 'python', 'r', 'scala', 'jar'])
export type TaskKind = z.infer<typeof taskKind>

/**
 * `queued` (accepted, durable), `placing` (an island is being chosen), `staging` (the attempt was handed over, not
 * begun), `running`, and the three ends. An end is written once and never changes.
 */
export const taskState = z.enum(['queued', 'placing', 'staging', 'running', 'succeeded', 'failed', 'cancelled'])
export type TaskState = z.infer<typeof taskState>

/** One cell: JSON values only. Integers beyond 2^53 and decimals come as strings, dates and times as ISO 8601, blobs as base64, NaN and infinities as strings. */
export type Cell = null | boolean | number | string | Cell[] | { [key: string]: Cell }

export interface TableResult {
  columns: z.infer<typeof column>[]
  rows: Cell[][]
  /** Rows in `rows`; when `truncated`, the statement had more. */
  rowCount: number
  truncated: boolean
}

/** Why an island was chosen or not, one entry per island considered. */
export const placementEntry = z.object({
  island: z.string(),
  name: z.string(),
  chosen: z.boolean(),
  /** Datasets (ids) of the task that it holds. */
  holds: z.array(z.string()),
  confirmed: z.boolean(),
  /** In words: why it was chosen, why another was cheaper, or why it was not considered at all. */
  reason: z.string(),
  /** Sum of the terms, in seconds; missing where it was excluded before any was computed. */
  seconds: z.number().optional(),
  terms: z.array(z.object({ name: z.string(), seconds: z.number(), reason: z.string() })).optional(),
  /** Whether it could not run the task at all. */
  excluded: z.boolean().optional(),
})
export type PlacementEntry = z.infer<typeof placementEntry>

/** `task-<island id of the requester>-<time and random, base 36>`: whoever knows the id knows whom to ask. */
export const taskId = z.string().regex(/^task-isl[a-z2-7]{32}-[a-z0-9]{8,40}$/, 'not the id of a task')

export function requesterOf(task: string): string {
  return task.split('-')[1] ?? ''
}

/** Bytes of a task's code. */
export const MAX_CODE_BYTES = 1024 * 1024
export const MAX_TASK_DATASETS = 64
export const MAX_PARAMS = 64

export const paramName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, 'a parameter is named by letters, digits, _')
/** A whole number that JSON's readers would change is refused: as text it is exact, and SQL compares it with numbers. */
const paramNumber = z
  .number()
  .refine((n) => !Number.isInteger(n) || Number.isSafeInteger(n), 'has to be text: as a number its digits would change')
export const paramValue = z.union([z.string().max(64 * 1024), paramNumber, z.boolean(), z.null()])
export type ParamValue = z.infer<typeof paramValue>

/** A dataset of a task, pinned. */
export const boundRef = z.object({
  /** The name as the code writes it: the table of a statement, the id given with --data. */
  table: z.string().max(MAX_ID_LENGTH),
  id: z.string().max(MAX_ID_LENGTH),
  publisher: z.string().max(64),
  version: z.string().max(64),
})
export type BoundRef = z.infer<typeof boundRef>

/** What an attempt has to do: immutable, the same at every attempt. */
export const work = z.object({
  task: taskId,
  /** Who asks, at the requester's island. */
  user: z.string().min(1).max(128),
  kind: taskKind,
  code: z.string().max(MAX_CODE_BYTES),
  datasets: z.array(boundRef).max(MAX_TASK_DATASETS),
  params: z.record(paramName, paramValue),
  /** Milliseconds of wall time of an attempt; the provider's limit when absent. */
  timeoutMs: z.number().int().positive().optional(),
  maxRows: z.number().int().positive().optional(),
  /** The engine it has to run on; with `livy`, `spark` and `batch` say how. See `wantedEngine` for what its absence means. */
  engine: engineName.optional(),
  spark: sparkResources.optional(),
  batch: batchWork.optional(),
})
export type Work = z.infer<typeof work>

/** One file of a result: `table.ndjson` (one JSON array per row), `text.txt`, `value.json`, `figure-1.png`, or a file that the code wrote. */
export const resultItem = z.object({
  /** A plain relative path, `/`-separated, without `.` or `..`. */
  name: z.string().min(1).max(255),
  mediaType: z.string().max(128),
  bytes: z.number().int().nonnegative(),
  /** Hex. */
  sha256: z.string().length(64),
})
export type ResultItem = z.infer<typeof resultItem>

/** A column of a result. Names that DuckDB makes up repeat the whole expression, types of structs all their fields. */
export const resultColumn = column.extend({ name: z.string().max(16_384), type: z.string().max(65_536) })

export const MAX_RESULT_ITEMS = 1000
export const TABLE_ITEM = 'table.ndjson'

/** Formats that a table can be saved as: CSV (RFC 4180), one JSON array of objects, one JSON object a line, Apache Parquet, an Arrow IPC file (Feather V2). */
export const tableFormat = z.enum(['csv', 'json', 'ndjson', 'parquet', 'arrow'])
export type TableFormat = z.infer<typeof tableFormat>

/** What came out, without the bytes. */
export const resultMeta = z.object({
  /** The main thing: the table if there is one, else the first of image, json, text, files; `none` for nothing at all. */
  kind: z.enum(['table', 'image', 'json', 'text', 'files', 'none']),
  items: z.array(resultItem).max(MAX_RESULT_ITEMS),
  /** Of the table, where there is one. */
  table: z
    .object({
      columns: z.array(resultColumn).max(10_000),
      rowCount: z.number().int().nonnegative(),
      truncated: z.boolean(),
    })
    .optional(),
  bytes: z.number().int().nonnegative(),
  /** Milliseconds that the engine took. */
  elapsedMs: z.number().nonnegative(),
})
export type ResultMeta = z.infer<typeof resultMeta>

/** `offered` (perhaps there), `accepted` (durable at the provider), `running`, the ends, and `lost` (its lease ran out; it may have run). */
export const attemptState = z.enum(['offered', 'accepted', 'running', 'succeeded', 'failed', 'cancelled', 'lost'])
export type AttemptState = z.infer<typeof attemptState>

/**
 * Livy's words for sessions and batches (REST API, Session State). A session goes `starting`, `idle` and `busy` in turn,
 * `shutting_down`, and ends `dead` (closed or crashed) or `killed`; a batch goes `starting`, `running`, and ends `success`,
 * `dead` (its code failed) or `killed` (cancelled). An engine may show the other words, too.
 */
export const sessionState = z.enum([
  'not_started',
  'starting',
  'recovering',
  'idle',
  'running',
  'busy',
  'shutting_down',
  'error',
  'dead',
  'killed',
  'success',
])
export type SessionState = z.infer<typeof sessionState>

/** Livy's words. Code that fails is `available`, with its error. */
export const statementState = z.enum(['waiting', 'running', 'available', 'error', 'cancelling', 'cancelled'])
export type StatementState = z.infer<typeof statementState>
