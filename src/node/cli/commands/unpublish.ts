import type { Command } from 'commander'
import { clean } from '../clean.ts'
import type { Cli } from '../context.ts'

export function define(command: Command, cli: Cli): void {
  command
    .argument('<dataset>', 'its id in any spelling, or its short name')
    .addHelpText('after', '\nThe files stay where they are.\n\nExample:\n  $ archipel unpublish bright_stars')
    .action(async (ref: string) => {
      const { io, signal } = cli
      const client = await cli.client()
      const answer = await client.unpublish(ref, { signal })
      if (io.json) return io.printJson(answer)
      io.print(`withdrawn ${clean(answer.id)}`)
    })
}
