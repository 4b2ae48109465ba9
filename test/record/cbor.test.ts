import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import { decodeStrict, encodeCanonical, MAX_DEPTH } from '../../src/protocols/record/cbor.ts'
import { rejects, suite } from '../kit/index.ts'

const test = suite('record: canonical CBOR')
const limit = { maxBytes: 1 << 20 }
const hex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))
const refused = async (bytes: Uint8Array) => rejects(async () => decodeStrict(bytes, limit), 'RECORD_INVALID')

const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 5 },
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((n) => !Object.is(n, -0)),
    fc.string({ unit: 'grapheme' }),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array(),
    fc.array(tie('any'), { maxLength: 5 }),
    fc.dictionary(fc.string({ unit: 'grapheme' }), tie('any'), { maxKeys: 5, noNullPrototype: true }),
  ),
})).any

test('what is written can be read, and written again gives the same bytes', () => {
  fc.assert(
    fc.property(value, (v) => {
      const bytes = encodeCanonical(v)
      const read = decodeStrict(bytes, limit)
      assert.equal(read, v)
      assert.equal(encodeCanonical(read), bytes)
    }),
    { numRuns: 2000 },
  )
})

test('the order in which properties were set makes no difference', () => {
  assert.equal(encodeCanonical({ b: 1, a: 2, aa: 3 }), encodeCanonical({ aa: 3, a: 2, b: 1 }))
  assert.equal(encodeCanonical({ a: 1, b: undefined }), encodeCanonical({ a: 1 }))
})

test('random bytes are refused with a code, or are one of the things that can be written', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        assert.equal(encodeCanonical(decodeStrict(bytes, limit)), bytes)
      } catch (error) {
        assert.instance(error, ArchipelError)
        assert.is((error as ArchipelError).code, 'RECORD_INVALID')
      }
    }),
    { numRuns: 5000 },
  )
})

test('altered bytes are refused, or are again canonical', () => {
  fc.assert(
    fc.property(value, fc.nat(), fc.integer({ min: 1, max: 255 }), (v, where, mask) => {
      const bytes = encodeCanonical(v).slice()
      const at = where % bytes.length
      bytes[at] = bytes[at]! ^ mask
      try {
        assert.equal(encodeCanonical(decodeStrict(bytes, limit)), bytes)
      } catch (error) {
        if (!(error instanceof ArchipelError)) throw error
        assert.is(error.code, 'RECORD_INVALID')
      }
    }),
    { numRuns: 3000 },
  )
})

for (const [what, bytes] of [
  ['nothing', ''],
  ['bytes after the end', '00 00'],
  ['an integer not in its shortest form', '18 17'],
  ['a length not in its shortest form', '58 01 00'],
  ['an integer beyond 2^53', '1b 0020000000000000'],
  ['an indefinite text', '7f 61 61 ff'],
  ['an indefinite array', '9f ff'],
  ['an indefinite map', 'bf ff'],
  ['a tag', 'c0 60'],
  ['undefined', 'f7'],
  ['a simple value', 'f8 20'],
  ['NaN', 'f9 7e00'],
  ['infinity', 'f9 7c00'],
  ['a float that a shorter one can say', 'fb 3ff8000000000000'],
  ['an integer as a float', 'f9 3c00'],
  ['minus zero', 'f9 8000'],
  ['a map with a key twice', 'a2 6161 01 6161 02'],
  ['map keys out of order', 'a2 6162 01 6161 02'],
  ['map keys that are no texts', 'a1 01 02'],
  ['a text that is not UTF-8', '61 ff'],
  ['a text with a lone surrogate', '63 eda080'],
  ['a text longer than the bytes', '63 6161'],
  ['an array of 2^32 items', '9a ffffffff'],
  ['a map of 2^52 entries', 'bb 0010000000000000'],
  ['a break alone', 'ff'],
] as const) {
  test(`${what} is refused`, () => refused(hex(bytes)).then(() => undefined))
}

test('nesting is bounded before it costs anything', async () => {
  const nested = (depth: number) => new Uint8Array([...new Array(depth).fill(0x81), 0x00])
  decodeStrict(nested(MAX_DEPTH), limit)
  await refused(nested(MAX_DEPTH + 1))
  await refused(nested(1_000_000))
})

test('more bytes than allowed are refused unread', async () => {
  await rejects(async () => decodeStrict(encodeCanonical('x'.repeat(100)), { maxBytes: 100 }), 'RECORD_INVALID')
})

test('a property named __proto__ stays a property', () => {
  const bytes = encodeCanonical(JSON.parse('{"__proto__": {"polluted": true}}'))
  const read = decodeStrict(bytes, limit) as object
  assert.ok(Object.hasOwn(read, '__proto__'))
  assert.is((read as { polluted?: boolean }).polluted, undefined)
})

for (const [what, v] of [
  ['NaN', Number.NaN],
  ['infinity', Number.POSITIVE_INFINITY],
  ['a function', () => {}],
  ['a symbol', Symbol('x')],
  ['a large bigint', 2n ** 60n],
  ['undefined', undefined],
] as const) {
  test(`${what} cannot be written`, () =>
    rejects(async () => encodeCanonical({ a: [v] }), 'RECORD_INVALID').then(() => undefined))
}

test('a cycle cannot be written', async () => {
  const cycle: { self?: unknown } = {}
  cycle.self = cycle
  await rejects(async () => encodeCanonical(cycle), 'RECORD_INVALID')
})

test('byte strings are copies, and parts of what is read where that is asked for', () => {
  const bytes = encodeCanonical({ bytes: Uint8Array.of(1, 2, 3), more: 1 })
  const at = bytes.indexOf(1, 7)
  const copy = decodeStrict(bytes, { maxBytes: 100 }) as { bytes: Uint8Array }
  const view = decodeStrict(bytes, { maxBytes: 100, views: true }) as { bytes: Uint8Array }
  assert.equal(view, copy)
  assert.equal(Object.getPrototypeOf(view.bytes), Uint8Array.prototype)
  bytes[at] = 9
  assert.is(copy.bytes[0], 1)
  assert.is(view.bytes[0], 9)
})

test.run()
