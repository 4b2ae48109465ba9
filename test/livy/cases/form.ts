import type { Ask } from './ask.ts'

const BOUNDARY = 'a-boundary-of-the-cases'

/** A form with one file; the name of the file goes as it is. */
export function form(part: string, name: string, text: string): Pick<Ask, 'headers' | 'body'> {
  return {
    headers: { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` },
    body:
      `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${part}"; filename="${name}"\r\n` +
      `Content-Type: application/octet-stream\r\n\r\n${text}\r\n--${BOUNDARY}--\r\n`,
  }
}
