import type { IslandClient } from '../../web/client/index.ts'
import type { Cli } from './context.ts'
import { firstOf, MAX_SHOWN } from './first-of.ts'
import { type TableColumn, table } from './table.ts'
import { wholeNumber } from './whole-number.ts'

/** Asked for at once. */
const PAGE = 500

interface List<T> {
  /** As the user gave it. */
  limit: string
  /** What the entries are called: "no transfers". */
  what: string
  columns: TableColumn[]
  row(entry: T): string[]
  ask(
    client: IslandClient,
    page: { limit: number; cursor?: string },
    options: { signal: AbortSignal },
  ): Promise<{ items: T[]; total?: number; next?: string | undefined }>
}

/** The first entries of a list that comes in pages: a table, or JSON with their total where it is known. @throws BAD_INPUT */
export async function showList<T>(cli: Cli, { limit, what, columns, row, ask }: List<T>): Promise<void> {
  const { io, signal } = cli
  const most = wholeNumber(limit, '--limit', MAX_SHOWN)
  const client = await cli.client()
  const { items, total, next } = await firstOf((page) => ask(client, page, { signal }), { most, pageSize: PAGE })
  if (io.json) return io.printJson({ items, total })
  if (items.length === 0) return io.note(`no ${what}`)
  io.print(table(columns, items.map(row), { width: io.width, style: (text) => io.style('bold', text) }))
  if (next !== undefined) io.note('there are more; --limit shows them')
}
