/** HTTP to outside sources: own connections, coded failures, and no redirect to where nobody allowed it. */
import { Agent, type Dispatcher, request } from 'undici'
import { ArchipelError } from '../../protocols/model/errors.ts'

export interface Call {
  method: 'GET' | 'HEAD'
  headers?: Record<string, string>
  /** Statuses that are answers and no failures, beside 200 and 206. */
  also?: readonly number[]
  signal: AbortSignal
}

export type Answer = Dispatcher.ResponseData

const CONNECT_MS = 10_000
/** Without a byte for so long, a connection counts as lost. */
const SILENCE_MS = 60_000
const CONNECTIONS = 16
const MAX_TEXT_BYTES = 16 * 1024 * 1024

export function agent(ca?: string): Agent {
  return new Agent({
    connect: { timeout: CONNECT_MS, ...(ca === undefined ? {} : { ca }) },
    headersTimeout: SILENCE_MS,
    bodyTimeout: SILENCE_MS,
    connections: CONNECTIONS,
  })
}

/** One request. The body has to be read or destroyed. @throws NOT_FOUND, STALE, SOURCE_REFUSED, SOURCE_UNREACHABLE, UNREADABLE */
export async function ask(dispatcher: Dispatcher, url: string, call: Call): Promise<Answer> {
  const { method, headers, signal, also = [] } = call
  let answer: Answer
  try {
    answer = await request(url, {
      dispatcher,
      method,
      signal,
      headers: { 'accept-encoding': 'identity', 'user-agent': 'archipel', ...headers },
    })
  } catch (cause) {
    throw lost(cause, signal)
  }
  const { statusCode } = answer
  if (statusCode === 200 || statusCode === 206 || also.includes(statusCode)) return answer
  await discard(answer)
  throw refusal(statusCode)
}

export async function discard(answer: Answer): Promise<void> {
  // An answer without a body has nothing to say when it is destroyed; one with a body says that it was.
  answer.body.on('error', () => {})
  answer.body.destroy()
}

export async function* bytesOf(answer: Answer, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of answer.body) yield chunk as Uint8Array
  } catch (cause) {
    throw lost(cause, signal)
  } finally {
    await discard(answer)
  }
}

/** A body that is no file: lists and the like. @throws UNREADABLE where it is too long for that */
export async function textOf(answer: Answer, signal?: AbortSignal): Promise<string> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of bytesOf(answer, signal)) {
    bytes += chunk.length
    if (bytes > MAX_TEXT_BYTES) throw new ArchipelError('UNREADABLE', 'the outside source answers without end')
    parts.push(chunk)
  }
  return Buffer.concat(parts).toString('utf8')
}

/** A header that comes once. */
export function header(answer: Answer, name: string): string | undefined {
  const value = answer.headers[name]
  return Array.isArray(value) ? value[0] : value
}

/** What of an answer tells one state of a file from another. A weak ETag is better than nothing. */
export function tagOf(answer: Answer): string {
  const given = header(answer, 'etag')
  const etag = given === '' || given === '""' ? undefined : given
  const modified = header(answer, 'last-modified')
  if (etag !== undefined && !etag.startsWith('W/')) return etag
  return [etag, modified].filter((part) => part !== undefined).join(' ')
}

/** The place in all words about it, which other islands may read, is left out. */
export function stale(): ArchipelError {
  return new ArchipelError('STALE', 'the outside source has another file there by now')
}

function lost(cause: unknown, signal?: AbortSignal): unknown {
  if (signal?.aborted) return signal.reason
  if (cause instanceof ArchipelError) return cause
  const code = (cause as NodeJS.ErrnoException).code ?? 'no answer'
  return new ArchipelError('SOURCE_UNREACHABLE', `the outside source cannot be reached (${code})`, { cause })
}

function refusal(status: number): ArchipelError {
  if (status === 404 || status === 410)
    return new ArchipelError('NOT_FOUND', 'the outside source has no such file', {
      hint: 'Check the place, and that it is not a folder where only files can be read.',
    })
  if (status === 401 || status === 403)
    return new ArchipelError('SOURCE_REFUSED', `the outside source refuses this island (${status})`)
  if (status === 412 || status === 416) return stale()
  if (status === 408 || status === 429 || status >= 500)
    return new ArchipelError('SOURCE_UNREACHABLE', `the outside source cannot answer now (${status})`)
  return new ArchipelError('UNREADABLE', `the outside source answers ${status} instead of the file`, {
    hint: 'Check the place; a redirect is followed only to what outside.sources names, too.',
  })
}
