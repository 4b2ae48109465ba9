import type { Command } from 'commander'
import type { ActionView } from '../../../../protocols/model/views.ts'
import { paramText } from '../../action-params.ts'
import type { Cli } from '../../context.ts'
import { firstOf, MAX_SHOWN } from '../../first-of.ts'
import { table } from '../../table.ts'
import { wholeNumber } from '../../whole-number.ts'

const PAGE = 500
const COLUMNS = [
  { header: 'NAME', min: 10 },
  { header: 'KIND' },
  { header: 'PARAMETERS', min: 10 },
  { header: 'PUBLISHER', min: 8 },
  { header: 'SHARED', optional: true },
  { header: 'DESCRIPTION', min: 12 },
  { header: 'ID', min: 12, optional: true },
]

function sharedWords({ shared, version }: ActionView): string {
  if (shared === undefined) return 'no'
  return shared.version === version ? 'yes' : 'an earlier one'
}

function row(view: ActionView): string[] {
  const params = Object.entries(view.params).map(([name, param]) => paramText(name, param))
  const { name, kind, publisher, description = '', id } = view
  return [name, kind, params.join(' '), publisher.name, sharedWords(view), description.split('\n')[0]!, id]
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('[words...]', 'words to look for in names, descriptions and publishers')
    .option('--island <island>', 'only those of this island')
    .option('--limit <n>', 'actions to show', '50')
    .addHelpText('after', '\nExample:\n  $ archipel actions list stars --island grenoble')
    .action(async (words: string[], { island, limit }: { island?: string; limit: string }) => {
      const { io, signal } = cli
      const most = wholeNumber(limit, '--limit', MAX_SHOWN)
      const client = await cli.client()
      const query = {
        ...(words.length === 0 ? {} : { text: words.join(' ') }),
        ...(island === undefined ? {} : { island }),
      }
      const { items, next } = await firstOf((page) => client.actions.list({ ...query, ...page }, { signal }), {
        most,
        pageSize: PAGE,
      })
      if (io.json) return io.printJson({ items })
      if (items.length === 0) return io.note('no actions')
      io.print(table(COLUMNS, items.map(row), { width: io.width, style: (text) => io.style('bold', text) }))
      if (next !== undefined) io.note('there are more; --limit shows them')
    })
}
