import type { Command } from 'commander'
import type { TransferView } from '../../../../protocols/model/views.ts'
import type { Cli } from '../../context.ts'
import { age, bytes } from '../../format.ts'
import { showList } from '../../show-list.ts'
import { progressWords } from '../../transfer-words.ts'

const COLUMNS = [
  { header: 'ID', min: 21 },
  { header: 'DATASET', min: 8 },
  { header: 'DONE', align: 'right' as const, min: 5 },
  { header: 'SIZE', align: 'right' as const },
  { header: 'ASKED', optional: true },
  { header: 'STATE', min: 12 },
]

function row(view: TransferView): string[] {
  const part = view.wanted.bytes === 0 ? 1 : view.done.bytes / view.wanted.bytes
  const done = `${Math.floor(part * 100)} %`
  return [view.id, view.name, done, bytes(view.wanted.bytes), `${age(view.created)} ago`, progressWords(view)]
}

export function define(command: Command, cli: Cli): void {
  command
    .option('--limit <n>', 'transfers to show, newest first', '20')
    .addHelpText('after', '\nExample:\n  $ archipel transfers list --limit 5')
    .action(async ({ limit }: { limit: string }) => {
      await showList(cli, {
        limit,
        what: 'transfers',
        columns: COLUMNS,
        row,
        ask: (client, page, options) => client.transfers.list(page, options),
      })
    })
}
