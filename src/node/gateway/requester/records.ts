import { z } from 'zod'
import type { LivyBatch, LivyBatchRequest, LivySession, LivySessionRequest } from '../../../protocols/livy/objects.ts'
import { livyBatch, livyBatchRequest, livySession, livySessionRequest } from '../../../protocols/livy/schemas.ts'
import { boundRef } from '../../../protocols/model/task.ts'
import type { Bucket, BucketChange, StorePort } from '../../store/port.ts'
import type { EntryType } from '../calls.ts'

const common = {
  id: z.number().int(),
  /** By which the provider knows it. */
  key: z.string(),
  /** Where it is: an island id. Written before that island is asked. */
  island: z.string(),
  /** The user of this island. */
  owner: z.string(),
  name: z.string().nullable(),
  datasets: z.array(boundRef),
  /** Why it is there, in words. */
  why: z.string(),
  engine: z.enum(['livy', 'embedded']).optional(),
  /** Milliseconds since 1970; `made`: when its client was told. */
  created: z.number(),
  made: z.number().optional(),
  ended: z.number().optional(),
  /** Given up here: not wanted any more where it runs. */
  given: z.boolean().optional(),
}
const sessionRecord = z.object({
  ...common,
  type: z.literal('session'),
  request: livySessionRequest,
  last: livySession.optional(),
})
const batchRecord = z.object({
  ...common,
  type: z.literal('batch'),
  request: livyBatchRequest,
  last: livyBatch.optional(),
})
const record = z.discriminatedUnion('type', [sessionRecord, batchRecord])

interface Common {
  id: number
  key: string
  island: string
  owner: string
  name: string | null
  datasets: z.infer<typeof boundRef>[]
  why: string
  engine?: 'livy' | 'embedded' | undefined
  created: number
  made?: number | undefined
  ended?: number | undefined
  given?: boolean | undefined
}
/** `last`: as it was last kept; states that come and go are not kept. */
export type SessionRecord = Common & {
  type: 'session'
  request: LivySessionRequest
  last?: LivySession | undefined
}
export type BatchRecord = Common & { type: 'batch'; request: LivyBatchRequest; last?: LivyBatch | undefined }
export type EntryRecord = SessionRecord | BatchRecord

/** The entries of this endpoint. Numbers rise and are never given again. */
export interface EntryStore {
  load(): Promise<{ entries: EntryRecord[]; next: Record<EntryType, number>; owed: string[] }>
  /** With the number as used, at once. */
  create(entry: EntryRecord): Promise<void>
  /** Uses a number up. */
  skip(type: EntryType, id: number): Promise<void>
  put(entry: EntryRecord): Promise<void>
  delete(entry: Pick<EntryRecord, 'type' | 'id'>): Promise<void>
  /** That an island still has something that is not wanted any more; `false`: it was told. */
  owe(island: string, owed: boolean): Promise<void>
}

const BUCKET = 'livy'

export function entryStore(store: Pick<StorePort, 'bucket' | 'batch'>, onBroken: (key: string) => void): EntryStore {
  const bucket: Bucket = store.bucket(BUCKET)
  const keyOf = ({ type, id }: Pick<EntryRecord, 'type' | 'id'>) => `entry/${type}/${String(id).padStart(10, '0')}`
  const lastKey = (type: EntryType) => `last/${type}`
  const text = (entry: EntryRecord) => JSON.stringify(entry)

  let numbering: Promise<unknown> = Promise.resolve()

  async function next(type: EntryType): Promise<number> {
    return Number((await bucket.get(lastKey(type))) ?? -1) + 1
  }

  /** In the order of the numbers: a smaller one must not be the last to be written. */
  function inOrder(work: () => Promise<void>): Promise<void> {
    const done = numbering.then(work, work)
    numbering = done.catch(() => {})
    return done
  }

  return {
    async load() {
      const entries: EntryRecord[] = []
      const owed: string[] = []
      for await (const [key, value] of bucket.entries({ from: 'entry/', below: 'entry0' })) {
        try {
          entries.push(record.parse(JSON.parse(value)) as EntryRecord)
        } catch {
          onBroken(key)
        }
      }
      for await (const [key] of bucket.entries({ from: 'owed/', below: 'owed0' })) owed.push(key.slice('owed/'.length))
      return { entries, owed, next: { session: await next('session'), batch: await next('batch') } }
    },
    async create(entry) {
      const changes: BucketChange[] = [
        { bucket: BUCKET, key: lastKey(entry.type), value: String(entry.id) },
        { bucket: BUCKET, key: keyOf(entry), value: text(entry) },
      ]
      await inOrder(() => store.batch(changes))
    },
    skip: (type, id) => inOrder(() => bucket.put(lastKey(type), String(id))),
    put: (entry) => bucket.put(keyOf(entry), text(entry)),
    delete: (entry) => bucket.delete(keyOf(entry)),
    owe: (island, owed) => (owed ? bucket.put(`owed/${island}`, '1') : bucket.delete(`owed/${island}`)),
  }
}
