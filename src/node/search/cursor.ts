import { createHash } from 'node:crypto'
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { DatasetFilter } from '../../protocols/model/views.ts'

/** Where a page ended: the sort value of its last row, and the row. */
export interface Position {
  value: number
  row: number
}

/** A cursor belongs to its search: everything of the filter but the page. */
function searchKey(filter: DatasetFilter): string {
  const { cursor: _, limit: __, ...rest } = filter
  const sorted = Object.entries(rest)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return createHash('sha256').update(JSON.stringify(sorted)).digest('base64url').slice(0, 12)
}

export function writeCursor(filter: DatasetFilter, { value, row }: Position): string {
  return Buffer.from(JSON.stringify([searchKey(filter), value, row])).toString('base64url')
}

/** @throws BAD_INPUT */
export function readCursor(filter: DatasetFilter): Position | undefined {
  if (filter.cursor === undefined) return undefined
  let parts: unknown
  try {
    parts = JSON.parse(Buffer.from(filter.cursor.slice(0, 200), 'base64url').toString())
  } catch {
    throw badCursor()
  }
  if (!Array.isArray(parts) || parts.length !== 3 || parts[0] !== searchKey(filter)) throw badCursor()
  const [, value, row] = parts as [string, unknown, unknown]
  if (typeof value !== 'number' || typeof row !== 'number' || !Number.isSafeInteger(row)) throw badCursor()
  return { value, row }
}

function badCursor(): ArchipelError {
  return new ArchipelError('BAD_INPUT', 'the cursor does not belong to this search', {
    hint: 'Begin with the first page.',
  })
}
