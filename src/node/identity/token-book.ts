/** The tokens that this island has given out, and who comes with one. */
import { createHmac } from 'node:crypto'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { descending, pageOf } from '../../protocols/model/paging.ts'
import { MAX_TOKEN_MS, TOKEN_NAME, TOKEN_NAME_RULE } from '../../protocols/model/token-rules.ts'
import type { NewToken, TokenPage, TokenQuery, TokenRequest, TokenView } from '../../protocols/model/views.ts'
import { type SignInAs, signInCodes } from './sign-in-codes.ts'
import { readTokens, type StoredToken, writeTokens } from './token-file.ts'
import { hashOf, isTokenId, newSecret, newTokenId, parseToken, sameSecret, tokenText } from './token-text.ts'

/** Who comes with a token. `signal` aborts when it expires or is revoked. */
export interface Holder {
  id: string
  name: string
  scopes: TokenView['scopes']
  signal?: AbortSignal
  expires?: string
}

/** Tokens and browser sessions that are active. */
const MAX_ACTIVE = 1000
/** Of one person or program: when there are more, the oldest sessions end. */
const MAX_SESSIONS = 50
/** Milliseconds that one is remembered after its end, so that its holder learns what is wrong; and how many are. */
const KEEP_MS = 90 * 86_400_000
const MAX_ENDED = 2000
const SESSION_MS = 7 * 86_400_000
/** `lastUsed` is kept to the hour. */
const COARSE_MS = 3_600_000
const MAX_TIMER_MS = 86_400_000
const OWNER = 'owner'
const OWNER_HOLDER: Holder = { id: OWNER, name: OWNER, scopes: ['admin'] }

export interface TokenBookInit {
  /** Of the file. */
  path: string
  /** The token of the owner, which is in a file of its own. */
  owner: string
  now?: () => number
  /** The time of the last use could not be written. */
  onError?: (error: unknown) => void
}

export type TokenBook = Awaited<ReturnType<typeof openTokenBook>>

