import type { Command } from 'commander'
import type { Cli } from '../../context.ts'

export function define(command: Command, cli: Cli): void {
  command
    .argument('<rule>', 'one of this island, by its id or the beginning')
    .addHelpText('after', '\nCopies that it made stay.\n\nExample:\n  $ archipel rules remove rule-mb3x1f0c')
    .action(async (id: string) => {
      const { io, signal } = cli
      const removed = await (await cli.client()).rules.remove(id, { signal })
      if (io.json) io.printJson(removed)
      else io.print(removed.id)
    })
}
