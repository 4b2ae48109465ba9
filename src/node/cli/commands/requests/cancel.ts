import type { Command } from 'commander'
import { clean } from '../../clean.ts'
import type { Cli } from '../../context.ts'
import { stateWords } from '../../request-words.ts'

export function define(command: Command, cli: Cli): void {
  command
    .argument('<id>', 'a request')
    .addHelpText('after', '\nExample:\n  $ archipel requests cancel req-mb3k2x9f1c2d3e4f5a6b')
    .action(async (id: string) => {
      const { io, signal } = cli
      const client = await cli.client()
      const view = await client.requests.cancel(id, { signal })
      if (io.json) return io.printJson(view)
      io.print(clean(`${view.id} is ${stateWords(view)}`))
    })
}
