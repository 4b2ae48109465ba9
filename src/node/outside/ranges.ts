/** Reading of files over HTTP that are still the ones that were seen. */
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { OutsideRef } from './port.ts'
import { type Answer, bytesOf, discard, header, stale, tagOf } from './request.ts'

/** Headers that ask for a range of that very file. */
export function rangeHeaders({ tag }: Pick<OutsideRef, 'tag'>, offset: number, length: number): Record<string, string> {
  const range = `bytes=${offset}-${offset + length - 1}`
  // A weak ETag never matches (RFC 9110, 13.1.1): what came with the answer is compared, too.
  return tag.startsWith('"') ? { range, 'if-match': tag } : { range }
}

/** Bytes of the answer to `rangeHeaders`. @throws STALE, UNREADABLE where a server does not know ranges */
export async function* rangeBytes(
  answer: Answer,
  file: OutsideRef,
  { offset, length }: { offset: number; length: number },
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const whole = answer.statusCode === 200
  const total = whole ? header(answer, 'content-length') : totalOf(answer)
  if (tagOf(answer) !== file.tag || (total !== undefined && Number(total) !== file.size)) {
    await discard(answer)
    throw stale()
  }
  if (whole ? offset !== 0 || length !== file.size : startOf(answer) !== offset) {
    await discard(answer)
    throw noRanges()
  }
  let left = length
  for await (const chunk of bytesOf(answer, signal)) {
    if (chunk.length === 0) continue
    yield chunk.subarray(0, left)
    left -= Math.min(left, chunk.length)
    if (left === 0) return
  }
}

export function noRanges(): ArchipelError {
  return new ArchipelError('UNREADABLE', 'the outside source does not serve parts of files', {
    hint: 'It has to answer requests with a Range (RFC 9110, section 14); publish a copy of the file instead.',
  })
}

/** `bytes 0-0/1234`: 1234. */
export const totalOf = (answer: Answer) => /\/(\d+)$/.exec(header(answer, 'content-range') ?? '')?.[1]
const startOf = (answer: Answer) => Number(/^bytes (\d+)-/.exec(header(answer, 'content-range') ?? '')?.[1])
