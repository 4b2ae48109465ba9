import { decode, encode } from 'cborg'
import type { LogStore, StoreChange, StoredLog, StoredRecord } from '../catalog/port.ts'
import { type Database, type Sublevel, type Sublevels, shielded, storeFailure } from './database.ts'
import * as keys from './keys.ts'

type Operation =
  | { type: 'put'; sublevel: Sublevel; key: Uint8Array; value: Uint8Array }
  | { type: 'del'; sublevel: Sublevel; key: Uint8Array }

/** Entries read at a time, and the bytes after which a read stops earlier. */
const READ_ENTRIES = 500
const READ = { highWaterMarkBytes: 256 * 1024 }
/** Entries deleted in one batch when a generation goes. */
const CLEAR_ENTRIES = 5000

/** The catalog's logs in LevelDB. Every `commit` is one synced batch. */
export function levelLogs(db: Database, parts: Sublevels): LogStore {
  const { logs, records, current, facts, orphans } = parts

  function put(log: string, generation: number, record: StoredRecord): Operation[] {
    const pointer = keys.encodePointer(record, record.withdrawn === true)
    return [
      { type: 'put', sublevel: records, key: keys.recordKey(log, generation, record), value: record.bytes },
      { type: 'put', sublevel: current, key: keys.currentKey(log, generation, record.kind, record.id), value: pointer },
    ]
  }

  function operations(change: StoreChange): Operation[] {
    switch (change.type) {
      case 'log':
        return [{ type: 'put', sublevel: logs, key: Buffer.from(change.log), value: encode(change.value) }]
      case 'no-log':
        return [{ type: 'del', sublevel: logs, key: Buffer.from(change.log) }]
      case 'put':
        return put(change.log, change.generation, change.record)
      case 'remove': {
        const { log, generation, position, forget } = change
        const gone: Operation[] = [{ type: 'del', sublevel: records, key: keys.recordKey(log, generation, position) }]
        if (forget !== undefined) {
          gone.push({ type: 'del', sublevel: current, key: keys.currentKey(log, generation, forget.kind, forget.id) })
        }
        return gone
      }
      case 'fact':
        return [{ type: 'put', sublevel: facts, key: Buffer.from(change.hash), value: change.bytes }]
      case 'no-fact':
        return [{ type: 'del', sublevel: facts, key: Buffer.from(change.hash) }]
      case 'orphan': {
        return [
          { type: 'put', sublevel: orphans, key: keys.orphanKey(change.log, change.position), value: change.bytes },
        ]
      }
      case 'no-orphan':
        return [{ type: 'del', sublevel: orphans, key: keys.orphanKey(change.log, change.position) }]
    }
  }

  async function write(batch: Operation[], sync: boolean): Promise<void> {
    try {
      await db.batch(batch, { sync })
    } catch (error) {
      throw storeFailure(error)
    }
  }

  /** By explicit snapshot, so that a pointer and its record are of one moment. */
  async function* byPointer(prefix: Buffer, withdrawn: boolean): AsyncGenerator<Uint8Array[]> {
    const snapshot = db.snapshot()
    const pointers = current.values({ gte: prefix, lt: keys.after(prefix), snapshot, ...READ })
    const { log, generation } = keys.readGeneration(prefix)
    try {
      for (;;) {
        const values = (await pointers.nextv(READ_ENTRIES)).map(keys.decodePointer)
        if (values.length === 0) return
        const wanted = values.filter((p) => p.withdrawn === withdrawn)
        const found = await records.getMany(
          wanted.map((p) => keys.recordKey(log, generation, p.position)),
          { snapshot },
        )
        const chunk = found.filter((bytes) => bytes !== undefined)
        if (chunk.length > 0) yield chunk
      }
    } catch (error) {
      throw storeFailure(error)
    } finally {
      await pointers.close()
      await snapshot.close()
    }
  }

  async function clear(sublevel: Sublevel, gte: Buffer, lt: Buffer): Promise<void> {
    for (;;) {
      const found = await sublevel.keys({ gte, lt, limit: CLEAR_ENTRIES }).all()
      if (found.length > 0)
        await write(
          found.map((key) => ({ type: 'del', sublevel, key })),
          false,
        )
      if (found.length < CLEAR_ENTRIES) return
    }
  }

  async function clearGeneration(log: string, generation: number): Promise<void> {
    const start = keys.generationKey(log, generation)
    for (const sublevel of [records, current]) await clear(sublevel, start, keys.after(start))
  }

  /** Every generation that has entries, found by seeking from one to the next. */
  async function generations(within?: Buffer): Promise<{ log: string; generation: number }[]> {
    const found = new Map<string, { log: string; generation: number }>()
    for (const sublevel of [records, current]) {
      const iterator = sublevel.keys(within === undefined ? {} : { gte: within, lt: keys.after(within) })
      try {
        for (let key = await iterator.next(); key !== undefined; key = await iterator.next()) {
          const generation = keys.readGeneration(key)
          found.set(`${generation.log} ${generation.generation}`, generation)
          iterator.seek(keys.after(keys.generationKey(generation.log, generation.generation)))
        }
      } finally {
        await iterator.close()
      }
    }
    return [...found.values()]
  }

  return {
    async *logs() {
      for await (const [key, value] of shielded(logs.iterator()))
        yield [Buffer.from(key).toString(), decode(value) as StoredLog]
    },
    commit: (changes) => write(changes.flatMap(operations), true),
    stage: (log, generation, staged) =>
      write(
        staged.flatMap((r) => put(log, generation, r)),
        false,
      ),
    async discard(log, keep) {
      for (const { generation } of await generations(keys.logPrefix(log))) {
        if (generation !== keep) await clearGeneration(log, generation)
      }
    },
    async sweep(keep) {
      for (const { log, generation } of await generations()) {
        if (keep.get(log) !== generation) await clearGeneration(log, generation)
      }
    },
    async current(log, generation, names) {
      const snapshot = db.snapshot()
      try {
        const pointers = await current.getMany(
          names.map((n) => keys.currentKey(log, generation, n.kind, n.id)),
          { snapshot },
        )
        const answer = new Array<Uint8Array | undefined>(names.length).fill(undefined)
        const known = pointers.flatMap((value, i) => (value === undefined ? [] : [{ i, ...keys.decodePointer(value) }]))
        if (known.length === 0) return answer
        const found = await records.getMany(
          known.map((p) => keys.recordKey(log, generation, p.position)),
          { snapshot },
        )
        for (const [k, { i }] of known.entries()) answer[i] = found[k]
        return answer
      } catch (error) {
        throw storeFailure(error)
      } finally {
        await snapshot.close()
      }
    },
    async at(log, generation, position) {
      try {
        return await records.get(keys.recordKey(log, generation, position))
      } catch (error) {
        throw storeFailure(error)
      }
    },
    range(log, generation, from) {
      const start = keys.generationKey(log, generation)
      const bound = from === null ? { gte: start } : { gt: keys.recordKey(log, generation, from) }
      // Made here and not in the generator: the state of the call, not of the first read.
      const iterator = records.values({ ...bound, lt: keys.after(start), ...READ })
      return (async function* () {
        try {
          for (;;) {
            const chunk = await iterator.nextv(READ_ENTRIES)
            if (chunk.length === 0) return
            yield chunk
          }
        } catch (error) {
          throw storeFailure(error)
        } finally {
          await iterator.close()
        }
      })()
    },
    ofKind: (log, generation, kind) =>
      byPointer(Buffer.concat([keys.generationKey(log, generation), Buffer.from(`${kind}\0`)]), false),
    withdrawals: (log, generation) => byPointer(keys.generationKey(log, generation), true),
    async *facts() {
      for await (const [key, value] of shielded(facts.iterator())) yield [Buffer.from(key).toString(), value]
    },
    async *orphans(log) {
      const prefix = log === undefined ? undefined : keys.logPrefix(log)
      const range = prefix === undefined ? {} : { gte: prefix, lt: keys.after(prefix) }
      for await (const value of shielded(orphans.values(range))) yield value
    },
  }
}
