import { type Command, Option } from 'commander'
import type { MetadataFormat } from '../../../web/contract/inputs.ts'
import { safeJson } from '../clean.ts'
import type { Cli } from '../context.ts'
import { describeDataset } from '../describe-dataset.ts'

export function define(command: Command, cli: Cli): void {
  command
    .argument('<dataset>', 'its id in any spelling, or its short name')
    .addOption(
      new Option('--format <format>', 'metadata as JSON in this format').choices([
        'dcat',
        'datacite',
        'croissant',
        'prov',
        'prov-o',
        'json',
      ]),
    )
    .addHelpText('after', '\nExample:\n  $ archipel show doi:10.5072/stars --format dcat')
    .action(async (ref: string, { format }: { format?: MetadataFormat }) => {
      const { io, signal } = cli
      const client = await cli.client()
      if (format !== undefined) return io.print(safeJson(await client.metadata(ref, format, { signal }), 2))
      const view = await client.dataset(ref, { signal })
      if (io.json) io.printJson(view)
      else io.print(describeDataset(view, io, { brief: false }))
    })
}
