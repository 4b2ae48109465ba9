import type { Command } from 'commander'
import type { Cli } from '../../context.ts'
import { explanationText } from '../../rule-words.ts'

export function define(command: Command, cli: Cli): void {
  command
    .argument('<rule>', 'its id, or its beginning')
    .addHelpText(
      'after',
      '\nDatasets that lack copies come first. Of those that bring one, the next have their turn now.\n\nExample:\n  $ archipel rules explain rule-mb3x1f0c',
    )
    .action(async (id: string) => {
      const { io, signal } = cli
      const explained = await (await cli.client()).rules.explain(id, { signal })
      if (io.json) io.printJson(explained)
      else io.print(explanationText(explained, io))
    })
}
