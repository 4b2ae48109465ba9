import { z } from 'zod'
import { boundRef } from '../../../protocols/model/task.ts'
import type { Bucket } from '../../store/port.ts'

const record = z.object({
  /** Who has it: an island id. */
  island: z.string(),
  key: z.string(),
  type: z.enum(['session', 'batch']),
  user: z.string(),
  engine: z.enum(['livy', 'embedded']),
  /** By which the site finds it again. */
  mark: z.string(),
  datasets: z.array(boundRef),
  /** Milliseconds since 1970. */
  created: z.number(),
  /** Statements below this number were over the data that are bound; of a batch 1 when it was. */
  sound: z.number().optional(),
  /** From this statement on the files were others; of a batch also where nobody could tell (`NOT_READY`). */
  stale: z.object({ from: z.number(), why: z.string(), code: z.enum(['STALE', 'NOT_READY']).optional() }).optional(),
})
export type HeldRecord = z.infer<typeof record>

/** What was asked of this island's sites and not deleted yet; written before the site is asked. */
export interface HeldStore {
  all(): Promise<HeldRecord[]>
  put(entry: HeldRecord): Promise<void>
  delete(entry: Pick<HeldRecord, 'island' | 'key'>): Promise<void>
}

const PREFIX = 'held/'

export function heldStore(bucket: Bucket, onBroken: (key: string) => void): HeldStore {
  const keyOf = (entry: Pick<HeldRecord, 'island' | 'key'>) => `${PREFIX}${entry.island}/${entry.key}`
  return {
    async all() {
      const found: HeldRecord[] = []
      for await (const [key, value] of bucket.entries({ from: PREFIX, below: 'held0' })) {
        try {
          found.push(record.parse(JSON.parse(value)))
        } catch {
          onBroken(key)
        }
      }
      return found
    },
    put: (entry) => bucket.put(keyOf(entry), JSON.stringify(entry)),
    delete: (entry) => bucket.delete(keyOf(entry)),
  }
}
