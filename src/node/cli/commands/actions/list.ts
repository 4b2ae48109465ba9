import type { Command } from 'commander'
import type { ActionView } from '../../../../protocols/model/views.ts'
import { paramText } from '../../action-params.ts'
import type { Cli } from '../../context.ts'
import { showList } from '../../show-list.ts'

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
      const query = {
        ...(words.length === 0 ? {} : { text: words.join(' ') }),
        ...(island === undefined ? {} : { island }),
      }
      await showList(cli, {
        limit,
        what: 'actions',
        columns: COLUMNS,
        row,
        ask: (client, page, options) => client.actions.list({ ...query, ...page }, options),
      })
    })
}
