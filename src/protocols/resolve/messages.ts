import { z } from 'zod'
import { replicaState } from '../model/dataset.ts'
import { MAX_ID_LENGTH } from '../model/ids.ts'
import type { ProtocolSpec } from '../wire/spec.ts'

export const resolveRequest = z.object({ ids: z.array(z.string().max(MAX_ID_LENGTH)).min(1).max(32) })

/** What the asked island itself holds of these ids, from its own truth: the files were looked at just now. */
export const holding = z.object({
  id: z.string().max(MAX_ID_LENGTH),
  publisher: z.string().max(64),
  name: z.string().max(128),
  version: z.string().max(64),
  state: replicaState,
  aliases: z.array(z.string().max(MAX_ID_LENGTH)).max(20),
})
export type Holding = z.infer<typeof holding>

export const resolveSpec: ProtocolSpec<z.infer<typeof resolveRequest>, { holdings: Holding[] }> = {
  name: 'resolve',
  version: 1,
  request: resolveRequest,
  item: z.object({ holdings: z.array(holding).max(1000) }),
  answer: 'single',
  maxRequestBytes: 32 * 1024,
  maxItemBytes: 2 * 1024 * 1024,
  maxItems: 1,
  timeoutMs: 5_000,
  quota: { concurrent: 16, perMinute: 1200 },
  strangers: false,
}
