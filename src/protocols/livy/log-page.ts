/** How Livy pages a log. */
import type { LivyLog } from './objects.ts'

const PAGE = 100

/** Without `from`, or a negative one: the last `size` lines (default 100, below 0 = all). Past the end there are none. */
export function logPage(id: number, lines: readonly string[], range: { from?: number; size?: number }): LivyLog {
  const total = lines.length
  const size = range.size === undefined ? PAGE : range.size < 0 ? total : range.size
  const from = range.from === undefined || range.from < 0 ? Math.max(0, total - size) : range.from
  return { id, from, total, log: lines.slice(from, from + size) }
}
