import type { Command } from 'commander'
import type { Cli } from '../context.ts'
import { replicaLine } from '../replica-words.ts'

export function define(command: Command, cli: Cli): void {
  command
    .argument('<dataset>', 'its id in any spelling, or its short name')
    .option('--dataset-version <v>', 'of several that are here: this one, or its first eight digits')
    .addHelpText('after', '\nExample:\n  $ archipel pin survey')
    .action(async (ref: string, { datasetVersion: version }: { datasetVersion?: string }) => {
      const { io, signal } = cli
      const client = await cli.client()
      const view = await client.pin(ref, { version }, { signal })
      if (io.json) return io.printJson(view)
      io.print(replicaLine(view))
    })
}
