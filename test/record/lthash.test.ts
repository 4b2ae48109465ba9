import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { LiveSet, STATE_BYTES } from '../../src/protocols/record/lthash.ts'
import { rejects, suite } from '../kit/index.ts'

const test = suite('record: the hash of a set')
const hex = (set: LiveSet) => Buffer.from(set.digest()).toString('hex')
const of = (...items: Uint8Array[]) => {
  const set = new LiveSet()
  for (const item of items) set.add(item)
  return set
}
const items = fc.uniqueArray(fc.uint8Array({ maxLength: 40 }), {
  maxLength: 12,
  selector: (b) => Buffer.from(b).toString('hex'),
})

test('the order of adding makes no difference', () => {
  fc.assert(
    fc.property(items, fc.integer(), (list, turn) => {
      const other = [...list].sort((a, b) => (Buffer.compare(a, b) * ((turn % 2) + 0.5) > 0 ? 1 : -1)).reverse()
      assert.is(hex(of(...list)), hex(of(...other)))
    }),
    { numRuns: 300 },
  )
})

test('removing undoes adding, in any order', () => {
  fc.assert(
    fc.property(items, items, (kept, gone) => {
      const set = new LiveSet()
      for (const item of gone) set.add(item)
      for (const item of kept) set.add(item)
      for (const item of [...gone].reverse()) set.remove(item)
      assert.is(hex(set), hex(of(...kept)))
    }),
    { numRuns: 300 },
  )
})

test('different sets have different hashes', () => {
  const seen = new Map<string, string>()
  fc.assert(
    fc.property(items, (list) => {
      const name = list
        .map((b) => Buffer.from(b).toString('hex'))
        .sort()
        .join(' ')
      const digest = hex(of(...list))
      const other = seen.get(digest)
      seen.set(digest, name)
      assert.ok(other === undefined || other === name)
    }),
    { numRuns: 500 },
  )
})

test('a state written and read goes on as if nothing had been', () => {
  const [a, b, c] = [1, 2, 3].map((n) => new Uint8Array([n]))
  const set = of(a!, b!)
  const again = LiveSet.from(set.state())
  again.remove(a!)
  again.add(c!)
  assert.is(hex(again), hex(of(b!, c!)))
  assert.is(hex(set), hex(of(a!, b!)), 'the first is untouched')
  assert.is(set.state().length, STATE_BYTES)
})

test('a copy is independent', () => {
  const set = of(new Uint8Array([1]))
  const copy = set.clone()
  copy.add(new Uint8Array([2]))
  assert.is(hex(set), hex(of(new Uint8Array([1]))))
  assert.is(hex(copy), hex(of(new Uint8Array([1]), new Uint8Array([2]))))
})

test('the hashes are fixed: islands of all versions have to agree on them', () => {
  assert.is(hex(new LiveSet()), 'e5a00aa9991ac8a5ee3109844d84a55583bd20572ad3ffcd42792f3c36b183ad')
  assert.is(
    hex(of(Buffer.from('a'), Buffer.from('b'))),
    'a62be28b5be068cd2cc507f8d764949c024b79097bf5982ef8b84591441f33e5',
  )
})

test('a state of the wrong size is refused', async () => {
  await rejects(async () => LiveSet.from(new Uint8Array(2047)), 'DATA_DIR_BROKEN')
})

test.run()
