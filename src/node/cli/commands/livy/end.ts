import { Argument, type Command } from 'commander'
import type { Cli } from '../../context.ts'
import { sessionNumber } from '../../session-words.ts'

const TYPES = { session: 'sessions', batch: 'batches' } as const

export function define(command: Command, cli: Cli): void {
  command
    .addArgument(new Argument('<type>').choices(Object.keys(TYPES)))
    .argument('<id>', 'its number, as `archipel livy list` shows it')
    .addHelpText('after', '\nExample:\n  $ archipel livy end session 3')
    .action(async (type: keyof typeof TYPES, text: string) => {
      const { io, signal } = cli
      const client = await cli.client()
      const ended = await client.livy.end(TYPES[type], sessionNumber(text), { signal })
      if (io.json) io.printJson(ended)
      else io.print(`${type} ${ended.id} has ended`)
    })
}
