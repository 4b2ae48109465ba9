import type { Command } from 'commander'
import type { Cli } from '../context.ts'
import { replicaLine } from '../replica-words.ts'

export function define(command: Command, cli: Cli): void {
  command
    .argument('<dataset>', 'its id in any spelling, or its short name')
    .addHelpText('after', '\nExample:\n  $ archipel follow survey')
    .action(async (ref: string) => {
      const { io, signal } = cli
      const client = await cli.client()
      const view = await client.follow(ref, { signal })
      if (io.json) return io.printJson(view)
      io.print(replicaLine(view))
    })
}
