import { z } from 'zod'
import { islandId, MAX_ID_LENGTH } from '../model/ids.ts'
import type { ProtocolSpec } from '../wire/spec.ts'

/** A promise binds at least a second, and an hour at most. */
export const MIN_PROMISE_MS = 1000
export const MAX_PROMISE_MS = 3_600_000

export const promiseRequest = z.object({
  /** `keep` asks for a promise, `release` says that it is needed no more. */
  ask: z.enum(['keep', 'release']),
  dataset: z.string().min(1).max(MAX_ID_LENGTH),
  /** Island id of the claim. */
  publisher: islandId,
  version: z.string().regex(/^[0-9a-f]{64}$/),
  /** Names one try to drop, at its island: a release that comes late ends the promise of its own try only. */
  drop: z.string().min(1).max(64),
  /** Milliseconds from when the request comes in. */
  forMs: z.number().int().min(MIN_PROMISE_MS).max(MAX_PROMISE_MS),
})
export type PromiseRequest = z.infer<typeof promiseRequest>

export const promiseAnswer = z.object({
  /** `promised`: it is durable. `not-held`: there is no whole copy. `dropping`: it drops its own just now, and goes first. */
  answer: z.enum(['promised', 'not-held', 'dropping', 'released']),
})
export type PromiseAnswer = z.infer<typeof promiseAnswer>

/** A holder's word that it keeps its whole copy for a while, given to one that wants to drop its own. */
export const promiseSpec: ProtocolSpec<PromiseRequest, PromiseAnswer> = {
  name: 'keep-promise',
  version: 1,
  request: promiseRequest,
  item: promiseAnswer,
  answer: 'single',
  maxRequestBytes: 4 * 1024,
  maxItemBytes: 1024,
  maxItems: 1,
  timeoutMs: 15_000,
  quota: { concurrent: 16, perMinute: 1200 },
  strangers: false,
}
