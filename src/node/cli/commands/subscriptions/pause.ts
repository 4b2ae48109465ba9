import type { Command } from 'commander'
import type { Cli } from '../../context.ts'

export function define(command: Command, cli: Cli): void {
  command
    .argument('<id>', 'a subscription')
    .addHelpText('after', '\nExample:\n  $ archipel subscriptions pause sub-mb3k2x9f1c2d3e4f')
    .action(async (id: string) => {
      const { io, signal } = cli
      const client = await cli.client()
      const view = await client.subscriptions.pause(id, { signal })
      if (io.json) return io.printJson(view)
      io.print(`${view.id} is ${view.state}`)
    })
}
