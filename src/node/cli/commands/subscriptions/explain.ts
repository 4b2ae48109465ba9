import type { Command } from 'commander'
import { clean } from '../../clean.ts'
import type { Cli } from '../../context.ts'

export function define(command: Command, cli: Cli): void {
  command
    .argument('<id>', 'a subscription')
    .argument('<dataset>', 'its id in any spelling, or its short name')
    .addHelpText('after', '\nExample:\n  $ archipel subscriptions explain sub-mb3k2x9f1c2d3e4f survey')
    .action(async (id: string, ref: string) => {
      const { io, signal } = cli
      const client = await cli.client()
      const answer = await client.subscriptions.explain(id, ref, { signal })
      if (io.json) return io.printJson(answer)
      io.print(clean(`${answer.dataset}: ${answer.reason}`))
      if (answer.met?.problem !== undefined) io.note(clean(answer.met.problem.hint))
    })
}
