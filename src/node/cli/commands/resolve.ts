import { type Command, Option } from 'commander'
import type { Resolution, ResolveRequest } from '../../../protocols/model/views.ts'
import { clean } from '../clean.ts'
import type { Cli } from '../context.ts'
import { lossWords } from '../describe-dataset.ts'
import { age, milliseconds, plural, shortId } from '../format.ts'
import { withProgress } from '../progress.ts'
import { table } from '../table.ts'

const COLUMNS = [
  { header: 'ISLAND', min: 8 },
  { header: 'KNOWN BY' },
  { header: 'STATE' },
  { header: 'VERSION', min: 12 },
  { header: 'AGE', align: 'right' as const },
  { header: 'CONFIRMED' },
  { header: 'PUBLISHER', optional: true },
]

type Holder = Resolution['holders'][number]

/** `publishers`: names by island id, of those that are holders, too. */
function row(holder: Holder, publishers: ReadonlyMap<string, string>): string[] {
  const { name, via, state, version, freshness, confirmed, reason, publisher } = holder
  const answer = confirmed ? 'yes' : `no${reason === undefined ? '' : `: ${reason}`}`
  return [
    name,
    via.join(', '),
    state,
    version.slice(0, 12),
    age(freshness),
    answer,
    publishers.get(publisher) ?? shortId(publisher),
  ]
}

interface Options extends Pick<ResolveRequest, 'via'> {
  confirm: boolean
  datasetVersion?: string
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<dataset>', 'its id in any spelling, or its short name')
    .addOption(new Option('--via <path>', 'look only there').choices(['catalog', 'dht', 'both']))
    .option('--dataset-version <v>', 'holders of this version, or of what begins so, only')
    .option('--no-confirm', 'do not ask the holders themselves')
    .addHelpText('after', '\nExample:\n  $ archipel resolve https://doi.org/10.5072/stars')
    .action(async (ref: string, { via, confirm, datasetVersion: version }: Options) => {
      const { io, signal } = cli
      const client = await cli.client()
      const request: ResolveRequest = { ref, via, version, confirm: confirm ? undefined : false }
      const answer = await withProgress(io, 'resolving', () => client.resolve(request, { signal }))
      if (io.json) return io.printJson(answer)
      io.print(clean(answer.id))
      for (const alias of answer.aliases.filter((id) => id !== answer.id)) io.print(`also ${clean(alias)}`)
      const publishers = new Map(answer.holders.map((h) => [h.island, h.name]))
      const rows = answer.holders.map((h) => row(h, publishers))
      if (rows.length === 0) io.print('held by no island that is known')
      else io.print(table(COLUMNS, rows, { width: io.width, style: (text) => io.style('bold', text) }))
      if (answer.lost !== undefined) io.print(`lost: ${lossWords(answer.lost)}`)
      io.note(`${plural(answer.holders.length, 'holder')} in ${milliseconds(answer.elapsedMs)}`)
    })
}
