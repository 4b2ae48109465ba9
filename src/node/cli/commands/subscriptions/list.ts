import type { Command } from 'commander'
import type { SubscriptionView } from '../../../../protocols/model/subscription.ts'
import type { Cli } from '../../context.ts'
import { age, bytes } from '../../format.ts'
import { showList } from '../../show-list.ts'
import { filterWords, metWords, stateWords } from '../../subscription-words.ts'

const COLUMNS = [
  { header: 'ID', min: 20 },
  { header: 'CONDITIONS', min: 12 },
  { header: 'DATASETS', min: 10 },
  { header: 'ASKED FOR', align: 'right' as const, optional: true },
  { header: 'MADE', optional: true },
  { header: 'STATE', min: 8 },
]

function row(view: SubscriptionView): string[] {
  const asked = bytes(view.bytes)
  return [view.id, filterWords(view), metWords(view), asked, `${age(view.created)} ago`, stateWords(view)]
}

export function define(command: Command, cli: Cli): void {
  command
    .option('--limit <n>', 'subscriptions to show, newest first', '20')
    .addHelpText('after', '\nExample:\n  $ archipel subscriptions list --limit 5')
    .action(async ({ limit }: { limit: string }) => {
      await showList(cli, {
        limit,
        what: 'subscriptions',
        columns: COLUMNS,
        row,
        ask: (client, page, options) => client.subscriptions.list(page, options),
      })
    })
}
