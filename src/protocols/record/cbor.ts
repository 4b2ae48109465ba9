import { encode, rfc8949EncodeOptions } from 'cborg'
import { ArchipelError } from '../model/errors.ts'

/** Levels of arrays and maps inside each other; what a record or a frame of ours needs is below 10. */
export const MAX_DEPTH = 32

// A byte order mark at the beginning of a text belongs to it: two different texts must not be read as one.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

const ENCODE = { ...rfc8949EncodeOptions, ignoreUndefinedProperties: true }
/** The smallest normal number of 16 bits. */
const LEAST_NORMAL = 2 ** -14

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
  read(bytes, true)
  return bytes
}

/**
 * Reads what `encodeCanonical` writes and nothing else: no tags, no indefinite lengths, no trailing bytes, shortest
 * forms only, map keys are strings in order and unique, nesting to `MAX_DEPTH`. One pass by hand: the rules are stricter than
 * those of any decoder at hand, and reading is most of the work of taking over a catalog.
 *
 * @param options.views byte strings are parts of `bytes` instead of copies: for what is used up at once, since such a part
 *   keeps the whole in memory; false by default
 * @throws RECORD_INVALID
 */
export function decodeStrict(bytes: Uint8Array, options: { maxBytes: number; views?: boolean }): unknown {
  if (bytes.length > options.maxBytes) throw invalid(`${bytes.length} bytes, more than ${options.maxBytes}`)
  return read(bytes, options.views ?? false)
}

function read(bytes: Uint8Array, views: boolean): unknown {
  const cursor: Cursor = { bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), at: 0, views }
  const value = item(cursor, 0)
  if (cursor.at !== bytes.length) throw invalid('bytes after the end')
  return value
}

interface Cursor {
  bytes: Buffer
  at: number
  views: boolean
}

function item(cursor: Cursor, depth: number): unknown {
  if (depth > MAX_DEPTH) throw invalid(`nested deeper than ${MAX_DEPTH}`)
  const first = cursor.bytes[cursor.at]
  if (first === undefined) throw invalid('cut short')
  const major = first >> 5
  if (major === 7) return simple(cursor, first & 31)
  const value = argument(cursor, first & 31)
  switch (major) {
    case 0:
      return value
    case 1:
      // -1 - value; 2^53 below zero has no exact place any more.
      if (value === Number.MAX_SAFE_INTEGER) throw invalid('a number beyond 2^53')
      return -1 - value
    case 2:
      return byteString(taken(cursor, value), cursor.views)
    case 3:
      return text(taken(cursor, value))
    case 4:
      return array(cursor, value, depth)
    case 5:
      return map(cursor, value, depth)
    default:
      throw invalid('a tag')
  }
}

function byteString(part: Buffer, view: boolean): Uint8Array {
  return view ? new Uint8Array(part.buffer, part.byteOffset, part.length) : new Uint8Array(part)
}

function taken(cursor: Cursor, length: number): Buffer {
  const end = cursor.at + length
  if (end > cursor.bytes.length) throw invalid('cut short')
  const part = cursor.bytes.subarray(cursor.at, end)
  cursor.at = end
  return part
}

function array(cursor: Cursor, count: number, depth: number): unknown[] {
  // Every item takes a byte or more: a count that cannot be true is refused before anything is built.
  if (count > cursor.bytes.length - cursor.at) throw invalid('cut short')
  const values: unknown[] = []
  for (let i = 0; i < count; i++) values.push(item(cursor, depth + 1))
  return values
}

function map(cursor: Cursor, count: number, depth: number): Record<string, unknown> {
  const { bytes } = cursor
  if (count * 2 > bytes.length - cursor.at) throw invalid('cut short')
  const values: Record<string, unknown> = {}
  let lastStart = -1
  let lastEnd = -1
  for (let i = 0; i < count; i++) {
    const start = cursor.at
    if (start < bytes.length && bytes[start]! >> 5 !== 3) throw invalid('a map key that is not a text')
    const key = item(cursor, depth + 1) as string
    if (lastStart >= 0 && compareRanges(bytes, lastStart, lastEnd, start, cursor.at) >= 0) {
      throw invalid('map keys out of order or repeated')
    }
    lastStart = start
    lastEnd = cursor.at
    const value = item(cursor, depth + 1)
    if (key === '__proto__')
      Object.defineProperty(values, key, { value, enumerable: true, configurable: true, writable: true })
    else values[key] = value
  }
  return values
}

function argument(cursor: Cursor, info: number): number {
  const { bytes, at } = cursor
  if (info < 24) {
    cursor.at = at + 1
    return info
  }
  if (info > 27) throw invalid('an indefinite or reserved length')
  const size = 1 << (info - 24)
  if (at + 1 + size > bytes.length) throw invalid('cut short')
  let value = 0
  for (let i = 1; i <= size; i++) value = value * 256 + bytes[at + i]!
  const least = size === 1 ? 24 : 256 ** (size / 2)
  if (value < least) throw invalid('a number not in its shortest form')
  if (value > Number.MAX_SAFE_INTEGER) throw invalid('a number beyond 2^53')
  cursor.at = at + 1 + size
  return value
}

function simple(cursor: Cursor, info: number): unknown {
  const { bytes, at } = cursor
  if (info >= 20 && info <= 22) {
    cursor.at = at + 1
    return info === 22 ? null : info === 21
  }
  if (info < 25 || info > 27) throw invalid('a simple value other than true, false and null')
  const size = 1 << (info - 24)
  if (at + 1 + size > bytes.length) throw invalid('cut short')
  cursor.at = at + 1 + size
  const value =
    size === 2
      ? float16(bytes.readUInt16BE(at + 1))
      : size === 4
        ? bytes.readFloatBE(at + 1)
        : bytes.readDoubleBE(at + 1)
  if (!Number.isFinite(value)) throw invalid('a number that is none, or without end')
  if (!isShortest(value, size)) throw invalid('a number not in its shortest form')
  return value
}

/** An integral number is written as an integer, any other in the smallest form that holds it. */
function isShortest(value: number, size: number): boolean {
  // Near zero the encoder has its own mind about 16 bits, and what it writes is the form.
  if (Math.abs(value) < LEAST_NORMAL) return encode(value, ENCODE).length === size + 1
  if (Number.isSafeInteger(value)) return false
  return size === 2 || value !== (size === 4 ? Math.f16round(value) : Math.fround(value))
}

/** IEEE 754 binary16. */
function float16(bits: number): number {
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  const size =
    exponent === 0 ? fraction * 2 ** -24 : exponent === 31 ? Number.NaN : (1024 + fraction) * 2 ** (exponent - 25)
  return bits >> 15 === 0 ? size : -size
}

/** Above this, text is scanned by the decoder, which is then faster than a loop. */
const SHORT_TEXT_BYTES = 64

function text(bytes: Buffer): string {
  if (bytes.length <= SHORT_TEXT_BYTES) {
    let ascii = true
    for (let i = 0; i < bytes.length && ascii; i++) ascii = bytes[i]! < 0x80
    if (ascii) return bytes.toString('latin1')
  }
  try {
    return utf8.decode(bytes)
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
