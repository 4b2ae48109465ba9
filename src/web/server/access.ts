/** Who sends a request: by a token in its header, or by the cookie of a browser that signed in. */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import { getCookie } from 'hono/cookie'
import { ArchipelError, toArchipelError } from '../../protocols/model/errors.ts'
import type { AccessPort, Caller, ReadRequest } from '../ports.ts'
import type { OriginKind } from './origins.ts'
import { type Rate, rate } from './rate.ts'

export interface Visitor {
  caller: Caller
  /** What its page has to send with every request that is not GET; of those who come with a cookie. */
  csrf?: string
}

export type Env = {
  Bindings: Partial<HttpBindings>
  Variables: { origin: OriginKind; visitor: Visitor | undefined; route: string | undefined }
}

export interface RateLimits {
  /** Requests of one token or browser session, on the average and at once. The owner's token has no such limit. */
  perSecond: number
  burst: number
  /** Wrong tokens and codes of one address in a minute. */
  failuresPerMinute: number
}

export interface AccessInit {
  /** Of the island: several on one machine share the cookies of its name. */
  id: string
  rate: RateLimits
}

const OWNER = 'owner'
const BEARER = /^Bearer +(\S{1,1000})$/i
const PROGRAM_HINT =
  'Send a token of this island as "Authorization: Bearer ...", or as the password of Basic with any user name; `archipel token create` makes one.'

/** `archipel-` and eight characters of the island's id. */
export function cookieName(id: string): string {
  return `archipel-${id.replace(/^isl/, '').slice(0, 8)}`
}

/** Only who has the cookie's secret can tell it, and a page of another origin cannot read it. */
export function csrfOf(token: string): string {
  return createHmac('sha256', token).update('archipel csrf 1').digest('base64url')
}

function same(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)]
  return a.length === b.length && timingSafeEqual(a, b)
}

function addressOf(c: Context<Env>): string {
  return c.env?.incoming?.socket.remoteAddress ?? ''
}

export interface Doorkeeper {
  /** @throws UNAUTHENTICATED, TOKEN_EXPIRED, TOKEN_REVOKED, CSRF_FAILED, TOO_MANY */
  admit(c: Context<Env>): Visitor
  /** For clients of other services: by the header alone, a bearer token or Basic with the token as password. @throws as `admit` */
  admitProgram(c: Context<Env>): Visitor
  /** By an address that carries its own permission, and by nothing else. @throws URL_INVALID, URL_EXPIRED, TOO_MANY */
  admitUrl(c: Context<Env>, given: { capability: string; name: string }): Visitor & { file: Required<ReadRequest> }
  /** Counts a wrong token or code of the address that it came from. @throws TOO_MANY when there were too many */
  failed(c: Context<Env>): void
}

export function doorkeeper(init: AccessInit, access: Pick<AccessPort, 'authenticate' | 'fileUrl'>): Doorkeeper {
  const requests: Rate = rate(init.rate)
  const { failuresPerMinute } = init.rate
  const failures: Rate = rate({ perSecond: failuresPerMinute / 60, burst: failuresPerMinute })

  const failed = (c: Context<Env>) => failures.take(addressOf(c), 'too many wrong tokens came from this address')

  function known(c: Context<Env>, token: string): Caller {
    try {
      return access.authenticate(token)
    } catch (cause) {
      // Nobody guesses 256 bits: what is bounded is the work, and a right token counts from anywhere.
      if (toArchipelError(cause).code === 'UNAUTHENTICATED') failed(c)
      throw cause
    }
  }

  function visitor(c: Context<Env>): Visitor {
    const header = c.req.header('authorization')
    if (header !== undefined) {
      const token = BEARER.exec(header)?.[1]
      if (token === undefined)
        throw new ArchipelError('UNAUTHENTICATED', 'the header Authorization is not "Bearer" and a token')
      return { caller: known(c, token) }
    }
    const cookie = getCookie(c, cookieName(init.id))
    if (!cookie) throw new ArchipelError('UNAUTHENTICATED', 'the token is missing')
    fromOwnPage(c)
    const caller = known(c, cookie)
    const csrf = csrfOf(cookie)
    if (!isSafe(c.req.method) && !same(c.req.header('x-csrf-token') ?? '', csrf))
      throw new ArchipelError('CSRF_FAILED', 'the header X-CSRF-Token is missing or wrong')
    return { caller, csrf }
  }

  function counted(found: Visitor): Visitor {
    const { id, name } = found.caller
    if (id !== OWNER) requests.take(id, `the token ${name} sends too many requests`)
    return found
  }

  return {
    failed,
    admit: (c) => counted(visitor(c)),
    admitUrl(c, { capability, name }) {
      try {
        const { file, caller } = access.fileUrl(capability, name)
        return { file, ...counted({ caller }) }
      } catch (cause) {
        if (toArchipelError(cause).code === 'URL_INVALID') failed(c)
        throw cause
      }
    },
    admitProgram(c) {
      const header = c.req.header('authorization')
      if (header === undefined)
        throw new ArchipelError('UNAUTHENTICATED', 'the token is missing', { hint: PROGRAM_HINT })
      const token = BEARER.exec(header)?.[1] ?? basicPassword(header)
      if (token === undefined)
        throw new ArchipelError('UNAUTHENTICATED', 'the header Authorization has no token', { hint: PROGRAM_HINT })
      return counted({ caller: known(c, token) })
    },
  }
}

/** The password of `Basic`, whoever the user is; undefined for anything else. */
function basicPassword(header: string): string | undefined {
  const encoded = /^Basic +([A-Za-z0-9+/=]{1,4000})$/i.exec(header)?.[1]
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, 'base64').toString()
  const colon = text.indexOf(':')
  const password = text.slice(colon + 1)
  return colon >= 0 && /^\S{1,1000}$/.test(password) ? password : undefined
}

function isSafe(method: string): boolean {
  return method === 'GET' || method === 'HEAD'
}

/**
 * The cookie goes along with requests of any page of this machine's name, whatever its port: only the own page may use it.
 * @throws CSRF_FAILED
 */
export function fromOwnPage(c: Context<Env>): void {
  const origin = c.get('origin')
  const site = c.req.header('sec-fetch-site')
  if (origin === 'allowed' || (site !== undefined && site !== 'same-origin' && site !== 'none'))
    throw new ArchipelError('CSRF_FAILED', 'the cookie counts for pages of this island alone')
  if (!isSafe(c.req.method) && origin !== 'own')
    throw new ArchipelError('CSRF_FAILED', 'a request with a cookie needs the header Origin')
}
