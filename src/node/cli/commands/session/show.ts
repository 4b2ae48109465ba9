import type { Command } from 'commander'
import { clean } from '../../clean.ts'
import type { Cli } from '../../context.ts'
import { age, milliseconds } from '../../format.ts'
import { sessionNumber } from '../../session-words.ts'
import { table } from '../../table.ts'

const COLUMNS = [{ header: 'NUMBER', align: 'right' as const }, { header: 'STATE' }, { header: 'CODE', min: 20 }]

export function define(command: Command, cli: Cli): void {
  command
    .argument('<id>', 'number of a session')
    .addHelpText('after', '\nExample:\n  $ archipel session show 1')
    .action(async (text: string) => {
      const { io, signal } = cli
      const id = sessionNumber(text)
      const client = await cli.client()
      const view = await client.sessions.show(id, { signal })
      const { items: statements } = await client.statements.list(id, { limit: 100 }, { signal })
      if (io.json) return io.printJson({ session: view, statements })
      const facts: [string, string][] = [
        ['session', `${view.id}${view.name === undefined ? '' : ` (${view.name})`}`],
        ['kind', view.kind],
        ['state', view.error === undefined ? view.state : `${view.state}: ${view.error.message}`],
        ['owner', view.owner],
        ['data', view.datasets.map((d) => d.id).join(', ') || 'none'],
        ['used', `${age(view.active)} ago; ends after ${milliseconds(view.idleMs)} without use`],
      ]
      for (const [label, fact] of facts) io.print(`${label.padEnd(9)}${clean(fact)}`)
      if (statements.length === 0) return
      io.print('')
      const rows = statements.reverse().map((s) => [String(s.id), s.state, s.code.split('\n')[0] ?? ''])
      io.print(table(COLUMNS, rows, { width: io.width, style: (t) => io.style('bold', t) }))
    })
}
