import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { copyCatalog, openCatalog } from './archipelago.ts'
import { type Benchmark, type Figure, timed } from './bench.ts'
import { datasetRecord } from './bodies.ts'
import { twoIslands } from './two-islands.ts'

const TARGET_BYTES = 50_000
const CHANGES = 20

/** What an island fetches that missed twenty changes: of one island, and one change of each of twenty. */
export const catchUp: Benchmark = {
  name: 'catch-up',
  about: `bytes on the wire for ${CHANGES} changes that an island missed`,
  async run(context) {
    const { large, hub, asker, line } = await twoIslands(context)
    const { archipelago, origins } = large
    const all = await Promise.all(
      origins.slice(1).map(async (store, i) => {
        const directory = join(context.dir, `origin-${i + 1}`)
        await cp(store, directory, { recursive: true })
        const open = await openCatalog(archipelago, archipelago.members[i + 1]!, directory)
        context.cleanup(() => open.close())
        return open
      }),
    )
    const figures: Figure[] = []
    const measure = async (what: string, changed: Uint8Array[]) => {
      let ms = 0
      const bytes = await line.bytesOf(async () => {
        ms = await timed(() => asker.catalog.syncWith(line.remote))
      })
      if (Buffer.compare(digest(asker), digest(hub)) !== 0) throw new Error('not caught up')
      const plain = changed.reduce((sum, b) => sum + b.length, 0)
      figures.push(
        {
          what: `${what}, bytes both ways`,
          value: bytes,
          unit: 'bytes',
          target: { below: TARGET_BYTES },
          baseline: { what: 'the changed records alone', value: plain, unit: 'bytes', ratio: bytes / plain },
        },
        { what: `${what}, time`, value: ms, unit: 'ms' },
      )
    }
    // The first record after a start tells of earlier lives; that is not what is measured.
    const touch = async (open: typeof hub, n: number, revision: number) => {
      const [record] = await open.catalog.appendMany([datasetRecord(n, revision)])
      return record!.bytes
    }
    const each = Math.floor(context.scale.records / context.scale.islands)
    await touch(hub, 0, 1)
    await asker.catalog.syncWith(line.remote)
    const mine = await hub.catalog.appendMany(Array.from({ length: CHANGES }, (_, n) => datasetRecord(n, 2)))
    await measure(
      `${CHANGES} changes of one island`,
      mine.map((r) => r.bytes),
    )

    for (const revision of [1, 2]) {
      const changed: Uint8Array[] = []
      for (const [i, open] of [...all, hub].slice(-CHANGES).entries()) {
        const n = open === hub ? 0 : (i + 1) * each
        changed.push(await touch(open, n, revision + 2))
        if (open !== hub) await copyCatalog(open.catalog, hub.catalog)
      }
      if (revision === 2) await measure(`one change of each of ${changed.length} islands`, changed)
      else await asker.catalog.syncWith(line.remote)
    }
    return figures
  },
}

function digest({ catalog }: { catalog: { heads(): { liveHash: Uint8Array }[] } }): Uint8Array {
  return Buffer.concat(catalog.heads().map((h) => h.liveHash))
}
