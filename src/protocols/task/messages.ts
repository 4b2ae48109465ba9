import { z } from 'zod'
import { column } from '../model/dataset.ts'
import { MAX_ID_LENGTH } from '../model/ids.ts'
import type { Cell } from '../model/task.ts'
import type { ProtocolSpec } from '../wire/spec.ts'

const cell: z.ZodType<Cell> = z.lazy(() =>
  z.union([z.null(), z.boolean(), z.number(), z.string(), z.array(cell), z.record(z.string(), cell)]),
)

export const runRequest = z.object({
  /** The task's id, given by the requester; contains its island id. */
  task: z.string().max(128),
  attempt: z.number().int().positive(),
  /** Who asks at the requester's island. */
  user: z.string().max(128),
  kind: z.literal('sql'),
  code: z.string().max(100_000),
  /** What each table name of the code means. */
  datasets: z
    .array(
      z.object({
        table: z.string().max(MAX_ID_LENGTH),
        id: z.string().max(MAX_ID_LENGTH),
        publisher: z.string().max(64),
        version: z.string().max(64),
      }),
    )
    .max(64),
  timeoutMs: z.number().int().positive().optional(),
  maxRows: z.number().int().positive().optional(),
})
export type RunRequest = z.infer<typeof runRequest>

export const runEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('accepted') }),
  /** So that the asker's deadline between two items holds while a statement runs long. */
  z.object({ type: z.literal('running') }),
  z.object({ type: z.literal('columns'), columns: z.array(column).max(10_000) }),
  z.object({ type: z.literal('rows'), rows: z.array(z.array(cell)) }),
  z.object({
    type: z.literal('done'),
    rowCount: z.number().int().nonnegative(),
    truncated: z.boolean(),
    elapsedMs: z.number(),
  }),
])
export type RunEvent = z.infer<typeof runEvent>

/** One attempt of a task at a holder. Closing the stream cancels the attempt there. */
export const runSpec: ProtocolSpec<RunRequest, RunEvent> = {
  name: 'task-run',
  version: 1,
  request: runRequest,
  item: runEvent,
  answer: 'series',
  maxRequestBytes: 512 * 1024,
  maxItemBytes: 8 * 1024 * 1024,
  maxItems: 1_000_000,
  timeoutMs: 15_000,
  quota: { concurrent: 16, perMinute: 3000 },
  strangers: false,
}
