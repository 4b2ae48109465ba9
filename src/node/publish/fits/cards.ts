import { ArchipelError } from '../../../protocols/model/errors.ts'
import type { ForwardReader } from './source.ts'

export type CardValue = string | number | boolean
/** Keywords to values; of a keyword that occurs twice, the first counts. */
export type Header = Map<string, CardValue>

export const BLOCK_BYTES = 2880
const CARD_BYTES = 80
/** 36,000 cards. */
const MAX_BLOCKS = 1000
const MAX_STRING = 2000

/**
 * The next header, up to and with the block of its END (FITS 4.0, 3.3.1 and 4). Undefined at the end of the file.
 *
 * @throws UNREADABLE a header without END, of more than 1,000 blocks, or of bytes that are no cards
 */
export async function readHeader(reader: ForwardReader): Promise<Header | undefined> {
  const header: Header = new Map()
  let open: string | undefined
  for (let block = 0; block < MAX_BLOCKS; block++) {
    const bytes = await reader.take(BLOCK_BYTES)
    if (bytes.length === 0 && block === 0) return undefined
    if (bytes.length < BLOCK_BYTES) throw new ArchipelError('UNREADABLE', 'a FITS header ends without END')
    for (let at = 0; at < BLOCK_BYTES; at += CARD_BYTES) {
      const card = bytes.toString('latin1', at, at + CARD_BYTES)
      const keyword = card.slice(0, 8).trimEnd()
      if (block === 0 && at === 0 && !/^(SIMPLE|XTENSION)$/.test(keyword))
        throw new ArchipelError('UNREADABLE', 'not a FITS header')
      if (keyword === 'END') return header
      if (keyword === 'CONTINUE') open = continued(header, open, card)
      else open = take(header, keyword, card)
    }
  }
  throw new ArchipelError('UNREADABLE', `a FITS header has more than ${MAX_BLOCKS} blocks`)
}

/** Puts a card into the header. Returns its keyword when its text goes on in the next card. */
function take(header: Header, keyword: string, card: string): string | undefined {
  let key = keyword
  let text = card.slice(10)
  if (keyword === 'HIERARCH') {
    const split = card.indexOf('=')
    if (split < 0) return undefined
    key = card.slice(9, split).trim()
    text = card.slice(split + 1)
  } else if (card.slice(8, 10) !== '= ') return undefined
  if (key === '' || header.has(key)) return undefined
  const value = parseValue(text)
  if (value === undefined) return undefined
  header.set(key, value)
  return typeof value === 'string' && value.endsWith('&') ? key : undefined
}

/** The long-string convention (FITS 4.0, 4.2.1.2): `'text&'`, then `CONTINUE  'more'`. */
function continued(header: Header, open: string | undefined, card: string): string | undefined {
  if (open === undefined) return undefined
  const more = parseValue(card.slice(8))
  const before = header.get(open)
  if (typeof more !== 'string' || typeof before !== 'string') return undefined
  header.set(open, (before.slice(0, -1) + more).slice(0, MAX_STRING))
  return more.endsWith('&') && before.length < MAX_STRING ? open : undefined
}

function parseValue(text: string): CardValue | undefined {
  const start = text.trimStart()
  if (start.startsWith("'")) {
    const m = /^'((?:[^']|'')*)'(?!')/.exec(start)
    // A string that is not closed runs to the end of its card.
    const raw = m?.[1] ?? start.slice(1)
    return raw
      .replaceAll("''", "'")
      .trimEnd()
      .replace(/[^\x20-\x7e]/g, '?')
  }
  const word = start.split('/')[0]!.trim()
  if (word === 'T') return true
  if (word === 'F') return false
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([EeDd][+-]?\d+)?$/.test(word)) return undefined
  const number = Number(word.replace(/[Dd]/, 'E'))
  return Number.isFinite(number) ? number : undefined
}

export function text(header: Header, keyword: string): string | undefined {
  const value = header.get(keyword)
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined
}

export function number(header: Header, keyword: string): number | undefined {
  const value = header.get(keyword)
  return typeof value === 'number' ? value : undefined
}

/** A count or size. @throws UNREADABLE when it is missing, negative or no integer */
export function natural(header: Header, keyword: string, otherwise?: number): number {
  const value = header.get(keyword) ?? otherwise
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new ArchipelError('UNREADABLE', `the FITS keyword ${keyword} is not a count`)
  return value
}
