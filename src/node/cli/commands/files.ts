import type { Command } from 'commander'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import type { FileView } from '../../../protocols/model/views.ts'
import type { Cli } from '../context.ts'
import { bytes, count, plural } from '../format.ts'
import { table } from '../table.ts'

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
      if (!/^[1-9]\d{0,7}$/.test(limit))
        throw new ArchipelError('BAD_INPUT', '--limit: has to be a number from 1 to 99999999')
      const client = await cli.client()
      const items: FileView[] = []
      let next: string | undefined
      let total = 0
      let version = ''
      do {
        const page = await client.files(
          ref,
          { limit: Math.min(PAGE, Number(limit) - items.length), ...(next === undefined ? {} : { cursor: next }) },
          { signal },
        )
        items.push(...page.items)
        ;({ next, total, version } = { next: undefined, ...page })
      } while (next !== undefined && items.length < Number(limit))
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
