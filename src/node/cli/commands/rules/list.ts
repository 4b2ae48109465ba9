import type { Command } from 'commander'
import type { Cli } from '../../context.ts'
import { firstOf, MAX_SHOWN } from '../../first-of.ts'
import { missingText, selectText } from '../../rule-words.ts'
import { table } from '../../table.ts'
import { wholeNumber } from '../../whole-number.ts'

const PAGE = 500
const COLUMNS = [
  { header: 'ID', min: 12 },
  { header: 'MADE BY', min: 8 },
  { header: 'COPIES', align: 'right' as const },
  { header: 'SELECTS', min: 12 },
  { header: 'SITES', min: 8, optional: true },
  { header: 'DATASETS', align: 'right' as const, optional: true },
  { header: 'MISSING', min: 8 },
]

export function define(command: Command, cli: Cli): void {
  command
    .option('--limit <n>', 'rules to show', '50')
    .addHelpText('after', '\nExample:\n  $ archipel rules list')
    .action(async ({ limit }: { limit: string }) => {
      const { io, signal } = cli
      const most = wholeNumber(limit, '--limit', MAX_SHOWN)
      const client = await cli.client()
      const { items, total, next } = await firstOf((page) => client.rules.list(page, { signal }), {
        most,
        pageSize: PAGE,
      })
      if (io.json) return io.printJson({ items, total })
      if (items.length === 0) return io.note('no rules')
      const rows = items.map((rule) => [
        rule.id,
        rule.publisher.name,
        String(rule.copies),
        selectText(rule),
        rule.sites ?? 'all',
        String(rule.selected.datasets),
        missingText(rule),
      ])
      io.print(table(COLUMNS, rows, { width: io.width, style: (text) => io.style('bold', text) }))
      if (next !== undefined) io.note('there are more; --limit shows them')
    })
}
