/** Cells of tables as text and as numbers. */
import type { Cell } from '../../../protocols/model/task.ts'

const NUMERIC =
  /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|REAL|DECIMAL.*|int\d*|uint\d*|float\d*|double|number|long)$/i

/** By the name of a column's type, as DuckDB or a data frame writes it. */
export function isNumeric(type: string | undefined): boolean {
  return type !== undefined && NUMERIC.test(type)
}

export function cellText(cell: Cell): string {
  if (cell === null) return '–'
  return typeof cell === 'object' ? JSON.stringify(cell) : String(cell)
}

/** Large integers and decimals come as text; times become milliseconds. NaN for what is no number. */
export function cellNumber(cell: Cell): number {
  if (typeof cell === 'number') return cell
  if (typeof cell === 'boolean') return Number(cell)
  if (typeof cell !== 'string' || cell === '') return Number.NaN
  const plain = Number(cell)
  return Number.isNaN(plain) ? Number.NaN : plain
}
