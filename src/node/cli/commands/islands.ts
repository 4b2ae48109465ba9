import type { Command } from 'commander'
import type { IslandView } from '../../../protocols/model/views.ts'
import { iterate } from '../../../web/client/pages.ts'
import type { Cli } from '../context.ts'
import { age, milliseconds, shortId } from '../format.ts'
import { table } from '../table.ts'

function state(view: IslandView): string {
  if (view.self) return 'this one'
  if (view.quarantined) return 'quarantined'
  if (view.connected === 'relayed') return `${view.liveness}, relayed`
  const seen = view.connected === 'no' && view.lastSeen !== undefined
  return seen ? `${view.liveness}, seen ${age(view.lastSeen)} ago` : view.liveness
}

function row(view: IslandView): string[] {
  const engines = view.card?.engines.map((e) => `${e.kind} (${e.languages.join(', ')})`).join('; ')
  const { place, site } = view.card ?? {}
  const where = [site, place?.name, place?.country].filter(Boolean).join(', ')
  const services = view.card?.services.map(({ type, url }) => `${type} ${url}`).join('; ')
  const rtt = view.rttMs === undefined ? '-' : milliseconds(view.rttMs)
  return [
    view.name,
    state(view),
    rtt,
    engines || '-',
    String(view.datasets),
    where || '-',
    services || '-',
    shortId(view.id),
  ]
}

const PAGE = 500
const COLUMNS = [
  { header: 'NAME', min: 8 },
  { header: 'STATE' },
  { header: 'RTT', align: 'right' as const },
  { header: 'ENGINES', optional: true },
  { header: 'DATASETS', align: 'right' as const, min: 8 },
  { header: 'PLACE', optional: true },
  { header: 'SERVICES', optional: true },
  { header: 'ID', min: 12 },
]
const SERVICES = COLUMNS.findIndex(({ header }) => header === 'SERVICES')

export function define(command: Command, cli: Cli): void {
  command.addHelpText('after', '\nExample:\n  $ archipel islands').action(async () => {
    const { io, signal } = cli
    const client = await cli.client()
    const islands: IslandView[] = []
    for await (const island of iterate(client.islands, { limit: PAGE }, { signal })) islands.push(island)
    if (io.json) return io.printJson(islands)
    // Few islands can be called from elsewhere.
    const serving = islands.some(({ card }) => (card?.services.length ?? 0) > 0)
    const shown = <T>(cells: T[]) => (serving ? cells : cells.toSpliced(SERVICES, 1))
    const rows = islands.map((island) => shown(row(island)))
    io.print(table(shown(COLUMNS), rows, { width: io.width, style: (text) => io.style('bold', text) }))
  })
}
