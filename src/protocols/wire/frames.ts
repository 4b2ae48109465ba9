import type { Stream } from '@libp2p/interface'
import type { z } from 'zod'
import { ArchipelError, errorFromInfo } from '../model/errors.ts'
import { parseUntrusted } from '../model/parse.ts'
import { decodeStrict, encodeCanonical } from '../record/cbor.ts'
import { reader } from './reader.ts'
import { writeFrame } from './writer.ts'

/** The two ends of a stream speak frames: an unsigned varint of the length, then that many bytes of CBOR. */
export interface FrameStream {
  write(value: unknown, signal: AbortSignal): Promise<void>
  /** @throws PROTOCOL for anything that is not one well-formed frame within the bound, UNREACHABLE when the stream ends */
  read(signal: AbortSignal): Promise<unknown>
  /** Ends the own side; the other may still send. Does not fail: a stream that cannot be closed in time is reset. */
  closeWrite(signal: AbortSignal): Promise<void>
  abort(reason: Error): void
}

/** Milliseconds for the other side to end its half when everything is said. */
export const LINGER_MS = 1000

/** The end of a stream whose answer is complete: one that the other side does not end, too, would stay for good. */
export function linger(stream: Stream): void {
  if (stream.status !== 'open') return
  const reset = () => stream.abort(new ArchipelError('CANCELLED', 'everything was said'))
  const timer = setTimeout(reset, LINGER_MS).unref()
  stream.addEventListener('close', () => clearTimeout(timer), { once: true })
}

/** @param options.views byte strings of what is read are parts of its frame; false by default */
export function frames(stream: Stream, maxFrameBytes: number, options: { views?: boolean } = {}): FrameStream {
  const input = reader(stream, maxFrameBytes)
  return {
    async write(value, signal) {
      await writeFrame(stream, encodeCanonical(value), signal)
    },
    async read(signal) {
      const bytes = await input.next(signal)
      try {
        return decodeStrict(bytes, { maxBytes: maxFrameBytes, ...options })
      } catch (error) {
        throw new ArchipelError('PROTOCOL', 'a frame that is not canonical CBOR', { cause: error })
      }
    },
    async closeWrite(signal) {
      await stream.close({ signal }).catch((error: Error) => stream.abort(error))
    },
    abort(reason) {
      stream.abort(reason)
    },
  }
}

/** Validates what a peer sent. @throws PROTOCOL with the path of the first fault, never with the value */
export function checked<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = parseUntrusted(schema, value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  throw new ArchipelError('PROTOCOL', `${what}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? 'malformed'}`.trim())
}

/**
 * Answer frames are `{item}` once or several times, then `{end: true}`; or `{error}`, which ends the answer.
 * @throws PROTOCOL for a frame that is none, or the error that the frame carries */
export function answerOf(frame: unknown): { item: unknown } | { end: true } {
  if (typeof frame === 'object' && frame !== null) {
    if ('error' in frame && typeof frame.error === 'object' && frame.error !== null) throw errorFromInfo(frame.error)
    if ('item' in frame) return { item: frame.item }
    if ('end' in frame && frame.end === true) return { end: true }
  }
  throw new ArchipelError('PROTOCOL', 'an answer frame that is neither item, end nor error')
}
