import { StreamState, YamuxStream } from '@chainsafe/libp2p-yamux/stream'
import type { Stream } from '@libp2p/interface'

/** What a stream of yamux knows of its window, by the names of its fields. */
interface Windowed {
  recvWindow: number
  recvWindowCapacity: number
}

/**
 * Grants the other side more when half of the window is used up, as yamux does in Go. The one for JavaScript does so
 * after each 64 KiB, and each grant is a message of its own: encrypted, sent, and read at the other side.
 *
 * While it is paused, or not open yet, the stream does what it would do.
 */
export function grantByHalves(stream: Stream): void {
  if (!(stream instanceof YamuxStream)) return
  const grant = stream.sendWindowUpdate.bind(stream)
  const window = stream as unknown as Windowed
  stream.sendWindowUpdate = () => {
    if (stream.state === StreamState.Established && window.recvWindowCapacity * 2 > window.recvWindow) return
    grant()
  }
}
