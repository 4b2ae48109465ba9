import type { Command } from 'commander'
import { clean } from '../../clean.ts'
import type { Cli } from '../../context.ts'

export function define(command: Command, cli: Cli): void {
  command
    .argument('<id>', 'a subscription')
    .addHelpText('after', '\nExample:\n  $ archipel subscriptions remove sub-mb3k2x9f1c2d3e4f')
    .action(async (id: string) => {
      const { io, signal } = cli
      const client = await cli.client()
      const answer = await client.subscriptions.remove(id, { signal })
      if (io.json) return io.printJson(answer)
      io.print(clean(`removed ${answer.id}; what it brought stays`))
    })
}
