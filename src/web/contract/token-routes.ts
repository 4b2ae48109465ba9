/** The routes of tokens. */
import * as input from './inputs.ts'
import { API_PREFIX, KEYED, type Route } from './route.ts'
import * as view from './views.ts'

export const TOKEN_ROUTES = {
  tokenCreate: {
    method: 'POST',
    path: `${API_PREFIX}/tokens`,
    summary: 'Make a token; its text is in this answer alone',
    scope: 'admin',
    headers: KEYED,
    idempotency: 'memory',
    body: input.tokenBody,
    response: view.newToken,
    errors: ['TOKEN_EXISTS', 'DISK_FULL', 'IDEMPOTENCY_CONFLICT'],
  },
  tokenList: {
    method: 'GET',
    path: `${API_PREFIX}/tokens`,
    summary: 'Tokens and browser sessions, newest first, without their texts',
    scope: 'admin',
    query: input.tokensQuery,
    response: view.tokenPage,
    errors: [],
  },
  tokenRevoke: {
    method: 'DELETE',
    path: `${API_PREFIX}/tokens/{ref}`,
    summary: 'Revoke a token or a browser session; what it has open ends at once',
    scope: 'admin',
    params: input.tokenParams,
    response: view.tokenView,
    errors: ['TOKEN_NOT_FOUND', 'DISK_FULL'],
  },
} as const satisfies Record<string, Route>
