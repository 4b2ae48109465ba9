import type { Command } from 'commander'
import type { TransferView } from '../../../../protocols/model/views.ts'
import type { Cli } from '../../context.ts'
import { firstOf, MAX_SHOWN } from '../../first-of.ts'
import { age, bytes } from '../../format.ts'
import { table } from '../../table.ts'
import { progressWords } from '../../transfer-words.ts'
import { wholeNumber } from '../../whole-number.ts'

const PAGE = 500
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
      const { io, signal } = cli
      const most = wholeNumber(limit, '--limit', MAX_SHOWN)
      const client = await cli.client()
      const { items, total } = await firstOf((page) => client.transfers.list(page, { signal }), {
        most,
        pageSize: PAGE,
      })
      if (io.json) return io.printJson({ items, total })
      if (items.length === 0) return io.note('no transfers')
      io.print(table(COLUMNS, items.map(row), { width: io.width, style: (text) => io.style('bold', text) }))
    })
}
