/** The route table: server, client, OpenAPI and the tests of all three are derived from it. */
import { z } from 'zod'
import { TABLE_ITEM } from '../../protocols/model/task.ts'
import type {
  IslandActions,
  IslandLivy,
  IslandMains,
  IslandPort,
  IslandRules,
  IslandSessions,
  IslandStatements,
  IslandTasks,
  IslandTokens,
} from '../ports.ts'
import { ACTION_ROUTES } from './action-routes.ts'
import { CONTENT_ROUTES } from './content-routes.ts'
import * as input from './inputs.ts'
import { LIVY_ROUTES } from './livy-routes.ts'
import { REQUEST_ROUTES } from './request-routes.ts'
import { API_PREFIX, DATASET_ERRORS, KEYED, PART_HEADERS, type Route, RUN_ERRORS } from './route.ts'
import { RULE_ROUTES } from './rule-routes.ts'
import { SESSION_ROUTES } from './session-routes.ts'
import { SUBSCRIPTION_ROUTES } from './subscription-routes.ts'
import { TOKEN_ROUTES } from './token-routes.ts'
import { TRANSFER_ROUTES } from './transfer-routes.ts'
import { VERSION_ROUTES } from './version-routes.ts'
import * as view from './views.ts'
import * as work from './work-inputs.ts'

const TASK_ERRORS = ['TASK_NOT_FOUND', 'UNREACHABLE', 'DEADLINE', 'PROTOCOL'] as const
const RESULT_ERRORS = [...TASK_ERRORS, 'TASK_STATE', 'NOT_FOUND', 'RESULT_EXPIRED'] as const
const SUBMIT_ERRORS = [...DATASET_ERRORS, 'SQL_INVALID', 'SQL_REFUSED', 'NOT_FOUND', 'NO_HOLDER', 'DISK_FULL'] as const
const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000

/** The route of a function of `IslandTasks`. */
type TaskRoute = `task${Capitalize<keyof IslandTasks>}`
/** That of one of `IslandTokens`. */
type TokenRoute = `token${Capitalize<keyof IslandTokens>}`
type SessionRoute = `session${Capitalize<keyof IslandSessions>}`
type StatementRoute = `statement${Capitalize<keyof IslandStatements>}`
/** Groups of functions, whose routes have the name of the group before theirs. */
type ActionRoute = `actions${Capitalize<keyof IslandActions>}`
type MainRoute = `main${Capitalize<keyof IslandMains>}`
type RulesRoute = `rules${Capitalize<keyof IslandRules>}`
type LivyRoute = `livy${Capitalize<keyof IslandLivy>}`
type Group =
  | 'actions'
  | 'livy'
  | 'mains'
  | 'rules'
  | 'requests'
  | 'tasks'
  | 'tokens'
  | 'sessions'
  | 'statements'
  | 'subscriptions'
  | 'transfers'

