import { z } from 'zod'
import { column } from '../model/dataset.ts'
import { MAX_ID_LENGTH } from '../model/ids.ts'
import { mainName, sha256Text, wantedEngine } from '../model/spark.ts'
import { attemptState, type Cell, resultMeta, taskId, work } from '../model/task.ts'
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

const attemptNumber = z.number().int().positive().max(1_000_000)
const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array)

/** What went wrong, as in the API. */
const errorInfo = z.object({
  code: z.string().max(64),
  message: z.string().max(8_000),
  hint: z.string().max(2_000).optional(),
  retryable: z.boolean().optional(),
  details: z.record(z.string(), z.unknown()).optional(),
})

const handOver = {
  attempt: attemptNumber,
  work,
  /** Milliseconds between two signs of life at most: the provider sends one every quarter of it. */
  leaseMs: z.number().int().min(200).max(3_600_000),
  /** Bytes of the result that may come with the end; more is read by `task-read`. */
  inlineBytes: z.number().int().nonnegative(),
  /** Do not begin it again after a restart of the provider. */
  atMostOnce: z.boolean(),
}
const watch = z.object({
  op: z.literal('watch'),
  task: taskId,
  attempt: attemptNumber,
  inlineBytes: z.number().int().nonnegative(),
})
/** Hands an attempt over. The same again is the same attempt: it is watched from where it is. */
const submit = z.object({ op: z.literal('submit'), ...handOver })
export type AttemptRequest = z.infer<typeof submit> | z.infer<typeof watch>

/** As it is sent. Work on Spark has an op of its own: who does not know its fields has to refuse it, not to run it without them. */
export const attemptMessage = z.discriminatedUnion('op', [
  submit,
  z.object({ op: z.literal('submit-spark'), ...handOver }),
  watch,
])
export type AttemptMessage = z.infer<typeof attemptMessage>

export function toMessage(request: AttemptRequest): AttemptMessage {
  if (request.op === 'watch' || wantedEngine(request.work) !== 'livy') return request
  return { ...request, op: 'submit-spark' }
}

export function fromMessage(message: AttemptMessage): AttemptRequest {
  return message.op === 'submit-spark' ? { ...message, op: 'submit' } : message
}

export const attemptEvent = z.discriminatedUnion('type', [
  /** Durable at the provider. Always the first item. */
  z.object({ type: z.literal('accepted') }),
  /** At each change, and as a sign of life. */
  z.object({ type: z.literal('state'), state: attemptState, logBytes: z.number().int().nonnegative() }),
  /** The end; durable at the provider until it is acknowledged. */
  z.object({
    type: z.literal('done'),
    state: z.enum(['succeeded', 'failed', 'cancelled']),
    logBytes: z.number().int().nonnegative(),
    result: resultMeta.optional(),
    /** Items of the result, whole, as far as `inlineBytes` reach. */
    inline: z.array(z.object({ name: z.string().max(255), bytes })).optional(),
    error: errorInfo.optional(),
    /** Whether the code had begun; absent: perhaps. */
    begun: z.boolean().optional(),
  }),
])
export type AttemptEvent = z.infer<typeof attemptEvent>

/** An attempt, from its hand-over or from where it is. Closing the stream cancels nothing. */
export const attemptSpec: ProtocolSpec<AttemptMessage, AttemptEvent> = {
  name: 'task-attempt',
  version: 1,
  request: attemptMessage,
  item: attemptEvent,
  answer: 'series',
  maxRequestBytes: 8 * 1024 * 1024,
  maxItemBytes: 4 * 1024 * 1024,
  maxItems: 10_000_000,
  timeoutMs: 30_000,
  quota: { concurrent: 256, perMinute: 6000 },
  strangers: false,
}

export const controlRequest = z.object({
  /** `cancel`: end it. `acknowledge`: the requester has the outcome for good. `drop`: it is not wanted any more. */
  op: z.enum(['cancel', 'acknowledge', 'drop']),
  task: taskId,
  attempt: attemptNumber,
})
export type ControlRequest = z.infer<typeof controlRequest>

