import type { ConnectionEncrypter, MessageStream } from '@libp2p/interface'

type Maker<Components> = (components: Components) => ConnectionEncrypter

/**
 * Noise hands every message to the connection in two pieces, its length and itself, each of which would be a write of its own, a
 * packet of its own, and an event of its own at the other side. Here they leave as one.
 *
 * @param passed told of all bytes, encrypted, that leave and come in
 */
export function inOnePiece<Components>(make: Maker<Components>, passed: (bytes: number) => void): Maker<Components> {
  return (components) => {
    const encrypter = make(components)
    const { secureInbound, secureOutbound } = encrypter
    encrypter.secureInbound = (stream, options) => secureInbound.call(encrypter, joining(stream, passed), options)
    encrypter.secureOutbound = (stream, options) => secureOutbound.call(encrypter, joining(stream, passed), options)
    return encrypter
  }
}

function joining<Stream extends MessageStream>(stream: Stream, passed: (bytes: number) => void): Stream {
  const { send } = stream
  stream.send = (data) => {
    passed(data.byteLength)
    return send.call(stream, data instanceof Uint8Array ? data : data.subarray())
  }
  stream.addEventListener('message', ({ data }) => passed(data.byteLength))
  return stream
}
