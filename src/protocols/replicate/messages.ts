import { z } from 'zod'
import { MAX_ID_LENGTH } from '../model/ids.ts'
import { knownProblem } from '../model/parts.ts'
import { replicaRequestState, requestAmount } from '../model/replica-request.ts'
import { MAX_GLOB_LENGTH, MAX_GLOBS, transferPriority } from '../model/transfer.ts'
import type { ProtocolSpec } from '../wire/spec.ts'

/** Requests whose states are asked for at once. */
export const MAX_STATES = 100
const requestId = z.string().regex(/^req-[0-9a-z]{8,60}$/)

export const wantedReplica = z.object({
  id: requestId,
  dataset: z.string().min(1).max(MAX_ID_LENGTH),
  /** Island id. */
  publisher: z.string().min(1).max(64),
  version: z.string().regex(/^[0-9a-f]{64}$/),
  files: z.array(z.string().min(1).max(MAX_GLOB_LENGTH)).max(MAX_GLOBS),
  priority: transferPriority,
  user: z.string().min(1).max(128),
  /** Promised now, fetched at its first use there. */
  whenUsed: z.boolean().optional(),
})
export type WantedReplica = z.infer<typeof wantedReplica>

const replicateMessage = z.discriminatedUnion('op', [
  z.object({ op: z.literal('ask'), wanted: wantedReplica }),
  z.object({ op: z.literal('plan'), wanted: wantedReplica }),
  z.object({ op: z.literal('state'), ids: z.array(requestId).min(1).max(MAX_STATES) }),
  z.object({ op: z.literal('cancel'), id: requestId }),
])
export type ReplicateMessage = z.infer<typeof replicateMessage>

export const requestProblem = knownProblem.extend({ message: z.string().max(2000), hint: z.string().max(2000) })

const requestStatus = z.object({
  id: requestId,
  state: replicaRequestState,
  wanted: requestAmount.optional(),
  done: requestAmount.optional(),
  problem: requestProblem.optional(),
})
export type RequestStatus = z.infer<typeof requestStatus>

export const replicateSpec: ProtocolSpec<ReplicateMessage, { requests: RequestStatus[] }> = {
  name: 'replicate',
  version: 1,
  request: replicateMessage,
  item: z.object({ requests: z.array(requestStatus).max(MAX_STATES) }),
  answer: 'single',
  maxRequestBytes: 128 * 1024,
  maxItemBytes: 1024 * 1024,
  maxItems: 1,
  timeoutMs: 60_000,
  quota: { concurrent: 8, perMinute: 600 },
  strangers: false,
}
