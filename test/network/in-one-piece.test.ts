import type { ConnectionEncrypter } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import * as assert from 'uvu/assert'
import { inOnePiece } from '../../src/node/network/in-one-piece.ts'
import { suite } from '../kit/index.ts'

const test = suite('noise writes in one piece')

for (const way of ['secureInbound', 'secureOutbound'] as const)
  test(`${way}: a message of two pieces leaves as one, another one as it is`, async () => {
    const sent: unknown[] = []
    let passed = 0
    const stream = Object.assign(new EventTarget(), { send: (data: unknown) => sent.push(data) > 0 })
    const secure = async (given: { send(data: unknown): boolean }) => {
      given.send(new Uint8ArrayList(Uint8Array.of(0, 2), Uint8Array.of(7, 8)))
      given.send(Uint8Array.of(9))
      return { connection: given }
    }
    const make = () => ({ secureInbound: secure, secureOutbound: secure }) as unknown as ConnectionEncrypter
    await inOnePiece(make, (bytes) => (passed += bytes))({})[way](stream as never)
    assert.equal(sent, [Uint8Array.of(0, 2, 7, 8), Uint8Array.of(9)])
    stream.dispatchEvent(Object.assign(new Event('message'), { data: Uint8Array.of(1, 2, 3) }))
    assert.is(passed, 8, 'what left and what came in is told')
  })

test.run()
