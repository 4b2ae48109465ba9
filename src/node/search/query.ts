import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { DatasetFilter } from '../../protocols/model/views.ts'
import { checkedCone, coneBox, coneTest, plainBoxes } from '../../protocols/sky/cone.ts'
import { readCursor, writeCursor } from './cursor.ts'
import type { ClaimKey, SearchResult } from './port.ts'
import { WEIGHTS } from './schema.ts'
import { matchOf } from './words.ts'

const DEFAULT_LIMIT = 50
export const MAX_LIMIT = 1000
/** So many matches are ranked by their words; of more, the newest come first: ranking reads every match. */
export const MAX_RANKED = 20_000

interface Conditions {
  where: string[]
  values: SQLInputValue[]
}

/** One page of a search. @throws BAD_INPUT */
export function searchPage(db: DatabaseSync, filter: DatasetFilter): SearchResult {
  const limit = filter.limit ?? DEFAULT_LIMIT
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > MAX_LIMIT)
    throw new ArchipelError('BAD_INPUT', `limit is 1 to ${MAX_LIMIT}`)
  const after = readCursor(filter)
  const match = filter.text === undefined || filter.text.trim() === '' ? undefined : matchOf(filter.text)
  // Text without a word in it, "***" say, is in no dataset.
  if (match === undefined && filter.text !== undefined && filter.text.trim() !== '') return { items: [], total: 0 }
  const conditions = conditionsOf(filter)
  const rows =
    filter.cone === undefined
      ? pageInSql(db, conditions, match, limit, after)
      : pageInCone(db, conditions, match, limit, after, filter.cone)
  const page = rows.found.slice(0, limit)
  const result: SearchResult = { items: page.map(({ publisher, id }) => ({ publisher, id })), total: rows.total }
  const last = page.at(-1)
  if (rows.found.length > limit && last !== undefined) result.next = writeCursor(filter, last)
  return result
}

type Found = ClaimKey & { row: number; value: number }
interface Page {
  /** One more than asked for when there are more. */
  found: Found[]
  total: number
}

/** Smaller is better: BM25 is negative, and newer is more negative. Rounded, so that a cursor names it exactly. */
function sortOf(ranked: boolean): string {
  return ranked ? `round(bm25(words, ${WEIGHTS}), 9)` : '-d.recorded'
}

function pageInSql(
  db: DatabaseSync,
  { where, values }: Conditions,
  match: string | undefined,
  limit: number,
  after: { value: number; row: number } | undefined,
): Page {
  const from = match === undefined ? 'dataset d' : 'words JOIN dataset d ON d.row = words.rowid'
  const all = match === undefined ? where : ['words MATCH ?', ...where]
  const bound = match === undefined ? values : [match, ...values]
  const filter = all.length === 0 ? '' : `WHERE ${all.join(' AND ')}`
  // Words alone are counted without the join.
  const counted = match !== undefined && where.length === 0 ? 'words' : from
  const { total } = db.prepare(`SELECT count(*) AS total FROM ${counted} ${filter}`).get(...bound) as { total: number }
  const ranked = match !== undefined && total <= MAX_RANKED
  if (!ranked) {
    const beyond = after === undefined ? [] : ['(d.recorded, d.row) < (?, ?)']
    // So many match that the newest of all hold enough of them: they are gone through, not the matches.
    const dense = match !== undefined && where.length === 0
    const clause = dense ? ['+d.row IN (SELECT rowid FROM words WHERE words MATCH ?)', ...beyond] : [...all, ...beyond]
    const source = dense ? 'dataset d INDEXED BY dataset_recorded' : from
    const found = db
      .prepare(
        `SELECT d.row, d.publisher, d.id, -d.recorded AS value FROM ${source} ${clause.length === 0 ? '' : `WHERE ${clause.join(' AND ')}`} ORDER BY d.recorded DESC, d.row DESC LIMIT ?`,
      )
      .all(...bound, ...(after === undefined ? [] : [-after.value, after.row]), limit + 1)
    return { found: found as unknown as Found[], total }
  }
  const beyond = after === undefined ? '' : 'WHERE (value, row) > (?, ?)'
  // Only those of the page are looked up.
  const source = where.length === 0 ? 'words' : from
  const ranks = `SELECT words.rowid AS row, ${sortOf(true)} AS value FROM ${source} ${filter}`
  const page = `SELECT row, value FROM (${ranks}) ${beyond} ORDER BY value, row LIMIT ?`
  const found = db
    .prepare(
      `SELECT p.row, d.publisher, d.id, p.value FROM (${page}) p JOIN dataset d ON d.row = p.row ORDER BY p.value, p.row`,
    )
    .all(...bound, ...(after === undefined ? [] : [after.value, after.row]), limit + 1)
  return { found: found as unknown as Found[], total }
}

