import * as assert from 'uvu/assert'
import { decodeRecord } from '../../src/protocols/record/envelope.ts'
import { suite } from '../kit/index.ts'
import { Archipelago, settle } from './archipelago.ts'

const test = suite('catalog: members')

test('facts shown by anybody count only when they are true, and are kept', async (t) => {
  const arc = new Archipelago(t)
  const [a, b] = [await arc.island(), await arc.island()]
  const c = await arc.island({ inviter: b })
  await settle(b, c)
  const chain = b.cat.membershipFacts()
  const forged = chain.map((r) => {
    const bytes = r.bytes.slice()
    bytes[bytes.length - 1] = bytes[bytes.length - 1]! ^ 1
    return decodeRecord(bytes)
  })
  await a.cat.addFacts(forged.filter((r) => r.origin === b.self))
  assert.not.ok(a.cat.membership().members.has(c.self))
  await a.cat.addFacts([...chain].reverse())
  assert.ok(a.cat.membership().members.has(c.self))
  await a.restart()
  assert.ok(a.cat.membership().members.has(c.self))
})

test.run()
