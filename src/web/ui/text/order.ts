/** The order of the cells of a column, by its type, as the island itself would sort them. */
import type { Cell } from '../../../protocols/model/task.ts'
import { cellText, isNumeric } from './cells.ts'

const WHOLE = /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|U?INT\d+|LONG|BIGNUM)$/i
const DECIMAL = /^DECIMAL/i

type Key = string | number | bigint

/** Digits without a point: of as many places for every cell of a column. Undefined for what is no decimal. */
function scaled(cell: Cell, places: number): bigint | undefined {
  const parts = /^([+-]?)(\d*)(?:\.(\d*))?$/.exec(String(cell))
  if (parts === null || `${parts[2]}${parts[3] ?? ''}` === '') return undefined
  const digits = BigInt(`${parts[2]}${(parts[3] ?? '').padEnd(places, '0').slice(0, places)}` || '0')
  return parts[1] === '-' ? -digits : digits
}

/** What a cell is compared by. Large whole numbers and non-finite ones come as text. */
function keyOf(cell: Cell, type: string): Key {
  if (WHOLE.test(type)) {
    if (typeof cell === 'number') return cell
    if (typeof cell === 'string' && /^[+-]?\d+$/.test(cell)) return BigInt(cell.replace('+', ''))
  } else if (DECIMAL.test(type)) {
    const number = scaled(cell, Number(/,\s*(\d+)/.exec(type)?.[1] ?? 38))
    if (number !== undefined) return number
  }
  if (isNumeric(type)) {
    if (typeof cell === 'number') return cell
    if (typeof cell === 'string' && /^[+-]?inf(inity)?$/i.test(cell))
      return cell.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
    if (typeof cell === 'string' && cell.trim() !== '') return Number(cell)
  }
  const text = cellText(cell)
  // "10:00:00Z" is before "10:00:00.5Z".
  return /^TIME/i.test(type) ? text.replace(/Z$/, '') : text
}

/** The rank of a UTF-16 unit among code points: halves of a pair stand for what is above U+FFFF. */
const rank = (unit: number) => (unit >= 0xe000 ? unit - 0x800 : unit >= 0xd800 ? unit + 0x2000 : unit)

/** By code points. */
function compareTexts(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)]
    if (x !== y) return rank(x) - rank(y)
  }
  return a.length - b.length
}

/** Numbers before texts; NaN is above every number. */
function compareKeys(a: Key, b: Key): number {
  if (typeof a === 'string' || typeof b === 'string') {
    if (typeof a === 'string' && typeof b === 'string') return compareTexts(a, b)
    return typeof a === 'string' ? 1 : -1
  }
  const [noA, noB] = [Number.isNaN(a), Number.isNaN(b)]
  if (noA || noB) return Number(noA) - Number(noB)
  return a < b ? -1 : a > b ? 1 : 0
}

/** The rows by one of their columns; those that are equal in it stay as they were. NULL is last in both directions. */
export function sortRows(rows: Cell[][], column: number, type: string, descending: boolean): Cell[][] {
  const sign = descending ? -1 : 1
  const keyed = rows.map((row) => {
    const cell = row[column] ?? null
    return { row, key: cell === null ? null : keyOf(cell, type) }
  })
  keyed.sort(({ key: a }, { key: b }) =>
    a === null || b === null ? Number(a === null) - Number(b === null) : sign * compareKeys(a, b),
  )
  return keyed.map(({ row }) => row)
}
