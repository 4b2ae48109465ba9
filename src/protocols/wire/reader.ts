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
 * Reads a stream without holding more than a frame and what the window of the stream lets the sender send ahead: where
 * the reader is the slower one, the stream is paused. (`lpStream` of libp2p collects until its bound and then resets
 * the stream, and follows a length that never ends.)
 */
export function reader(stream: Stream, maxBytes: number): Reader {
  const buffer = new Uint8ArrayList()
  let wanted = 1
  let resuming = false
  let wake: (() => void) | undefined
  const onMessage = (event: { data: Uint8Array | Uint8ArrayList }) => {
    buffer.append(event.data)
    if (!resuming) hold()
    wake?.()
  }
  const onChange = () => wake?.()
  stream.addEventListener('message', onMessage)
  stream.addEventListener('remoteCloseWrite', onChange)
  stream.addEventListener('close', onChange)

  function hold(): void {
    if (buffer.byteLength >= wanted + AHEAD_BYTES && stream.readStatus === 'readable') stream.pause()
  }

  /**
   * What had come in meanwhile is told within `resume()`, which only then lets the sender go on: to pause in between
   * would leave a stream that is paused while its window grows, until it is reset for the size of its buffer.
   */
  function resume(): void {
    resuming = true
    try {
      stream.resume()
    } catch {
      // The connection is gone; what had arrived can still be read.
    } finally {
      resuming = false
    }
    hold()
  }

  /** Until so many bytes are here. */
  async function fill(bytes: number, signal: AbortSignal): Promise<void> {
    wanted = bytes
    while (buffer.byteLength < bytes) {
      signal.throwIfAborted()
      if (stream.readStatus === 'paused') resume()
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
