/** Bodies of requests: what Livy decodes, what it overlooks, and what it says of what it cannot read. */
import { promisify } from 'node:util'
import { gunzip, inflate } from 'node:zlib'
import type { Context } from 'hono'
import { LivyRefusal } from '../../protocols/livy/refusal.ts'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { readBounded } from '../server/body.ts'
import { LateRefusal } from './late.ts'
import { filePart } from './multipart.ts'

/** Bytes of JSON, packed and unpacked. Code and jobs of clients are far smaller. */
export const MAX_JSON_BYTES = 16 * 1024 * 1024
/** Bytes of one uploaded file: Livy's `livy.file.upload.max.size`. */
export const MAX_UPLOAD_BYTES = 100 * 1024 * 1024
/** Of a multipart body beside the file. */
const ENVELOPE_BYTES = 64 * 1024
/** Uploads held in memory at a time. */
const MAX_UPLOADS = 2

const NOTHING = 'No content to map due to end-of-input'
const FORM = /^application\/x-www-form-urlencoded\b/i

const unpackers = { gzip: promisify(gunzip), deflate: promisify(inflate) }

const tooLarge = (bytes: number) =>
  new ArchipelError('TOO_LARGE', `the body of this request has at most ${bytes} bytes`, {
    details: { limitBytes: bytes },
  })

/** Any other `Content-Encoding` is overlooked: one of Livy's own clients sends `UTF-8`. */
async function unpacked(c: Context, limit: number): Promise<Buffer> {
  const bytes = await readBounded(c, limit)
  const coding = c.req.header('content-encoding')?.trim().toLowerCase()
  if (coding !== 'gzip' && coding !== 'deflate') return bytes
  try {
    return await unpackers[coding](bytes, { maxOutputLength: limit })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(limit)
    const name = coding === 'gzip' ? 'Not in GZIP format' : 'incorrect header check'
    throw new LivyRefusal(500, `java.util.zip.ZipException: ${name}`)
  }
}

const isForm = (c: Context) => FORM.test(c.req.header('content-type')?.trim() ?? '')

/** The method that a form names in its body; it is read as a form then, and is no JSON any more. */
export async function methodOfForm(c: Context): Promise<string | undefined> {
  if (!isForm(c)) return undefined
  return new URLSearchParams((await unpacked(c, MAX_JSON_BYTES)).toString()).get('_method') ?? undefined
}

/** @throws LivyRefusal 400 with a bare string for what is no JSON; TOO_LARGE */
export async function jsonBody(c: Context): Promise<unknown> {
  const text = isForm(c) ? '' : (await unpacked(c, MAX_JSON_BYTES)).toString()
  if (text.trim() === '') throw new LivyRefusal(400, NOTHING)
  try {
    return JSON.parse(text)
  } catch (cause) {
    const { message } = cause as Error
    // Livy's reader takes the first value, and does not look at what follows.
    const rest = /^Unexpected non-whitespace character after JSON at position (\d+)/.exec(message)?.[1]
    if (rest !== undefined) return JSON.parse(text.slice(0, Number(rest)))
    throw new LivyRefusal(400, broken(text, message))
  }
}

/** What is wrong with text that is no JSON, about as Livy's reader says it. */
function broken(text: string, message: string): string {
  const at = /at position (\d+)/.exec(message)?.[1]
  if (at === undefined || Number(at) >= text.trimEnd().length) {
    const word = /^\s*([A-Za-z_]\w{0,40})/.exec(text)?.[1]
    return word === undefined
      ? 'Unexpected end-of-input within/between Object entries'
      : `Unrecognized token '${word}': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')`
  }
  const [char = ''] = text.slice(Number(at))
  return `Unexpected character ('${char}' (code ${char.codePointAt(0)}))`
}

let uploads = 0

/** The file of a multipart body. @throws LivyRefusal where it is missing or too large; TOO_MANY */
export async function uploadedFile(c: Context, field: 'jar' | 'file'): Promise<{ name: string; bytes: Uint8Array }> {
  if (uploads >= MAX_UPLOADS) throw new ArchipelError('TOO_MANY', 'other files are being uploaded at this moment')
  uploads += 1
  try {
    const type = c.req.header('content-type') ?? ''
    const part = filePart(await upload(c), type, field)
    if (part === undefined) throw new LateRefusal(400, `No ${field} sent!`)
    if (part.bytes.length > MAX_UPLOAD_BYTES) throw oversized()
    if (['', '.', '..'].includes(part.name) || part.name.includes('\0'))
      throw new LateRefusal(400, { msg: 'requirement failed: the uploaded file has no name.' })
    return part
  } finally {
    uploads -= 1
  }
}

const oversized = () =>
  new LivyRefusal(500, 'org.scalatra.servlet.SizeConstraintExceededException: Too large request or file')

async function upload(c: Context): Promise<Buffer> {
  const limit = MAX_UPLOAD_BYTES + ENVELOPE_BYTES
  try {
    return await unpacked(c, limit)
  } catch (cause) {
    throw cause instanceof ArchipelError && cause.code === 'TOO_LARGE' ? oversized() : cause
  }
}
