import type { Command } from 'commander'
import type { Cli } from '../context.ts'
import { table } from '../table.ts'
import { wholeNumber } from '../whole-number.ts'

const COLUMNS = [
  { header: 'TIME', min: 19 },
  { header: 'WHO' },
  { header: 'ACTION' },
  { header: 'WHAT' },
  { header: 'RESULT' },
]

export function define(command: Command, cli: Cli): void {
  command
    .option('--limit <n>', 'entries, newest first, at most 1000', '50')
    .addHelpText('after', '\nExample:\n  $ archipel journal --limit 20')
    .action(async ({ limit }: { limit: string }) => {
      const { io, signal } = cli
      const most = wholeNumber(limit, '--limit', 1000)
      const client = await cli.client()
      const { items: entries } = await client.journal({ limit: most }, { signal })
      if (io.json) return io.printJson(entries)
      const rows = entries.map((e) => [
        e.time,
        e.actor,
        e.action,
        e.subject,
        e.code === undefined ? e.outcome : `${e.outcome} (${e.code})`,
      ])
      io.print(table(COLUMNS, rows, { width: io.width, style: (text) => io.style('bold', text) }))
    })
}
