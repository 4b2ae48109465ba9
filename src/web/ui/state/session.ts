/** Who is signed in. The cookie of the session is out of the page's reach; it knows only whether calls are answered. */
import { signal } from '@preact/signals'
import { type ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import type { BrowserSession } from '../../client/index.ts'
import { client, hasCookie, useToken } from './client.ts'

export type Session =
  | { state: 'unknown' }
  /** `note`: why, in words, where it is no fault. */
  | { state: 'out'; error?: ArchipelError; note?: string }
  | { state: 'in'; name: string; scopes: string[]; by: 'cookie' | 'token' }

export const session = signal<Session>({ state: 'unknown' })

function enter({ name, scopes }: BrowserSession): void {
  session.value = { state: 'in', name, scopes, by: 'cookie' }
}

/** The code of a link that `archipel open` made; the address loses it at once, so that it stays in no history. */
function takeCode(): string | undefined {
  const code = /^#sign-in=(.+)$/.exec(location.hash)?.[1]
  if (code === undefined) return undefined
  history.replaceState(null, '', location.pathname + location.search)
  return decodeURIComponent(code)
}

/** Milliseconds until an island that does not answer is asked again. */
const AGAIN_MS = 1500

async function enterWith(code: string | undefined): Promise<void> {
  for (;;) {
    try {
      if (code !== undefined) await client().browserSignIn({ code })
      return enter(await client().browserSession())
    } catch (cause) {
      const error = toArchipelError(cause)
      if (error.code !== 'UNREACHABLE') return refuse(code === undefined ? undefined : error)
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
  }
}

/** A link that was used already says nothing where the session that it made is still there. */
async function refuse(error: ArchipelError | undefined): Promise<void> {
  const present =
    error === undefined
      ? undefined
      : await client()
          .browserSession()
          .catch(() => undefined)
  if (present !== undefined) enter(present)
  else session.value = { state: 'out', error }
}

/** The island says with the page whether there is a cookie to ask with. */
function cameWithCookie(): boolean {
  return document.documentElement.dataset.session !== undefined
}

export function startSession(): void {
  addEventListener('hashchange', () => {
    const code = takeCode()
    if (code !== undefined) void enterWith(code)
  })
  const code = takeCode()
  if (code === undefined && !cameWithCookie()) session.value = { state: 'out' }
  else void enterWith(code)
}

/** Signs in for as long as this page is open. @throws UNAUTHENTICATED and what a call may throw */
export async function signInByToken(token: string): Promise<void> {
  useToken(token)
  try {
    const { name, scopes } = await client().browserSession()
    session.value = { state: 'in', name, scopes, by: 'token' }
  } catch (cause) {
    useToken(undefined)
    throw cause
  }
}

/** Whether who is signed in may do this; the island judges each call by itself. */
export function may(scope: 'run' | 'publish' | 'admin'): boolean {
  const { value } = session
  return value.state === 'in' && (value.scopes.includes(scope) || value.scopes.includes('admin'))
}

/** Why signing out came to nothing: the session goes on. */
export const signOutFailed = signal<ArchipelError | undefined>()

const ENDED: Record<string, string> = {
  UNAUTHENTICATED: 'You were signed out.',
  TOKEN_REVOKED: 'This sign-in was ended at the island. A new link signs in again.',
  TOKEN_EXPIRED: 'This sign-in has expired. A new link signs in again.',
}

const leaving: ((session: { asked: boolean }) => void)[] = []

/** What is known of the island is for who is signed in; `asked`: by the user, who may leave the browser to others. */
export function onLeave(forget: (session: { asked: boolean }) => void): void {
  leaving.push(forget)
}

function leave(next: Session & { state: 'out' }, asked: boolean): void {
  useToken(undefined)
  session.value = next
  for (const forget of leaving) forget({ asked })
}

/** Only the island can end a session: where it does not answer, the user stays signed in and is told so. */
export async function signOut(): Promise<void> {
  signOutFailed.value = undefined
  try {
    if (hasCookie()) await client().browserSignOut()
  } catch (cause) {
    const error = toArchipelError(cause)
    if (ENDED[error.code] === undefined) {
      signOutFailed.value = error
      return
    }
  }
  leave({ state: 'out' }, true)
}

/** A call was refused because nobody is signed in (any more). */
export function signedOut(error: ArchipelError): void {
  const { value } = session
  const note = value.state === 'in' && value.by === 'cookie' ? ENDED[error.code] : undefined
  leave(note === undefined ? { state: 'out', error } : { state: 'out', note }, false)
}
