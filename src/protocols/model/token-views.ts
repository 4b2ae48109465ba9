/** Tokens of the web service, and the sign-in of a browser. */

/** Of a token; the secret is in none of them. */
export interface TokenView {
  id: string
  name: string
  /** `browser`: made by a sign-in, and kept in a cookie. */
  kind: 'token' | 'browser'
  scopes: ('read' | 'run' | 'publish' | 'admin')[]
  state: 'active' | 'expired' | 'revoked'
  created: string
  expires?: string
  revoked?: string
  /** To the hour. */
  lastUsed?: string
}

export interface NewToken extends TokenView {
  /** What a program sends; it is told this once. */
  token: string
}

export interface TokenRequest {
  /** As the journal and tasks will have it; one token of a name at a time. */
  name: string
  scopes: TokenView['scopes']
  /** Milliseconds from now; it does not expire when absent. */
  expiresMs?: number
}

export interface TokenQuery {
  /** Also those that have expired or were revoked. */
  all?: boolean
  limit?: number
  cursor?: string
}

export interface TokenPage {
  items: TokenView[]
  next?: string
  total: number
}

/** What signs a browser in, once. */
export interface SignInCode {
  code: string
  expires: string
}