/**
 * From the requester to the provider of an attempt. Durable when it is answered; the same again changes nothing. The answer
 * is the state before; `unknown`: nothing was known of it, and a hand-over that comes later is refused (FENCED).
 */
export const controlSpec: ProtocolSpec<ControlRequest, { state: z.infer<typeof attemptState> | 'unknown' }> = {
  name: 'task-control',
  version: 1,
  request: controlRequest,
  item: z.object({ state: z.union([attemptState, z.literal('unknown')]) }),
  answer: 'single',
  maxRequestBytes: 4 * 1024,
  maxItemBytes: 4 * 1024,
  maxItems: 1,
  timeoutMs: 10_000,
  quota: { concurrent: 64, perMinute: 6000 },
  strangers: false,
}

export const claimRequest = z.object({
  attempts: z
    .array(z.object({ task: taskId, attempt: attemptNumber, state: attemptState }))
    .min(1)
    .max(256),
})
export type ClaimRequest = z.infer<typeof claimRequest>

/** From a provider to the requester: what becomes of attempts that nobody watches or acknowledged. In the order asked. */
export const claimSpec: ProtocolSpec<ClaimRequest, { verdicts: ('keep' | 'drop')[] }> = {
  name: 'task-claim',
  version: 1,
  request: claimRequest,
  item: z.object({ verdicts: z.array(z.enum(['keep', 'drop'])).max(256) }),
  answer: 'single',
  maxRequestBytes: 128 * 1024,
  maxItemBytes: 16 * 1024,
  maxItems: 1,
  timeoutMs: 10_000,
  quota: { concurrent: 8, perMinute: 600 },
  strangers: false,
}

export const readRequest = z.object({
  task: taskId,
  /** Without one: the requester's own copy of the accepted attempt. */
  attempt: attemptNumber.optional(),
  /** `log` or the name of an item of the result. */
  item: z.string().min(1).max(255),
  offset: z.number().int().nonnegative(),
  /** Bytes at most. */
  limit: z.number().int().positive(),
})
export type ReadRequest = z.infer<typeof readRequest>

/** Bytes of a log or of an item, from an offset. Served by the requester to any member, by the provider to the requester; its log, until that has it, to any. */
export const readSpec: ProtocolSpec<ReadRequest, { bytes: Uint8Array }> = {
  name: 'task-read',
  version: 1,
  request: readRequest,
  item: z.object({ bytes }),
  answer: 'series',
  maxRequestBytes: 4 * 1024,
  maxItemBytes: 1024 * 1024,
  maxItems: 10_000_000,
  timeoutMs: 30_000,
  quota: { concurrent: 32, perMinute: 6000 },
  strangers: false,
}

/** What an island knows of a task: the view of `model/views.ts` as JSON text, so that newer fields pass through. */
export const describeSpec: ProtocolSpec<{ task: string }, { view: string }> = {
  name: 'task-describe',
  version: 1,
  request: z.object({ task: taskId }),
  item: z.object({ view: z.string().max(4 * 1024 * 1024) }),
  answer: 'single',
  maxRequestBytes: 4 * 1024,
  maxItemBytes: 4 * 1024 * 1024 + 1024,
  maxItems: 1,
  timeoutMs: 10_000,
  quota: { concurrent: 32, perMinute: 3000 },
  strangers: false,
}

export const mainRequest = z.object({
  sha256: sha256Text,
  name: mainName,
  offset: z.number().int().nonnegative(),
  /** The task that it belongs to; without one: of an action that the island asked has shared. */
  task: taskId.optional(),
})
export type MainRequest = z.infer<typeof mainRequest>

/** A main file from an offset to its end: of a task, for the island that has its attempt; of a shared action, for every member. */
export const mainSpec: ProtocolSpec<MainRequest, { bytes: Uint8Array }> = {
  name: 'main-file',
  version: 1,
  request: mainRequest,
  item: z.object({ bytes }),
  answer: 'series',
  maxRequestBytes: 4 * 1024,
  maxItemBytes: 1024 * 1024,
  maxItems: 10_000_000,
  timeoutMs: 30_000,
  quota: { concurrent: 8, perMinute: 600 },
  strangers: false,
}