export const ROUTES = {
  health: {
    method: 'GET',
    path: '/healthz',
    summary: 'Whether the process answers',
    scope: 'public',
    response: z.object({ status: z.literal('ok') }),
    errors: [],
  },
  ready: {
    method: 'GET',
    path: '/readyz',
    summary: 'Whether the island takes work; 503 says what it waits for',
    scope: 'public',
    response: z.object({ status: z.literal('ready') }),
    errors: ['NOT_READY'],
  },
  metrics: {
    method: 'GET',
    path: '/metrics',
    summary: 'Metrics for Prometheus',
    scope: 'read',
    response: z.string(),
    mediaTypes: ['text/plain'],
    errors: [],
  },
  status: {
    method: 'GET',
    path: `${API_PREFIX}/status`,
    summary: 'The island, its peers, its catalog, and what is wrong in words',
    scope: 'read',
    response: view.islandStatus,
    errors: [],
  },
  islands: {
    method: 'GET',
    path: `${API_PREFIX}/islands`,
    summary: 'All members with their cards, state and round-trip time',
    scope: 'read',
    query: input.pageQuery,
    response: view.islandPage,
    errors: [],
  },
  datasets: {
    method: 'GET',
    path: `${API_PREFIX}/datasets`,
    summary: 'Search the datasets of all islands',
    scope: 'read',
    query: input.datasetsQuery,
    response: view.datasetPage,
    errors: ['NOT_FOUND', 'AMBIGUOUS'],
  },
  dataset: {
    method: 'GET',
    path: `${API_PREFIX}/datasets/{ref}`,
    summary: 'One dataset with its columns, coverage and holders',
    scope: 'read',
    params: input.refParams,
    response: view.datasetView,
    errors: DATASET_ERRORS,
  },
  ...CONTENT_ROUTES,
  metadata: {
    method: 'GET',
    path: `${API_PREFIX}/datasets/{ref}/metadata`,
    summary: 'The metadata of a dataset in a format of the field',
    scope: 'read',
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
    scope: 'publish',
    body: input.publishBody,
    headers: KEYED,
    idempotency: 'disk',
    response: view.datasetView,
    stream: 'ndjson',
    progress: view.publishProgress,
    errors: ['BAD_ID', 'DATASET_EXISTS', 'UNREADABLE', 'STALE', 'DISK_FULL', 'IDEMPOTENCY_CONFLICT'],
  },
  unpublish: {
    method: 'DELETE',
    path: `${API_PREFIX}/datasets/{ref}`,
    summary: 'Withdraw a dataset that this island publishes',
    scope: 'publish',
    params: input.refParams,
    response: z.object({ id: z.string() }),
    errors: DATASET_ERRORS,
  },
  ...VERSION_ROUTES,
  ...TRANSFER_ROUTES,
  ...SUBSCRIPTION_ROUTES,
  ...RULE_ROUTES,
  ...REQUEST_ROUTES,
  resolve: {
    method: 'GET',
    path: `${API_PREFIX}/resolve/{ref}`,
    summary: 'The islands that hold a dataset, and how that is known',
    scope: 'read',
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
    scope: 'run',
    body: input.sqlBody,
    headers: KEYED,
    idempotency: 'task',
    response: view.taskResult,
    timeoutMs: 25 * HOUR_MS,
    errors: [...DATASET_ERRORS, ...RUN_ERRORS],
  },
  taskSubmit: {
    method: 'POST',
    path: `${API_PREFIX}/tasks`,
    summary: 'Submit a task; it is durable when this answers, and goes on whoever leaves',
    scope: 'run',
    headers: { 'idempotency-key': 'The same key is the same task; instead of the field idempotencyKey.' },
    idempotency: 'task',
    body: work.submitBody,
    maxBodyBytes: work.MAX_TASK_BODY_BYTES,
    response: view.taskView,
    timeoutMs: 2 * MINUTE_MS,
    errors: [...SUBMIT_ERRORS, 'IDEMPOTENCY_CONFLICT'],
  },
  taskPlace: {
    method: 'POST',
    path: `${API_PREFIX}/tasks/placement`,
    summary: 'Choose an island for a task and say why, without running it',
    scope: 'run',
    body: work.submitBody,
    maxBodyBytes: work.MAX_TASK_BODY_BYTES,
    response: view.placement,
    timeoutMs: 2 * MINUTE_MS,
    errors: [...SUBMIT_ERRORS, 'LANGUAGE_MISSING', 'STALE'],
  },
  taskList: {
    method: 'GET',
    path: `${API_PREFIX}/tasks`,
    summary: 'Tasks of this island, newest first',
    scope: 'read',
    query: work.tasksQuery,
    response: view.taskPage,
    errors: [],
  },
  taskShow: {
    method: 'GET',
    path: `${API_PREFIX}/tasks/{id}`,
    summary: 'One task, of any island, with its attempts and why it ran where it ran',
    scope: 'read',
    params: work.taskParams,
    response: view.taskView,
    errors: TASK_ERRORS,
  },
  taskWatch: {
    method: 'GET',
    path: `${API_PREFIX}/tasks/{id}/events`,
    summary: 'A task now and at each change; the result is its end state',
    scope: 'read',
    params: work.taskParams,
    response: view.taskView,
    stream: 'ndjson',
    progress: view.taskView,
    errors: TASK_ERRORS,
  },
  taskLog: {
    method: 'GET',
    path: `${API_PREFIX}/tasks/{id}/log`,
    summary: 'What a task printed, from an offset, while it runs too',
    scope: 'read',
    params: work.taskParams,
    query: work.logQuery,
    response: view.logPage,
    errors: [...TASK_ERRORS, 'RESULT_EXPIRED'],
  },
  taskRows: {
    method: 'GET',
    path: `${API_PREFIX}/tasks/{id}/rows`,
    summary: 'A page of the table of a result',
    scope: 'read',
    params: work.taskParams,
    query: work.rowsQuery,
    response: view.rowsPage,
    timeoutMs: 2 * MINUTE_MS,
    errors: RESULT_ERRORS,
  },
  taskRead: {
    method: 'GET',
    path: `${API_PREFIX}/tasks/{id}/items/{name}`,
    summary: `One item of a result: text, an image, a file, or the table as ${TABLE_ITEM}; Range: bytes=... gives a part`,
    scope: 'read',
    params: work.itemParams,
    headers: PART_HEADERS,
    response: z.string().meta({ format: 'binary' }),
    stream: 'bytes',
    parts: true,
    mediaTypes: ['application/octet-stream'],
    timeoutMs: 2 * MINUTE_MS,
    errors: [...RESULT_ERRORS, 'BAD_RANGE'],
  },
  taskTable: {
    method: 'GET',
    path: `${API_PREFIX}/tasks/{id}/table`,
    summary: 'The table of a result in a format that other programs read',
    scope: 'read',
    params: work.taskParams,
    query: work.tableQuery,
    response: z.string().meta({ format: 'binary' }),
    stream: 'bytes',
    mediaTypes: [
      'text/csv',
      'application/json',
      'application/x-ndjson',
      'application/vnd.apache.parquet',
      'application/vnd.apache.arrow.file',
    ],
    timeoutMs: HOUR_MS,
    errors: [...RESULT_ERRORS, 'DISK_FULL'],
  },
  taskCancel: {
    method: 'POST',
    path: `${API_PREFIX}/tasks/{id}/cancel`,
    summary: 'Cancel a task; one that has ended stays as it is',
    scope: 'run',
    params: work.taskParams,
    response: view.taskView,
    errors: TASK_ERRORS,
  },
  taskRetry: {
    method: 'POST',
    path: `${API_PREFIX}/tasks/{id}/retry`,
    summary: 'Submit the work of a task that has ended again, as a new task',
    scope: 'run',
    params: work.taskParams,
    headers: KEYED,
    idempotency: 'task',
    response: view.taskView,
    errors: [...TASK_ERRORS, 'TASK_STATE', 'IDEMPOTENCY_CONFLICT', 'DISK_FULL'],
  },
  ...ACTION_ROUTES,
  ...SESSION_ROUTES,
  ...LIVY_ROUTES,
  invite: {
    method: 'POST',
    path: `${API_PREFIX}/invites`,
    summary: 'Make a ticket with which one island may join',
    scope: 'admin',
    body: input.inviteBody,
    headers: KEYED,
    idempotency: 'memory',
    response: view.invitation,
    errors: ['NOT_REACHABLE', 'IDEMPOTENCY_CONFLICT'],
  },
  revoke: {
    method: 'POST',
    path: `${API_PREFIX}/revocations`,
    summary: 'Revoke a member or a ticket',
    scope: 'admin',
    body: input.revokeBody,
    response: z.object({ revoked: z.string() }),
    errors: ['NOT_FOUND', 'NOT_ADMIN', 'TICKET_UNKNOWN', 'TICKET_INVALID'],
  },
  pardon: {
    method: 'POST',
    path: `${API_PREFIX}/pardons`,
    summary: 'End the quarantine of an island that was caught with two histories',
    scope: 'admin',
    body: input.pardonBody,
    response: z.object({ pardoned: z.string(), epoch: z.number() }),
    errors: ['NOT_FOUND', 'NOT_ADMIN'],
  },
  leave: {
    method: 'POST',
    path: `${API_PREFIX}/leave`,
    summary: 'Withdraw all own records, tell the others, and stop',
    scope: 'admin',
    body: input.leaveBody,
    response: z.object({ withdrawn: z.number(), toldPeers: z.number() }),
    timeoutMs: 120_000,
    errors: [],
  },
  journal: {
    method: 'GET',
    path: `${API_PREFIX}/journal`,
    summary: 'Who did what, when, with what result; newest first',
    scope: 'admin',
    query: input.journalQuery,
    response: view.journalPage,
    errors: [],
  },
  ...TOKEN_ROUTES,
  signInCode: {
    method: 'POST',
    path: `${API_PREFIX}/sign-in-codes`,
    summary: 'Make a code with which a browser signs in, once, within five minutes',
    scope: 'admin',
    headers: KEYED,
    idempotency: 'memory',
    body: input.signInCodeBody,
    response: view.signInCode,
    errors: ['IDEMPOTENCY_CONFLICT'],
  },
  browserSignIn: {
    method: 'POST',
    path: `${API_PREFIX}/browser-session`,
    summary: 'Sign a browser in with a code; the answer sets a cookie',
    scope: 'public',
    body: input.signInBody,
    maxBodyBytes: 1024,
    response: view.browserSession,
    errors: ['UNAUTHENTICATED', 'TOKEN_REVOKED', 'CSRF_FAILED', 'TOO_LARGE', 'TOO_MANY', 'DISK_FULL', 'INTERNAL'],
  },
  browserSession: {
    method: 'GET',
    path: `${API_PREFIX}/browser-session`,
    summary: 'Who the browser is signed in as, and what it may do',
    scope: 'read',
    response: view.browserSession,
    untagged: true,
    errors: [],
  },
  browserSignOut: {
    method: 'DELETE',
    path: `${API_PREFIX}/browser-session`,
    summary: 'Sign the browser out, which ends its session',
    scope: 'read',
    response: z.object({ signedOut: z.literal(true) }),
    errors: ['DISK_FULL'],
  },
  config: {
    method: 'GET',
    path: `${API_PREFIX}/config`,
    summary: 'The settings in effect, secrets masked, with where each comes from',
    scope: 'admin',
    response: view.configView,
    errors: [],
  },
  events: {
    method: 'GET',
    path: `${API_PREFIX}/events`,
    summary: 'Changes as they arrive, as server-sent events; Last-Event-ID resumes',
    scope: 'read',
    headers: { 'last-event-id': 'The id of the last event that was read; the stream goes on after it.' },
    response: z.union([view.islandEvent, view.lostEvents]),
    stream: 'sse',
    errors: [],
  },
  openapi: {
    method: 'GET',
    path: `${API_PREFIX}/openapi.json`,
    summary: 'This service as OpenAPI 3.1',
    scope: 'read',
    response: z.record(z.string(), z.unknown()),
    errors: [],
  },
} as const satisfies Record<string, Route> &
  Record<
    | Exclude<keyof IslandPort, Group>
    | TaskRoute
    | TokenRoute
    | SessionRoute
    | StatementRoute
    | ActionRoute
    | MainRoute
    | RulesRoute
    | LivyRoute,
    Route
  >

