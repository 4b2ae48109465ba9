/** From rows of a result to what is drawn. */
import type { Cell } from '../../../../protocols/model/task.ts'
import { cellNumber, isNumeric } from '../../text/cells.ts'

export type ChartKind = 'scatter' | 'line' | 'histogram'

export interface ChartChoice {
  kind: ChartKind
  /** Numbers of columns. */
  x: number
  y: number
  reverseX: boolean
  reverseY: boolean
  logX: boolean
  logY: boolean
}

export interface Drawn {
  xs: number[]
  ys: number[]
  /** Rows without a number, with NaN or an infinity, or with a number that a logarithm does not know. */
  left: number
}

const TIME = /^(TIMESTAMP|DATE$|datetime64)/i

export const isTime = (type: string) => TIME.test(type)
export const isDrawable = (type: string) => isNumeric(type) || isTime(type)

/** Of a time: seconds since 1970. */
function value(cell: Cell, type: string): number {
  return isTime(type) && typeof cell === 'string' ? Date.parse(cell) / 1000 : cellNumber(cell)
}

/** Beyond this, the differences of two numbers are no longer finite ones. */
const MOST = 1e300

/** Neither NaN nor an infinity. */
const fits = (n: number) => Math.abs(n) <= MOST

/** Points by growing x. */
export function points(rows: Cell[][], types: string[], { x, y, logX, logY }: ChartChoice): Drawn {
  const found: [number, number][] = []
  for (const row of rows) {
    const a = value(row[x] ?? null, types[x]!)
    const b = value(row[y] ?? null, types[y]!)
    if (fits(a) && fits(b) && !(logX && a <= 0) && !(logY && b <= 0)) found.push([a, b])
  }
  found.sort((a, b) => a[0] - b[0])
  return { xs: found.map((p) => p[0]), ys: found.map((p) => p[1]), left: rows.length - found.length }
}

const [LEAST_BINS, MOST_BINS] = [8, 120]

/** Counts in bins of equal width, chosen by Freedman and Diaconis; `xs` are the middles of the bins. */
export function histogram(rows: Cell[][], types: string[], { x }: ChartChoice): Drawn & { width: number } {
  const numbers = rows.map((row) => value(row[x] ?? null, types[x]!)).filter(fits)
  numbers.sort((a, b) => a - b)
  const left = rows.length - numbers.length
  if (numbers.length === 0) return { xs: [], ys: [], left, width: 1 }
  const [low, high] = [numbers[0]!, numbers.at(-1)!]
  const at = (part: number) => numbers[Math.floor(part * (numbers.length - 1))]!
  const ideal = (2 * (at(0.75) - at(0.25))) / Math.cbrt(numbers.length)
  const bins = high === low ? 1 : Math.max(LEAST_BINS, Math.min(MOST_BINS, Math.ceil((high - low) / (ideal || 1))))
  const width = (high - low) / bins || 1
  const counts = new Array<number>(bins).fill(0)
  for (const n of numbers) counts[Math.min(bins - 1, Math.floor((n - low) / width))]!++
  return { xs: counts.map((_, i) => low + (i + 0.5) * width), ys: counts, left, width }
}
