import { hash } from 'node:crypto'
import { z } from 'zod'
import { islandId } from '../model/ids.ts'
import { MAX_RECORD_BYTES } from '../record/envelope.ts'
import { MAX_HEAD_BYTES } from '../record/head.ts'
import type { ProtocolSpec } from '../wire/spec.ts'

/** Up to so many logs, an answer to a digest carries the heads at once; above, bucket digests narrow it down first. */
export const HEADS_AT_ONCE = 64
/** Heads in one message; the rest comes in the next round. 1,024 heads of 300 bytes are 0.3 MB. */
export const MAX_HEADS = 1024
export const BUCKET_DIGEST_BYTES = 8
export const MIN_BUCKETS = 64
export const MAX_BUCKETS = 1024
/** Aim for the size of one item of a pull, and its bound: one record of full size may come on top. */
export const CHUNK_BYTES = 256 * 1024
export const MAX_CHUNK_BYTES = CHUNK_BYTES + MAX_RECORD_BYTES + 4096
/** Records in one item: keeps the work between two looks at the clock below some 50 ms. */
export const CHUNK_RECORDS = 500
/** A gossip message; also the most that the records in one may have together. */
export const MAX_GOSSIP_BYTES = 16 * 1024
export const MAX_GOSSIP_RECORD_BYTES = 8 * 1024
/** Origins named in one answer as having orphans. */
export const MAX_ORPHAN_NOTES = 256

export const HEAD_TAG_BYTES = 8

/** The first bytes of the SHA-256 of a signed head: names one that both sides have. */
export function headTag(head: Uint8Array): Uint8Array {
  return new Uint8Array(hash('sha256', head, 'buffer').subarray(0, HEAD_TAG_BYTES))
}

const bytes = (most: number) =>
  z.custom<Uint8Array>((v) => v instanceof Uint8Array && v.length <= most, `bytes, at most ${most}`)
const exactly = (n: number) => z.custom<Uint8Array>((v) => v instanceof Uint8Array && v.length === n, `${n} bytes`)
const natural = z.number().int().nonnegative()
const position = z.object({ epoch: natural.min(1), seq: natural.min(1) })
const head = bytes(MAX_HEAD_BYTES)
const record = bytes(MAX_RECORD_BYTES)
const audience = z.string().min(1).max(64)

/** "This is what I know; is it what you know?" */
export const digestRequest = z.object({
  /** SHA-256 over all logs that count, see `README.md`. */
  digest: exactly(32),
  /** Milliseconds by the asker's clock; only to find clocks that are off. */
  now: natural,
  /** The asker wants to hear what is known of its own log: it cannot send any of it before. */
  own: z.boolean(),
})
export type DigestRequest = z.infer<typeof digestRequest>

export const digestReply = z.object({
  same: z.boolean(),
  now: natural,
  /** Where `own` was asked: the newest head known of the asker's log. */
  yours: head.nullable().optional(),
  /** Where not the same and few logs: every head. */
  heads: z.array(head).max(MAX_HEADS).optional(),
  /** Where not the same and many logs: 8 bytes a bucket; their number is a power of two. */
  buckets: bytes(MAX_BUCKETS * BUCKET_DIGEST_BYTES).optional(),
  /** Origins of which this island keeps records that their newest head no longer contains, with a digest of them. */
  orphans: z
    .array(z.object({ origin: islandId, digest: exactly(8) }))
    .max(MAX_ORPHAN_NOTES)
    .optional(),
})
export type DigestReply = z.infer<typeof digestReply>

export const headsRequest = z.object({
  /** The buckets that differ, of so many. Empty when all heads came with the digest. */
  buckets: z.array(natural.max(MAX_BUCKETS - 1)).max(MAX_BUCKETS),
  of: natural.max(MAX_BUCKETS),
  /** What the asker has of them, so that both sides learn. */
  heads: z.array(head).max(MAX_HEADS),
})
export type HeadsRequest = z.infer<typeof headsRequest>

