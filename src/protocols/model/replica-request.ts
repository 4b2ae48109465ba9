/** Words about requests: asking another island to hold data. */
import { z } from 'zod'
import { named, problemView } from './parts.ts'
import { MAX_GLOB_LENGTH, MAX_GLOBS, transferPriority } from './transfer.ts'

/**
 * `requested`: not decided yet, or not delivered; `promised`: its manifest is there, and it will be fetched at its first use there;
 * `accepted`: it will be fetched; `partial` and `available` say what the holder has
 * at the end. `refused`, `failed` and `cancelled` are ends, too.
 */
export const replicaRequestState = z.enum([
  'requested',
  'promised',
  'accepted',
  'transferring',
  'available',
  'partial',
  'refused',
  'failed',
  'cancelled',
])
export type ReplicaRequestState = z.infer<typeof replicaRequestState>

/** Nothing happens to it any more. */
export const REQUEST_ENDS: ReadonlySet<ReplicaRequestState> = new Set([
  'available',
  'partial',
  'refused',
  'failed',
  'cancelled',
])

export const replicateBody = z.strictObject({
  to: z.string().min(1).max(100).describe('Id or name of the island that shall hold it.'),
  files: z
    .array(z.string().min(1).max(MAX_GLOB_LENGTH))
    .max(MAX_GLOBS)
    .optional()
    .describe('Patterns of paths, `**` for any folders; all files when absent.'),
  version: z
    .string()
    .regex(/^[0-9a-fA-F]{8,64}$/)
    .optional()
    .describe('A version, or its first eight digits or more; the newest when absent.'),
  priority: transferPriority.optional(),
  whenUsed: z
    .boolean()
    .optional()
    .describe('It promises to hold them, and fetches them when somebody reads or gets them there for the first time.'),
  dryRun: z.boolean().optional().describe('Answer what the island would say; nothing is kept there or here.'),
})
export type ReplicateRequest = z.infer<typeof replicateBody>

export const requestAmount = z.object({
  files: z.number().int().nonnegative(),
  bytes: z.number().int().nonnegative(),
})

/** A request, for people. */
export const replicaRequestView = z.object({
  id: z.string(),
  /** Sent by this island, or received. */
  direction: z.enum(['outgoing', 'incoming']),
  /** The island asked, or the one that asks. */
  island: named,
  user: z.string(),
  dataset: z.string(),
  publisher: named,
  version: z.string(),
  files: z.array(z.string()),
  priority: transferPriority,
  /** It is fetched at its first use there. */
  whenUsed: z.boolean().optional(),
  state: replicaRequestState,
  /** The other island has not heard of this state yet. */
  undelivered: z.boolean(),
  wanted: requestAmount.optional(),
  done: requestAmount.optional(),
  /** The transfer at this island, of an incoming one. */
  transfer: z.string().optional(),
  problem: problemView.optional(),
  created: z.string(),
  updated: z.string(),
})
export type ReplicaRequestView = z.infer<typeof replicaRequestView>

export const replicaRequestPage = z.object({
  items: z.array(replicaRequestView),
  total: z.number().int(),
  next: z.string().optional(),
})
export type ReplicaRequestPage = z.infer<typeof replicaRequestPage>
