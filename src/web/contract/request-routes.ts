/** The routes of requests to hold data. */
import { replicaRequestPage, replicaRequestView } from '../../protocols/model/replica-request.ts'
import type { IslandRequests } from '../ports.ts'
import * as input from './inputs.ts'
import { API_PREFIX, DATASET_ERRORS, KEYED, type Route } from './route.ts'

const MINUTE_MS = 60_000

export const REQUEST_ROUTES = {
  replicate: {
    method: 'POST',
    path: `${API_PREFIX}/datasets/{ref}/replicate`,
    summary: 'Ask another island to hold a dataset, or files of it; it decides, and fetches from whoever has it',
    scope: 'publish',
    params: input.refParams,
    body: input.replicateBody,
    headers: KEYED,
    idempotency: 'disk',
    response: replicaRequestView,
    timeoutMs: 2 * MINUTE_MS,
    errors: [
      ...DATASET_ERRORS,
      'NOT_FOUND',
      'NOT_A_MEMBER',
      'UNREACHABLE',
      'DEADLINE',
      'PROTOCOL',
      'DISK_FULL',
      'IDEMPOTENCY_CONFLICT',
    ],
  },
  requestsList: {
    method: 'GET',
    path: `${API_PREFIX}/requests`,
    summary: 'Requests to hold data, of this island and to it, newest first',
    scope: 'read',
    query: input.requestsQuery,
    response: replicaRequestPage,
    errors: [],
  },
  requestsShow: {
    method: 'GET',
    path: `${API_PREFIX}/requests/{id}`,
    summary: 'One request to hold data',
    scope: 'read',
    params: input.requestParams,
    response: replicaRequestView,
    errors: ['REQUEST_NOT_FOUND', 'AMBIGUOUS'],
  },
  requestsCancel: {
    method: 'POST',
    path: `${API_PREFIX}/requests/{id}/cancel`,
    summary: 'End a request, from either side; whole files that were brought stay',
    scope: 'publish',
    params: input.requestParams,
    response: replicaRequestView,
    errors: ['REQUEST_NOT_FOUND', 'AMBIGUOUS', 'DISK_FULL'],
  },
} as const satisfies Record<`requests${Capitalize<keyof IslandRequests>}` | 'replicate', Route>
