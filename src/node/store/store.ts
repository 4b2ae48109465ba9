import { type Database, openDatabase, type Sublevels, shielded, storeFailure } from './database.ts'
import { levelLogs } from './log-store.ts'
import type { Bucket, OpenBucket, RangeOptions, StorePort } from './port.ts'

/**
 * Opens the island's database: the one thing to back up.
 *
 * @throws DATA_DIR_LOCKED, STORE_VERSION, DATA_DIR_BROKEN
 */
export async function openStore(init: { directory: string }): Promise<StorePort> {
  const { db, parts } = await openDatabase(init.directory)
  return {
    logs: levelLogs(db, parts),
    bucket: (name) => bucket(db, parts, name),
    async batch(changes) {
      const batch = changes.map(({ bucket: name, key, value }) => {
        const at = { sublevel: parts[name], key: Buffer.from(key) }
        return value === null
          ? { type: 'del' as const, ...at }
          : { type: 'put' as const, ...at, value: Buffer.from(value) }
      })
      await guarded(() => db.batch(batch, { sync: true }))
    },
    close: () => db.close(),
  }
}

function bucket(db: Database, parts: Sublevels, name: OpenBucket): Bucket {
  const sublevel = parts[name]
  const text = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()

  async function* entriesBytes(options: RangeOptions = {}): AsyncGenerator<[string, Uint8Array]> {
    const { from, below, reverse = false, limit = -1 } = options
    const range = {
      ...(from === undefined ? {} : { gte: Buffer.from(from) }),
      ...(below === undefined ? {} : { lt: Buffer.from(below) }),
      reverse,
      limit,
    }
    for await (const [key, value] of shielded(sublevel.iterator(range))) yield [text(key), value]
  }

  return {
    async get(key) {
      const value = await guarded(() => sublevel.get(Buffer.from(key)))
      return value === undefined ? undefined : text(value)
    },
    getBytes: (key) => guarded(() => sublevel.get(Buffer.from(key))),
    put: (key, value) =>
      guarded(() =>
        db.batch([{ type: 'put', sublevel, key: Buffer.from(key), value: Buffer.from(value) }], { sync: true }),
      ),
    delete: (key) => guarded(() => db.batch([{ type: 'del', sublevel, key: Buffer.from(key) }], { sync: true })),
    async *entries(options) {
      for await (const [key, value] of entriesBytes(options)) yield [key, text(value)]
    },
    entriesBytes,
  }
}

async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw storeFailure(error)
  }
}
