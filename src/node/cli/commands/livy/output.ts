import type { Command } from 'commander'
import type { Cli } from '../../context.ts'
import { sessionNumber } from '../../session-words.ts'

const PAGE_BYTES = 1024 * 1024

export function define(command: Command, cli: Cli): void {
  command
    .argument('<session>', 'number of a session of the Livy endpoint')
    .argument('<statement>', 'number of a statement')
    .addHelpText('after', '\nExample:\n  $ archipel livy output 0 3')
    .action(async (sessionText: string, statementText: string) => {
      const { io, signal } = cli
      const session = sessionNumber(sessionText)
      const statement = sessionNumber(statementText)
      const client = await cli.client()
      let text = ''
      for (let offset = 0; ; ) {
        const page = await client.livy.output(session, statement, { offset, limit: PAGE_BYTES }, { signal })
        text += page.text
        offset = page.next
        if (page.text === '' || page.next >= page.total) break
      }
      if (io.json) return io.printJson(JSON.parse(text))
      io.print(text)
    })
}
