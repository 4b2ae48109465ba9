import type { Command } from 'commander'
import type { SubscriptionView } from '../../../../protocols/model/subscription.ts'
import { clean } from '../../clean.ts'
import type { Cli } from '../../context.ts'
import { firstOf, MAX_SHOWN } from '../../first-of.ts'
import { age, bytes } from '../../format.ts'
import { filterWords, metWords, stateWords } from '../../subscription-words.ts'
import { table } from '../../table.ts'
import { wholeNumber } from '../../whole-number.ts'

const PAGE = 500
const COLUMNS = [
  { header: 'ID', min: 20 },
  { header: 'CONDITIONS', min: 12 },
  { header: 'DATASETS', min: 10 },
  { header: 'ASKED FOR', align: 'right' as const, optional: true },
  { header: 'MADE', optional: true },
  { header: 'STATE', min: 8 },
]

function row(view: SubscriptionView): string[] {
  const state = clean(stateWords(view))
  return [view.id, clean(filterWords(view)), metWords(view), bytes(view.bytes), `${age(view.created)} ago`, state]
}

export function define(command: Command, cli: Cli): void {
  command
    .option('--limit <n>', 'subscriptions to show, newest first', '20')
    .addHelpText('after', '\nExample:\n  $ archipel subscriptions list --limit 5')
    .action(async ({ limit }: { limit: string }) => {
      const { io, signal } = cli
      const most = wholeNumber(limit, '--limit', MAX_SHOWN)
      const client = await cli.client()
      const { items, total } = await firstOf((page) => client.subscriptions.list(page, { signal }), {
        most,
        pageSize: PAGE,
      })
      if (io.json) return io.printJson({ items, total })
      if (items.length === 0) return io.note('no subscriptions')
      io.print(table(COLUMNS, items.map(row), { width: io.width, style: (text) => io.style('bold', text) }))
    })
}
