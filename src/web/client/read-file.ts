/** A file of a dataset: its head first, its bytes when they are asked for. */
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { FileReading, ReadRequest } from '../ports.ts'
import type { ClientOptions } from './options.ts'
import { TABLE } from './table.ts'
import type { Transport } from './transport.ts'

/** @throws what the island answers, and STALE where another version came in between */
export async function readFile(
  http: Transport,
  { ref, path, version }: ReadRequest,
  { signal }: ClientOptions = {},
): Promise<FileReading> {
  const input = { params: { ref, path }, query: { version }, ...(signal === undefined ? {} : { signal }) }
  const { headers, end } = await http.open({ ...TABLE.read, method: 'HEAD' }, input).catch(async () => {
    // An answer to HEAD has no words: GET says why.
    return await http.open(TABLE.read, { ...input, headers: { range: 'bytes=0-0' } })
  })
  end()
  const tag = headers.get('etag') ?? ''
  const size = headers.get('content-range')?.split('/')[1] ?? headers.get('content-length') ?? ''
  if (!/^"[0-9a-f]{64}"$/.test(tag) || !/^\d{1,16}$/.test(size))
    throw new ArchipelError('PROTOCOL', 'the answer does not say which file it is')

  async function* bytes({ from, to }: { from: number; to: number }): AsyncGenerator<Uint8Array> {
    if (from >= Math.min(to, Number(size))) return
    const range = { range: `bytes=${from}-${to - 1}` }
    const answer = await http.open(TABLE.read, { ...input, headers: range })
    if (answer.headers.get('etag') !== tag) {
      answer.end()
      throw new ArchipelError('STALE', `${JSON.stringify(path)} is another file now`, {
        hint: 'Ask for it again, or name the version.',
      })
    }
    yield* answer.body
  }
  return {
    path,
    bytes: Number(size),
    pieces: tag.slice(1, -1),
    mediaType: headers.get('content-type') ?? 'application/octet-stream',
    open: bytes,
  }
}
