import { type Command, Option } from 'commander'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import type { MetadataFormat } from '../../../web/contract/inputs.ts'
import { safeJson } from '../clean.ts'
import type { Cli } from '../context.ts'
import { describeDataset } from '../describe-dataset.ts'
import { describeVersions } from '../describe-versions.ts'

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
    .option('--versions', 'its versions, and who holds each')
    .addHelpText('after', '\nExample:\n  $ archipel show doi:10.5072/stars --format dcat')
    .action(async (ref: string, { format, versions }: { format?: MetadataFormat; versions?: boolean }) => {
      const { io, signal } = cli
      if (format !== undefined && versions)
        throw new ArchipelError('BAD_INPUT', 'give --format or --versions, not both')
      const client = await cli.client()
      if (format !== undefined) return io.print(safeJson(await client.metadata(ref, format, { signal }), 2))
      if (versions) {
        const all = await client.versions(ref, { signal })
        return io.json ? io.printJson(all) : io.print(describeVersions(all, io))
      }
      const view = await client.dataset(ref, { signal })
      if (io.json) io.printJson(view)
      else io.print(describeDataset(view, io, { brief: false }))
    })
}
