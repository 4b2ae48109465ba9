import type { Command } from 'commander'
import type { Cli } from '../../context.ts'
import { ruleText } from '../../rule-words.ts'

export function define(command: Command, cli: Cli): void {
  command
    .argument('<rule>', 'its id, or its beginning')
    .addHelpText('after', '\nExample:\n  $ archipel rules show rule-mb3x1f0c')
    .action(async (id: string) => {
      const { io, signal } = cli
      const rule = await (await cli.client()).rules.show(id, { signal })
      if (io.json) io.printJson(rule)
      else io.print(ruleText(rule))
    })
}
