import type { CommandModule } from '../../context.ts'
import { transferIdOf } from '../../transfer-words.ts'

/** A verb that changes the state of one transfer. */
export function changing(verb: 'pause' | 'resume' | 'cancel'): CommandModule {
  return {
    define(command, cli) {
      command
        .argument('<id>', 'a transfer')
        .addHelpText('after', `\nExample:\n  $ archipel transfers ${verb} tr-mb3k2x9f1c2d3e4f`)
        .action(async (text: string) => {
          const { io, signal } = cli
          const client = await cli.client()
          const view = await client.transfers[verb](await transferIdOf(client, text, signal), { signal })
          if (io.json) return io.printJson(view)
          io.print(`${view.id} is ${view.state}`)
        })
    },
  }
}
