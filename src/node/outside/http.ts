/** Files of web servers (RFC 9110): ranges, ETags, a token where the operator gives one. */
import { ArchipelError } from '../../protocols/model/errors.ts'
import { type Endpoint, optionFile } from './endpoint.ts'
import type { Listed, OutsideSource } from './port.ts'
import { noRanges, rangeBytes, rangeHeaders, totalOf } from './ranges.ts'
import { type Answer, agent, ask, type Call, discard, header, tagOf } from './request.ts'

const REDIRECTS = new Set([301, 302, 303, 307, 308])
const MAX_REDIRECTS = 5

/** What a place asks for: a connection, and headers that say who asks. */
export interface Way {
  dispatcher: ReturnType<typeof agent>
  headers: Record<string, string>
}

/** @throws CONFIG_INVALID */
export function httpWay(endpoint: Endpoint): Way {
  const token = optionFile(endpoint, 'token')
  return {
    dispatcher: agent(optionFile(endpoint, 'ca')),
    headers: token === undefined ? {} : { authorization: /\s/.test(token) ? token : `Bearer ${token}` },
  }
}

/**
 * @param way of an address that is allowed; undefined for all others. A redirect goes only where there is one, with the
 *   headers of its own way and none of those before.
 */
export function httpSource(way: (url: string) => Way | undefined): OutsideSource {
  async function get(start: string, call: Call): Promise<Answer> {
    let url = start
    for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
      const to = way(url)
      if (to === undefined)
        throw new ArchipelError('SOURCE_NOT_ALLOWED', 'the outside source leads to a place that is not allowed here')
      const headers = { ...to.headers, ...call.headers }
      const answer = await ask(to.dispatcher, url, { ...call, headers, also: [...(call.also ?? []), ...REDIRECTS] })
      if (!REDIRECTS.has(answer.statusCode)) return answer
      await discard(answer)
      const location = header(answer, 'location') ?? ''
      if (!URL.canParse(location, url)) break
      url = new URL(location, url).href
    }
    throw new ArchipelError('UNREADABLE', 'the outside source redirects without end')
  }

  async function stat(url: string, signal: AbortSignal): Promise<Listed> {
    // One byte is asked for, not a HEAD: so it is known that ranges are served.
    let answer = await get(url, { method: 'GET', headers: { range: 'bytes=0-0' }, also: [416], signal })
    await discard(answer)
    let size = answer.statusCode === 206 ? totalOf(answer) : undefined
    if (size === undefined) {
      // Of an empty file there is no byte.
      answer = await get(url, { method: 'HEAD', signal })
      await discard(answer)
      size = header(answer, 'content-length')
      if (size !== '0') throw noRanges()
    }
    const tag = tagOf(answer)
    if (tag === '')
      throw new ArchipelError('UNREADABLE', 'the outside source does not say when the file changes', {
        hint: 'It has to send an ETag or Last-Modified; publish a copy of the file instead.',
      })
    return { path: nameOf(url), url, size: Number(size), tag }
  }

  return {
    async *list(url, signal) {
      if (url.endsWith('/'))
        throw new ArchipelError('BAD_INPUT', 'folders of web servers cannot be listed', {
          hint: 'Give the address of a file.',
        })
      yield await stat(url, signal)
    },
    stat,
    async *read(file, range, signal) {
      const headers = rangeHeaders(file, range.offset, range.length)
      yield* rangeBytes(await get(file.url, { method: 'GET', headers, signal }), file, range, signal)
    },
    async close() {},
  }
}

function nameOf(url: string): string {
  const last = new URL(url).pathname.split('/').at(-1)!
  try {
    return decodeURIComponent(last)
  } catch {
    return last
  }
}
