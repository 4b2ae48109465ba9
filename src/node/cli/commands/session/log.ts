import type { Command } from 'commander'
import { cleanLines } from '../../clean.ts'
import type { Cli } from '../../context.ts'
import { sessionNumber } from '../../session-words.ts'

const PAGE = 1024 * 1024

export function define(command: Command, cli: Cli): void {
  command
    .argument('<id>', 'number of a session')
    .addHelpText('after', '\nExample:\n  $ archipel session log 1')
    .action(async (text: string) => {
      const { io, signal } = cli
      const client = await cli.client()
      let offset = 0
      for (;;) {
        const page = await client.sessions.log(sessionNumber(text), { offset, limit: PAGE }, { signal })
        io.write(process.stdout.isTTY ? cleanLines(page.text) : page.text)
        if (page.next >= page.total || page.text === '') return
        offset = page.next
      }
    })
}
