import type { Command } from 'commander'
import type { LivyEntryView } from '../../../../protocols/model/views.ts'
import type { Cli } from '../../context.ts'
import { age } from '../../format.ts'
import { table } from '../../table.ts'

const PAGE = 500
const COLUMNS = [
  { header: 'TYPE' },
  { header: 'ID', align: 'right' as const },
  { header: 'KIND' },
  { header: 'STATE' },
  { header: 'OWNER' },
  { header: 'ISLAND' },
  { header: 'ENGINE' },
  { header: 'CREATED' },
  { header: 'WHY', optional: true },
  { header: 'NAME', optional: true },
]

export function define(command: Command, cli: Cli): void {
  command.addHelpText('after', '\nExample:\n  $ archipel livy list').action(async () => {
    const { io, signal } = cli
    const client = await cli.client()
    const { items } = await client.livy.list({ limit: PAGE }, { signal })
    if (io.json) return io.printJson(items)
    const row = (view: LivyEntryView) => [
      view.type,
      String(view.id),
      view.kind ?? '-',
      view.state,
      view.owner,
      view.island.name,
      view.engine ?? '-',
      `${age(view.created)} ago`,
      view.why,
      view.name ?? '-',
    ]
    io.print(table(COLUMNS, items.map(row), { width: io.width, style: (text) => io.style('bold', text) }))
  })
}
