import { ArchipelError } from '../model/errors.ts'

/**
 * A part of the sky: sorted, disjoint, non-touching half-open ranges `[start, end, start, end, ...]` of HEALPix nested
 * cells of order 24 (12 milliarcseconds; the highest order whose numbers a double keeps exactly).
 */
export type Moc = Float64Array

/** Order of the cells that `Moc` counts. */
export const MOC_ORDER = 24
const FINEST_ORDER = 29
const SKY_CELLS = 12 * 4 ** MOC_ORDER

/** Cells of order 24 in one cell of `order`. */
export function cellSpan(order: number): number {
  return 4 ** (MOC_ORDER - order)
}

/** Sorted, disjoint ranges from any ranges. */
export function mocOf(ranges: Iterable<readonly [start: number, end: number]>): Moc {
  const sorted = [...ranges].filter(([start, end]) => end > start).sort((a, b) => a[0] - b[0])
  const flat: number[] = []
  for (const [start, end] of sorted) {
    if (flat.length > 0 && start <= flat.at(-1)!) flat[flat.length - 1] = Math.max(flat.at(-1)!, end)
    else flat.push(start, end)
  }
  return Float64Array.from(flat)
}

/** The MOC of cells of one order. */
export function mocOfCells(order: number, cells: Iterable<number>): Moc {
  const span = cellSpan(order)
  return mocOf([...cells].map((cell) => [cell * span, (cell + 1) * span] as const))
}

/** The smallest MOC of cells of `order` and coarser that holds all of `moc`. */
export function degrade(moc: Moc, order: number): Moc {
  const span = cellSpan(order)
  const ranges: [number, number][] = []
  for (let i = 0; i < moc.length; i += 2) {
    ranges.push([Math.floor(moc[i]! / span) * span, Math.ceil(moc[i + 1]! / span) * span])
  }
  return mocOf(ranges)
}

/** IVOA MOC 2.0 ASCII serialisation (4.3.2), normalised: four cells of one parent are the parent. */
export function formatMoc(moc: Moc): string {
  const byOrder: number[][] = []
  for (let i = 0; i < moc.length; i += 2) {
    let start = moc[i]!
    const end = moc[i + 1]!
    while (start < end) {
      let order = MOC_ORDER
      while (order > 0 && start % cellSpan(order - 1) === 0 && start + cellSpan(order - 1) <= end) order--
      byOrder[order] ??= []
      byOrder[order]!.push(start / cellSpan(order))
      start += cellSpan(order)
    }
  }
  return byOrder
    .map((cells, order) => `${order}/${runs(cells)}`)
    .filter(Boolean)
    .join(' ')
}

function runs(cells: number[]): string {
  const parts: string[] = []
  for (let i = 0; i < cells.length; ) {
    let j = i
    while (j + 1 < cells.length && cells[j + 1] === cells[j]! + 1) j++
    parts.push(i === j ? `${cells[i]}` : `${cells[i]}-${cells[j]}`)
    i = j + 1
  }
  return parts.join(' ')
}

/** The finest normalised text of `moc` that has at most `maxLength` characters, coarsened as far as it takes. */
export function fitMoc(moc: Moc, finest: number, maxLength: number): string {
  for (let order = finest; order > 0; order--) {
    const coarse = degrade(moc, order)
    // Two characters a cell at least: skips the formatting of what cannot fit.
    if (coarse.length > maxLength) continue
    const text = formatMoc(coarse)
    if (text.length <= maxLength) return text
  }
  return formatMoc(degrade(moc, 0))
}

/**
 * Reads the ASCII serialisation: `order/cells`, cells and ranges separated by spaces or commas. Cells finer than
 * order 24 count as the cell of order 24 that holds them.
 *
 * @throws RECORD_INVALID when it is anything else.
 */
export function parseMoc(text: string): Moc {
  const ranges: [number, number][] = []
  let order = -1
  for (const word of text.trim().split(/[\s,]+/)) {
    if (word === '') continue
    const m = /^(?:(\d{1,2})\/)?(?:(\d{1,19})(?:-(\d{1,19}))?)?$/.exec(word)
    if (m === null) throw invalid(text)
    if (m[1] !== undefined) order = Number(m[1])
    if (order < 0 || order > FINEST_ORDER) throw invalid(text)
    if (m[2] === undefined) continue
    const last = m[3] ?? m[2]
    // Only the finest orders have numbers beyond those that a double keeps.
    ranges.push(
      order <= MOC_ORDER && last.length < 16
        ? cellRange(order, Number(m[2]), Number(last))
        : fineRange(order, BigInt(m[2]), BigInt(last)),
    )
    const [start, end] = ranges.at(-1)!
    if (!(start < end) || end > SKY_CELLS) throw invalid(text)
  }
  return mocOf(ranges)
}

function cellRange(order: number, first: number, last: number): [number, number] {
  const span = cellSpan(order)
  return [first * span, (last + 1) * span]
}

/** Empty when it is no range of the order. */
function fineRange(order: number, first: bigint, last: bigint): [number, number] {
  if (first > last || last >= 12n * 4n ** BigInt(order)) return [0, 0]
  if (order <= MOC_ORDER) return cellRange(order, Number(first), Number(last))
  const span = 4n ** BigInt(order - MOC_ORDER)
  return [Number(first / span), Number(last / span) + 1]
}

/** Whether `[start, end)` meets the MOC. */
export function meets(moc: Moc, start: number, end: number): boolean {
  const i = after(moc, start)
  return i % 2 === 1 || (i < moc.length && moc[i]! < end)
}

/** Whether the MOC holds all of `[start, end)`. */
export function holds(moc: Moc, start: number, end: number): boolean {
  const i = after(moc, start)
  return i % 2 === 1 && moc[i]! >= end
}

/** Whether two MOCs share a cell. */
export function mocsMeet(a: Moc, b: Moc): boolean {
  const [few, many] = a.length < b.length ? [a, b] : [b, a]
  for (let i = 0; i < few.length; i += 2) if (meets(many, few[i]!, few[i + 1]!)) return true
  return false
}

/** Index of the first bound above `value`: odd when `value` lies in a range. */
function after(moc: Moc, value: number): number {
  let low = 0
  let high = moc.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (moc[middle]! <= value) low = middle + 1
    else high = middle
  }
  return low
}

function invalid(text: string): ArchipelError {
  return new ArchipelError('RECORD_INVALID', `not a MOC: ${JSON.stringify(text.slice(0, 60))}`)
}
