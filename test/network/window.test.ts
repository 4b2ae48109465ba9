/** When a stream of yamux lets the other side send more. */
import { StreamState, YamuxStream } from '@chainsafe/libp2p-yamux/stream'
import type { Logger } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import * as assert from 'uvu/assert'
import { grantByHalves } from '../../src/node/network/window.ts'
import { suite } from '../kit/index.ts'

const test = suite('network: windows')
const KiB = 1024
const CHUNK = 64 * KiB
const SILENT = Object.assign(() => {}, {
  error: () => {},
  trace: () => {},
  newScope: () => SILENT,
  enabled: false,
}) as Logger

function opened(): { grants: number[]; come: (chunks: number) => void; stream: YamuxStream } {
  const grants: number[] = []
  const stream = new YamuxStream({
    id: '1',
    streamId: 1,
    state: StreamState.Established,
    direction: 'inbound',
    log: SILENT,
    getRTT: () => -1,
    sendFrame: ({ length }) => {
      grants.push(length)
      return true
    },
    initialStreamWindowSize: 1024 * KiB,
    maxStreamWindowSize: 4096 * KiB,
  })
  grantByHalves(stream)
  stream.addEventListener('message', () => {})
  const come = (chunks: number) => {
    for (let i = 0; i < chunks; i++)
      stream.handleData({
        header: { type: 0, flag: 0, streamID: 1, length: CHUNK },
        data: new Uint8ArrayList(new Uint8Array(CHUNK)),
      } as never)
  }
  return { grants, come, stream }
}

test('more is granted when half of the window is used up, and all of it then', () => {
  const { grants, come } = opened()
  come(7)
  assert.equal(grants, [])
  come(1)
  assert.equal(grants, [512 * KiB])
  come(16)
  assert.equal(grants, [512 * KiB, 512 * KiB, 512 * KiB])
})

test('a stream that is paused grants nothing, and what is due when it goes on', () => {
  const { grants, come, stream } = opened()
  stream.pause()
  come(16)
  assert.equal(grants, [])
  stream.resume()
  assert.equal(grants, [1024 * KiB])
  stream.pause()
  come(2)
  stream.resume()
  assert.equal(grants, [1024 * KiB], 'most of the window is still there')
})

test.run()
