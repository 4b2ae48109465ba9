import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pathIn } from '../../src/node/identity/data-dir.ts'
import { foundArchipelago, writeIsland } from './archipelago.ts'
import { type Benchmark, best, type Figure, median, timed } from './bench.ts'
import { type Daemon, startDaemon, until } from './daemon.ts'

const ROWS = 2000
const TRIVIAL = 'SELECT count(*) AS n FROM bench_table'
const HEAVY_MS = 250
const MOST_ADDED_MS = 3
const MOST_ADDED_PERCENT = 5
/** Until the engine has its next process ready: what is measured is the way, not the start of a process. */
const SPARE_MS = 700

/** What it costs to ask elsewhere: the same statement at the island that has the data, and sent there by another. */
export const forwarding: Benchmark = {
  name: 'forwarding',
  about: 'a statement run where it was asked, and forwarded; two daemons',
  async run(context) {
    const { dir, scale } = context
    const archipelago = await foundArchipelago(2, pathIn(join(dir, 'holder'), 'store'))
    const [first, second] = archipelago.members
    await writeIsland(archipelago, first!, join(dir, 'holder'))
    const holder = await startDaemon(context, join(dir, 'holder'))
    const { peerId, listening, id } = await holder.client.status()
    await writeIsland(archipelago, second!, join(dir, 'asker'), { contacts: [{ peerId, addresses: listening }] })
    const asker = await startDaemon(context, join(dir, 'asker'))

    const file = join(dir, 'bench_table.csv')
    const lines = Array.from({ length: ROWS }, (_, i) => `${i},${(i * 37) % 360},${(i * 13) % 90}`)
    await writeFile(file, `id,ra,dec\n${lines.join('\n')}\n`)
    await holder.client.publish({ path: file, name: 'bench_table' })
    await until('the table known at the asker', context, async () =>
      (await asker.client.datasets({})).items.some((d) => d.holders.length > 0),
    )

    const ask = async (daemon: Daemon, sql: string) =>
      timed(async () => {
        const { ranAt } = await daemon.client.sql({ sql })
        if (ranAt?.island !== id) throw new Error('ran elsewhere')
      })
    const compare = async (sql: string, pairs: number) => {
      const here: number[] = []
      const there: number[] = []
      for (let i = 0; i < pairs; i++) {
        // In turns, so that a busy moment of the machine meets both.
        for (const [daemon, times] of i % 2 === 0
          ? ([
              [holder, here],
              [asker, there],
            ] as const)
          : ([
              [asker, there],
              [holder, here],
            ] as const)) {
          await delay(scale.quick ? 0 : SPARE_MS)
          times.push(await ask(daemon, sql))
        }
      }
      return { here, there }
    }
    await compare(TRIVIAL, scale.quick ? 1 : 3)
    const trivial = await compare(TRIVIAL, scale.runs)
    const figures = report('trivial', trivial)
    const added = median(trivial.there) - median(trivial.here)
    figures.push({
      what: 'trivial, forwarding adds (medians)',
      value: added,
      unit: 'ms',
      ...(scale.quick ? {} : { target: { below: MOST_ADDED_MS } }),
    })
    if (scale.quick) return figures

    const heavy = await heavyStatement((sql) => ask(holder, sql))
    const long = await compare(heavy, Math.ceil(scale.runs / 4))
    const percent = (median(long.there) / median(long.here) - 1) * 100
    figures.push(...report('long', long), {
      what: 'long, forwarding adds (medians)',
      value: percent,
      unit: '%',
      target: { below: MOST_ADDED_PERCENT },
    })
    return figures
  },
}

function report(name: string, { here, there }: { here: number[]; there: number[] }): Figure[] {
  const ratio = median(there) / median(here)
  const baseline = { what: 'asked at the holder', value: median(here), unit: 'ms', ratio }
  return [
    { what: `${name}, asked at the holder, best`, value: Math.min(...here), unit: 'ms' },
    { what: `${name}, forwarded, best`, value: Math.min(...there), unit: 'ms' },
    { what: `${name}, forwarded, median`, value: median(there), unit: 'ms', baseline },
  ]
}

/** A join of the table with itself, as large as it has to be. */
async function heavyStatement(ask: (sql: string) => Promise<number>): Promise<string> {
  for (let rows = 2; ; rows *= 2) {
    const sql = `SELECT count(*) AS n FROM bench_table a, bench_table b, (SELECT * FROM bench_table LIMIT ${rows}) c
      WHERE (a.ra * b.dec + c.id) % 7 = 3`
    const ms = await best(2, async () => {
      await delay(SPARE_MS)
      return await ask(sql)
    })
    if (ms >= HEAVY_MS) return sql
  }
}
