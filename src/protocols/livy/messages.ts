import { z } from 'zod'
import { boundRef, MAX_TASK_DATASETS } from '../model/task.ts'
import type { LinkSpec } from '../wire/link.ts'
import type { ProtocolSpec } from '../wire/spec.ts'

const MiB = 1024 * 1024
/** Bytes of an output that comes with its statement; a larger one is fetched. */
export const INLINE_OUTPUT_BYTES = 256 * 1024
/** Bytes of one piece of an upload or of an output. */
export const PIECE_BYTES = MiB
/** Bytes of a file that is uploaded: Livy's own default. */
export const MAX_UPLOAD_BYTES = 100 * MiB
/** Entries of one asker at one island. */
export const MAX_ENTRIES = 10_000

/** Names an entry: given by the asker, never reused, unique among its entries. */
export const entryKey = z.string().regex(/^[a-z0-9-]{8,64}$/, 'not the key of an entry')
const type = z.enum(['session', 'batch'])
const artifact = z.enum(['jar', 'pyfile', 'file'])
const number = z
  .number()
  .int()
  .nonnegative()
  .max(2 ** 31)
const range = { from: z.number().int().optional(), size: z.number().int().optional() }

export const livyRequest = z.discriminatedUnion('op', [
  /** The first on a link: all entries that the asker has here. Whatever else it had is ended. */
  z.object({ op: z.literal('attach'), entries: z.array(z.object({ key: entryKey, type })).max(MAX_ENTRIES) }),
  /** The same key again is the same session or batch. */
  z.object({
    op: z.literal('create'),
    key: entryKey,
    type,
    /** Who asks at the asker's island. */
    user: z.string().min(1).max(128),
    /** JSON of Livy's own request. */
    request: z.string().max(4 * MiB),
    datasets: z.array(boundRef).max(MAX_TASK_DATASETS),
    engine: z.enum(['livy', 'embedded']).optional(),
  }),
  z.object({ op: z.literal('delete'), key: entryKey }),
  z.object({ op: z.literal('stop'), key: entryKey }),
  z.object({ op: z.literal('log'), key: entryKey, ...range }),
  z.object({ op: z.literal('statements'), key: entryKey }),
  /** `expect`: the id that it has to get. The same again is the same statement. */
  z.object({ op: z.literal('submit'), key: entryKey, request: z.string().max(8 * MiB), expect: number }),
  z.object({ op: z.literal('cancel'), key: entryKey, statement: number }),
  z.object({
    op: z.literal('complete'),
    key: entryKey,
    code: z.string().max(4 * MiB),
    kind: z.enum(['spark', 'pyspark', 'sparkr', 'sql']),
    cursor: z.number().int(),
  }),
  z.object({
    op: z.literal('submit-job'),
    key: entryKey,
    way: z.enum(['submit', 'run']),
    job: z.string().max(8 * MiB),
    jobType: z.string().max(256),
  }),
  z.object({ op: z.literal('job'), key: entryKey, job: number }),
  z.object({ op: z.literal('cancel-job'), key: entryKey, job: number }),
  z.object({ op: z.literal('add'), key: entryKey, what: artifact, uri: z.string().max(8192) }),
])
export type LivyAsk = z.infer<typeof livyRequest>

/** `json`: what the operation answers. `refusal`: Livy's own answer where it is no success. `outputs`: bytes of outputs left out, by statement. */
export const livyAnswer = z.object({
  json: z.string().optional(),
  refusal: z
    .object({ status: z.number().int().min(100).max(599), body: z.string().optional(), msg: z.string().optional() })
    .optional(),
  outputs: z
    .array(z.object({ statement: number, bytes: number }))
    .max(1000)
    .optional(),
})
export type LivyAnswer = z.infer<typeof livyAnswer>

export const livyPush = z.discriminatedUnion('type', [
  z.object({ type: z.literal('session'), key: entryKey, json: z.string() }),
  z.object({ type: z.literal('batch'), key: entryKey, json: z.string() }),
  /** `outputBytes`: its output was left out. */
  z.object({ type: z.literal('statement'), key: entryKey, json: z.string(), outputBytes: number.optional() }),
  z.object({ type: z.literal('lost'), key: entryKey, why: z.string().max(2000) }),
])
export type LivyPushFrame = z.infer<typeof livyPush>

/** Sessions and batches of one island at another, with every change of them. */
export const livySpec: LinkSpec<LivyAsk, LivyAnswer, LivyPushFrame> = {
  name: 'livy-watch',
  version: 1,
  request: livyRequest,
  item: livyAnswer,
  push: livyPush,
  maxFrameBytes: 16 * MiB,
  maxQueuedBytes: 64 * MiB,
  timeoutMs: 60_000,
  beatMs: 5_000,
  quota: { concurrent: 256, perMinute: 60_000, links: 4 },
}

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array)

/** The output of a statement as JSON, in pieces. Served to the one who has the session. */
export const outputSpec: ProtocolSpec<{ key: string; statement: number }, { bytes: Uint8Array }> = {
  name: 'livy-output',
  version: 1,
  request: z.object({ key: entryKey, statement: number }),
  item: z.object({ bytes }),
  answer: 'series',
  maxRequestBytes: 4 * 1024,
  maxItemBytes: PIECE_BYTES + 1024,
  maxItems: 4096,
  timeoutMs: 60_000,
  quota: { concurrent: 16, perMinute: 6000 },
  strangers: false,
}

export const pieceRequest = z.object({
  key: entryKey,
  what: artifact,
  /** Without directories. */
  name: z.string().min(1).max(255),
  /** Of one upload, given by the asker. */
  upload: entryKey,
  total: z.number().int().nonnegative().max(MAX_UPLOAD_BYTES),
  offset: z.number().int().nonnegative(),
  bytes,
})
export type UploadPiece = z.infer<typeof pieceRequest>

/** A piece of a file for a session, in order; the last one is answered when the session has the file. */
export const uploadSpec: ProtocolSpec<UploadPiece, LivyAnswer> = {
  name: 'livy-upload',
  version: 1,
  request: pieceRequest,
  item: livyAnswer,
  answer: 'single',
  maxRequestBytes: PIECE_BYTES + 4096,
  maxItemBytes: 64 * 1024,
  maxItems: 1,
  timeoutMs: 120_000,
  quota: { concurrent: 4, perMinute: 6000 },
  strangers: false,
}
