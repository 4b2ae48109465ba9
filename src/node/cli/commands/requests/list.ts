import type { Command } from 'commander'
import { ArchipelError } from '../../../../protocols/model/errors.ts'
import type { ReplicaRequestView } from '../../../../protocols/model/replica-request.ts'
import type { Cli } from '../../context.ts'
import { age } from '../../format.ts'
import { doneWords, stateWords } from '../../request-words.ts'
import { showList } from '../../show-list.ts'

const COLUMNS = [
  { header: 'ID', min: 20 },
  { header: 'ISLAND', min: 12 },
  { header: 'DATASET', min: 10 },
  { header: 'DONE', align: 'right' as const },
  { header: 'ASKED', optional: true },
  { header: 'STATE', min: 10 },
]

function row(view: ReplicaRequestView): string[] {
  const island = `${view.direction === 'incoming' ? 'from' : 'to'} ${view.island.name}`
  return [view.id, island, view.dataset, doneWords(view), `${age(view.created)} ago`, stateWords(view)]
}

export function define(command: Command, cli: Cli): void {
  command
    .option('--incoming', 'only those of other islands to this one')
    .option('--outgoing', 'only those of this island')
    .option('--limit <n>', 'requests to show, newest first', '20')
    .addHelpText('after', '\nExample:\n  $ archipel requests list --incoming')
    .action(async ({ incoming, outgoing, limit }: { incoming?: boolean; outgoing?: boolean; limit: string }) => {
      if (incoming && outgoing)
        throw new ArchipelError('BAD_INPUT', 'give --incoming or --outgoing, not both', {
          hint: 'Without either, all are listed.',
        })
      const direction = incoming ? 'incoming' : outgoing ? 'outgoing' : undefined
      await showList(cli, {
        limit,
        what: 'requests',
        columns: COLUMNS,
        row,
        ask: (client, page, options) => client.requests.list({ ...page, direction }, options),
      })
    })
}
