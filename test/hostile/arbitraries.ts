/** What comes over a wire from somebody who means no good, or has a bad line. */
import { encode } from 'cborg'
import fc from 'fast-check'
import { encodeCanonical } from '../../src/protocols/record/cbor.ts'
import { framed } from './raw-peer.ts'

/** Anything JSON can say, and numbers and texts that are seldom thought of. */
export const oddNumber = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constantFrom(
    0,
    -0,
    1e17,
    -1e17,
    5e-324,
    -5e-324,
    Number.MAX_VALUE,
    2 ** 53,
    2 ** 53 - 1,
    2 ** 64,
    0.1,
    1 / 3,
    1.5,
  ),
)
export const oddText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom(
    '',
    '\0',
    '\u202e',
    '\ufeff',
    '\ud83d\ude80',
    'a'.repeat(300),
    '__proto__',
    'constructor',
    '\x1b[2J',
    "'; --",
  ),
)
const key = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.constantFrom('error', 'item', 'end', '__proto__', 'toString', 'length'),
)

/** A value as a cell of a result may hold it. */
export const cell: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  cell: fc.oneof(
    { maxDepth: 5, depthIdentifier: 'cell' },
    fc.constant(null),
    fc.boolean(),
    oddNumber,
    oddText,
    fc.array(tie('cell'), { maxLength: 6, depthIdentifier: 'cell' }),
    fc.dictionary(
      key.filter((k) => k !== '__proto__'),
      tie('cell'),
      { maxKeys: 6, depthIdentifier: 'cell' },
    ),
  ),
})).cell

/** A value of the wire: cells, and bytes anywhere. */
export const anything: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthIdentifier: 'anything' },
    cell,
    fc.uint8Array({ maxLength: 80 }),
    fc.array(tie('value'), { maxLength: 5, depthIdentifier: 'anything' }),
    fc.dictionary(key, tie('value'), { maxKeys: 5, depthIdentifier: 'anything' }),
  ),
})).value

/** Bytes with a few of them changed, doubled, left out or put in. */
export function mutated(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  const change = fc.record({
    at: fc.nat({ max: Math.max(0, bytes.length - 1) }),
    how: fc.constantFrom('flip', 'set', 'insert', 'delete', 'repeat', 'cut'),
    byte: fc.nat({ max: 255 }),
    length: fc.integer({ min: 1, max: 16 }),
  })
  return fc.array(change, { minLength: 1, maxLength: 4 }).map((changes) => {
    let out = Buffer.from(bytes)
    for (const { at, how, byte, length } of changes) {
      const i = Math.min(at, Math.max(0, out.length - 1))
      if (how === 'flip' && out.length > 0) out[i] = out[i]! ^ (1 << (byte % 8))
      else if (how === 'set' && out.length > 0) out[i] = byte
      else if (how === 'insert') out = Buffer.concat([out.subarray(0, i), Buffer.alloc(length, byte), out.subarray(i)])
      else if (how === 'delete') out = Buffer.concat([out.subarray(0, i), out.subarray(i + length)])
      else if (how === 'repeat') out = Buffer.concat([out.subarray(0, i), out.subarray(i, i + length), out.subarray(i)])
      else if (how === 'cut') out = out.subarray(0, i)
    }
    return new Uint8Array(out)
  })
}

/** The value with one thing in it, at any depth, replaced, taken away, or added; bytes in it with some of them changed. */
export function twisted(value: unknown): fc.Arbitrary<unknown> {
  const paths = pathsOf(value)
  return fc
    .record({
      path: fc.constantFrom(...paths),
      how: fc.constantFrom('replace', 'replace', 'replace', 'remove', 'add'),
      other: fc.oneof(anything, oddNumber, fc.constantFrom(2 ** 53 - 1, -1, 0, '', [], {}, null, true)),
      seed: fc.nat(),
    })
    .map(({ path, how, other, seed }) => {
      const found = at(value, path)
      const put =
        found instanceof Uint8Array && seed % 2 === 0 && found.length > 0
          ? Uint8Array.from(found, (b, i) => (i === seed % found.length ? b ^ (1 + (seed % 255)) : b))
          : other
      return replace(value, path, how, put)
    })
}

type Path = (string | number)[]

function pathsOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return [path]
  return [
    path,
    ...Object.entries(value).flatMap(([k, v]) => pathsOf(v, [...path, Array.isArray(value) ? Number(k) : k])),
  ]
}

function at(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((v, k) => (v as Record<string, unknown>)?.[k], value)
}

function replace(value: unknown, path: Path, how: string, other: unknown): unknown {
  const [first, ...rest] = path
  if (first === undefined) {
    const open = typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
    return how === 'add' && open ? { ...value, added: other } : other
  }
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string | number, unknown>
  if (rest.length === 0 && how === 'remove') delete copy[first]
  else copy[first] = replace(copy[first], rest, how, other)
  return Array.isArray(copy) ? copy.filter((v) => v !== undefined) : copy
}

/** As CBOR, canonical or, where our encoder refuses (NaN, undefined, large integers), as cborg has it. */
export function toCbor(value: unknown): Uint8Array {
  try {
    return encodeCanonical(value)
  } catch {
    return encode(value)
  }
}

/** A frame, or what passes for one, made from a valid request: the bytes to write on a stream. */
export function frameOf(valid: unknown): fc.Arbitrary<Uint8Array> {
  const bytes = encodeCanonical(valid)
  return fc.oneof(
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 2000 }) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 2000 }).map((b) => framed(b)) },
    { weight: 2, arbitrary: anything.map((v) => framed(toCbor(v))) },
    { weight: 3, arbitrary: mutated(bytes).map((b) => framed(b)) },
    { weight: 6, arbitrary: twisted(valid).map((v) => framed(toCbor(v))) },
    { weight: 1, arbitrary: fc.nat({ max: bytes.length }).map((n) => framed(bytes).subarray(0, n)) },
    {
      weight: 1,
      arbitrary: fc
        .oneof(fc.nat({ max: 10_000 }), fc.constantFrom(2 ** 24, 2 ** 28 - 1, 2 ** 28, 2 ** 32, 2 ** 53 - 1))
        .map((n) => framed(bytes, n)),
    },
    { weight: 1, arbitrary: deep.map((b) => framed(b)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 3000 }).map((b) => Buffer.concat([framed(bytes), b])) },
    { weight: 1, arbitrary: mutated(framed(bytes)) },
  )
}

/** Arrays in arrays, maps in maps, and lengths that promise more than there is. */
export const deep: fc.Arbitrary<Uint8Array> = fc
  .record({
    depth: fc.integer({ min: 20, max: 20_000 }),
    byte: fc.constantFrom(0x81, 0x82, 0xa1, 0x9f, 0xc6, 0x9b, 0xbb, 0x5b),
  })
  .map(({ depth, byte }) => {
    const level =
      byte === 0xa1
        ? [0xa1, 0x61, 0x61]
        : byte >= 0x9b && byte !== 0x9f && byte !== 0xc6
          ? [byte, 0, 0, 0, 0, 0, 0, 255, 255]
          : [byte]
    return Buffer.concat([Buffer.alloc(level.length * depth, Buffer.from(level)), Buffer.from([0])])
  })
