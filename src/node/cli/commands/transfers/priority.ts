import { Argument, type Command } from 'commander'
import { type TransferPriority, transferPriority } from '../../../../protocols/model/transfer.ts'
import type { Cli } from '../../context.ts'
import { transferIdOf } from '../../transfer-words.ts'

export function define(command: Command, cli: Cli): void {
  command
    .argument('<id>', 'a transfer')
    .addArgument(new Argument('<level>', 'before or after others that wait').choices(transferPriority.options))
    .addHelpText('after', '\nExample:\n  $ archipel transfers priority tr-mb3k2x9f1c2d3e4f high')
    .action(async (text: string, priority: TransferPriority) => {
      const { io, signal } = cli
      const client = await cli.client()
      const id = await transferIdOf(client, text, signal)
      const view = await client.transfers.priority(id, { priority }, { signal })
      if (io.json) return io.printJson(view)
      io.print(`${view.id} has priority ${view.priority}`)
    })
}
