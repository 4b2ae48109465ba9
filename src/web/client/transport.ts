/** HTTP to one island: a call of a route, and its failures as `ArchipelError`. */
import { type Dispatcher, Pool } from 'undici'
import { z } from 'zod'
import { ArchipelError, type ErrorCode, toArchipelError } from '../../protocols/model/errors.ts'
import { issueText } from '../../protocols/model/issues.ts'
import { fromProblem, PROBLEM_MEDIA_TYPE } from '../contract/problem.ts'
import { fillPath, type Route } from '../contract/route.ts'

export interface CallInput {
  params?: Record<string, string>
  /** As the handler will see it; written as text by the schema of the route. */
  query?: Record<string, unknown>
  body?: unknown
  headers?: Record<string, string>
  signal?: AbortSignal
}

export interface Transport {
  /** The answer, head read and status checked. Its body has to be consumed. */
  open(route: Route, input: CallInput): Promise<Dispatcher.ResponseData>
  /** The whole answer, as JSON. */
  json(route: Route, input: CallInput): Promise<unknown>
  close(): Promise<void>
}

const HEADERS_TIMEOUT_MS = 30_000
const CONNECT_TIMEOUT_MS = 5_000
/** Streams send something at least every 15 s. */
const BODY_TIMEOUT_MS = 60_000

const BY_CAUSE: Record<string, [ErrorCode, string]> = {
  ECONNREFUSED: ['NOT_RUNNING', 'no island answers there'],
  ENOTFOUND: ['UNREACHABLE', 'the name of the island is not known'],
  EAI_AGAIN: ['UNREACHABLE', 'the name of the island cannot be looked up now'],
  ECONNRESET: ['UNREACHABLE', 'the connection broke'],
  EPIPE: ['UNREACHABLE', 'the connection broke'],
  EHOSTUNREACH: ['UNREACHABLE', 'the host cannot be reached'],
  ENETUNREACH: ['UNREACHABLE', 'the network cannot be reached'],
  ETIMEDOUT: ['UNREACHABLE', 'the host does not answer'],
  UND_ERR_SOCKET: ['UNREACHABLE', 'the connection broke'],
  UND_ERR_CONNECT_TIMEOUT: ['UNREACHABLE', 'the host does not answer'],
  UND_ERR_HEADERS_TIMEOUT: ['DEADLINE', 'the island did not answer in time'],
  UND_ERR_BODY_TIMEOUT: ['DEADLINE', 'the island stopped answering'],
  UND_ERR_ABORTED: ['CANCELLED', 'the call was cancelled'],
}

/** What undici throws, by code. @throws never; returns the error. */
export function fromTransport(cause: unknown, signal?: AbortSignal): ArchipelError {
  if (cause instanceof ArchipelError) return cause
  if (signal?.aborted) return toArchipelError(asAbort(signal.reason))
  const { code = '', name = '' } = (cause ?? {}) as { code?: string; name?: string }
  const known = BY_CAUSE[code]
  if (known !== undefined) return new ArchipelError(known[0], known[1], { cause })
  if (code.startsWith('HPE_') || name === 'HTTPParserError') {
    return new ArchipelError('PROTOCOL', 'what answers there does not speak HTTP', { cause })
  }
  return toArchipelError(cause)
}

function asAbort(reason: unknown): unknown {
  return reason instanceof Error && reason.name === 'TimeoutError' ? reason : new DOMException('aborted', 'AbortError')
}

/** @throws BAD_INPUT when `url` is not that of an island */
export function transport(url: string, token: string | undefined): Transport {
  const base = URL.canParse(url) ? new URL(url) : undefined
  if (
    base === undefined ||
    !/^https?:$/.test(base.protocol) ||
    base.username !== '' ||
    base.search !== '' ||
    base.hash !== ''
  ) {
    throw new ArchipelError('BAD_INPUT', `not the URL of an island: ${JSON.stringify(url.slice(0, 200))}`, {
      hint: 'Give the web address of an island, e.g. http://127.0.0.1:9411.',
    })
  }
  const prefix = base.pathname.replace(/\/+$/, '')
  const pool = new Pool(base.origin, {
    connect: { timeout: CONNECT_TIMEOUT_MS },
    bodyTimeout: BODY_TIMEOUT_MS,
    connections: 16,
  })

  async function open(route: Route, input: CallInput): Promise<Dispatcher.ResponseData> {
    const { signal } = input
    if (signal?.aborted) throw fromTransport(undefined, signal)
    const path = prefix + checkedPath(route, input) + queryText(route, input)
    let response: Dispatcher.ResponseData
    try {
      response = await pool.request({
        path,
        method: route.method,
        headers: {
          accept: '*/*',
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(input.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...input.headers,
        },
        body: input.body === undefined ? null : JSON.stringify(input.body),
        headersTimeout: route.timeoutMs ?? HEADERS_TIMEOUT_MS,
        signal,
      })
    } catch (cause) {
      throw fromTransport(cause, signal)
    }
    if (response.statusCode === 200 || response.statusCode === 206) return response
    throw await failure(response)
  }

  return {
    open,
    async json(route, input) {
      const response = await open(route, input)
      let text: string
      try {
        text = await response.body.text()
      } catch (cause) {
        throw fromTransport(cause, input.signal)
      }
      return parse(text)
    },
    close: () => pool.destroy(),
  }
}

/** @throws PROTOCOL */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw notAnIsland(cause)
  }
}

function notAnIsland(cause?: unknown): ArchipelError {
  return new ArchipelError('PROTOCOL', 'what answers there is not an island', {
    hint: 'Check the URL; `archipel up` prints that of the island.',
    cause,
  })
}

async function failure(response: Dispatcher.ResponseData): Promise<ArchipelError> {
  const isProblem = String(response.headers['content-type'] ?? '').startsWith(PROBLEM_MEDIA_TYPE)
  if (!isProblem) {
    await response.body.dump().catch(() => {})
    return notAnIsland()
  }
  try {
    return fromProblem(parse(await response.body.text())) ?? notAnIsland()
  } catch (cause) {
    return fromTransport(cause)
  }
}

/** A URL resolves `.` and `..` even when they are percent-encoded, so these would name another route. */
function checkedPath(route: Route, { params = {} }: CallInput): string {
  for (const [name, value] of Object.entries(params)) {
    if (/^\.{0,2}$/.test(value)) throw new ArchipelError('BAD_ID', `${name}: ${JSON.stringify(value)} names nothing`)
  }
  return fillPath(route.path, params)
}

function queryText(route: Route, { query }: CallInput): string {
  if (route.query === undefined || query === undefined) return ''
  const given = Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined))
  const encoded = z.safeEncode(route.query, given)
  if (!encoded.success) {
    throw new ArchipelError('BAD_INPUT', issueText(encoded.error.issues[0]!, given, 'the query'))
  }
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(encoded.data)) {
    for (const item of Array.isArray(value) ? value : [value]) search.append(name, String(item))
  }
  return search.size === 0 ? '' : `?${search}`
}
