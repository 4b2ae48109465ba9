import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { encodeFrame, frameReader } from '../../src/node/engines/child/frames.ts'
import { suite } from '../kit/index.ts'

const test = suite('frames between the daemon and its SQL children')

test('come out as they went in, however the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.jsonValue(), { maxLength: 8 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 40 })),
      (messages, cuts) => {
        const bytes = Buffer.concat(messages.map(encodeFrame))
        const seen: unknown[] = []
        const reader = frameReader(1e6, (message) => seen.push(message))
        for (let at = 0; at < bytes.length; ) {
          const length = cuts.next().value as number
          assert.ok(reader.push(bytes.subarray(at, at + length)))
          at += length
        }
        assert.equal(seen, JSON.parse(JSON.stringify(messages)))
      },
    ),
    { numRuns: 500 },
  )
})

test('are refused by their length before they are held', () => {
  const reader = frameReader(100, () => assert.unreachable())
  assert.not(reader.push(Buffer.from([0, 0, 0, 101])))
  assert.not(reader.push(encodeFrame('later')), 'and nothing is read after it')
})

test('are refused when they are not JSON', () => {
  const seen: unknown[] = []
  const reader = frameReader(100, (message) => seen.push(message))
  assert.not(reader.push(Buffer.from([0, 0, 0, 1, 0x7b])))
  assert.not(reader.push(encodeFrame(1)))
  assert.equal(seen, [])
})

test.run()
