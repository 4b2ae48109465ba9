import { z } from 'zod'
import { datasetBody } from '../../../protocols/model/dataset.ts'
import { problemView } from '../../../protocols/model/parts.ts'
import { replicaMode } from '../../../protocols/model/replica.ts'
import { evictedReplica, transferPriority, transferState } from '../../../protocols/model/transfer.ts'
import type { BucketChange, StorePort } from '../../store/port.ts'
import type { FileState, Replica, ReplicaStore, Transfer } from '../port.ts'

const amount = z.object({ files: z.number(), bytes: z.number() })
const replica = z.object({
  folder: z.string(),
  id: z.string(),
  publisher: z.string(),
  version: z.string(),
  name: z.string(),
  state: z.enum(['requested', 'transferring', 'verifying', 'available', 'partial', 'failed']),
  total: amount,
  held: amount,
  parts: z.number().optional(),
  heldHash: z.string().optional(),
  globs: z.array(z.string()),
  read: z.literal(true).optional(),
  body: datasetBody.optional(),
  added: z.number(),
  damaged: z.number().optional(),
  scrubbed: z.number().optional(),
  scrubAt: z.number().optional(),
  used: z.number().optional(),
  mode: replicaMode.optional(),
  by: z.string().optional(),
  shared: z.number().optional(),
})
const transfer = z.object({
  id: z.string(),
  dataset: z.string(),
  name: z.string(),
  publisher: z.string(),
  version: z.string(),
  folder: z.string(),
  globs: z.array(z.string()),
  to: z.string().optional(),
  user: z.string(),
  priority: transferPriority,
  state: transferState,
  wanted: amount,
  done: amount,
  problem: problemView.optional(),
  evicted: z.array(evictedReplica).optional(),
  created: z.number(),
  updated: z.number(),
  ended: z.number().optional(),
  sources: z.record(z.string(), z.object({ bytes: z.number(), bad: z.number() })),
})
const identity = z.object({ size: z.number(), mtimeNs: z.string(), ctimeNs: z.string(), ino: z.string() })

const PIECES = 0x70
const DONE = 0x64
/** Entries deleted at once. */
const BATCH = 1000

function encode(state: FileState): Uint8Array {
  if ('pieces' in state) return Buffer.concat([Buffer.of(PIECES), state.pieces])
  return Buffer.concat([Buffer.of(DONE), Buffer.from(JSON.stringify(state.done))])
}

/** Undefined for what cannot be read: the file is looked at anew then. */
function decode(bytes: Uint8Array): FileState | undefined {
  if (bytes[0] === PIECES) return { pieces: Uint8Array.from(bytes.subarray(1)) }
  const parsed = identity.safeParse(JSON.parse(Buffer.from(bytes.subarray(1)).toString()))
  return parsed.success ? { done: parsed.data } : undefined
}

/** Replicas, their files and blocks, and transfers, in the island's store. */
export function levelReplicas(store: StorePort, onBroken: (key: string) => void = () => {}): ReplicaStore {
  const replicas = store.bucket('replicas')
  const transfers = store.bucket('transfers')
  const states = store.bucket('replicaFiles')
  const blocks = store.bucket('manifests')
  const tables = store.bucket('tables')
  const of = (folder: string) => ({ from: `${folder}\0`, below: `${folder}\u0001` })

  async function all<T>(bucket: typeof replicas, schema: z.ZodType<T>): Promise<T[]> {
    const found: T[] = []
    for await (const [key, text] of bucket.entries()) {
      const parsed = schema.safeParse(JSON.parse(text))
      if (parsed.success) found.push(parsed.data)
      else onBroken(key)
    }
    return found
  }

  return {
    replicas: () => all(replicas, replica as z.ZodType<Replica>),
    transfers: () => all(transfers, transfer as unknown as z.ZodType<Transfer>),
    async file(folder, path) {
      const bytes = await states.getBytes(`${folder}\0${path}`)
      return bytes === undefined ? undefined : decode(bytes)
    },
    async *files(folder) {
      for await (const [key, bytes] of states.entriesBytes(of(folder))) {
        const state = decode(bytes)
        if (state !== undefined) yield [key.slice(folder.length + 1), state]
      }
    },
    block: (folder, hash) => blocks.getBytes(`${folder}\0${hash}`),
    async commit(changes) {
      const batch: BucketChange[] = []
      for (const { folder, path, state } of changes.files ?? [])
        batch.push({
          bucket: 'replicaFiles',
          key: `${folder}\0${path}`,
          value: state === null ? null : encode(state),
        })
      for (const { folder, hash, bytes } of changes.blocks ?? [])
        batch.push({ bucket: 'manifests', key: `${folder}\0${hash}`, value: bytes })
      if (changes.replica !== undefined)
        batch.push({ bucket: 'replicas', key: changes.replica.folder, value: JSON.stringify(changes.replica) })
      if (changes.transfer !== undefined)
        batch.push({ bucket: 'transfers', key: changes.transfer.id, value: JSON.stringify(changes.transfer) })
      await store.batch(batch)
    },
    async forget(folder) {
      for (const [bucket, name] of [
        [states, 'replicaFiles'],
        [blocks, 'manifests'],
      ] as const) {
        let keys: string[] = []
        const flush = async () => {
          await store.batch(keys.map((key) => ({ bucket: name, key, value: null })))
          keys = []
        }
        for await (const [key] of bucket.entriesBytes(of(folder))) {
          keys.push(key)
          if (keys.length >= BATCH) await flush()
        }
        await flush()
      }
      await replicas.delete(folder)
    },
    forgetTransfer: (id) => transfers.delete(id),
    table: (hash) => tables.getBytes(hash),
    putTable: (hash, table) => store.batch([{ bucket: 'tables', key: hash, value: table }]),
  }
}
