/** A browser signs in with a one-time code, and has a cookie from then on. */
import type { Context } from 'hono'
import { ArchipelError, toArchipelError } from '../../protocols/model/errors.ts'
import type { RouteInput } from '../contract/route.ts'
import type { RouteName, Routes } from '../contract/routes.ts'
import type { AccessPort, Caller } from '../ports.ts'
import { cookieName, csrfOf, type Doorkeeper, type Env, fromOwnPage, type Visitor } from './access.ts'

export type BrowserRoute = 'browserSignIn' | 'browserSession' | 'browserSignOut'

export function isBrowserRoute(name: RouteName): name is BrowserRoute {
  return name === 'browserSignIn' || name === 'browserSession' || name === 'browserSignOut'
}

export interface BrowserContext {
  c: Context<Env>
  /** Undefined on the route that is public. */
  visitor: Visitor | undefined
  /** Of the island. */
  id: string
  access: AccessPort
  door: Doorkeeper
}

function view({ name, scopes, expires }: Caller, csrf: string | undefined): object {
  return { name, scopes, ...(csrf === undefined ? {} : { csrf }), ...(expires === undefined ? {} : { expires }) }
}

function setCookie({ c, id }: BrowserContext, value: string, maxAgeSeconds: number): void {
  // Whoever reached us by https did so through a proxy; the page's origin tells.
  const secure = c.req.header('origin')?.startsWith('https:') ? '; Secure' : ''
  const cookie = `${cookieName(id)}=${value}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Strict${secure}`
  c.header('set-cookie', cookie)
}

async function signIn(body: RouteInput<Routes['browserSignIn']>['body'], context: BrowserContext): Promise<Response> {
  const { c, access, door } = context
  fromOwnPage(c)
  const { token, caller } = await access.signIn(body.code).catch((cause: unknown) => {
    if (toArchipelError(cause).code === 'UNAUTHENTICATED') door.failed(c)
    throw cause
  })
  const left = caller.expires === undefined ? 0 : Date.parse(caller.expires) - Date.now()
  setCookie(context, token, Math.max(1, Math.floor(left / 1000)))
  return c.json(view(caller, csrfOf(token)))
}

/** @throws UNAUTHENTICATED, CSRF_FAILED, TOO_MANY, BAD_INPUT */
export async function browser(
  name: BrowserRoute,
  input: { body: unknown },
  context: BrowserContext,
): Promise<Response> {
  const { c, visitor, access } = context
  if (name === 'browserSignIn') return await signIn(input.body as { code: string }, context)
  if (visitor === undefined) throw new ArchipelError('UNAUTHENTICATED', 'no browser is signed in')
  if (name === 'browserSession') return c.json(view(visitor.caller, visitor.csrf))
  if (visitor.csrf === undefined)
    throw new ArchipelError('BAD_INPUT', 'a token has no session that could be ended', {
      hint: 'Revoke the token instead: `archipel token revoke <id>`.',
    })
  await access.signOut(visitor.caller)
  setCookie(context, '', 0)
  return c.json({ signedOut: true })
}
