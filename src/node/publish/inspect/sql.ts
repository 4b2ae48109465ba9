import type { Column, Dialect } from '../../../protocols/model/dataset.ts'
import { quoted } from '../../../protocols/model/sql-names.ts'
import type { Cell, TableResult } from '../../../protocols/model/task.ts'

/** A text literal. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

function list(files: string[]): string {
  return `[${files.map(literal).join(', ')}]`
}

function struct(columns: Pick<Column, 'name' | 'type'>[]): string {
  return `{${columns.map((c) => `${quoted(c.name)}: ${literal(c.type)}`).join(', ')}}`
}

/**
 * How a published text table has to be read, everywhere: nothing is detected anew. Whoever reads it with other options
 * may see other columns.
 */
export function readCsv(files: string[], columns: Pick<Column, 'name' | 'type'>[], dialect: Dialect): string {
  const { delimiter, quote, header, skip, compression } = dialect
  return `read_csv(${list(files)}, auto_detect=false, delim=${literal(delimiter)}, quote=${literal(quote)}, escape=${literal(quote)}, header=${header}, skip=${skip}, comment='', compression=${literal(compression)}, columns=${struct(columns)})`
}

/** JSON lines: `newline_delimited`, columns pinned; a key that is missing is NULL. */
export function readJsonLines(
  files: string[],
  columns: Pick<Column, 'name' | 'type'>[],
  compression: Dialect['compression'],
): string {
  return `read_json(${list(files)}, format='newline_delimited', compression=${jsonCompression(compression)}, columns=${struct(columns)})`
}

/** `read_json` has another word for none than `read_csv`. */
export function jsonCompression(compression: Dialect['compression']): string {
  return literal(compression === 'none' ? 'uncompressed' : compression)
}

export function readParquet(files: string[]): string {
  return `read_parquet(${list(files)})`
}

/** Rows as objects by column name. */
export function records(table: TableResult): Record<string, Cell>[] {
  return table.rows.map((row) => Object.fromEntries(row.map((cell, i) => [table.columns[i]!.name, cell])))
}

/** A count or other number; DuckDB's large integers come as strings. */
export function numberOf(cell: Cell | undefined): number {
  return cell === null || cell === undefined ? 0 : Number(cell)
}
