import type { Command } from 'commander'
import type { Cli } from '../../context.ts'
import { sessionNumber } from '../../session-words.ts'

export function define(command: Command, cli: Cli): void {
  command
    .argument('<id>', 'number of a session')
    .addHelpText('after', '\nExample:\n  $ archipel session delete 1')
    .action(async (text: string) => {
      const { io, signal } = cli
      const client = await cli.client()
      const deleted = await client.sessions.delete(sessionNumber(text), { signal })
      if (io.json) io.printJson(deleted)
      else io.print(`session ${deleted.id} has ended`)
    })
}
