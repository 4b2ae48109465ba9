import { z } from 'zod'
import { MAX_ID_LENGTH } from '../model/ids.ts'
import type { ProtocolSpec } from '../wire/spec.ts'
import { MAX_ROOT_BYTES } from './messages.ts'

const hash = z.string().regex(/^[0-9a-f]{64}$/)

export const blockRequest = z.object({
  dataset: z.string().max(MAX_ID_LENGTH),
  version: hash,
  /** The version itself for the root, or the hash of a page. */
  block: hash,
})
export type BlockRequest = z.infer<typeof blockRequest>

/** Bytes of one item of the answer. */
export const BLOCK_CHUNK_BYTES = 512 * 1024

/** A block of the manifest of a dataset that the asked island holds, in chunks. Who asks checks it against its name. */
export const blockSpec: ProtocolSpec<BlockRequest, { bytes: Uint8Array }> = {
  name: 'manifest-block',
  version: 1,
  request: blockRequest,
  item: z.object({ bytes: z.custom<Uint8Array>((value) => value instanceof Uint8Array) }),
  answer: 'series',
  maxRequestBytes: 4 * 1024,
  maxItemBytes: BLOCK_CHUNK_BYTES + 1024,
  maxItems: Math.ceil(MAX_ROOT_BYTES / BLOCK_CHUNK_BYTES),
  timeoutMs: 10_000,
  quota: { concurrent: 8, perMinute: 600 },
  strangers: false,
}
