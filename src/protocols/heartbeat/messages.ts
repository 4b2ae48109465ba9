import { z } from 'zod'
import { card, load } from '../model/island.ts'
import type { ProtocolSpec } from '../wire/spec.ts'

/** Never a record, never part of a digest: how an island does right now, and where its log stands. */
export const beat = z.object({
  epoch: z.number().int().nonnegative(),
  seq: z.number().int().nonnegative(),
  /** Milliseconds since 1970, by the sender's clock: the other side estimates the skew from it. */
  time: z.number(),
  load,
})
export type Beat = z.infer<typeof beat>

/** To a connected peer, every interval: the answer is the peer's own beat, the time it takes is the round trip. */
export const heartbeatSpec: ProtocolSpec<Beat, Beat> = {
  name: 'heartbeat',
  version: 1,
  request: beat,
  item: beat,
  answer: 'single',
  maxRequestBytes: 1024,
  maxItemBytes: 1024,
  maxItems: 1,
  timeoutMs: 5_000,
  quota: { concurrent: 4, perMinute: 120 },
  strangers: false,
}

/** "Can you reach me there?": the asked island opens a TCP connection to each address and looks for a libp2p greeting. */
export const reachSpec: ProtocolSpec<{ addresses: string[] }, { reachable: string[] }> = {
  name: 'reach',
  version: 1,
  request: z.object({ addresses: card.shape.addresses }),
  item: z.object({ reachable: card.shape.addresses }),
  answer: 'single',
  maxRequestBytes: 8 * 1024,
  maxItemBytes: 8 * 1024,
  maxItems: 1,
  timeoutMs: 10_000,
  quota: { concurrent: 1, perMinute: 6 },
  strangers: false,
}
