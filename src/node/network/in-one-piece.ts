import type { ConnectionEncrypter, MessageStream } from '@libp2p/interface'

type Maker<Components> = (components: Components) => ConnectionEncrypter

/**
 * Noise hands every message to the connection in two pieces, its length and itself, each of which would be a write of its own, a
 * packet of its own, and an event of its own at the other side. Here they leave as one.
 */
export function inOnePiece<Components>(make: Maker<Components>): Maker<Components> {
  return (components) => {
    const encrypter = make(components)
    const { secureInbound, secureOutbound } = encrypter
    encrypter.secureInbound = (stream, options) => secureInbound.call(encrypter, joining(stream), options)
    encrypter.secureOutbound = (stream, options) => secureOutbound.call(encrypter, joining(stream), options)
    return encrypter
  }
}

function joining<Stream extends MessageStream>(stream: Stream): Stream {
  const { send } = stream
  stream.send = (data) => send.call(stream, data instanceof Uint8Array ? data : data.subarray())
  return stream
}
