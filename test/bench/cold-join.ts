import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Level } from 'level'
import { searchIndex } from '../../src/node/search/search-index.ts'
import { openStore } from '../../src/node/store/store.ts'
import { BATCH, largeCatalog, writeIsland } from './archipelago.ts'
import { type BenchContext, type Benchmark, best, type Figure, timed } from './bench.ts'
import { datasetRecord } from './bodies.ts'
import { cpuOf, memoryOf, startDaemon, until } from './daemon.ts'

const TARGET_S = 10
const SECOND_MS = 1000

/**
 * A newcomer with an empty store and an island that has everything, two processes on one machine. The clock runs from
 * the newcomer's first connection until every record is in its store and every dataset is found by its search.
 */
export const coldJoin: Benchmark = {
  name: 'cold-join',
  about: 'a newcomer takes over the whole catalog, two daemons over libp2p on loopback',
  async run(context) {
    const { scale, dir, say } = context
    const large = await largeCatalog(context)
    const { archipelago, records, datasets } = large
    const hubDir = join(dir, 'hub')
    await writeIsland(archipelago, archipelago.members[0]!, hubDir, { store: large.store })
    const hub = await startDaemon(context, hubDir)
    const { peerId, listening } = await hub.client.status()
    const contacts = [{ peerId, addresses: listening }]
    const newcomer = archipelago.members.at(-1)!
    let seconds = Number.POSITIVE_INFINITY
    let searchable = Number.POSITIVE_INFINITY
    let slowest = Number.POSITIVE_INFINITY
    let peakMb = 0
    let cpu = { main: 0, others: 0, hub: 0 }
    for (let run = 0; run < (scale.quick ? 1 : 3); run++) {
      const dataDir = join(dir, `newcomer-${run}`)
      await writeIsland(archipelago, newcomer, dataDir, { contacts })
      const daemon = await startDaemon(context, dataDir)
      const waits: number[] = []
      const ask = async <T>(work: () => Promise<T>): Promise<T> => {
        const started = performance.now()
        const answer = await work()
        waits.push(performance.now() - started)
        return answer
      }
      // The hub may be met before the API answers; then the clock starts a little late, by less than this start took.
      await until('a first connection', context, async () => (await daemon.client.status()).peers.connected > 0, {
        pollMs: 5,
      })
      const started = performance.now()
      const [newcomerBefore, hubBefore] = [cpuOf(daemon.pid), cpuOf(hub.pid)]
      await until(
        'all records',
        context,
        async () => (await ask(() => daemon.client.status())).catalog.records >= records,
      )
      const all = (performance.now() - started) / SECOND_MS
      await until(
        'all datasets',
        context,
        async () => (await ask(() => daemon.client.datasets({ limit: 1 }))).total >= datasets,
      )
      const found = (performance.now() - started) / SECOND_MS
      const [mine, hubs] = [cpuOf(daemon.pid), cpuOf(hub.pid)]
      say(`run ${run + 1}: all in after ${all.toFixed(1)} s, searchable after ${found.toFixed(1)} s`)
      if (found < searchable) {
        searchable = found
        seconds = all
        cpu = {
          main: mine.main - newcomerBefore.main,
          others: mine.all - mine.main - (newcomerBefore.all - newcomerBefore.main),
          hub: hubs.all - hubBefore.all,
        }
        slowest = Math.max(...waits)
        peakMb = memoryOf(daemon.pid).peakMb
      }
      await daemon.stop()
      await rm(dataDir, { recursive: true })
    }
    await hub.stop()
    const plain = await plainSeconds(context, large.store)
    const target = scale.quick ? {} : { target: { below: TARGET_S } }
    return [
      {
        what: `${records} records in and searchable`,
        value: searchable,
        unit: 's',
        ...target,
        baseline: {
          what: 'the same bytes in level, then in the search index',
          value: plain.level + plain.index,
          unit: 's',
          ratio: searchable / (plain.level + plain.index),
        },
      },
      { what: 'all records in the store', value: seconds, unit: 's' },
      { what: 'processor time of the newcomer, main thread', value: cpu.main, unit: 's' },
      { what: 'processor time of the newcomer, other threads', value: cpu.others, unit: 's' },
      { what: 'processor time of the island it asks', value: cpu.hub, unit: 's' },
      { what: 'longest wait for an answer of its API meanwhile', value: slowest, unit: 'ms' },
      { what: 'highest memory of the newcomer', value: peakMb, unit: 'MB' },
      { what: 'the bytes of all records', value: plain.bytes / 1e6, unit: 'MB' },
      { what: 'bare level batches of them', value: plain.level, unit: 's' },
      { what: 'bare search index of the datasets', value: plain.index, unit: 's' },
    ] satisfies Figure[]
  },
}

/** What the machine needs to write the same with nothing around it. */
async function plainSeconds({ dir, scale }: BenchContext, storeDirectory: string) {
  const values: Uint8Array[] = []
  const store = await openStore({ directory: storeDirectory })
  for await (const [log, { generation }] of store.logs.logs())
    for await (const chunk of store.logs.range(log, generation, null)) values.push(...chunk)
  await store.close()
  const entries = Array.from({ length: Math.floor(scale.records * 0.95) }, (_, n) => datasetRecord(n))
  const runs = scale.quick ? 1 : 2
  let run = 0
  const level = await best(runs, async () => {
    const db = new Level<Uint8Array, Uint8Array>(join(dir, `plain-${run++}`), {
      keyEncoding: 'view',
      valueEncoding: 'view',
    })
    await db.open()
    const ms = await timed(async () => {
      for (let i = 0; i < values.length; i += BATCH) {
        const batch = values.slice(i, i + BATCH)
        await db.batch(batch.map((value, k) => ({ type: 'put', key: Buffer.from(`key-${i + k}`), value })))
      }
    })
    await db.close()
    return ms
  })
  const index = await best(runs, async () => {
    const path = join(dir, `plain-${run++}`)
    const search = searchIndex({ path })()
    const ms = await timed(() => {
      for (let i = 0; i < entries.length; i += BATCH) {
        const batch = entries.slice(i, i + BATCH)
        search.putMany(batch.map(({ id, body }) => ({ publisher: 'isl', id, body: body as never, recordedAt: 0 })))
      }
    })
    search.close()
    return ms
  })
  const bytes = values.reduce((sum, v) => sum + v.length, 0)
  return { bytes, level: level / SECOND_MS, index: index / SECOND_MS }
}
