import type { Stream } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import { ArchipelError } from '../model/errors.ts'

/**
 * Sends one length-prefixed byte string and waits until all of it has left: until then nothing more is queued, so that
 * a peer that reads slowly costs one frame of memory and, by the signal, a bounded time.
 *
 * @throws UNREACHABLE when the stream is closed, and the signal's reason
 */
export async function writeFrame(stream: Stream, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  try {
    if (stream.send(new Uint8ArrayList(prefix(bytes.length), bytes))) return
  } catch (error) {
    throw closed(error)
  }
  // "drain" tells that the peer made room, for as little as a byte.
  while (stream.writableNeedsDrain || stream.writeBufferLength > 0) await drain(stream, signal)
}

async function drain(stream: Stream, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  if (stream.status !== 'open') throw closed()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onClose = () => reject(closed())
  const onAbort = () => reject(signal.reason)
  stream.addEventListener('drain', resolve as () => void)
  stream.addEventListener('close', onClose)
  signal.addEventListener('abort', onAbort)
  try {
    await promise
  } finally {
    stream.removeEventListener('drain', resolve as () => void)
    stream.removeEventListener('close', onClose)
    signal.removeEventListener('abort', onAbort)
  }
}

/** The length as an unsigned varint (LEB128). */
function prefix(length: number): Uint8Array {
  const bytes: number[] = []
  for (let rest = length; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return new Uint8Array([...bytes, rest])
    bytes.push((rest % 128) | 0x80)
  }
}

function closed(cause?: unknown): ArchipelError {
  return new ArchipelError('UNREACHABLE', 'the stream is closed', cause === undefined ? {} : { cause })
}
