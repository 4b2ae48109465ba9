/** Whole islands in this process, all connected to all, on loopback. */
import { join } from 'node:path'
import { pino } from 'pino'
import { devConfig } from '../../src/node/dev.ts'
import { pathIn } from '../../src/node/identity/data-dir.ts'
import { type StartedIsland, startIsland } from '../../src/node/island.ts'
import { foundArchipelago, writeIsland } from './archipelago.ts'
import type { BenchContext } from './bench.ts'
import { until } from './daemon.ts'

/** The intervals of a real island, not those of a development one. */
const AS_DEPLOYED = { 'catalog.syncIntervalMs': 30_000, 'catalog.heartbeatMs': 15_000 }

export async function manyIslands(
  context: BenchContext,
  count: number,
  settings: Record<string, unknown>,
): Promise<StartedIsland[]> {
  const { dir, signal } = context
  const base = join(dir, `islands-${Math.random().toString(36).slice(2)}`)
  const first = join(base, '0')
  const archipelago = await foundArchipelago(count, pathIn(first, 'store'))
  const logger = pino({ level: 'silent' })
  const islands: StartedIsland[] = []
  for (const [i, member] of archipelago.members.entries()) {
    const dataDir = join(base, String(i))
    const contacts = islands.slice(0, 1).map(({ peerId, addresses }) => ({ peerId, addresses }))
    await writeIsland(archipelago, member, dataDir, { contacts })
    const config = devConfig(dataDir, member.name, { ...AS_DEPLOYED, 'web.enabled': false, ...settings })
    const island = await startIsland({ config, signal, logger })
    context.cleanup(() => island.stop())
    islands.push(island)
  }
  // In a smoke run it is enough that they all hear of each other.
  const wanted = context.scale.quick ? 1 : count - 1
  await until(
    'all connected',
    context,
    async () => {
      for (const island of islands) if ((await island.port.status()).peers.connected < wanted) return false
      return true
    },
    { pollMs: 200 },
  )
  await until('equal catalogs', context, async () => {
    const digests = await Promise.all(islands.map(async ({ port }) => (await port.status()).catalog.digest))
    return new Set(digests).size === 1
  })
  return islands
}
