import type { Command } from 'commander'
import type { Cli } from '../../context.ts'

export function define(command: Command, cli: Cli): void {
  command
    .argument('<action>', 'one of this island, by id or name')
    .addHelpText('after', '\nTasks that ran it stay.\n\nExample:\n  $ archipel actions remove brightest')
    .action(async (ref: string) => {
      const { io, signal } = cli
      const removed = await (await cli.client()).actions.remove(ref, { signal })
      if (io.json) io.printJson(removed)
      else io.print(removed.id)
    })
}
