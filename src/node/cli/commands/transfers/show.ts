import type { Command } from 'commander'
import type { TransferView } from '../../../../protocols/model/views.ts'
import { clean } from '../../clean.ts'
import type { Cli } from '../../context.ts'
import { bytes, plural } from '../../format.ts'
import type { Io } from '../../io.ts'
import { table } from '../../table.ts'
import { progressWords, transferIdOf } from '../../transfer-words.ts'

const SOURCES = [
  { header: 'FROM', min: 8 },
  { header: 'BROUGHT', align: 'right' as const },
  { header: 'RATE', align: 'right' as const },
  { header: 'BAD FILES', align: 'right' as const, optional: true },
]

function print(io: Io, view: TransferView): void {
  const rows: [string, string][] = [
    ['id', view.id],
    ['dataset', view.dataset],
    ['version', view.version],
    ['state', progressWords(view)],
    ['', view.problem?.hint ?? ''],
    ['files', view.files.join(', ')],
    ['to', view.to ?? ''],
    ['done', `${bytes(view.done.bytes)} of ${bytes(view.wanted.bytes)}, ${plural(view.wanted.files, 'file')}`],
    ['priority', view.priority],
    ['asked', `${view.created} by ${view.user}`],
    ['ended', view.ended ?? ''],
    ...(view.evicted ?? []).map((gone): [string, string] => [
      'evicted',
      `${gone.name}, version ${gone.version.slice(0, 12)}, ${bytes(gone.bytes)}`,
    ]),
  ]
  for (const [label, value] of rows) if (value !== '') io.print(label.padEnd(10) + clean(value))
  if (view.sources.length === 0) return
  const sources = view.sources.map((s) => [
    s.name,
    bytes(s.bytes),
    s.bytesPerSecond === undefined ? '-' : `${bytes(s.bytesPerSecond)}/s`,
    String(s.bad),
  ])
  io.print(`\n${table(SOURCES, sources, { width: io.width, style: (text) => io.style('bold', text) })}`)
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<id>', 'a transfer')
    .addHelpText('after', '\nExample:\n  $ archipel transfers show tr-mb3k2x9f1c2d3e4f')
    .action(async (text: string) => {
      const { io, signal } = cli
      const client = await cli.client()
      const view = await client.transfers.show(await transferIdOf(client, text, signal), { signal })
      if (io.json) io.printJson(view)
      else print(io, view)
    })
}
