/** Answers that are files: streamed, with a safe name and type, and in parts where their size is known. */
import { setTimeout as sleep } from 'node:timers/promises'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { isKnown } from './etag.ts'
import { untilEnd } from './until-end.ts'

/** A file to answer with. Nothing is read before `answerFile`. */
export class FileAnswer {
  readonly mediaType: string
  readonly fileName: string
  /** From this byte on; where the size is known, before that one. */
  readonly open: (from: number, to: number) => AsyncIterable<Uint8Array>
  /** Where both are known, parts of it may be asked for. The tag stands for its bytes, such as a hash of them. */
  readonly known: { bytes: number; tag: string } | undefined

  constructor(init: Pick<FileAnswer, 'mediaType' | 'fileName' | 'open'> & { known?: FileAnswer['known'] }) {
    this.mediaType = init.mediaType
    this.fileName = init.fileName
    this.open = init.open
    this.known = init.known
  }
}

/** A type of RFC 9110, 8.3.1. What is none comes from code that somebody sent: it is named for what it is, bytes. */
const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+( *; *[\w!#$&^.+-]+=([\w!#$&^.+-]+|"[\x20\x21\x23-\x5b\x5d-\x7e]*"))*$/

/** RFC 6266: always saved, never shown as a page; the last part of its name, in ASCII and as it is. */
function disposition(name: string): string {
  const last = name.split(/[/\\]/).at(-1) ?? ''
  const ascii = last.replace(/[^\x20-\x7e]|["\\%]/g, '_') || 'result'
  const full = encodeURIComponent(last.toWellFormed()).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16)}`)
  return `attachment; filename="${ascii}"; filename*=UTF-8''${full}`
}

/**
 * The part that is asked for (RFC 9110, 14.2): one range of bytes. More than one, another unit, broken ones and those
 * of another ETag are ignored, as the RFC allows: the answer is all of it then.
 * @throws BAD_RANGE when it begins after the end
 */
function rangeOf(
  { bytes, tag }: NonNullable<FileAnswer['known']>,
  headers: Readonly<Record<string, string | undefined>>,
): { from: number; to: number } | undefined {
  const [, first = '', last = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(headers.range?.trim() ?? '') ?? []
  if (first === '' && last === '') return undefined
  const condition = headers['if-range']
  if (condition !== undefined && condition !== `"${tag}"`) return undefined
  const from = first === '' ? Math.max(0, bytes - Number(last)) : Number(first)
  const to = first === '' || last === '' ? bytes : Math.min(bytes, Number(last) + 1)
  if (first !== '' && last !== '' && Number(last) < from) return undefined
  if (from >= bytes || (first === '' && Number(last) === 0)) {
    throw new ArchipelError('BAD_RANGE', `the item has ${bytes} bytes`, { details: { bytes } })
  }
  return { from, to }
}

/** So many bytes and no more. @throws PROTOCOL when there are fewer: a reader would wait for the rest for ever */
async function* exactly(chunks: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Uint8Array> {
  let rest = bytes
  if (rest === 0) return
  for await (const chunk of chunks) {
    yield chunk.byteLength > rest ? chunk.subarray(0, rest) : chunk
    rest -= chunk.byteLength
    if (rest <= 0) return
  }
  throw new ArchipelError('PROTOCOL', `the item ended ${rest} bytes too early`)
}

/**
 * The head is sent with the first bytes, so that a failure before them has its own status; one after them breaks the
 * connection, and no reader takes a part for the whole. A reader that leaves ends the reading. Where size and sha256 are known
 * the order of the conditions is that of RFC 9110, 13.2.2: `If-None-Match` first.
 * @throws BAD_RANGE and what the file throws
 */
export async function answerFile(
  file: FileAnswer,
  headers: Readonly<Record<string, string | undefined>>,
  {
    method,
    onError,
    outgoing,
    end,
  }: {
    /** With HEAD, nothing is read. */
    method: string
    onError: (cause: unknown) => void
    /** Breaks the answer off when it aborts. */
    end?: AbortSignal | undefined
    /** The connection's side of the answer. */
    outgoing: { readonly headersSent: boolean; destroy(): void } | undefined
  },
): Promise<Response> {
  const { known } = file
  const tag = known && { 'accept-ranges': 'bytes', etag: `"${known.tag}"` }
  if (tag !== undefined && isKnown(tag.etag, headers['if-none-match']))
    return new Response(null, { status: 304, headers: tag })
  const named = {
    'content-type': MEDIA_TYPE.test(file.mediaType) ? file.mediaType : 'application/octet-stream',
    'content-disposition': disposition(file.fileName),
    ...tag,
  }
  // `Range` means something to GET alone.
  if (method === 'HEAD')
    return new Response(null, {
      headers: { ...named, ...(known === undefined ? {} : { 'content-length': String(known.bytes) }) },
    })
  const range = known && rangeOf(known, headers)
  const all = file.open(range?.from ?? 0, range?.to ?? known?.bytes ?? Number.MAX_SAFE_INTEGER)
  const length = range === undefined ? known?.bytes : range.to - range.from
  const chunks = (length === undefined ? all : exactly(all, length))[Symbol.asyncIterator]()
  let first: IteratorResult<Uint8Array> | undefined = await chunks.next()
  let gone = false
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = first ?? (await untilEnd(end, chunks.next()))
          first = undefined
          end?.throwIfAborted()
          if (done) controller.close()
          else controller.enqueue(value)
        } catch (cause) {
          onError(cause)
          if (outgoing === undefined) return controller.error(cause)
          // The HTTP adapter reads ahead before it sends the head, and puts the text of an error it meets into the answer.
          while (!outgoing.headersSent && !gone) await sleep(1)
          outgoing.destroy()
        }
      },
      async cancel() {
        gone = true
        await chunks.return?.()
      },
    },
    { highWaterMark: 0 },
  )
  return new Response(body, {
    status: range === undefined ? 200 : 206,
    headers: {
      ...named,
      ...(length === undefined ? {} : { 'content-length': String(length) }),
      ...(range === undefined ? {} : { 'content-range': `bytes ${range.from}-${range.to - 1}/${known!.bytes}` }),
    },
  })
}