/** The boxes leave out most; what they let through is tested against the exact coverage. */
function pageInCone(
  db: DatabaseSync,
  { where, values }: Conditions,
  match: string | undefined,
  limit: number,
  after: { value: number; row: number } | undefined,
  asked: NonNullable<DatasetFilter['cone']>,
): Page {
  const cone = checkedCone(asked)
  const boxes = plainBoxes(coneBox(cone))
  const overlap = boxes.map(() => '(ra0 <= ? AND ra1 >= ? AND dec0 <= ? AND dec1 >= ?)').join(' OR ')
  const corners = boxes.flatMap((b) => [b.raMax, b.raMin, b.decMax, b.decMin])
  const from = match === undefined ? 'dataset d' : 'words JOIN dataset d ON d.row = words.rowid'
  const all = [
    ...(match === undefined ? [] : ['words MATCH ?']),
    `d.row IN (SELECT part / 2 FROM box WHERE ${overlap})`,
    ...where,
  ]
  const statement = db.prepare(
    `SELECT d.row AS row, ${sortOf(match !== undefined)} AS value, d.moc AS moc FROM ${from} WHERE ${all.join(' AND ')}`,
  )
  const test = coneTest(cone)
  const hits: { row: number; value: number }[] = []
  for (const candidate of statement.iterate(...(match === undefined ? [] : [match]), ...corners, ...values)) {
    const { row, value, moc } = candidate as { row: number; value: number; moc: Uint8Array | null }
    if (moc === null || test.meets(rangesOf(moc))) hits.push({ row, value })
  }
  const newest = match === undefined
  hits.sort((a, b) => a.value - b.value || (newest ? b.row - a.row : a.row - b.row))
  const start =
    after === undefined
      ? 0
      : hits.findIndex(
          (h) => h.value > after.value || (h.value === after.value && (newest ? h.row < after.row : h.row > after.row)),
        )
  const page = start < 0 ? [] : hits.slice(start, start + limit + 1)
  const key = db.prepare('SELECT publisher, id FROM dataset WHERE row = ?')
  return { found: page.map((hit) => ({ ...hit, ...(key.get(hit.row) as unknown as ClaimKey) })), total: hits.length }
}

/** Blobs come at any address; the copy is aligned. */
function rangesOf(blob: Uint8Array): Float64Array {
  return new Float64Array(blob.buffer.slice(blob.byteOffset, blob.byteOffset + blob.byteLength))
}

/** Conditions on `dataset d` that need no geometry. @throws BAD_INPUT */
function conditionsOf(filter: DatasetFilter): Conditions {
  const where: string[] = []
  const values: SQLInputValue[] = []
  for (const keyword of filter.keyword ?? []) {
    where.push('d.row IN (SELECT row FROM keyword WHERE keyword = ?)')
    values.push(keyword.trim().toLowerCase())
  }
  if (filter.island !== undefined) {
    where.push('d.row IN (SELECT row FROM dataset WHERE publisher = ? UNION SELECT row FROM holder WHERE island = ?)')
    values.push(filter.island, filter.island)
  }
  if (filter.format !== undefined) {
    where.push('d.format = ?')
    values.push(filter.format)
  }
  for (const [key, comparison] of [
    ['minSize', '>='],
    ['maxSize', '<='],
  ] as const) {
    const size = filter[key]
    if (size === undefined) continue
    if (!Number.isFinite(size) || size < 0) throw new ArchipelError('BAD_INPUT', `${key} is a number of bytes`)
    where.push(`d.size ${comparison} ?`)
    values.push(size)
  }
  return { where, values }
}
