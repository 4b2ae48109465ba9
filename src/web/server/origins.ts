/** Where a request comes from: the names of this server, and the pages that may call it. */
import { isIP } from 'node:net'
import type { MiddlewareHandler } from 'hono'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { routeList } from '../contract/routes.ts'

export interface OriginsInit {
  /** The address it listens on. */
  host: string
  /** Asked at each request: it is known after listening. */
  port: () => number
  /** More names in `Host`, with the port where there is one. */
  hosts: readonly string[]
  /** Foreign origins whose pages may call with a token. */
  origins: readonly string[]
}

/** `own`: a page of this server; `allowed`: one of the configured origins; `none`: no page, or a navigation. */
export type OriginKind = 'own' | 'allowed' | 'none'

const LOOPBACK_NAMES = ['127.0.0.1', 'localhost', '[::1]']
const METHODS = [...new Set(['HEAD', ...routeList.map((route) => route.method)])].join(', ')
/** What a page may send and read beside what every page may. */
const REQUEST_HEADERS = 'Authorization, Content-Type, Idempotency-Key, If-None-Match, If-Range, Last-Event-ID, Range'
const ANSWER_HEADERS =
  'Accept-Ranges, Allow, Content-Disposition, Content-Range, ETag, Location, Retry-After, WWW-Authenticate'
const PREFLIGHT_SECONDS = '600'

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

/** `::1` -> `[::1]`; for an address that stands for all, the one of this machine. */
export function urlHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (isIP(host) !== 6) return host
  return /^[0:]+$/.test(host) ? '[::1]' : `[${host}]`
}

/** @throws FORBIDDEN for a foreign `Host` or `Origin`. Answers preflights of configured origins. */
export function originGuard(init: OriginsInit): MiddlewareHandler<{ Variables: { origin: OriginKind } }> {
  const more = init.hosts.map((name) => name.toLowerCase())
  const origins = init.origins.map((origin) => origin.toLowerCase())
  const names = [...new Set([...LOOPBACK_NAMES, urlHost(init.host).toLowerCase()])]
  // The port of the scheme is left out by who calls.
  const local = () => names.flatMap((n) => [...(init.port() === 80 ? [n] : []), `${n}:${init.port()}`])

  return async (c, next) => {
    const near = local()
    const hosts = [...near, ...more]
    const host = c.req.header('host')?.toLowerCase() ?? ''
    const target = new URL(c.req.url).host
    // An absolute target counts like `Host`; a URL leaves out the port that its scheme has.
    if (!hosts.includes(host) || !hosts.some((h) => h === target || h === `${target}:80`)) {
      throw new ArchipelError('FORBIDDEN', 'this name of the server is not one of its own', {
        hint: `Call the island by one of: ${near.map((h) => `http://${h}`).join(', ')}; other names have to be in the setting web.hosts.`,
      })
    }
    const origin = c.req.header('origin')?.toLowerCase()
    if (origin === undefined) c.set('origin', 'none')
    else if (near.some((h) => origin === `http://${h}`)) c.set('origin', 'own')
    // A proxy may speak TLS for us, which is not seen from here.
    else if (more.some((h) => origin === `https://${h}` || origin === `http://${h}`)) c.set('origin', 'own')
    else if (origins.includes(origin)) c.set('origin', 'allowed')
    else
      throw new ArchipelError('FORBIDDEN', 'pages of other origins are not served', {
        hint: 'Call the island from a program, or from a page that the island itself serves; other pages have to be named in the setting web.origins.',
      })

    if (c.get('origin') !== 'allowed') return await next()
    const cors = { 'access-control-allow-origin': c.req.header('origin')!, vary: 'Origin' }
    if (c.req.method === 'OPTIONS' && c.req.header('access-control-request-method') !== undefined) {
      const asked = c.req.header('access-control-request-private-network') === 'true'
      return c.body(null, 204, {
        ...cors,
        'access-control-allow-methods': METHODS,
        'access-control-allow-headers': REQUEST_HEADERS,
        'access-control-max-age': PREFLIGHT_SECONDS,
        ...(asked ? { 'access-control-allow-private-network': 'true' } : {}),
      })
    }
    await next()
    c.res.headers.set('access-control-allow-origin', cors['access-control-allow-origin'])
    c.res.headers.append('vary', cors.vary)
    c.res.headers.set('access-control-expose-headers', ANSWER_HEADERS)
  }
}
