/**
 * Which rows of a long table are seen at a place of its scroll bar. Browsers draw nothing taller than some ten million
 * pixels: in longer tables a pixel of the scroll bar stands for more than a pixel of rows.
 */
export const ROW_PX = 24
const HEAD_PX = 28
const MAX_PX = 8_000_000
/** Rows above and below those that are seen. */
const SPARE = 12

export interface RowWindow {
  /** First row that is seen, from 0, and how many are. */
  first: number
  visible: number
  /** Rows that exist in the page: from, and up to but not with. */
  from: number
  to: number
  /** Pixels of empty space before and after them. */
  above: number
  below: number
}

const visibleRows = (height: number) => Math.max(1, Math.floor((height - HEAD_PX) / ROW_PX))
const tall = (total: number) => Math.min(MAX_PX, total * ROW_PX)
const range = (height: number, total: number) => Math.max(1, tall(total) + HEAD_PX - height)
const lastFirst = (height: number, total: number) => Math.max(0, total - (height - HEAD_PX) / ROW_PX)

export function windowOf(top: number, height: number, total: number): RowWindow {
  const visible = visibleRows(height)
  const place = Math.max(0, Math.min(top, range(height, total)))
  const exact = (place / range(height, total)) * lastFirst(height, total)
  const first = Math.floor(exact)
  const from = Math.max(0, first - SPARE)
  const to = Math.min(total, first + visible + SPARE + 2)
  const above = Math.max(0, place - (exact - from) * ROW_PX)
  return { first, visible, from, to, above, below: Math.max(0, tall(total) - above - (to - from) * ROW_PX) }
}

/** The place of the scroll bar at which a row is the first one. */
export function scrollFor(row: number, height: number, total: number): number {
  const last = lastFirst(height, total)
  return last === 0 ? 0 : Math.min(1, row / last) * range(height, total)
}
