/** One file out of a `multipart/form-data` body that is in memory, without copying it. */

const HEAD_END = Buffer.from('\r\n\r\n')
/** Bytes of the headers of one part. */
const MAX_HEAD = 16 * 1024

export interface Part {
  /** Without directories, of either system; empty where the sender gave none. */
  name: string
  bytes: Uint8Array
}

function boundaryOf(contentType: string): string | undefined {
  if (!/^multipart\/form-data\b/i.test(contentType)) return undefined
  const found = /;\s*boundary=(?:"([^"]{1,200})"|([^\s;]{1,200}))/i.exec(contentType)
  return found?.[1] ?? found?.[2]
}

/** A parameter of `Content-Disposition`, quoted or not. */
function parameter(head: string, name: string): string | undefined {
  const found = new RegExp(`;\\s*${name}=(?:"((?:[^"\\\\\\r\\n]|\\\\.)*)"|([^\\s;]+))`, 'i').exec(head)
  return found?.[1]?.replace(/\\(["\\])/g, '$1') ?? found?.[2]
}

const baseName = (path: string) => path.split(/[/\\]/).at(-1) ?? ''

/** The first file of this field; undefined where there is none, or no such body. */
export function filePart(body: Buffer, contentType: string, field: string): Part | undefined {
  const boundary = boundaryOf(contentType)
  if (boundary === undefined) return undefined
  const opening = Buffer.from(`--${boundary}`)
  const closing = Buffer.from(`\r\n--${boundary}`)
  let at = body.indexOf(opening)
  while (at >= 0) {
    const head = at + opening.length
    if (body.subarray(head, head + 2).toString('latin1') === '--') return undefined
    const begin = body.indexOf(HEAD_END, head)
    if (begin < 0 || begin - head > MAX_HEAD) return undefined
    const end = body.indexOf(closing, begin + HEAD_END.length)
    if (end < 0) return undefined
    const headers = body.subarray(head, begin).toString()
    const disposition = /^content-disposition:\s*form-data(.*)$/im.exec(headers)?.[1] ?? ''
    const file = parameter(disposition, 'filename')
    if (file !== undefined && parameter(disposition, 'name') === field)
      return { name: baseName(file), bytes: body.subarray(begin + HEAD_END.length, end) }
    at = end + 2
  }
  return undefined
}
