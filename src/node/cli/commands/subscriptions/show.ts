import type { Command } from 'commander'
import type { SubscriptionView } from '../../../../protocols/model/subscription.ts'
import { clean } from '../../clean.ts'
import type { Cli } from '../../context.ts'
import { bytes } from '../../format.ts'
import type { Io } from '../../io.ts'
import { filterWords, knownWords, metWords, stateWords } from '../../subscription-words.ts'
import { table } from '../../table.ts'

const MET = [
  { header: 'DATASET', min: 10 },
  { header: 'PUBLISHER', min: 8, optional: true },
  { header: 'VERSION' },
  { header: 'STATE', min: 10 },
  { header: 'TRANSFER', optional: true },
]

function print(io: Io, view: SubscriptionView): void {
  const most = view.maxBytes === undefined ? '' : ` of at most ${bytes(view.maxBytes)}`
  const rows: [string, string][] = [
    ['id', view.id],
    ['filter', filterWords(view)],
    ['state', stateWords(view)],
    ['', view.problem?.hint ?? ''],
    ['begins', view.fromStart ? 'with all that match' : `after ${knownWords(view)} that were known when it was made`],
    ['datasets', metWords(view)],
    ['asked for', `${bytes(view.bytes)}${most}`],
    ['made', `${view.created} by ${view.user}`],
  ]
  for (const [label, value] of rows) if (value !== '') io.print(label.padEnd(11) + clean(value))
  const met = (view.recent ?? []).filter((each) => each.state !== 'known')
  if (met.length === 0) return
  const lines = met.map(({ name, publisher, version, state, problem, transfer }) => [
    clean(name),
    publisher.name,
    version.slice(0, 12),
    clean(problem === undefined ? state : `${state}: ${problem.message}`),
    transfer ?? '-',
  ])
  io.print(`\n${table(MET, lines, { width: io.width, style: (text) => io.style('bold', text) })}`)
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<id>', 'a subscription')
    .addHelpText('after', '\nExample:\n  $ archipel subscriptions show sub-mb3k2x9f1c2d3e4f')
    .action(async (id: string) => {
      const { io, signal } = cli
      const client = await cli.client()
      const view = await client.subscriptions.show(id, { signal })
      if (io.json) io.printJson(view)
      else print(io, view)
    })
}
