/** Numbers of paths and queries, as Java reads them. */
import { LateRefusal } from './late.ts'
import type { LivyRange, LivyRef } from './port.ts'

const INT_MAX = 2_147_483_647
const PAGE = 100

const broken = (text: string) => new LateRefusal(400, { msg: `For input string: "${text.slice(0, 100)}"` })

/** @throws LateRefusal 400 for what is no Java `int` */
export function javaInt(text: string): number {
  const number = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN
  // -2147483648 is one, too; an id never is.
  if (!(number >= -INT_MAX - 1 && number <= INT_MAX)) throw broken(text)
  return number
}

/** All digits are an id, anything else is a name. */
export function livyRef(segment: string): LivyRef {
  return /^\d+$/.test(segment) ? javaInt(segment) : segment
}

function optional(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  return text === null ? undefined : javaInt(text)
}

/** `from` and `size` as they were given. */
export function partialRange(query: URLSearchParams): Partial<LivyRange> {
  const [from, size] = [optional(query, 'from'), optional(query, 'size')]
  return { ...(from === undefined ? {} : { from }), ...(size === undefined ? {} : { size }) }
}

/** Of lists of sessions and batches: the first 100 unless said. */
export function wholeRange(query: URLSearchParams): LivyRange {
  return { from: 0, size: PAGE, ...partialRange(query) }
}
