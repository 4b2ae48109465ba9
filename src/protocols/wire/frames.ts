import type { Stream } from '@libp2p/interface'
import { lpStream } from '@libp2p/utils'
import type { z } from 'zod'
import { ArchipelError, type ErrorInfo, errorFromInfo } from '../model/errors.ts'
import { decodeStrict, encodeCanonical } from '../record/cbor.ts'

/** The two ends of a stream speak frames: an unsigned varint of the length, then that many bytes of CBOR. */
export interface FrameStream {
  write(value: unknown, signal: AbortSignal): Promise<void>
  /** @throws PROTOCOL for anything that is not one well-formed frame within the bound */
  read(signal: AbortSignal): Promise<unknown>
  /** Ends the own side; the other may still send. */
  closeWrite(signal: AbortSignal): Promise<void>
  abort(reason: Error): void
}

/** Answer frames: `{item}` once or several times, then `{end: true}`; or `{error}`, which ends the answer. */
export type AnswerFrame = { item: unknown } | { end: true } | { error: ErrorInfo }

export function frames(stream: Stream, maxFrameBytes: number): FrameStream {
  const lp = lpStream(stream, { maxDataLength: maxFrameBytes, maxBufferSize: maxFrameBytes + 65_536 })
  return {
    async write(value, signal) {
      await lp.write(encodeCanonical(value), { signal })
    },
    async read(signal) {
      let bytes: Uint8Array
      try {
        bytes = (await lp.read({ signal })).subarray()
      } catch (error) {
        throw readFailure(error)
      }
      try {
        return decodeStrict(bytes, { maxBytes: maxFrameBytes })
      } catch (error) {
        throw new ArchipelError('PROTOCOL', 'a frame that is not canonical CBOR', { cause: error })
      }
    },
    async closeWrite(signal) {
      await stream.close({ signal }).catch(() => {})
    },
    abort(reason) {
      stream.abort(reason)
    },
  }
}

function readFailure(error: unknown): unknown {
  const name = (error as { name?: string }).name
  switch (name) {
    case 'InvalidDataLengthError':
      return new ArchipelError('PROTOCOL', 'a frame larger than the protocol allows', { cause: error })
    case 'InvalidMessageLengthError':
    case 'InvalidDataLengthLengthError':
      return new ArchipelError('PROTOCOL', 'a frame with a malformed length', { cause: error })
    case 'AbortError':
    case 'TimeoutError':
      return error
    default:
      return new ArchipelError('UNREACHABLE', 'the connection closed before the answer was complete', { cause: error })
  }
}

/** Validates what a peer sent. @throws PROTOCOL with the path of the first fault, never with the value */
export function checked<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  throw new ArchipelError('PROTOCOL', `${what}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? 'malformed'}`.trim())
}

/** @throws PROTOCOL for a frame that is none, or the error that the frame carries */
export function answerOf(frame: unknown): { item: unknown } | { end: true } {
  if (typeof frame === 'object' && frame !== null) {
    if ('error' in frame && typeof frame.error === 'object' && frame.error !== null) throw errorFromInfo(frame.error)
    if ('item' in frame) return { item: frame.item }
    if ('end' in frame && frame.end === true) return { end: true }
  }
  throw new ArchipelError('PROTOCOL', 'an answer frame that is neither item, end nor error')
}
