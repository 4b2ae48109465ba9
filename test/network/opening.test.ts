/** A stream that is opened while its connection closes. */
import { yamux } from '@chainsafe/libp2p-yamux'
import type { Logger, MessageStream } from '@libp2p/interface'
import * as assert from 'uvu/assert'
import { openingSafely } from '../../src/node/network/opening.ts'
import { suite } from '../kit/index.ts'

const test = suite('network: opening streams')
const SILENT = Object.assign(() => {}, {
  error: () => {},
  trace: () => {},
  newScope: () => SILENT,
  enabled: false,
}) as Logger

/** A connection below a muxer that takes messages until it is closed. */
class Line extends EventTarget {
  log = SILENT
  direction = 'outbound'
  sent = 0
  closed = false
  send(): boolean {
    if (this.closed) throw new Error('Cannot write to a stream that is closed')
    this.sent += 1
    return true
  }
}

function opened() {
  const line = new Line()
  const make = openingSafely(yamux({ enableKeepAlive: false }))
  const muxer = make(undefined as never).createStreamMuxer(line as unknown as MessageStream)
  return { line, muxer }
}

test('a connection that began to close ends the stream, and nothing else', async () => {
  const { line, muxer } = opened()
  line.closed = true
  const stream = await muxer.createStream()
  // What is thrown after the caller has the stream, ends the process.
  await new Promise((resolve) => setImmediate(resolve))
  assert.is(stream.status, 'aborted')
})

test('an open one is told of the stream', async () => {
  const { line, muxer } = opened()
  const stream = await muxer.createStream()
  await new Promise((resolve) => setImmediate(resolve))
  assert.is(line.sent, 1)
  assert.is(stream.status, 'open')
})

test.run()
