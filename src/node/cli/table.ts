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
  const cells = rows.map((row) => row.map(clean))
  const headers = columns.map((column) => clean(column.header))
  const natural = headers.map((header, i) =>
    cells.reduce((max, row) => Math.max(max, widthOf(row[i] ?? '')), widthOf(header)),
  )
  const least = natural.map((width, i) => Math.min(width, columns[i]!.min ?? MIN_WIDTH))
  const space = options.width - GAP.length * (columns.length - 1)
  if (sum(least) > space) {
    const spare = columns.findLastIndex((column) => column.optional)
    if (spare < 0) return blocks(headers, cells, options)
    const others = <T>(items: T[]) => items.filter((_, i) => i !== spare)
    return table(others(columns), rows.map(others), options)
  }
  const widths = shrink(natural, least, space)
  const line = (row: string[]) =>
    row
      .map((cell, i) => pad(fit(cell, widths[i]!), widths[i]!, columns[i]!.align ?? 'left'))
      .join(GAP)
      .trimEnd()
  const style = options.style ?? ((text) => text)
  return [style(line(headers)), ...cells.map(line)].join('\n')
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
