/** What is checked before a request reaches a route: where it came from and who sends it. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Context, MiddlewareHandler } from 'hono'
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { Caller } from '../ports.ts'

/** Nothing here is for a browser's page of another origin, a frame, a cache or a sniffer. */
export const STRICT_HEADERS: Record<string, string> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

/** Names under which a loopback server may be called; anything else in `Host` is DNS rebinding or a mistake. */
const LOOPBACK_NAMES = ['127.0.0.1', 'localhost', '[::1]']

export function isLoopback(host: string): boolean {
  return host === '127.0.0.1' || host === 'localhost' || host === '::1'
}

/** @throws FORBIDDEN for a foreign `Host` or `Origin`. `port` is asked at each request: it is known after listening. */
export function originGuard(port: () => number): MiddlewareHandler {
  return async (c, next) => {
    const hosts = LOOPBACK_NAMES.map((name) => `${name}:${port()}`)
    const host = c.req.header('host')?.toLowerCase() ?? ''
    const target = new URL(c.req.url).host
    if (!hosts.includes(host) || !hosts.includes(target)) {
      throw new ArchipelError('FORBIDDEN', 'this name of the server is not one of its own', {
        hint: `Call the island by one of: ${hosts.map((h) => `http://${h}`).join(', ')}.`,
      })
    }
    const origin = c.req.header('origin')
    if (origin !== undefined && !hosts.some((h) => origin.toLowerCase() === `http://${h}`)) {
      throw new ArchipelError('FORBIDDEN', 'pages of other origins are not served', {
        hint: 'Call the island from a program, or from a page that the island itself serves.',
      })
    }
    await next()
  }
}

const OWNER: Caller = { id: 'owner', name: 'owner', scopes: ['admin'] }

/** Says who sends a request. Compares hashes, so that neither content nor length of the token shows in the time taken. */
export function authenticator(token: string): (c: Context) => Caller {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  const expected = digest(token)
  return (c) => {
    const given = /^Bearer +(\S+)$/i.exec(c.req.header('authorization') ?? '')?.[1]
    if (given === undefined) throw new ArchipelError('UNAUTHENTICATED', 'the token is missing')
    if (!timingSafeEqual(digest(given), expected)) {
      throw new ArchipelError('UNAUTHENTICATED', 'the token is not one of this island')
    }
    return OWNER
  }
}
