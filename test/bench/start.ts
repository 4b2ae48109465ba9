import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { pathIn } from '../../src/node/identity/data-dir.ts'
import { foundArchipelago, largeCatalog, writeIsland } from './archipelago.ts'
import { type BenchContext, type Benchmark, best, type Figure, median, timed } from './bench.ts'
import { type Daemon, startDaemon } from './daemon.ts'

/** How soon an island serves: from the start of the process of `archipel up` until its API answers. */
export const start: Benchmark = {
  name: 'start',
  about: 'time from the start of the process until the API answers',
  async run(context) {
    const { dir, scale } = context
    const runs = scale.quick ? 1 : 5
    const bare = await best(runs, () => timed(() => once(spawn(process.execPath, ['-e', '0']), 'close')))
    const emptyDir = join(dir, 'empty')
    const alone = await foundArchipelago(1, pathIn(emptyDir, 'store'))
    await writeIsland(alone, alone.members[0]!, emptyDir)
    const figures = report('no data', await starts(context, emptyDir, runs))
    const least = figures[0]!
    least.baseline = { what: 'node -e 0', value: bare, unit: 'ms', ratio: least.value / bare }
    if (scale.quick) return figures

    const { archipelago, store, records } = await largeCatalog(context)
    const largeDir = join(dir, 'large')
    await writeIsland(archipelago, archipelago.members[0]!, largeDir, { store })
    const building = await starts(context, largeDir, 1)
    const large = await starts(context, largeDir, 3)
    figures.push(...report(`${records} records`, large))
    figures.push(...report(`${records} records, search index built anew`, building))
    return figures
  },
}

function report(what: string, daemons: Daemon[]): Figure[] {
  return [
    { what: `${what}, best`, value: Math.min(...daemons.map((d) => d.servingMs)), unit: 'ms' },
    { what: `${what}, median`, value: median(daemons.map((d) => d.servingMs)), unit: 'ms' },
    { what: `${what}, processor time`, value: Math.min(...daemons.map((d) => d.servingCpu)), unit: 's' },
  ]
}

async function starts(context: BenchContext, dataDir: string, runs: number): Promise<Daemon[]> {
  const times: Daemon[] = []
  for (let i = 0; i < runs; i++) {
    const daemon = await startDaemon(context, dataDir)
    times.push(daemon)
    await daemon.stop()
  }
  return times
}
