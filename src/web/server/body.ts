/** Reading the body of a request up to a bound. */
import type { Context } from 'hono'
import { ArchipelError } from '../../protocols/model/errors.ts'

/** @throws TOO_LARGE as soon as the bound is passed, declared or not; CANCELLED when the sender goes away. */
export async function readBounded(c: Pick<Context, 'req'>, limitBytes: number): Promise<Buffer<ArrayBuffer>> {
  const tooLarge = () =>
    new ArchipelError('TOO_LARGE', `the body of this request has at most ${limitBytes} bytes`, {
      details: { limitBytes },
    })
  if (Number(c.req.header('content-length') ?? 0) > limitBytes) throw tooLarge()
  const reader = c.req.raw.body?.getReader()
  const chunks: Uint8Array[] = []
  let size = 0
  while (reader !== undefined) {
    const { done, value } = await reader.read().catch((cause) => {
      throw new ArchipelError('CANCELLED', 'the request ended before its body', { cause })
    })
    if (done) break
    size += value.byteLength
    if (size > limitBytes) {
      reader.cancel().catch(() => {})
      throw tooLarge()
    }
    chunks.push(value)
  }
  return Buffer.concat(chunks, size)
}
