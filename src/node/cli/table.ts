import { clean } from './clean.ts'
import { fit, pad, widthOf } from './width.ts'

export interface TableColumn {
  header: string
  align?: 'left' | 'right'
  /** Is not made narrower than this many cells; 6 by default. */
  min?: number
  /** Is left out where space is short, the last such column first. */
  optional?: boolean
}

export interface TableOptions {
  /** Cells of a line; Infinity when nobody looks (not a terminal). */
  width: number
  /** Of the header line. */
  style?: (text: string) => string
}

const GAP = '  '
const MIN_WIDTH = 6

/**
 * Lines of a table that fits: the widest columns are cut first, with an ellipsis. Where even that is not enough,
 * optional columns are left out, then each row becomes a block of `name  value` lines. Cells are cleaned here.
 */
export function table(columns: TableColumn[], rows: string[][], options: TableOptions): string {
  return tableInParts(columns, options)(rows)
}

/**
 * A table whose rows come in parts: the first part, which may have no rows, decides what fits; later cells that are wider
 * are cut to it on a terminal, and stand out elsewhere. Each call gives the lines of its rows, the first one the header, too.
 */
export function tableInParts(columns: TableColumn[], options: TableOptions): (rows: string[][]) => string {
  let layout: Layout | undefined
  return (rows) => {
    const cells = rows.map((row) => row.map(clean))
    if (layout !== undefined) return layout(cells, false)
    layout = layoutOf(columns, cells, options)
    return layout(cells, true)
  }
}

type Layout = (cells: string[][], first: boolean) => string

/** How rows like these are written. */
function layoutOf(columns: TableColumn[], cells: string[][], options: TableOptions): Layout {
  const headers = columns.map((column) => clean(column.header))
  const natural = headers.map((header, i) =>
    cells.reduce((max, row) => Math.max(max, widthOf(row[i] ?? '')), widthOf(header)),
  )
  const least = natural.map((width, i) => Math.min(width, columns[i]!.min ?? MIN_WIDTH))
  const space = options.width - GAP.length * (columns.length - 1)
  if (sum(least) > space) {
    const spare = columns.findLastIndex((column) => column.optional)
    if (spare < 0) return (rows, first) => (first ? '' : '\n') + blocks(headers, rows, options)
    const others = <T>(items: T[]) => items.filter((_, i) => i !== spare)
    const layout = layoutOf(others(columns), cells.map(others), options)
    return (rows, first) => layout(rows.map(others), first)
  }
  const widths = shrink(natural, least, space)
  const cut = options.width === Number.POSITIVE_INFINITY ? (text: string) => text : fit
  const line = (row: string[]) =>
    row
      .map((cell, i) => pad(cut(cell, widths[i]!), widths[i]!, columns[i]!.align ?? 'left'))
      .join(GAP)
      .trimEnd()
  const style = options.style ?? ((text) => text)
  return (rows, first) => [...(first ? [style(line(headers))] : []), ...rows.map(line)].join('\n')
}

const sum = (numbers: number[]) => numbers.reduce((total, n) => total + n, 0)

/** Takes from the widest that may still shrink until all fit. */
function shrink(natural: number[], least: number[], space: number): number[] {
  const widths = [...natural]
  let excess = sum(widths) - space
  while (excess > 0) {
    let widest = -1
    let next = 0
    for (const [i, width] of widths.entries()) {
      if (width <= least[i]!) continue
      if (widest < 0 || width > widths[widest]!) {
        next = widest < 0 ? 0 : widths[widest]!
        widest = i
      } else next = Math.max(next, width)
    }
    const current = widths[widest]!
    const cut = Math.min(excess, current - Math.max(least[widest]!, Math.min(next, current - 1)))
    widths[widest] = current - cut
    excess -= cut
  }
  return widths
}

function blocks(headers: string[], rows: string[][], options: TableOptions): string {
  const names = Math.min(Math.max(...headers.map(widthOf)), Math.max(1, Math.floor(options.width / 3)))
  const values = Math.max(1, options.width - names - GAP.length)
  return rows
    .map((row) =>
      headers
        .map((header, i) => `${pad(fit(header, names), names, 'left')}${GAP}${fit(row[i] ?? '', values)}`.trimEnd())
        .join('\n'),
    )
    .join('\n\n')
}
