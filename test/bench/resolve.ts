import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import { devConfig } from '../../src/node/dev.ts'
import { startIsland } from '../../src/node/island.ts'
import { largeCatalog, writeIsland } from './archipelago.ts'
import { type BenchContext, type Benchmark, type Figure, spread, timed } from './bench.ts'
import { datasetId, random } from './bodies.ts'
import { until } from './daemon.ts'
import { manyIslands } from './many-islands.ts'

const CATALOG_MS = 5
const DHT_MS = 250
/** Datasets that each island publishes. */
const EACH = 3
/** Milliseconds between two looks for what was published: the islands that are to publish it are in this process. */
const POLL_MS = 200

/** How fast an id becomes the islands that hold it. */
export const resolve: Benchmark = {
  name: 'resolve',
  about: 'from an id to its holders: by the catalog, by the DHT alone',
  async run(context) {
    return [...(await byLargeCatalog(context)), ...(await overIslands(context))]
  },
}

async function byLargeCatalog(context: BenchContext): Promise<Figure[]> {
  const { scale, dir, signal } = context
  const { archipelago, store, records } = await largeCatalog(context)
  const dataDir = join(dir, 'large')
  await writeIsland(archipelago, archipelago.members[0]!, dataDir, { store })
  const config = devConfig(dataDir, 'large', { 'web.enabled': false })
  const island = await startIsland({ config, signal, logger: pino({ level: 'silent' }) })
  const next = random(1)
  const each = Math.floor(scale.records / scale.islands)
  const times: number[] = []
  for (let i = 0; i < scale.runs * 50; i++) {
    // Any island's, among those that have a replica record; written as people find it.
    const n = Math.floor(next() * scale.islands) * each + Math.floor(next() * Math.floor(each / 20))
    const ref = datasetId(n).replace('doi:', 'https://doi.org/')
    times.push(
      await timed(async () => {
        const { holders } = await island.port.resolve({ ref, via: 'catalog', confirm: false })
        if (holders.length === 0) throw new Error(`${ref} has no holder`)
      }),
    )
  }
  await island.stop()
  return spread(`by a catalog of ${records} records`, times, { below: CATALOG_MS })
}

async function overIslands(context: BenchContext): Promise<Figure[]> {
  const { scale, dir } = context
  const islands = await manyIslands(context, scale.islands, {})
  const file = join(dir, 'observation.txt')
  await writeFile(file, 'one observation\n')
  const published: { id: string; holder: string }[] = []
  for (const [i, island] of islands.entries()) {
    for (let k = 0; k < EACH; k++) {
      const id = `doi:10.5072/resolve.${i}.${k}`
      await island.port.publish({ path: file, id, name: `observation_${i}_${k}`, as: 'files' })
      published.push({ id, holder: island.id })
    }
  }
  const find = async (asker: number, what: (typeof published)[number], via: 'catalog' | 'dht', confirm: boolean) => {
    const { holders } = await islands[asker]!.port.resolve({ ref: what.id, via, confirm })
    return holders.some((h) => h.island === what.holder && (!confirm || h.confirmed))
  }
  const polling = { pollMs: POLL_MS }
  for (const what of published) {
    await until(`${what.id} in the DHT`, context, () => find(0, what, 'dht', true).catch(() => false), polling)
    for (const [i] of islands.entries())
      await until(
        `${what.id} in the catalog`,
        context,
        () => find(i, what, 'catalog', false).catch(() => false),
        polling,
      )
  }
  const next = random(2)
  const measure = async (via: 'catalog' | 'dht', confirm: boolean) => {
    const times: number[] = []
    for (let i = 0; i < scale.runs * 10; i++) {
      const what = published[Math.floor(next() * published.length)]!
      let asker = Math.floor(next() * islands.length)
      if (islands[asker]!.id === what.holder) asker = (asker + 1) % islands.length
      times.push(
        await timed(async () => {
          if (!(await find(asker, what, via, confirm))) throw new Error(`${what.id} was not found by ${via}`)
        }),
      )
    }
    return times
  }
  const catalog = await measure('catalog', false)
  const confirmed = await measure('catalog', true)
  const dht = await measure('dht', true)
  await Promise.all(islands.map(async (island) => island.stop()))
  return [
    ...spread(`by the catalog, ${scale.islands} islands`, catalog, { below: CATALOG_MS }),
    ...spread('by the catalog, confirmed by the holder', confirmed),
    ...spread(`by the DHT alone, ${scale.islands} islands, confirmed`, dht, { below: DHT_MS }),
  ]
}
