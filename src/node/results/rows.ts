import { ArchipelError } from '../../protocols/model/errors.ts'
import { type Cell, type ResultMeta, TABLE_ITEM } from '../../protocols/model/task.ts'
import type { SpoolKey, SpoolPort, TableExporter } from './port.ts'
import { linesOf, parseRow } from './spool/table.ts'

/** Bytes of one row. */
const MAX_ROW_BYTES = 16 * 1024 * 1024

/**
 * The rows of `table.ndjson`, wherever its bytes come from, in batches of some 100 kB.
 * @throws PROTOCOL when a line is no row of that many cells, RESULT_LIMIT for one of more than 16 MiB
 */
export async function* rowsOf(
  source: AsyncIterable<Uint8Array>,
  width: number,
): AsyncGenerator<Cell[][], void, undefined> {
  for await (const lines of linesOf(source, MAX_ROW_BYTES)) yield lines.map((line) => parseRow(line, width))
}

/** The table of a result, as the exporter takes it. @throws NOT_FOUND */
export function tableOf(
  meta: ResultMeta,
  read: (item: string) => AsyncIterable<Uint8Array>,
): Parameters<TableExporter['export']>[0] {
  const { table } = meta
  if (table === undefined) throw new ArchipelError('NOT_FOUND', 'the result has no table')
  return { columns: table.columns, rows: () => rowsOf(read(TABLE_ITEM), table.columns.length) }
}

/** The same of a result in the spool. @throws NOT_FOUND */
export async function spooledTable(
  spool: Pick<SpoolPort, 'meta' | 'read'>,
  key: SpoolKey,
): Promise<Parameters<TableExporter['export']>[0]> {
  const meta = await spool.meta(key)
  if (meta === undefined) throw new ArchipelError('NOT_FOUND', 'there is no result here')
  return tableOf(meta, (item) => spool.read(key, item, { offset: 0 }))
}
