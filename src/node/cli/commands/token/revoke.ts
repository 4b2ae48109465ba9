import type { Command } from 'commander'
import { clean } from '../../clean.ts'
import type { Cli } from '../../context.ts'

export function define(command: Command, cli: Cli): void {
  command
    .argument('<id>', 'a token or browser session, as `archipel token list` shows it; or the name of a token')
    .addHelpText('after', '\nExample:\n  $ archipel token revoke notebook')
    .action(async (ref: string) => {
      const { io, signal } = cli
      const client = await cli.client()
      const view = await client.tokens.revoke(ref, { signal })
      if (io.json) return io.printJson(view)
      io.print(`revoked ${view.id} (${clean(view.name)})`)
    })
}
