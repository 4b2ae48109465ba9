/** What the Livy endpoint cannot say in Livy's own words. */
import { z } from 'zod'
import * as input from './inputs.ts'
import { API_PREFIX, type Route } from './route.ts'
import * as view from './views.ts'
import * as work from './work-inputs.ts'

export const LIVY_ROUTES = {
  livyList: {
    method: 'GET',
    path: `${API_PREFIX}/livy`,
    summary: 'Sessions and batches of the Livy endpoint: where each runs, and why; newest first',
    scope: 'read',
    query: input.pageQuery,
    response: view.livyEntryPage,
    errors: [],
  },
  livyEnd: {
    method: 'DELETE',
    path: `${API_PREFIX}/livy/{type}/{id}`,
    summary: 'End a session or batch of the Livy endpoint, and what runs in it; those of others are for administrators',
    scope: 'run',
    params: work.livyEntryParams,
    response: z.object({ id: z.number() }),
    errors: ['SESSION_NOT_FOUND', 'FORBIDDEN'],
  },
  livyOutput: {
    method: 'GET',
    path: `${API_PREFIX}/livy/sessions/{session}/statements/{statement}/output`,
    summary: 'The output of a statement as the text of its JSON, from an offset',
    scope: 'read',
    params: work.statementParams,
    query: work.logQuery,
    response: view.logPage,
    errors: ['SESSION_NOT_FOUND', 'STATEMENT_NOT_FOUND', 'FORBIDDEN'],
  },
} as const satisfies Record<string, Route>
