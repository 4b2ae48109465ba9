import type { Stream } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import { ArchipelError } from '../model/errors.ts'

/** Bytes taken in ahead of the one who reads; above it the sender waits. */
const AHEAD_BYTES = 64 * 1024
/** Bytes of a length: up to 256 MiB, more than any frame. */
const MAX_LENGTH_BYTES = 4

/** Length-prefixed byte strings of a stream, in order. */
export interface Reader {
  /**
   * The next one. @throws PROTOCOL for a length that is malformed or above the bound, UNREACHABLE when the stream ends
   * before it is complete, and the signal's reason
   */
  next(signal: AbortSignal): Promise<Uint8Array>
}

/**
 * Reads a stream without ever holding more than one frame and a little: where the reader is slower than the sender,
 * the stream is paused, which keeps the sender from sending. (`lpStream` of libp2p collects until its bound and
 * then resets the stream, and follows a length that never ends.)
 */
export function reader(stream: Stream, maxBytes: number): Reader {
  const buffer = new Uint8ArrayList()
  let wanted = 1
  let wake: (() => void) | undefined
  const onMessage = (event: { data: Uint8Array | Uint8ArrayList }) => {
    buffer.append(event.data)
    if (buffer.byteLength >= wanted + AHEAD_BYTES && stream.readStatus === 'readable') stream.pause()
    wake?.()
  }
  const onChange = () => wake?.()
  stream.addEventListener('message', onMessage)
  stream.addEventListener('remoteCloseWrite', onChange)
  stream.addEventListener('close', onChange)

  /** Until so many bytes are here. */
  async function fill(bytes: number, signal: AbortSignal): Promise<void> {
    wanted = bytes
    while (buffer.byteLength < bytes) {
      signal.throwIfAborted()
      if (stream.readStatus === 'paused') resume(stream)
      if (buffer.byteLength >= bytes) return
      if (stream.remoteWriteStatus !== 'writable' && stream.readBufferLength === 0)
        throw new ArchipelError('UNREACHABLE', 'the stream ended before a frame was complete')
      await changed(signal)
    }
  }

  async function changed(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const onAbort = () => reject(signal.reason)
      wake = () => {
        signal.removeEventListener('abort', onAbort)
        resolve()
      }
      signal.addEventListener('abort', onAbort, { once: true })
    }).finally(() => {
      wake = undefined
    })
  }

  async function length(signal: AbortSignal): Promise<number> {
    let value = 0
    for (let i = 0; i < MAX_LENGTH_BYTES; i++) {
      await fill(1, signal)
      const byte = buffer.get(0)
      buffer.consume(1)
      value += (byte & 0x7f) * 2 ** (7 * i)
      if (byte >= 0x80) continue
      if (byte === 0 && i > 0) break
      return value
    }
    throw new ArchipelError('PROTOCOL', 'a frame with a malformed length')
  }

  return {
    async next(signal) {
      const bytes = await length(signal)
      if (bytes > maxBytes) throw new ArchipelError('PROTOCOL', 'a frame larger than the protocol allows')
      await fill(bytes, signal)
      const frame = buffer.subarray(0, bytes)
      buffer.consume(bytes)
      wanted = 1
      return frame
    },
  }
}

/** What had come in meanwhile is told at once; only then the sender hears that it may go on, if it is still there. */
function resume(stream: Stream): void {
  try {
    stream.resume()
  } catch {
    // The connection is gone; what had arrived can still be read.
  }
}
