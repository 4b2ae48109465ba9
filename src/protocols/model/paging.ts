/** Pages of lists that are in memory: a cursor names the last entry shown, so that entries may come and go meanwhile. */
import { ArchipelError } from './errors.ts'

export interface PageRequest {
  limit?: number
  /** `next` of the page before. */
  cursor?: string | undefined
}

/** A part of a key that orders whole numbers the other way round. */
export function descending(number: number): string {
  return String(Number.MAX_SAFE_INTEGER - number).padStart(16, '0')
}

/** Opaque text from the parts that order an entry. */
export function writeCursor(parts: readonly string[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url')
}

/** @throws BAD_INPUT when it was not made by `writeCursor` from as many parts, where that is known */
export function readCursor(text: string, parts: number | undefined, what: string): string[] {
  try {
    const read: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    if (Array.isArray(read) && read.length === (parts ?? read.length) && read.every((part) => typeof part === 'string'))
      return read
  } catch {
    // Said below.
  }
  throw new ArchipelError('BAD_INPUT', `this cursor is not from a list of ${what}`)
}

/**
 * A page of entries that `keyOf` orders: by its first part, then its second, and so on. No two have equal keys.
 * @throws BAD_INPUT for a cursor that is none
 */
export function pageOf<T>(
  entries: readonly T[],
  keyOf: (entry: T) => string[],
  { limit, cursor }: PageRequest & { limit: number },
  what: string,
): { items: T[]; total: number; next?: string } {
  const keyed = entries.map((entry) => ({ entry, key: keyOf(entry) })).sort((a, b) => compare(a.key, b.key))
  const after = cursor === undefined ? undefined : readCursor(cursor, keyed[0]?.key.length, what)
  const rest = after === undefined ? keyed : keyed.filter(({ key }) => compare(key, after) > 0)
  const shown = rest.slice(0, limit)
  const items = shown.map(({ entry }) => entry)
  const last = shown.at(-1)
  if (rest.length <= limit || last === undefined) return { items, total: entries.length }
  return { items, total: entries.length, next: writeCursor(last.key) }
}

function compare(a: readonly string[], b: readonly string[]): number {
  for (const [i, part] of a.entries()) {
    const other = b[i] ?? ''
    const order = part.localeCompare(other) || (part < other ? -1 : part > other ? 1 : 0)
    if (order !== 0) return order
  }
  return 0
}
