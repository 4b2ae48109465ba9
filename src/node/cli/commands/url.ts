import type { Command } from 'commander'
import type { Cli } from '../context.ts'
import { durationOf, URL_EXPIRES } from '../duration.ts'

interface Options {
  expires?: string
  datasetVersion?: string
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<dataset>', 'its id in any spelling, or its short name')
    .argument('<path>', 'the path of a file in it, as `archipel files` lists them')
    .option('--expires <duration>', 'how long it is good for, 7d at most (default: 1h)')
    .option('--dataset-version <v>', 'this version, or its first eight digits (default: the newest)')
    .addHelpText(
      'after',
      `\nWho has the address reads that file of that version, and nothing else: keep it as you keep a token. It ends with its time, with the token it
was made with (archipel token revoke), and all end when the token of the owner is exchanged.\n\nExample:\n  $ archipel url survey 2026/run1.parquet --expires 30m`,
    )
    .action(async (ref: string, path: string, { expires, datasetVersion }: Options) => {
      const { io, signal } = cli
      const expiresMs = expires === undefined ? undefined : durationOf(expires, URL_EXPIRES)
      const client = await cli.client()
      const made = await client.url(ref, { path, version: datasetVersion, expiresMs }, { signal })
      if (io.json) return io.printJson(made)
      io.print(made.url)
      io.note(`good until ${made.expires}`)
    })
}
