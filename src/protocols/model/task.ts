import { z } from 'zod'
import type { column } from './dataset.ts'

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
  reason: z.string(),
})
export type PlacementEntry = z.infer<typeof placementEntry>
