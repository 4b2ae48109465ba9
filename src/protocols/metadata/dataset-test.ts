/** Whether a dataset is one that a filter asks for: the search of the catalog for a single dataset, without its index. */
import type { DatasetFilter, DatasetView } from '../model/views.ts'
import { type ConeTest, coneTest } from '../sky/cone.ts'
import { parseMoc } from '../sky/moc.ts'

/** Of a coverage that another island wrote: what cannot be read is not met. */
function meetsCone(test: ConeTest, { body }: DatasetView): boolean {
  try {
    return test.meets(parseMoc(body.coverage?.spatial?.moc ?? ''))
  } catch {
    return false
  }
}

/** As the search index has them: without case and diacritics. */
function wordsOf(text: string): string[] {
  return (
    text
      .normalize('NFKD')
      .replace(/\p{M}/gu, '')
      .toLowerCase()
      .match(/[\p{L}\p{N}\p{Co}]+/gu) ?? []
  )
}

/** All words have to be there, the last one as a beginning unless a space follows it. */
function wordTest(text: string): (view: DatasetView) => boolean {
  const wanted = wordsOf(text)
  // Text without a word in it, "***" say, is in no dataset.
  if (wanted.length === 0) return () => false
  const begun = /\s$/.test(text) ? undefined : wanted.pop()
  return ({ id, body }) => {
    const names = [...body.creators, ...(body.columns ?? [])].map(({ name }) => name)
    const all = [id, body.name, body.title, body.description ?? '', ...body.keywords, ...names].join('\n')
    const words = new Set(wordsOf(all))
    return (
      wanted.every((word) => words.has(word)) &&
      (begun === undefined || words.has(begun) || [...words].some((word) => word.startsWith(begun)))
    )
  }
}

/**
 * A test for single datasets. `limit` and `cursor` count for nothing; an island is one that publishes or holds it.
 *
 * @returns the conditions that a dataset does not meet, in words; none when it is one that is asked for
 */
export function datasetTest(filter: DatasetFilter): (view: DatasetView) => string[] {
  const { text = '', keyword = [], island, format, minSize = 0, maxSize = Number.POSITIVE_INFINITY, cone } = filter
  const conditions: [words: string, met: (view: DatasetView) => boolean][] = []
  if (text.trim() !== '') conditions.push([`the words ${JSON.stringify(text)}`, wordTest(text)])
  for (const each of keyword) {
    const wanted = each.trim().toLowerCase()
    conditions.push([`keyword=${each}`, ({ body }) => body.keywords.some((k) => k.trim().toLowerCase() === wanted)])
  }
  if (island !== undefined)
    conditions.push([
      `island=${island}`,
      ({ publisher, holders }) =>
        [publisher.id, publisher.name, ...holders.flatMap((h) => [h.island, h.name])].includes(island),
    ])
  if (format !== undefined) conditions.push([`format=${format}`, ({ body }) => body.format === format])
  if (minSize > 0) conditions.push([`minSize=${minSize}`, ({ body }) => body.size >= minSize])
  if (maxSize < Number.POSITIVE_INFINITY) conditions.push([`maxSize=${maxSize}`, ({ body }) => body.size <= maxSize])
  if (cone !== undefined) {
    const test = coneTest(cone)
    conditions.push([`cone=${cone.ra},${cone.dec},${cone.radius}`, (view) => meetsCone(test, view)])
  }
  return (view) => conditions.flatMap(([words, met]) => (met(view) ? [] : [words]))
}
