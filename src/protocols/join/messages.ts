import { z } from 'zod'
import type { ProtocolSpec } from '../wire/spec.ts'

const bytes = (max: number) =>
  z.custom<Uint8Array>((b) => b instanceof Uint8Array && b.length <= max, `at most ${max} bytes`)

/** A first card: name, site, key and a nonce; a few hundred bytes. */
const MAX_CARD_BYTES = 4 * 1024
/** One signed member record. */
const MAX_FACT_BYTES = 64 * 1024
/** Members of an archipelago that a newcomer can be told of at once; the catalog brings the others. */
const MAX_FACTS = 20_000

export const joinRequest = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('redeem'),
    ticket: z.string().max(64),
    secret: bytes(64),
    card: bytes(MAX_CARD_BYTES),
    acceptance: bytes(64),
  }),
  /** "Here is how I became a member": own admission and those of the inviters up to one the other knows. */
  z.object({ type: z.literal('present'), facts: z.array(bytes(MAX_FACT_BYTES)).max(64) }),
])
export type JoinRequest = z.infer<typeof joinRequest>

export const joinReply = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('redeemed'),
    genesis: bytes(MAX_CARD_BYTES),
    facts: z.array(bytes(MAX_FACT_BYTES)).max(MAX_FACTS),
    time: z.number(),
  }),
  /** `facts`: for a revoked island the signed revocation, and the admissions that show its author's right to it. */
  z.object({
    type: z.literal('standing'),
    standing: z.enum(['member', 'left', 'revoked', 'unknown']),
    facts: z.array(bytes(MAX_FACT_BYTES)).max(128),
    time: z.number(),
  }),
])
export type JoinReply = z.infer<typeof joinReply>

/** The one protocol of ours that strangers may speak; so its bounds are tight. */
export const joinSpec: ProtocolSpec<JoinRequest, JoinReply> = {
  name: 'join',
  version: 1,
  request: joinRequest,
  item: joinReply,
  answer: 'single',
  maxRequestBytes: 256 * 1024,
  maxItemBytes: 16 * 1024 * 1024,
  maxItems: 1,
  timeoutMs: 20_000,
  quota: { concurrent: 4, perMinute: 30 },
  strangers: true,
}
