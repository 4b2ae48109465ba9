/** Two islands that both hold the whole catalog, with a counted line between: where small exchanges are measured. */
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { type LargeCatalog, largeCatalog, letSend, type OpenCatalog, openCatalog } from './archipelago.ts'
import type { BenchContext } from './bench.ts'
import { type Link, link } from './link.ts'

export interface TwoIslands {
  large: LargeCatalog
  /** Has written the first log, and hears of the others' changes first. */
  hub: OpenCatalog
  /** Has written nothing. */
  asker: OpenCatalog
  line: Link
}

export async function twoIslands(context: BenchContext): Promise<TwoIslands> {
  const { dir } = context
  const large = await largeCatalog(context)
  const { archipelago, store } = large
  const open = async (name: string, member: number) => {
    await cp(store, join(dir, name), { recursive: true })
    const opened = await openCatalog(archipelago, archipelago.members.at(member)!, join(dir, name))
    context.cleanup(() => opened.close())
    return opened
  }
  const hub = await open('hub', 0)
  const asker = await open('asker', -1)
  await letSend(hub.catalog, asker.member.id)
  const line = await link(context, archipelago, asker, hub)
  await asker.catalog.syncWith(line.remote)
  return { large, hub, asker, line }
}