export type Routes = typeof ROUTES
export type RouteName = keyof Routes

/** The table as a list of plain routes, each with its name. */
export const routeList: (Route & { name: RouteName })[] = (Object.keys(ROUTES) as RouteName[]).map((name) => ({
  name,
  ...(ROUTES[name] as Route),
}))

/** The address of a task for people and programs: `taskShow`, or the page to who prefers HTML. */
export const TASK_ADDRESS = {
  ...ROUTES.taskShow,
  name: 'taskShow',
  path: '/tasks/{id}',
  summary: 'One task, as taskShow, or, to who asks for HTML, the page that shows it; the page needs no token',
  mediaTypes: ['application/json', 'text/html'],
  errors: [...TASK_ERRORS, 'NOT_ACCEPTABLE'],
} as const satisfies Route & { name: RouteName }

/** Where a file is read by an address that `url` made: without a token, and with no other right. */
export const FILE_ADDRESS = {
  ...ROUTES.read,
  name: 'read',
  path: '/files/{capability}/{name}',
  summary: 'A file by the address that the function url made; it needs no token',
  rest: undefined,
  params: input.byUrlParams,
  query: undefined,
  errors: [...ROUTES.read.errors, 'URL_INVALID', 'URL_EXPIRED'],
} as const

/*
 * To add a function: 1. its method in `ports.ts`; 2. schemas in `inputs.ts` (or `work-inputs.ts`) and `views.ts`; 3. an entry above, with
 * the method's name (of `tasks` and `tokens`: with `task` or `token` before it) and its scope; 4. a line in `server/handlers.ts` and one in `client/index.ts`, which do not compile without;
 * 5. `npm run generate`. The tests of the table then try the new route as nobody, with wrong tokens of each kind,
 * from a foreign page, and with malformed and oversized bodies.
 */
