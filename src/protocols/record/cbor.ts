import { decode, encode, rfc8949EncodeOptions, Tokenizer, Type } from 'cborg'
import { ArchipelError } from '../model/errors.ts'

/** Levels of arrays and maps inside each other; what a record or a frame of ours needs is below 10. */
export const MAX_DEPTH = 32

const ENCODE = { ...rfc8949EncodeOptions, ignoreUndefinedProperties: true }
const DECODE = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowInfinity: false,
  allowNaN: false,
  allowBigInt: false,
  rejectDuplicateMapKeys: true,
}

/**
 * CBOR in the core deterministic encoding of RFC 8949, 4.2.1. Properties that are undefined are left out.
 *
 * @throws RECORD_INVALID for what has no place in it: NaN, infinities, integers beyond 2^53, functions, cycles
 */
export function encodeCanonical(value: unknown): Uint8Array {
  let bytes: Uint8Array
  try {
    bytes = encode(value, ENCODE)
  } catch (error) {
    throw invalid(`cannot be encoded: ${(error as Error).message}`, error)
  }
  // What is sent has to be readable by the same rules; also finds what cborg would encode and we refuse (tags, NaN).
  checkDeterministic(bytes)
  return bytes
}

/**
 * Reads what `encodeCanonical` writes and nothing else: no tags, no indefinite lengths, no trailing bytes, shortest
 * forms only, map keys are strings in order and unique, nesting to `MAX_DEPTH`.
 *
 * @throws RECORD_INVALID
 */
export function decodeStrict(bytes: Uint8Array, options: { maxBytes: number }): unknown {
  if (bytes.length > options.maxBytes) throw invalid(`${bytes.length} bytes, more than ${options.maxBytes}`)
  checkDeterministic(bytes)
  try {
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(BOM)
      ? decodeKeeping(bytes)
      : decode(bytes, DECODE)
  } catch (error) {
    throw invalid((error as Error).message, error)
  }
}

const BOM = Buffer.from([0xef, 0xbb, 0xbf])
const keeping = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** cborg takes a byte order mark at the beginning of a text away, and two different texts would be read as one. */
function decodeKeeping(bytes: Uint8Array): unknown {
  const options = { ...DECODE, retainStringBytes: true }
  const tokenizer = new Tokenizer(bytes, options)
  const next = tokenizer.next.bind(tokenizer)
  tokenizer.next = () => {
    const token = next()
    if (Type.equals(token.type, Type.string) && token.byteValue !== undefined)
      token.value = keeping.decode(token.byteValue)
    return token
  }
  return decode(bytes, { ...options, tokenizer })
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Walks the bytes once, without building anything, so that hostile input costs neither stack nor memory. */
function checkDeterministic(bytes: Uint8Array): void {
  const end = item(bytes, 0, 0)
  if (end !== bytes.length) throw invalid('bytes after the end')
}

function item(bytes: Uint8Array, at: number, depth: number): number {
  if (depth > MAX_DEPTH) throw invalid(`nested deeper than ${MAX_DEPTH}`)
  const first = bytes[at]
  if (first === undefined) throw invalid('cut short')
  const major = first >> 5
  if (major === 7) return simple(bytes, at, first & 31)
  const { value, next } = argument(bytes, at, first & 31)
  switch (major) {
    case 0:
    case 1:
      return next
    case 2:
    case 3: {
      const end = next + value
      if (end > bytes.length) throw invalid('cut short')
      if (major === 3) text(bytes, next, end)
      return end
    }
    case 4: {
      // Every item takes a byte or more: a count that cannot be true is refused before the loop.
      if (value > bytes.length - next) throw invalid('cut short')
      let pos = next
      for (let i = 0; i < value; i++) pos = item(bytes, pos, depth + 1)
      return pos
    }
    case 5:
      return map(bytes, next, value, depth)
    default:
      throw invalid('a tag')
  }
}

function map(bytes: Uint8Array, start: number, count: number, depth: number): number {
  if (count * 2 > bytes.length - start) throw invalid('cut short')
  let pos = start
  let lastStart = -1
  let lastEnd = -1
  for (let i = 0; i < count; i++) {
    if (pos < bytes.length && bytes[pos]! >> 5 !== 3) throw invalid('a map key that is not a text')
    const keyEnd = item(bytes, pos, depth + 1)
    if (lastStart >= 0 && compareRanges(bytes, lastStart, lastEnd, pos, keyEnd) >= 0) {
      throw invalid('map keys out of order or repeated')
    }
    lastStart = pos
    lastEnd = keyEnd
    pos = item(bytes, keyEnd, depth + 1)
  }
  return pos
}

function argument(bytes: Uint8Array, at: number, info: number): { value: number; next: number } {
  if (info < 24) return { value: info, next: at + 1 }
  if (info > 27) throw invalid('an indefinite or reserved length')
  const size = 1 << (info - 24)
  if (at + 1 + size > bytes.length) throw invalid('cut short')
  let value = 0
  for (let i = 1; i <= size; i++) value = value * 256 + bytes[at + i]!
  const least = size === 1 ? 24 : 256 ** (size / 2)
  if (value < least) throw invalid('a number not in its shortest form')
  if (value > Number.MAX_SAFE_INTEGER) throw invalid('a number beyond 2^53')
  return { value, next: at + 1 + size }
}

function simple(bytes: Uint8Array, at: number, info: number): number {
  if (info >= 20 && info <= 22) return at + 1
  if (info < 25 || info > 27) throw invalid('a simple value other than true, false and null')
  const end = at + 1 + (1 << (info - 24))
  if (end > bytes.length) throw invalid('cut short')
  let value: unknown
  try {
    value = decode(bytes.subarray(at, end), DECODE)
  } catch (error) {
    throw invalid((error as Error).message, error)
  }
  // An integral float is written as an integer by `encodeCanonical`, so it has one form only.
  const again = encode(value, ENCODE)
  if (again.length !== end - at || again[0] !== bytes[at]) throw invalid('a number not in its shortest form')
  return end
}

function text(bytes: Uint8Array, start: number, end: number): void {
  let ascii = true
  for (let i = start; i < end && ascii; i++) ascii = bytes[i]! < 0x80
  if (ascii) return
  try {
    utf8.decode(bytes.subarray(start, end))
  } catch (error) {
    throw invalid('a text that is not UTF-8', error)
  }
}

function compareRanges(bytes: Uint8Array, a: number, aEnd: number, b: number, bEnd: number): number {
  for (let i = a, j = b; i < aEnd && j < bEnd; i++, j++) {
    const difference = bytes[i]! - bytes[j]!
    if (difference !== 0) return difference
  }
  return aEnd - a - (bEnd - b)
}

function invalid(why: string, cause?: unknown): ArchipelError {
  return new ArchipelError('RECORD_INVALID', `not canonical CBOR: ${why}`, cause === undefined ? {} : { cause })
}
