import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { pathIn } from '../../src/node/identity/data-dir.ts'
import { foundArchipelago, largeCatalog, writeIsland } from './archipelago.ts'
import { type BenchContext, type Benchmark, best, median, timed } from './bench.ts'
import { startDaemon } from './daemon.ts'

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
    const empty = await starts(context, emptyDir, runs)

    const none = {
      what: 'no data, best',
      value: Math.min(...empty),
      unit: 'ms',
      baseline: against('node -e 0', bare, empty),
    }
    if (scale.quick) return [none]
    const { archipelago, store, records } = await largeCatalog(context)
    const largeDir = join(dir, 'large')
    await writeIsland(archipelago, archipelago.members[0]!, largeDir, { store })
    const [building] = await starts(context, largeDir, 1)
    const large = await starts(context, largeDir, Math.min(3, runs))
    return [
      none,
      { what: 'no data, median', value: median(empty), unit: 'ms' },
      { what: `${records} records, best`, value: Math.min(...large), unit: 'ms' },
      { what: `${records} records, search index built anew`, value: building!, unit: 'ms' },
    ]
  },
}

function against(what: string, value: number, times: number[]) {
  return { what, value, unit: 'ms', ratio: Math.min(...times) / value }
}

async function starts(context: BenchContext, dataDir: string, runs: number): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < runs; i++) {
    const daemon = await startDaemon(context, dataDir)
    times.push(daemon.servingMs)
    await daemon.stop()
  }
  return times
}
