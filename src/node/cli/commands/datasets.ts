import type { Command } from 'commander'
import { datasetTest } from '../../../protocols/metadata/dataset-test.ts'
import type { DatasetFilter, DatasetView } from '../../../protocols/model/views.ts'
import type { IslandClient } from '../../../web/client/index.ts'
import { clean } from '../clean.ts'
import type { Cli } from '../context.ts'
import { parseFilter } from '../dataset-filter.ts'
import { firstOf, MAX_SHOWN } from '../first-of.ts'
import { bytes, count, plural } from '../format.ts'
import type { Io } from '../io.ts'
import { table } from '../table.ts'
import { wholeNumber } from '../whole-number.ts'

const PAGE = 500
const COLUMNS = [
  { header: 'NAME', min: 10 },
  { header: 'TITLE', min: 12 },
  { header: 'FORMAT' },
  { header: 'ROWS', align: 'right' as const, min: 7 },
  { header: 'SIZE', align: 'right' as const, min: 7, optional: true },
  { header: 'PUBLISHER', min: 8, optional: true },
  { header: 'COPIES', align: 'right' as const, optional: true },
  { header: 'ID', min: 12, optional: true },
]

function row({ id, body, publisher, holders }: DatasetView): string[] {
  const rows = body.rows === undefined ? '-' : count(body.rows)
  return [body.name, body.title, body.format, rows, bytes(body.size), publisher.name, String(holders.length), id]
}

async function follow(io: Io, client: IslandClient, filter: DatasetFilter, signal: AbortSignal): Promise<void> {
  const misses = datasetTest(filter)
  for await (const event of client.events({ signal })) {
    if ('lost' in event) {
      if (io.json) io.printJson(event)
      else io.note(`${count(event.lost)} or more changes were missed`)
      continue
    }
    if (event.type !== 'dataset:changed' && event.type !== 'dataset:withdrawn') continue
    // Of a withdrawn dataset only the id is left, so every withdrawal is told.
    if (event.type === 'dataset:changed' && misses(event.dataset).length > 0) continue
    if (io.json) {
      io.printJson(event)
      continue
    }
    const text = event.type === 'dataset:changed' ? `${event.dataset.body.name}  ${event.dataset.body.title}` : ''
    const verb = event.type === 'dataset:changed' ? 'published' : 'withdrawn'
    io.print(clean(`${event.time}  ${verb}  ${event.publisher.name}  ${event.id}  ${text}`).trimEnd())
  }
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('[words...]', 'words to look for in titles, descriptions, keywords, creators, columns and ids')
    .option(
      '--filter <condition>',
      'keyword=, island=, format=, minSize=1MB, maxSize=, cone=ra,dec,radius; size>=, size<= are minSize=, maxSize= (repeatable)',
      (value: string, before: string[] = []) => [...before, value],
    )
    .option('--limit <n>', 'datasets to show', '50')
    .option('--follow', 'print changes as they arrive')
    .addHelpText('after', '\nExample:\n  $ archipel datasets nebulae --filter format=csv --filter "cone=83.8,-5.4,2"')
    .action(async (words: string[], options: { filter?: string[]; limit: string; follow?: boolean }) => {
      const { io, signal } = cli
      const most = wholeNumber(options.limit, '--limit', MAX_SHOWN)
      const filter = parseFilter(words, options.filter ?? [])
      const client = await cli.client()
      if (options.follow) return follow(io, client, filter, signal)
      const { items, total } = await firstOf((page) => client.datasets({ ...filter, ...page }, { signal }), {
        most,
        pageSize: PAGE,
      })
      if (io.json) return io.printJson({ items, total })
      if (items.length > 0)
        io.print(table(COLUMNS, items.map(row), { width: io.width, style: (text) => io.style('bold', text) }))
      io.note(
        items.length < total
          ? `${count(items.length)} of ${plural(total, 'dataset')}; --limit shows more`
          : plural(total, 'dataset'),
      )
    })
}
