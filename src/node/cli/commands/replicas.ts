import type { Command } from 'commander'
import type { ReplicaView } from '../../../protocols/model/replica.ts'
import type { Cli } from '../context.ts'
import { age, bytes } from '../format.ts'
import { evictionWord } from '../replica-words.ts'
import { showList } from '../show-list.ts'

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
      await showList(cli, {
        limit,
        what: 'replicas',
        columns: COLUMNS,
        row,
        ask: (client, page, options) => client.replicas(page, options),
      })
    })
}
