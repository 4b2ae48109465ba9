import { ArchipelError } from '../../protocols/model/errors.ts'
import type { SignInCode, TokenView } from '../../protocols/model/views.ts'
import { hashOf, newSecret } from './token-text.ts'

/** Milliseconds that a code is good. */
const CODE_MS = 5 * 60_000
const MAX_CODES = 100

export interface SignInAs {
  name: string
  scopes: TokenView['scopes']
}

/** Codes that sign a browser in, once each; in memory only, by their hashes. */
export function signInCodes(now: () => number) {
  const codes = new Map<string, SignInAs & { expires: number }>()
  const forgetOld = () => {
    for (const [hash, { expires }] of codes) if (expires <= now()) codes.delete(hash)
  }
  return {
    /** @throws TOO_MANY */
    issue(as: SignInAs): SignInCode {
      forgetOld()
      if (codes.size >= MAX_CODES) throw new ArchipelError('TOO_MANY', `${MAX_CODES} sign-in links are open already`)
      const code = newSecret()
      const expires = now() + CODE_MS
      codes.set(hashOf(code), { ...as, expires })
      return { code, expires: new Date(expires).toISOString() }
    },
    /** @throws UNAUTHENTICATED when it is unknown, used or old */
    take(code: string): SignInAs {
      forgetOld()
      const hash = hashOf(code)
      const found = codes.get(hash)
      codes.delete(hash)
      if (found !== undefined) return found
      throw new ArchipelError('UNAUTHENTICATED', 'this sign-in link was used already, or is older than five minutes', {
        hint: 'Run `archipel open` again: each link signs in once.',
      })
    },
  }
}
