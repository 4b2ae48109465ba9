/** Numbers and times for people. */
import type { Cell } from '../../protocols/model/task.ts'

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

/** `1234567` -> `1.2 MB` */
export function bytes(value: number): string {
  let n = value
  let unit = 0
  while (n >= 999.5 && unit < UNITS.length - 1) {
    n /= 1000
    unit++
  }
  return `${unit === 0 || n >= 99.95 ? Math.round(n) : n.toFixed(1)} ${UNITS[unit]}`
}

/** `9110` -> `9,110` */
export function count(value: number): string {
  return value.toLocaleString('en-US')
}

/** `1 row`, `2 rows` */
export function plural(n: number, one: string): string {
  return `${count(n)} ${one}${n === 1 ? '' : 's'}`
}

export function milliseconds(value: number): string {
  if (value < 1000) return `${value < 10 ? Number(value.toFixed(1)) : Math.round(value)} ms`
  return `${(value / 1000).toFixed(1)} s`
}

/** A cost: `0.034` -> `34 ms` */
export function seconds(value: number): string {
  return milliseconds(value * 1000)
}

/** How long ago an instant was: `5 s`, `3 min`, `2 h`, `4 d`. */
export function age(instant: string | undefined, now = Date.now()): string {
  const then = Date.parse(instant ?? '')
  if (Number.isNaN(then)) return '-'
  const seconds = Math.max(0, Math.round((now - then) / 1000))
  if (seconds < 100) return `${seconds} s`
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`
  return `${Math.round(seconds / 86_400)} d`
}

/** Enough of an id to tell it from others by eye. */
export function shortId(id: string): string {
  return id.length > 14 ? id.slice(0, 12) : id
}

/** A cell of a result as text; absent ones are `NULL`. */
export function cellText(cell: Cell | undefined, empty = 'NULL'): string {
  if (cell === null || cell === undefined) return empty
  return typeof cell === 'object' ? JSON.stringify(cell) : String(cell)
}

/** One line of CSV (RFC 4180), ended by a line feed. */
export function csvLine(values: string[]): string {
  return `${values.map((v) => (/[",\r\n]|^\s|\s$/.test(v) ? `"${v.replaceAll('"', '""')}"` : v)).join(',')}\n`
}
