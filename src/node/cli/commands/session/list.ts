import type { Command } from 'commander'
import type { SessionView } from '../../../../protocols/model/views.ts'
import type { Cli } from '../../context.ts'
import { age } from '../../format.ts'
import { table } from '../../table.ts'

const PAGE = 500
const COLUMNS = [
  { header: 'ID', align: 'right' as const },
  { header: 'KIND' },
  { header: 'STATE' },
  { header: 'OWNER' },
  { header: 'USED' },
  { header: 'DATA', optional: true },
  { header: 'NAME', optional: true },
]

export function define(command: Command, cli: Cli): void {
  command.addHelpText('after', '\nExample:\n  $ archipel session list').action(async () => {
    const { io, signal } = cli
    const client = await cli.client()
    const { items } = await client.sessions.list({ limit: PAGE }, { signal })
    if (io.json) return io.printJson(items)
    const row = (view: SessionView) => [
      String(view.id),
      view.kind,
      view.state,
      view.owner,
      `${age(view.active)} ago`,
      view.datasets.map((d) => d.table).join(', ') || '-',
      view.name ?? '-',
    ]
    io.print(table(COLUMNS, items.map(row), { width: io.width, style: (text) => io.style('bold', text) }))
  })
}
