/** Words about transfers: how bytes of a dataset come to an island. */
import { z } from 'zod'
import { named, problemView } from './parts.ts'
import { amount } from './versions.ts'

/** `partial` and `available` are ends, as are `failed` and `cancelled`; `paused` waits for somebody. */
export const transferState = z.enum([
  'requested',
  'transferring',
  'verifying',
  'available',
  'partial',
  'failed',
  'paused',
  'cancelled',
])
export type TransferState = z.infer<typeof transferState>

export const transferPriority = z.enum(['low', 'normal', 'high'])
export type TransferPriority = z.infer<typeof transferPriority>

/** How bytes come from an island: by HTTPS where it offers that and can be reached so, else over a libp2p stream. */
export const transferCarrier = z.enum(['https', 'libp2p'])
export type TransferCarrier = z.infer<typeof transferCarrier>

/** Nothing happens to it any more. */
export const TRANSFER_ENDS: ReadonlySet<TransferState> = new Set(['available', 'partial', 'failed', 'cancelled'])

/** Patterns of one request, and characters of one. */
export const MAX_GLOBS = 100
export const MAX_GLOB_LENGTH = 500

const at = { island: z.string(), name: z.string() }

/** A replica that went because others needed its room. */
export const evictedReplica = z.object({
  dataset: z.string(),
  name: z.string(),
  version: z.string(),
  bytes: z.number(),
})
export type EvictedReplica = z.infer<typeof evictedReplica>

/** A transfer, for people. */
export const transferView = z.object({
  id: z.string(),
  dataset: z.string(),
  /** Short name of the dataset. */
  name: z.string(),
  publisher: named,
  version: z.string(),
  state: transferState,
  priority: transferPriority,
  /** Patterns of the files asked for; empty: all. */
  files: z.array(z.string()),
  to: z.string().optional(),
  user: z.string(),
  wanted: amount,
  /** Verified and durable. */
  done: amount,
  /** Bytes a second just now, and seconds until the end at that rate; absent while it does not run. */
  bytesPerSecond: z.number().optional(),
  secondsLeft: z.number().optional(),
  sources: z.array(
    z.object({
      ...at,
      bytes: z.number(),
      /** Absent while it is not asked. */
      bytesPerSecond: z.number().optional(),
      carrier: transferCarrier.optional(),
      /** Files of which it sent bad pieces: it is not asked for them again. */
      bad: z.number().int(),
    }),
  ),
  problem: problemView.optional(),
  /** Replicas that made room for it. */
  evicted: z.array(evictedReplica).optional(),
  created: z.string(),
  updated: z.string(),
  ended: z.string().optional(),
})
export type TransferView = z.infer<typeof transferView>

/** Newest first. */
export interface TransferPage {
  items: TransferView[]
  total: number
  next?: string
}

/** What a transfer would do. */
export const transferPlan = z.object({
  dataset: z.string(),
  name: z.string(),
  publisher: named,
  version: z.string(),
  /** What is asked for, what of it is here, and what would move. */
  wanted: amount,
  here: amount,
  missing: amount,
  sources: z.array(z.object({ ...at, state: z.string(), confirmed: z.boolean(), rttMs: z.number().optional() })),
  freeBytes: z.number(),
  /** Bytes that replicas may still take by the quota. */
  quotaLeftBytes: z.number(),
})
export type TransferPlan = z.infer<typeof transferPlan>

/** What was found when files were read anew. */
export const verification = z.object({
  dataset: z.string(),
  version: z.string(),
  /** The state it is in by that. */
  state: z.string(),
  good: amount,
  /** Files that are not what they should be, or are missing; of a replica they were taken out of the way. */
  bad: z.array(z.string()),
  /** SHA-256 of whole files, where it was asked for. */
  checksums: z.array(z.object({ path: z.string(), sha256: z.string() })).optional(),
})
export type Verification = z.infer<typeof verification>
