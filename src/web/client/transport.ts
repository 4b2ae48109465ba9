/** HTTP to one island over `fetch`: a call of a route with its deadline, its tries, and its failures as `ArchipelError`. */
import { ArchipelError } from '../../protocols/model/errors.ts'
import { type Answer, answerOf, type Call } from './answer.ts'
import { BROWSER_SESSION, csrf } from './csrf.ts'
import { afterBreak, failureOf, fromTransport, parse } from './failures.ts'
import { baseUrl, type ClientRoute, pathOf, queryOf } from './request.ts'
import { delayOf, pause, retryAfterMs } from './retry.ts'

/** What is uploaded. */
export type MainBytes = Uint8Array | Blob | AsyncIterable<Uint8Array>

export interface CallInput {
  params?: Record<string, string>
  /** As the handler will see it. */
  query?: object
  body?: unknown
  /** Instead of a body. */
  bytes?: MainBytes
  headers?: Record<string, string>
  signal?: AbortSignal
  /** Of a call that makes something: the same key does it once, so that it may be tried again. */
  idempotencyKey?: string
}

export interface TransportInit {
  url: string
  token: string | undefined
  fetch: typeof globalThis.fetch
  /** Further tries of a call that can do no harm twice. */
  retries: number
}

export interface Transport {
  /** The answer, head read and status checked. Its body has to be read or ended. */
  open(route: ClientRoute, input: CallInput): Promise<Answer>
  /** The whole answer, as JSON. */
  json(route: ClientRoute, input: CallInput): Promise<unknown>
  /** The whole answer, as text. */
  text(route: ClientRoute, input: CallInput): Promise<string>
  /** Aborted by `close`. */
  readonly closed: AbortSignal
  /** Ends all calls. */
  close(): void
}

const HEAD_MS = 30_000

/** @throws BAD_INPUT when `url` is not that of an island, or the token cannot be one */
export function transport({ url, token, fetch, retries }: TransportInit): Transport {
  const base = baseUrl(url)
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) throw new ArchipelError('BAD_INPUT', 'that is no token')
  const closing = new AbortController()
  // A page of the island itself signs in by a cookie.
  const guard =
    token === undefined && globalThis.location?.origin === new URL(base).origin
      ? csrf((signal) => json(BROWSER_SESSION, { signal }))
      : undefined

  /** Ends with the caller's signal, with the client, and by itself. */
  function begin(callers: AbortSignal | undefined): Call {
    const own = new AbortController()
    const follow = () => own.abort(callers?.reason)
    const close = () => own.abort(new ArchipelError('CANCELLED', 'the client was closed'))
    const unfollow = () => {
      callers?.removeEventListener('abort', follow)
      closing.signal.removeEventListener('abort', close)
    }
    callers?.addEventListener('abort', follow, { once: true })
    closing.signal.addEventListener('abort', close, { once: true })
    if (callers?.aborted) follow()
    else if (closing.signal.aborted) close()
    return {
      signal: own.signal,
      callers,
      abort: (reason) => own.abort(reason),
      end() {
        unfollow()
        own.abort(new ArchipelError('CANCELLED', 'the call has ended'))
      },
    }
  }

  async function send(route: ClientRoute, input: CallInput): Promise<[Response, Call]> {
    const { signal, body, bytes, idempotencyKey: key } = input
    if (signal?.aborted) throw fromTransport(undefined, signal)
    const address = base + pathOf(route, input.params) + queryOf(input.query)
    const guarded = guard !== undefined && route.method !== 'GET' && route.isPublic !== true
    const headers = {
      accept: '*/*',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(bytes === undefined ? {} : { 'content-type': 'application/octet-stream' }),
      ...(key === undefined ? {} : { 'idempotency-key': key }),
      ...(guarded ? await guard.headers(signal) : {}),
      ...input.headers,
    }
    const call = begin(signal)
    const late = () => call.abort(new ArchipelError('DEADLINE', 'the island did not answer in time'))
    const head = setTimeout(late, Math.min(route.timeoutMs ?? HEAD_MS, 2 ** 31 - 1))
    try {
      const response = await fetch(address, {
        method: route.method,
        headers,
        body: bytes === undefined ? (body === undefined ? null : JSON.stringify(body)) : sendable(bytes),
        // A stream is sent before the answer begins.
        ...(bytes === undefined || bytes instanceof Uint8Array || bytes instanceof Blob
          ? {}
          : { duplex: 'half' as const }),
        signal: call.signal,
        credentials: token === undefined ? 'same-origin' : 'omit',
        redirect: 'manual',
      })
      return [response, call]
    } catch (cause) {
      const error = fromTransport(cause, signal, call.signal)
      call.end()
      throw error
    } finally {
      clearTimeout(head)
    }
  }

  /** Tries until there is an answer that `read` takes, or one that no other try would better. */
  async function tries<T>(route: ClientRoute, input: CallInput, read: (answer: Answer) => Promise<T>): Promise<T> {
    const harmless = route.method === 'GET' || route.method === 'HEAD' || input.idempotencyKey !== undefined
    let renewed = false
    for (let tried = 1; ; tried++) {
      let askedMs: number | undefined
      try {
        const [response, call] = await send(route, input)
        const answer = answerOf(response, call)
        if (response.ok) return await read(answer)
        askedMs = retryAfterMs(response.headers.get('retry-after'))
        throw await failureOf(answer)
      } catch (cause) {
        const error = fromTransport(cause, input.signal)
        if (!renewed && guard?.renew(error)) {
          renewed = true
          continue
        }
        const delay = harmless && tried <= retries ? delayOf(error, { tried, askedMs }) : undefined
        if (delay === undefined) throw tried === 1 ? error : afterBreak(error)
        await pause(delay, input.signal)
      }
    }
  }

  const open = (route: ClientRoute, input: CallInput) => tries(route, input, async (answer) => answer)
  async function json(route: ClientRoute, input: CallInput): Promise<unknown> {
    return tries(route, input, async (answer) => parse(await answer.text()))
  }
  const text = (route: ClientRoute, input: CallInput) => tries(route, input, async (answer) => answer.text())
  return { open, json, text, closed: closing.signal, close: () => closing.abort() }
}

function sendable(bytes: MainBytes): BodyInit {
  if (bytes instanceof Blob) return bytes
  if (bytes instanceof Uint8Array) return bytes as Uint8Array<ArrayBuffer>
  return (ReadableStream as unknown as { from(items: AsyncIterable<Uint8Array>): ReadableStream }).from(bytes)
}
