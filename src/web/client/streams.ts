/** The two streamed forms of answers, read from bytes as they come. */
import { ArchipelError } from '../../protocols/model/errors.ts'

/** Characters of one line; a longer one is not from an island. */
const MAX_LINE = 16 * 1024 * 1024

/** Lines without their ends (`\n` or `\r\n`); what comes after the last end is a line, too, when it is not empty. */
export async function* lines(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of bytes) {
    rest += decoder.decode(chunk, { stream: true })
    let from = 0
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n', from)) {
      yield rest.slice(from, rest[end - 1] === '\r' && end > from ? end - 1 : end)
      from = end + 1
    }
    rest = rest.slice(from)
    if (rest.length > MAX_LINE) throw new ArchipelError('PROTOCOL', 'a line of the answer is too long')
  }
  rest += decoder.decode()
  if (rest !== '') yield rest
}

export interface ServerSentEvent {
  id: string | undefined
  event: string
  data: string
}

/** Server-sent events (HTML Living Standard, 9.2.6); comments are dropped, an event cut off by the end is, too. */
export async function* serverSentEvents(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  let id: string | undefined
  let event = ''
  let data: string[] = []
  for await (const line of lines(bytes)) {
    if (line === '') {
      if (data.length > 0) yield { id, event: event === '' ? 'message' : event, data: data.join('\n') }
      event = ''
      data = []
      continue
    }
    const [, field, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []
    if (field === 'id' && !value.includes('\0')) id = value
    else if (field === 'event') event = value
    else if (field === 'data') data.push(value)
  }
}
