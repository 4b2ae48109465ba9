import type { Command } from 'commander'
import type { Cli } from '../../context.ts'

export function define(command: Command, cli: Cli): void {
  command
    .argument('<action>', 'one of this island, by id or name')
    .addHelpText('after', '\nExample:\n  $ archipel actions share brightest')
    .action(async (ref: string) => {
      const { io, signal } = cli
      const view = await (await cli.client()).actions.share(ref, { signal })
      if (io.json) return io.printJson(view)
      io.print(view.id)
      io.note('All islands see it in a moment; `archipel actions remove` withdraws it.')
    })
}
