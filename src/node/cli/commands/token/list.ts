import type { Command } from 'commander'
import type { TokenView } from '../../../../protocols/model/views.ts'
import { iterate } from '../../../../web/client/pages.ts'
import type { Cli } from '../../context.ts'
import { age } from '../../format.ts'
import { table } from '../../table.ts'

const PAGE = 1000
const COLUMNS = [
  { header: 'ID', min: 12 },
  { header: 'NAME' },
  { header: 'KIND', optional: true },
  { header: 'SCOPES' },
  { header: 'STATE' },
  { header: 'MADE', optional: true },
  { header: 'USED', optional: true },
  { header: 'EXPIRES', min: 10 },
]

const ago = (instant: string | undefined) => (instant === undefined ? '-' : `${age(instant)} ago`)

function row(token: TokenView): string[] {
  const { id, name, kind, scopes, state, created, lastUsed, expires } = token
  return [id, name, kind, scopes.join(','), state, ago(created), ago(lastUsed), expires?.slice(0, 16) ?? 'never']
}

export function define(command: Command, cli: Cli): void {
  command
    .option('--all', 'also those that have expired or were revoked')
    .addHelpText('after', '\nExample:\n  $ archipel token list')
    .action(async ({ all }: { all?: boolean }) => {
      const { io, signal } = cli
      const client = await cli.client()
      const query = { limit: PAGE, ...(all ? { all } : {}) }
      const items: TokenView[] = []
      for await (const token of iterate(client.tokens.list, query, { signal })) items.push(token)
      if (io.json) return io.printJson({ items })
      if (items.length === 0) return io.note('no tokens')
      io.print(table(COLUMNS, items.map(row), { width: io.width, style: (text) => io.style('bold', text) }))
    })
}
