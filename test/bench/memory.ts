import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pathIn } from '../../src/node/identity/data-dir.ts'
import { foundArchipelago, largeCatalog, writeIsland } from './archipelago.ts'
import { type BenchContext, type Benchmark, type Figure, median } from './bench.ts'
import { type Memory, memoryOf, startDaemon } from './daemon.ts'

const REST_MS = 15_000

/** What an island takes that has nothing to do: resident memory of its process. */
export const memory: Benchmark = {
  name: 'memory',
  about: 'resident memory of one island at rest',
  async run(context) {
    const { dir, scale } = context
    const bare = await bareNode(context)
    const emptyDir = join(dir, 'empty')
    const alone = await foundArchipelago(1, pathIn(emptyDir, 'store'))
    await writeIsland(alone, alone.members[0]!, emptyDir)
    const empty = await atRest(context, emptyDir)

    const baseline = (value: number) => ({ what: 'bare Node', value: bare, unit: 'MB', ratio: value / bare })
    const figure = (what: string, value: number): Figure => ({ what, value, unit: 'MB', baseline: baseline(value) })
    const withNothing = figure('alone, no data', empty.nowMb)
    if (scale.quick) return [withNothing]

    const { archipelago, store, records } = await largeCatalog(context)
    const largeDir = join(dir, 'large')
    await writeIsland(archipelago, archipelago.members[0]!, largeDir, { store })
    const building = await atRest(context, largeDir)
    const large = await atRest(context, largeDir)
    return [
      withNothing,
      figure(`with ${records} records`, large.nowMb),
      { what: `with ${records} records, without mapped files`, value: large.ownMb, unit: 'MB' },
      { what: `with ${records} records, highest since the start`, value: large.peakMb, unit: 'MB' },
      { what: 'after the start that built its search index', value: building.nowMb, unit: 'MB' },
      { what: 'highest in the start that built its search index', value: building.peakMb, unit: 'MB' },
    ]

    async function atRest(c: BenchContext, dataDir: string) {
      const daemon = await startDaemon(c, dataDir)
      const samples: Memory[] = []
      for (let i = 0; i < 5; i++) {
        await delay(scale.quick ? 20 : REST_MS / 5, undefined, { signal: c.signal })
        samples.push(memoryOf(daemon.pid))
      }
      await daemon.stop()
      const last = samples.slice(-3)
      return {
        nowMb: median(last.map((m) => m.nowMb)),
        ownMb: median(last.map((m) => m.ownMb)),
        peakMb: Math.max(...samples.map((m) => m.peakMb)),
      }
    }
  },
}

async function bareNode({ signal }: BenchContext): Promise<number> {
  const child = spawn(process.execPath, ['-e', 'console.log(1); setInterval(() => {}, 1000)'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    signal,
  })
  await once(child.stdout, 'data')
  const { nowMb } = memoryOf(child.pid!)
  child.kill()
  await once(child, 'close')
  return nowMb
}
