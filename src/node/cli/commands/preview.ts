import type { Command } from 'commander'
import { clean } from '../clean.ts'
import type { Cli } from '../context.ts'
import { cellText, plural } from '../format.ts'
import { table } from '../table.ts'
import { wholeNumber } from '../whole-number.ts'

export function define(command: Command, cli: Cli): void {
  command
    .argument('<dataset>', 'its id in any spelling, or its short name')
    .option('--rows <n>', 'rows to show, at most 100', '20')
    .addHelpText('after', '\nExample:\n  $ archipel preview bright_stars --rows 5')
    .action(async (ref: string, { rows }: { rows: string }) => {
      const { io, signal } = cli
      const most = wholeNumber(rows, '--rows', 100)
      const client = await cli.client()
      const preview = await client.preview(ref, { rows: most }, { signal })
      if (io.json) return io.printJson(preview)
      const columns = preview.columns.map(({ name, unit }) => ({
        header: unit === undefined ? name : `${name} [${unit}]`,
        min: 4,
      }))
      const lines = preview.rows.map((row) => columns.map((_, i) => cellText(row[i])))
      io.print(table(columns, lines, { width: io.width, style: (text) => io.style('bold', text) }))
      const more = preview.truncated ? ' first' : ''
      const where = preview.ranAt === undefined ? '' : `, read at ${preview.ranAt.name}`
      io.note(clean(`the${more} ${plural(preview.rows.length, 'row')}${where}`))
    })
}
