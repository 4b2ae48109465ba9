/** The route table: server, client, OpenAPI and the tests of all three are derived from it. */
import { z } from 'zod'
import type { IslandPort } from '../ports.ts'
import * as input from './inputs.ts'
import { API_PREFIX, type Route } from './route.ts'
import * as view from './views.ts'

const DATASET_ERRORS = ['DATASET_NOT_FOUND', 'AMBIGUOUS', 'BAD_ID'] as const
const HOUR_MS = 3_600_000

export const ROUTES = {
  health: {
    method: 'GET',
    path: '/healthz',
    summary: 'Whether the process answers',
    scope: 'public',
    response: z.object({ status: z.literal('ok') }),
    errors: [],
  },
  status: {
    method: 'GET',
    path: `${API_PREFIX}/status`,
    summary: 'The island, its peers, its catalog, and what is wrong in words',
    scope: 'owner',
    response: view.islandStatus,
    errors: [],
  },
  islands: {
    method: 'GET',
    path: `${API_PREFIX}/islands`,
    summary: 'All members with their cards, state and round-trip time',
    scope: 'owner',
    response: z.array(view.islandView),
    errors: [],
  },
  datasets: {
    method: 'GET',
    path: `${API_PREFIX}/datasets`,
    summary: 'Search the datasets of all islands',
    scope: 'owner',
    query: input.datasetsQuery,
    response: view.datasetPage,
    errors: [],
  },
  dataset: {
    method: 'GET',
    path: `${API_PREFIX}/datasets/{ref}`,
    summary: 'One dataset with its columns, coverage and holders',
    scope: 'owner',
    params: input.refParams,
    response: view.datasetView,
    errors: DATASET_ERRORS,
  },
  metadata: {
    method: 'GET',
    path: `${API_PREFIX}/datasets/{ref}/metadata`,
    summary: 'The metadata of a dataset in a format of the field',
    scope: 'owner',
    params: input.refParams,
    query: input.metadataQuery,
    response: z.record(z.string(), z.unknown()),
    mediaTypes: ['application/json', 'application/ld+json', 'application/vnd.datacite.datacite+json'],
    errors: DATASET_ERRORS,
  },
  publish: {
    method: 'POST',
    path: `${API_PREFIX}/datasets`,
    summary: 'Publish a file or folder of the machine of the island, by reference',
    scope: 'owner',
    body: input.publishBody,
    response: view.datasetView,
    stream: 'ndjson',
    errors: ['BAD_ID', 'DATASET_EXISTS', 'UNREADABLE', 'STALE', 'DISK_FULL'],
  },
  unpublish: {
    method: 'DELETE',
    path: `${API_PREFIX}/datasets/{ref}`,
    summary: 'Withdraw a dataset that this island publishes',
    scope: 'owner',
    params: input.refParams,
    response: z.object({ id: z.string() }),
    errors: DATASET_ERRORS,
  },
  resolve: {
    method: 'GET',
    path: `${API_PREFIX}/resolve/{ref}`,
    summary: 'The islands that hold a dataset, and how that is known',
    scope: 'owner',
    params: input.refParams,
    query: input.resolveQuery,
    response: view.resolution,
    timeoutMs: 120_000,
    errors: [...DATASET_ERRORS, 'DEADLINE'],
  },
  sql: {
    method: 'POST',
    path: `${API_PREFIX}/sql`,
    summary: 'Run one SELECT where its datasets are',
    scope: 'owner',
    body: input.sqlBody,
    response: view.taskResult,
    timeoutMs: 25 * HOUR_MS,
    errors: [
      ...DATASET_ERRORS,
      'SQL_INVALID',
      'SQL_REFUSED',
      'NO_HOLDER',
      'STALE',
      'ENGINE_DOWN',
      'ENGINE_FAILED',
      'MEMORY_LIMIT',
      'TIME_LIMIT',
      'RESULT_LIMIT',
      'UNREACHABLE',
      'DEADLINE',
    ],
  },
  invite: {
    method: 'POST',
    path: `${API_PREFIX}/invites`,
    summary: 'Make a ticket with which one island may join',
    scope: 'owner',
    body: input.inviteBody,
    response: view.invitation,
    errors: ['NOT_REACHABLE'],
  },
  revoke: {
    method: 'POST',
    path: `${API_PREFIX}/revocations`,
    summary: 'Revoke a member or a ticket',
    scope: 'owner',
    body: input.revokeBody,
    response: z.object({ revoked: z.string() }),
    errors: ['NOT_FOUND', 'NOT_ADMIN', 'TICKET_UNKNOWN', 'TICKET_INVALID'],
  },
  pardon: {
    method: 'POST',
    path: `${API_PREFIX}/pardons`,
    summary: 'End the quarantine of an island that was caught with two histories',
    scope: 'owner',
    body: input.pardonBody,
    response: z.object({ pardoned: z.string(), epoch: z.number() }),
    errors: ['NOT_FOUND', 'NOT_ADMIN'],
  },
  leave: {
    method: 'POST',
    path: `${API_PREFIX}/leave`,
    summary: 'Withdraw all own records, tell the others, and stop',
    scope: 'owner',
    body: input.leaveBody,
    response: z.object({ withdrawn: z.number(), toldPeers: z.number() }),
    timeoutMs: 120_000,
    errors: [],
  },
  journal: {
    method: 'GET',
    path: `${API_PREFIX}/journal`,
    summary: 'Who did what, when, with what result; newest first',
    scope: 'owner',
    query: input.journalQuery,
    response: z.array(view.journalEntry),
    errors: [],
  },
  events: {
    method: 'GET',
    path: `${API_PREFIX}/events`,
    summary: 'Changes as they arrive, as server-sent events; Last-Event-ID resumes',
    scope: 'owner',
    response: z.union([view.islandEvent, view.lostEvents]),
    stream: 'sse',
    errors: [],
  },
  openapi: {
    method: 'GET',
    path: `${API_PREFIX}/openapi.json`,
    summary: 'This service as OpenAPI 3.1',
    scope: 'owner',
    response: z.record(z.string(), z.unknown()),
    errors: [],
  },
} as const satisfies Record<string, Route> & Record<keyof IslandPort, Route>

export type Routes = typeof ROUTES
export type RouteName = keyof Routes

/** The table as a list of plain routes, each with its name. */
export const routeList: (Route & { name: RouteName })[] = (Object.keys(ROUTES) as RouteName[]).map((name) => ({
  name,
  ...(ROUTES[name] as Route),
}))

/*
 * To add a function: 1. its method in `ports.ts`; 2. schemas in `inputs.ts` and `views.ts`; 3. an entry above, with
 * the method's name; 4. a line in `server/handlers.ts` and one in `client/index.ts`, which do not compile without;
 * 5. `npm run generate`. The tests of the table then try the new route as nobody, with a wrong token, from a
 * foreign page, and with malformed and oversized bodies.
 */
