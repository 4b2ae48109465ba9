/** An archipelago of daemons, each a process of its own, all connected to all. */
import { join } from 'node:path'
import { pathIn } from '../../src/node/identity/data-dir.ts'
import { foundArchipelago, writeIsland } from './archipelago.ts'
import type { BenchContext } from './bench.ts'
import { type Daemon, startDaemon, until } from './daemon.ts'

export interface RunningIsland extends Daemon {
  id: string
  dataDir: string
}

/** @param settings of all; or of each, by its place among them and the ids of all */
export async function startIslands(
  context: BenchContext,
  count: number,
  settings: string[] | ((place: number, ids: string[]) => string[]) = [],
): Promise<RunningIsland[]> {
  const dirs = Array.from({ length: count }, (_, i) => join(context.dir, `island-${i}`))
  const archipelago = await foundArchipelago(count, pathIn(dirs[0]!, 'store'))
  const contacts: { peerId: string; addresses: string[] }[] = []
  const islands: RunningIsland[] = []
  const ids = archipelago.members.map((member) => member.id)
  for (const [i, dataDir] of dirs.entries()) {
    await writeIsland(archipelago, archipelago.members[i]!, dataDir, { contacts })
    const own = Array.isArray(settings) ? settings : settings(i, ids)
    const daemon = await startDaemon(context, dataDir, own)
    const { id, peerId, listening } = await daemon.client.status()
    contacts.push({ peerId, addresses: listening })
    islands.push({ ...daemon, id, dataDir })
  }
  await until('all connected', context, async () => {
    const all = await Promise.all(islands.map(({ client }) => client.status()))
    return all.every(({ peers }) => peers.connected >= count - 1)
  })
  return islands
}

/** Until every island knows so many holders of the dataset. */
export async function knownEverywhere(context: BenchContext, islands: RunningIsland[], ref: string, holders = 1) {
  await until(`${ref} known everywhere`, context, async () => {
    const known = await Promise.all(
      islands.map(({ client }) =>
        client.resolve({ ref, via: 'catalog', confirm: false }).catch(() => ({ holders: [] })),
      ),
    )
    return known.every((k) => k.holders.length >= holders)
  })
}
