import type { Command } from 'commander'
import { parseBytes } from '../../../config/units.ts'
import type { Cli } from '../../context.ts'

export function define(command: Command, cli: Cli): void {
  command
    .argument('<id>', 'a subscription')
    .option('--max-bytes <size>', 'a new bound of what it may ask for in all')
    .addHelpText('after', '\nExample:\n  $ archipel subscriptions resume sub-mb3k2x9f1c2d3e4f --max-bytes 500GB')
    .action(async (id: string, { maxBytes }: { maxBytes?: string }) => {
      const { io, signal } = cli
      const client = await cli.client()
      const bound = maxBytes === undefined ? {} : { maxBytes: parseBytes(maxBytes) }
      const view = await client.subscriptions.resume(id, bound, { signal })
      if (io.json) return io.printJson(view)
      io.print(`${view.id} is ${view.state}`)
    })
}
