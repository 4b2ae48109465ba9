import type { Command } from 'commander'
import { clean } from '../../clean.ts'
import type { Cli } from '../../context.ts'
import { doneWords, stateWords } from '../../request-words.ts'

export function define(command: Command, cli: Cli): void {
  command
    .argument('<id>', 'a request')
    .addHelpText('after', '\nExample:\n  $ archipel requests show req-mb3k2x9f1c2d3e4f5a6b')
    .action(async (id: string) => {
      const { io, signal } = cli
      const client = await cli.client()
      const view = await client.requests.show(id, { signal })
      if (io.json) return io.printJson(view)
      const rows: [string, string][] = [
        ['id', view.id],
        [view.direction === 'incoming' ? 'from' : 'to', view.island.name],
        ['dataset', view.dataset],
        ['version', view.version],
        ['files', view.files.join(', ')],
        ['state', stateWords(view)],
        ['', view.problem?.hint ?? ''],
        ['done', doneWords(view)],
        ['transfer', view.transfer ?? ''],
        ['priority', view.priority],
        ['when', view.whenUsed ? 'fetched at its first use there' : ''],
        ['asked', `${view.created} by ${view.user}`],
      ]
      for (const [label, value] of rows) if (value !== '') io.print(label.padEnd(10) + clean(value))
    })
}
