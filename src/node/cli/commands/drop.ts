import type { Command } from 'commander'
import { clean } from '../clean.ts'
import type { Cli } from '../context.ts'
import { bytes } from '../format.ts'

export function define(command: Command, cli: Cli): void {
  command
    .argument('<dataset>', 'its id in any spelling, or its short name')
    .option('--force', 'also when no other island is known to have all of it, or a rule asks for it')
    .addHelpText(
      'after',
      '\nIt goes once enough other holders promised to keep theirs for a while: one, and as many as rules ask for.\n\nExample:\n  $ archipel drop survey',
    )
    .action(async (ref: string, { force }: { force?: boolean }) => {
      const { io, signal } = cli
      const client = await cli.client()
      const answer = await client.drop(ref, { force }, { signal })
      if (io.json) return io.printJson(answer)
      io.print(`dropped ${clean(answer.id)}, ${bytes(answer.bytes)}`)
    })
}
