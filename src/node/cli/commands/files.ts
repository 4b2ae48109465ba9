import type { Command } from 'commander'
import type { Cli } from '../context.ts'
import { firstOf, MAX_SHOWN } from '../first-of.ts'
import { bytes, count, plural } from '../format.ts'
import { table } from '../table.ts'
import { wholeNumber } from '../whole-number.ts'

const PAGE = 1000
const COLUMNS = [
  { header: 'PATH', min: 16 },
  { header: 'SIZE', align: 'right' as const },
  { header: 'TYPE', optional: true },
  { header: 'PIECES', min: 12, optional: true },
]

export function define(command: Command, cli: Cli): void {
  command
    .argument('<dataset>', 'its id in any spelling, or its short name')
    .option('--limit <n>', 'files to show', '100')
    .addHelpText('after', '\nExample:\n  $ archipel files bright_stars')
    .action(async (ref: string, { limit }: { limit: string }) => {
      const { io, signal } = cli
      const most = wholeNumber(limit, '--limit', MAX_SHOWN)
      const client = await cli.client()
      const { items, total, version } = await firstOf((page) => client.files(ref, page, { signal }), {
        most,
        pageSize: PAGE,
      })
      if (io.json) return io.printJson({ items, total, version })
      const rows = items.map((file) => [file.path, bytes(file.bytes), file.mediaType, file.pieces.slice(0, 16)])
      io.print(table(COLUMNS, rows, { width: io.width, style: (text) => io.style('bold', text) }))
      io.note(
        items.length < total
          ? `${count(items.length)} of ${plural(total, 'file')}; --limit shows more`
          : plural(total, 'file'),
      )
    })
}
