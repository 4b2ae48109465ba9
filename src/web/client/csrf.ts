/** The text that a page signed in by a cookie has to send with each change; the island tells it once per session. */
import type { ArchipelError } from '../../protocols/model/errors.ts'
import type { ClientRoute } from './request.ts'

/** Who the browser is signed in as, and that text. */
export const BROWSER_SESSION: ClientRoute = { method: 'GET', path: '/api/v1/browser-session' }

export interface Csrf {
  /** The header, asked for once. @throws UNAUTHENTICATED when nobody is signed in */
  headers(signal?: AbortSignal): Promise<Record<string, string>>
  /** Whether a call that failed like this is worth another try with a new text. */
  renew(error: ArchipelError): boolean
}

export function csrf(ask: (signal?: AbortSignal) => Promise<unknown>): Csrf {
  let text: string | undefined
  return {
    async headers(signal) {
      text ??= String(((await ask(signal)) as { csrf?: unknown }).csrf ?? '')
      return { 'x-csrf-token': text }
    },
    renew(error) {
      const stale = error.code === 'CSRF_FAILED' && text !== undefined
      text = undefined
      return stale
    },
  }
}
