import type { Command } from 'commander'
import { ArchipelError } from '../../../../protocols/model/errors.ts'
import type { ReplicaRequestView } from '../../../../protocols/model/replica-request.ts'
import { clean } from '../../clean.ts'
import type { Cli } from '../../context.ts'
import { firstOf, MAX_SHOWN } from '../../first-of.ts'
import { age } from '../../format.ts'
import { doneWords, stateWords } from '../../request-words.ts'
import { table } from '../../table.ts'
import { wholeNumber } from '../../whole-number.ts'

const PAGE = 500
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
  const words = clean(stateWords(view))
  return [view.id, clean(island), clean(view.dataset), doneWords(view), `${age(view.created)} ago`, words]
}

export function define(command: Command, cli: Cli): void {
  command
    .option('--incoming', 'only those of other islands to this one')
    .option('--outgoing', 'only those of this island')
    .option('--limit <n>', 'requests to show, newest first', '20')
    .addHelpText('after', '\nExample:\n  $ archipel requests list --incoming')
    .action(async ({ incoming, outgoing, limit }: { incoming?: boolean; outgoing?: boolean; limit: string }) => {
      const { io, signal } = cli
      if (incoming && outgoing)
        throw new ArchipelError('BAD_INPUT', 'give --incoming or --outgoing, not both', {
          hint: 'Without either, all are listed.',
        })
      const direction = incoming ? 'incoming' : outgoing ? 'outgoing' : undefined
      const most = wholeNumber(limit, '--limit', MAX_SHOWN)
      const client = await cli.client()
      const { items, total } = await firstOf((page) => client.requests.list({ ...page, direction }, { signal }), {
        most,
        pageSize: PAGE,
      })
      if (io.json) return io.printJson({ items, total })
      if (items.length === 0) return io.note('no requests')
      io.print(table(COLUMNS, items.map(row), { width: io.width, style: (text) => io.style('bold', text) }))
    })
}
