/** All items of a list that comes in pages. */
import { ArchipelError } from '../../protocols/model/errors.ts'

interface Page<T> {
  items: T[]
  next?: string | undefined
}

/**
 * The items of all pages, each page asked for when its first item is. `list` is a function of the client whose answer
 * has `items` and `next`; what it takes before the query is bound by an arrow:
 *
 *     for await (const dataset of iterate(client.datasets, { text: 'stars' }, { signal })) ...
 *     for await (const file of iterate((query, options) => client.files(ref, query, options))) ...
 *
 * `limit` of the query is the size of a page. @throws what `list` throws; PROTOCOL when a cursor comes twice
 */
export async function* iterate<T, Q extends { cursor?: string; limit?: number }>(
  list: (query: Q, options?: { signal?: AbortSignal }) => Promise<Page<T>>,
  query: Q = {} as Q,
  options: { signal?: AbortSignal } = {},
): AsyncGenerator<T, void, void> {
  let cursor = query.cursor
  do {
    const page = await list(cursor === undefined ? query : { ...query, cursor }, options)
    yield* page.items
    if (page.next !== undefined && page.next === cursor)
      throw new ArchipelError('PROTOCOL', 'the next page is this one again')
    cursor = page.next
  } while (cursor !== undefined)
}
