/** Reading from services that cannot be asked for one state of a file. */
import type { Listed, OutsideRef } from './port.ts'
import { stale } from './request.ts'

/**
 * Looks at the file before its bytes are given, and again when all were: one that is changed in between is told at the end.
 * @throws STALE, what both throw
 */
export async function* unchanged(
  file: OutsideRef,
  stat: (url: string, signal: AbortSignal) => Promise<Listed>,
  read: () => AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const look = async () => {
    const { size, tag } = await stat(file.url, signal)
    if (size !== file.size || tag !== file.tag) throw stale()
  }
  await look()
  yield* read()
  await look()
}

/** So many bytes of a stream, after others that are not wanted. */
export async function* part(
  stream: AsyncIterable<Uint8Array>,
  { skip = 0, length }: { skip?: number; length: number },
): AsyncGenerator<Uint8Array> {
  let before = skip
  let left = length
  if (left === 0) return
  for await (const chunk of stream) {
    const bytes = chunk.subarray(Math.min(before, chunk.length), Math.min(before + left, chunk.length))
    before -= Math.min(before, chunk.length)
    if (bytes.length === 0) continue
    left -= bytes.length
    yield bytes
    if (left === 0) return
  }
}