/** @throws DATA_DIR_BROKEN */
export async function openTokenBook({ path, owner, now = Date.now, onError }: TokenBookInit) {
  const ownerHash = hashOf(owner)
  const known = await readTokens(path)
  // A new token of the owner: the old one was lost, perhaps to somebody who signed in with it.
  const exchanged = known.owner !== undefined && known.owner !== ownerHash
  const kept = known.tokens.map((t) =>
    exchanged && t.kind === 'browser' && t.name === OWNER && t.revoked === undefined ? { ...t, revoked: now() } : t,
  )
  const tokens = new Map(kept.map((t) => [t.id, t]))
  const write = (all: StoredToken[]) => writeTokens(path, { owner: ownerHash, tokens: all })
  if (exchanged) await write(kept)
  const ends = new Map<string, AbortController>()
  const codes = signInCodes(now)
  let timer: NodeJS.Timeout | undefined
  let stopped = false

  // One at a time: each writes the whole file.
  let queue: Promise<unknown> = Promise.resolve()
  const alone = async <T>(work: () => Promise<T>): Promise<T> => {
    const result = queue.then(work)
    queue = result.catch(() => {})
    return await result
  }

  const stateOf = (t: StoredToken): TokenView['state'] =>
    t.revoked !== undefined ? 'revoked' : t.expires !== undefined && t.expires <= now() ? 'expired' : 'active'
  const active = () => [...tokens.values()].filter((t) => stateOf(t) === 'active')
  const named = (name: string) => active().find((t) => t.kind === 'token' && t.name === name)
  const sessionsOf = (name: string) => active().filter((t) => t.kind === 'browser' && t.name === name)

  function ended(t: StoredToken): ArchipelError {
    if (t.revoked !== undefined)
      return new ArchipelError('TOKEN_REVOKED', `the token ${t.name} was revoked at ${instant(t.revoked)}`)
    return new ArchipelError('TOKEN_EXPIRED', `the token ${t.name} expired at ${instant(t.expires!)}`)
  }

  /** Ends what was opened with tokens that are not good any more, and looks again when the next one expires. */
  function watch(): void {
    clearTimeout(timer)
    if (stopped) return
    let next = Number.POSITIVE_INFINITY
    for (const [id, end] of ends) {
      const token = tokens.get(id)
      if (token !== undefined && stateOf(token) === 'active') next = Math.min(next, token.expires ?? next)
      else {
        ends.delete(id)
        end.abort(token === undefined ? new ArchipelError('TOKEN_REVOKED', 'the token was revoked') : ended(token))
      }
    }
    if (next === Number.POSITIVE_INFINITY) return
    timer = setTimeout(watch, Math.min(MAX_TIMER_MS, Math.max(1, next - now())))
    timer.unref()
  }

  /** Takes a change when it is durable. */
  async function put(...changed: StoredToken[]): Promise<void> {
    const next = new Map(tokens)
    for (const token of changed) next.set(token.id, token)
    const over = [...next.values()].filter((t) => stateOf(t) !== 'active').sort((a, b) => endOf(b) - endOf(a))
    for (const [i, t] of over.entries()) if (i >= MAX_ENDED || endOf(t) + KEEP_MS < now()) next.delete(t.id)
    await write([...next.values()])
    for (const token of changed) tokens.set(token.id, token)
    for (const id of tokens.keys()) if (!next.has(id)) tokens.delete(id)
    watch()
  }

  function holderOf(token: StoredToken): Holder {
    const end = ends.get(token.id) ?? new AbortController()
    if (!ends.has(token.id)) {
      ends.set(token.id, end)
      if (token.expires !== undefined) watch()
    }
    const { id, name, scopes, expires } = token
    return { id, name, scopes, signal: end.signal, ...(expires === undefined ? {} : { expires: instant(expires) }) }
  }

  function used(token: StoredToken): void {
    const hour = now() - (now() % COARSE_MS)
    if (token.lastUsed === hour) return
    token.lastUsed = hour
    alone(() => write([...tokens.values()])).catch((error: unknown) => onError?.(error))
  }

  async function issue(init: Omit<StoredToken, 'id' | 'hash' | 'created'>): Promise<NewToken> {
    if (active().length >= MAX_ACTIVE)
      throw new ArchipelError('TOO_MANY', `${MAX_ACTIVE} tokens are active already`, {
        hint: 'Revoke those that nobody needs: `archipel token list`.',
      })
    const secret = newSecret()
    const token: StoredToken = { id: newTokenId(), ...init, hash: hashOf(secret), created: now() }
    await put(token)
    return { ...viewOf(token), token: tokenText(token.id, secret) }
  }

  function viewOf(t: StoredToken): TokenView {
    const { id, name, kind, scopes } = t
    const view: TokenView = { id, name, kind, scopes, state: stateOf(t), created: instant(t.created) }
    for (const key of ['expires', 'revoked', 'lastUsed'] as const) if (t[key] !== undefined) view[key] = instant(t[key])
    return view
  }

  /** With the browser sessions that its holder opened. */
  async function end(token: StoredToken): Promise<TokenView> {
    const sessions = token.kind === 'browser' ? [] : sessionsOf(token.name)
    if (token.revoked === undefined) await put(...[token, ...sessions].map((t) => ({ ...t, revoked: now() })))
    return viewOf(tokens.get(token.id) ?? token)
  }

  return {
    /** @throws UNAUTHENTICATED, TOKEN_EXPIRED, TOKEN_REVOKED */
    authenticate(text: string): Holder {
      if (sameSecret(text, ownerHash)) return OWNER_HOLDER
      const parsed = parseToken(text)
      const token = parsed === undefined ? undefined : tokens.get(parsed.id)
      // What became of a token is told to its holder alone.
      if (parsed === undefined || token === undefined || !sameSecret(parsed.secret, token.hash))
        throw new ArchipelError('UNAUTHENTICATED', 'the token is not one of this island')
      if (stateOf(token) !== 'active') throw ended(token)
      used(token)
      return holderOf(token)
    },

    /** Who holds the token of that id. @throws TOKEN_EXPIRED, TOKEN_REVOKED */
    holder(id: string): Holder {
      if (id === OWNER) return OWNER_HOLDER
      const token = tokens.get(id)
      if (token === undefined) throw new ArchipelError('TOKEN_REVOKED', 'the token is not known any more')
      if (stateOf(token) !== 'active') throw ended(token)
      return holderOf(token)
    },

    /** A key for that purpose; another one when the token of the owner was exchanged. */
    keyOf: (purpose: string): Buffer => createHmac('sha256', owner).update(purpose).digest(),

    /** @throws BAD_INPUT, TOKEN_EXISTS, TOO_MANY */
    async create({ name, scopes, expiresMs }: TokenRequest): Promise<NewToken> {
      if (!TOKEN_NAME.test(name) || name.toLowerCase() === OWNER)
        throw new ArchipelError('BAD_INPUT', `a token cannot be named ${JSON.stringify(name.slice(0, 100))}`, {
          hint: `${TOKEN_NAME_RULE} "owner" is the owner.`,
        })
      if (scopes.length === 0) throw new ArchipelError('BAD_INPUT', 'a token has at least one scope')
      if (expiresMs !== undefined && !(expiresMs >= 1000 && expiresMs <= MAX_TOKEN_MS))
        throw new ArchipelError('BAD_INPUT', 'a token is good for at least a second and at most ten years')
      return await alone(async () => {
        if (named(name) !== undefined) throw new ArchipelError('TOKEN_EXISTS', `there is a token named ${name} already`)
        const expires = expiresMs === undefined ? {} : { expires: now() + expiresMs }
        return await issue({ name, kind: 'token', scopes: [...new Set(scopes)], ...expires })
      })
    },

    list({ all, limit = 100, cursor }: TokenQuery): TokenPage {
      const shown = [...tokens.values()].filter((t) => all === true || stateOf(t) === 'active')
      const page = pageOf(shown, (t) => [descending(t.created), t.id], { limit, cursor }, 'tokens')
      return { ...page, items: page.items.map(viewOf) }
    },

    /** @throws TOKEN_NOT_FOUND, BAD_INPUT */
    async revoke(ref: string): Promise<TokenView> {
      if (ref === OWNER)
        throw new ArchipelError('BAD_INPUT', 'the token of the owner is not revoked but exchanged', {
          hint: 'Stop the island, delete owner.token in its data directory, and start it again: a new one is made.',
        })
      return await alone(async () => {
        const token = named(ref) ?? (isTokenId(ref) ? tokens.get(ref) : undefined)
        if (token === undefined)
          throw new ArchipelError('TOKEN_NOT_FOUND', `there is no token ${JSON.stringify(ref.slice(0, 100))}`)
        return await end(token)
      })
    },

    signInCode: (as: SignInAs) => codes.issue(as),

    /** @throws UNAUTHENTICATED, TOO_MANY */
    async signIn(code: string): Promise<{ token: string; caller: Holder }> {
      const { name, scopes } = codes.take(code)
      return await alone(async () => {
        // A session lives no longer than the token of whoever opened it.
        const opener = named(name)
        if (opener === undefined && name !== OWNER)
          throw new ArchipelError('TOKEN_REVOKED', 'the token of this link ended')
        const sessions = sessionsOf(name).sort((a, b) => a.created - b.created)
        if (sessions.length >= MAX_SESSIONS) await end(sessions[0]!)
        const expires = Math.min(now() + SESSION_MS, opener?.expires ?? Number.POSITIVE_INFINITY)
        const { token, id } = await issue({ name, kind: 'browser', scopes, expires })
        return { token, caller: holderOf(tokens.get(id)!) }
      })
    },

    /** Ends the session of a browser; a token of a program stays as it is. */
    async signOut({ id }: Pick<Holder, 'id'>): Promise<void> {
      await alone(async () => {
        const token = tokens.get(id)
        if (token?.kind === 'browser') await end(token)
      })
    },

    /** Nothing is watched any more; what was changed is written. */
    async stop(): Promise<void> {
      stopped = true
      clearTimeout(timer)
      await queue
    },
  }
}

function endOf({ revoked, expires }: StoredToken): number {
  return Math.min(revoked ?? Number.POSITIVE_INFINITY, expires ?? Number.POSITIVE_INFINITY)
}

function instant(ms: number): string {
  return new Date(ms).toISOString()
}
