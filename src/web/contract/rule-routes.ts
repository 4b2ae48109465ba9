/** The routes of rules about copies. */
import { z } from 'zod'
import { ruleExplanation, rulePage, ruleRequest, ruleView } from '../../protocols/model/rule.ts'
import * as input from './inputs.ts'
import { API_PREFIX, type Route } from './route.ts'

const MINUTE_MS = 60_000
const REF_ERRORS = ['RULE_NOT_FOUND', 'AMBIGUOUS'] as const
const params = z.strictObject({ id: z.string().min(1).max(100).describe('Id of a rule, or its beginning.') })

export const RULE_ROUTES = {
  rulesAdd: {
    method: 'POST',
    path: `${API_PREFIX}/rules`,
    summary: 'Ask for copies of datasets, now and later; or, with dryRun, say what that would do',
    scope: 'admin',
    body: ruleRequest,
    response: ruleExplanation,
    timeoutMs: 2 * MINUTE_MS,
    errors: ['NOT_FOUND', 'AMBIGUOUS', 'RULE_IMPOSSIBLE', 'RULE_EXISTS', 'DISK_FULL'],
  },
  rulesList: {
    method: 'GET',
    path: `${API_PREFIX}/rules`,
    summary: 'The rules of all islands, newest first, with how far they are obeyed',
    scope: 'read',
    query: input.pageQuery,
    response: rulePage,
    timeoutMs: 2 * MINUTE_MS,
    errors: [],
  },
  rulesShow: {
    method: 'GET',
    path: `${API_PREFIX}/rules/{id}`,
    summary: 'One rule, and how far it is obeyed',
    scope: 'read',
    params,
    response: ruleView,
    timeoutMs: 2 * MINUTE_MS,
    errors: REF_ERRORS,
  },
  rulesExplain: {
    method: 'GET',
    path: `${API_PREFIX}/rules/{id}/explanation`,
    summary: 'Which islands a rule means and why not the others, and whose turn it is to bring what is missing',
    scope: 'read',
    params,
    response: ruleExplanation,
    timeoutMs: 2 * MINUTE_MS,
    errors: REF_ERRORS,
  },
  rulesRemove: {
    method: 'DELETE',
    path: `${API_PREFIX}/rules/{id}`,
    summary: 'Remove a rule of this island; copies that it made stay',
    scope: 'admin',
    params,
    response: z.object({ id: z.string() }),
    errors: REF_ERRORS,
  },
} as const satisfies Record<string, Route>