export const headsReply = z.object({ heads: z.array(head).max(MAX_HEADS) })
export type HeadsReply = z.infer<typeof headsReply>

export const pullRequest = z.object({
  origin: islandId,
  audience,
  /** The position up to which the asker has everything; null asks for the whole live set. */
  from: position.nullable(),
  /** The head that the asker has seen (`headTag`): where the answer leads to that one, it need not be sent again. */
  seen: exactly(HEAD_TAG_BYTES).optional(),
})
export type PullRequest = z.infer<typeof pullRequest>

/** First `refused` or `start`, then chunks in the order of positions. */
export const pullItem = z.union([
  /** `unknown`: no such log here. `later`: it is here, but not checked yet. */
  z.object({ refused: z.enum(['unknown', 'later']) }),
  z.object({
    /** The signed head up to which the answer goes; null when it is the one that the asker has seen. */
    head: head.nullable(),
    /** True: the whole live set follows, and the asker's own state plays no part. */
    full: z.boolean(),
    /** Withdrawals up to here may be missing in the answer. */
    horizon: position.nullable(),
  }),
  z.object({ records: z.array(record).max(CHUNK_RECORDS) }),
])
export type PullItem = z.infer<typeof pullItem>

export const orphansRequest = z.object({ origin: islandId })
export type OrphansRequest = z.infer<typeof orphansRequest>
export const orphansItem = z.object({ records: z.array(record).max(CHUNK_RECORDS) })
export type OrphansItem = z.infer<typeof orphansItem>

/** A hint for speed. Whoever misses it learns the same in the next round. */
export const gossipMessage = z.object({
  heads: z.array(head).min(1).max(32),
  /** With a single head: the records that lead to it from `from`, where they are small. */
  records: z.array(record).max(64).optional(),
  from: position.nullable().optional(),
})
export type GossipMessage = z.infer<typeof gossipMessage>

const HEADS_BYTES = MAX_HEADS * (MAX_HEAD_BYTES + 8)

export const DIGEST: ProtocolSpec<DigestRequest, DigestReply> = {
  name: 'catalog/digest',
  version: 1,
  request: digestRequest,
  item: digestReply,
  answer: 'single',
  maxRequestBytes: 256,
  maxItemBytes: HEADS_BYTES + 64 * 1024,
  maxItems: 1,
  timeoutMs: 10_000,
  quota: { concurrent: 4, perMinute: 240 },
  strangers: false,
}

export const HEADS: ProtocolSpec<HeadsRequest, HeadsReply> = {
  name: 'catalog/heads',
  version: 1,
  request: headsRequest,
  item: headsReply,
  answer: 'single',
  maxRequestBytes: HEADS_BYTES + 16 * 1024,
  maxItemBytes: HEADS_BYTES,
  maxItems: 1,
  timeoutMs: 20_000,
  quota: { concurrent: 4, perMinute: 240 },
  strangers: false,
}

export const PULL: ProtocolSpec<PullRequest, PullItem> = {
  name: 'catalog/pull',
  version: 1,
  request: pullRequest,
  item: pullItem,
  answer: 'series',
  maxRequestBytes: 512,
  maxItemBytes: MAX_CHUNK_BYTES,
  // A million live records and as many withdrawals, in chunks of 256 KiB or 500 records; most are far smaller.
  maxItems: 600_000,
  timeoutMs: 30_000,
  // A newcomer pulls every log once: 1,000 islands in a minute.
  quota: { concurrent: 8, perMinute: 2000 },
  strangers: false,
}

export const ORPHANS: ProtocolSpec<OrphansRequest, OrphansItem> = {
  name: 'catalog/orphans',
  version: 1,
  request: orphansRequest,
  item: orphansItem,
  answer: 'series',
  maxRequestBytes: 256,
  maxItemBytes: MAX_CHUNK_BYTES,
  maxItems: 100_000,
  timeoutMs: 30_000,
  quota: { concurrent: 2, perMinute: 120 },
  strangers: false,
}
