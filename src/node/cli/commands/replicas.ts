import type { Command } from 'commander'
import type { ReplicaView } from '../../../protocols/model/replica.ts'
import type { Cli } from '../context.ts'
import { firstOf, MAX_SHOWN } from '../first-of.ts'
import { age, bytes } from '../format.ts'
import { evictionWord } from '../replica-words.ts'
import { table } from '../table.ts'
import { wholeNumber } from '../whole-number.ts'

const PAGE = 500
const COLUMNS = [
  { header: 'DATASET', min: 8 },
  { header: 'VERSION', min: 12 },
  { header: 'STATE', min: 9 },
  { header: 'SIZE', align: 'right' as const },
  { header: 'MODE' },
  { header: 'USED', optional: true },
  { header: 'MAKES ROOM', optional: true },
  { header: 'ID', min: 12, optional: true },
]

function row({ id, name, version, state, held, mode, read, used, eviction }: ReplicaView): string[] {
  return [
    name,
    version.slice(0, 12),
    state,
    bytes(held.bytes),
    mode ?? (read ? 'read' : '-'),
    used ? `${age(used)} ago` : '-',
    evictionWord(eviction),
    id,
  ]
}

export function define(command: Command, cli: Cli): void {
  command
    .option('--limit <n>', 'replicas to show', '100')
    .addHelpText('after', '\nExample:\n  $ archipel replicas')
    .action(async ({ limit }: { limit: string }) => {
      const { io, signal } = cli
      const most = wholeNumber(limit, '--limit', MAX_SHOWN)
      const client = await cli.client()
      const { items, total } = await firstOf((page) => client.replicas(page, { signal }), { most, pageSize: PAGE })
      if (io.json) return io.printJson({ items, total })
      if (items.length === 0) return io.note('no replicas')
      io.print(table(COLUMNS, items.map(row), { width: io.width, style: (text) => io.style('bold', text) }))
    })
}
