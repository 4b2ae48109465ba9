/** The routes of actions, and of the main files that batches and actions name. */
import { z } from 'zod'
import { API_PREFIX, type Route } from './route.ts'
import * as view from './views.ts'
import * as work from './work-inputs.ts'

const MINUTE_MS = 60_000
const REF_ERRORS = ['ACTION_NOT_FOUND', 'AMBIGUOUS', 'BAD_ID'] as const
const RUN_ERRORS = ['DATASET_NOT_FOUND', 'SQL_INVALID', 'SQL_REFUSED', 'NOT_FOUND', 'NO_HOLDER', 'DISK_FULL'] as const

export const ACTION_ROUTES = {
  mainPut: {
    method: 'POST',
    path: `${API_PREFIX}/mains`,
    summary: 'Upload the JAR or Python file of a batch; the same bytes again are the same file',
    scope: 'run',
    query: work.mainQuery,
    upload: 'application/octet-stream',
    response: view.keptMain,
    timeoutMs: 60 * MINUTE_MS,
    errors: ['DISK_FULL'],
  },
  actionsSave: {
    method: 'POST',
    path: `${API_PREFIX}/actions`,
    summary: 'Save a piece of work under a name, to be run again',
    scope: 'run',
    body: work.actionBody,
    response: view.actionView,
    errors: ['NOT_FOUND', 'DISK_FULL'],
  },
  actionsList: {
    method: 'GET',
    path: `${API_PREFIX}/actions`,
    summary: 'Actions that were saved here or that an island shares, by name',
    scope: 'read',
    query: work.actionsQuery,
    response: view.actionPage,
    errors: ['NOT_FOUND', 'AMBIGUOUS'],
  },
  actionsShow: {
    method: 'GET',
    path: `${API_PREFIX}/actions/{ref}`,
    summary: 'One action, by id or name',
    scope: 'read',
    params: work.actionParams,
    response: view.actionView,
    errors: REF_ERRORS,
  },
  actionsRun: {
    method: 'POST',
    path: `${API_PREFIX}/actions/{ref}/run`,
    summary: 'Run an action with parameters; the answer is an ordinary task, which remembers the action',
    scope: 'run',
    headers: { 'idempotency-key': 'The same key is the same task; instead of the field idempotencyKey.' },
    idempotency: 'task',
    params: work.actionParams,
    body: work.actionRunBody,
    maxBodyBytes: work.MAX_TASK_BODY_BYTES,
    response: view.taskView,
    timeoutMs: 5 * MINUTE_MS,
    errors: [...REF_ERRORS, ...RUN_ERRORS, 'IDEMPOTENCY_CONFLICT', 'UNREACHABLE', 'PROTOCOL', 'DEADLINE'],
  },
  actionsShare: {
    method: 'POST',
    path: `${API_PREFIX}/actions/{ref}/share`,
    summary: 'Show an action of this island, as it is now, to all islands',
    scope: 'publish',
    params: work.actionParams,
    response: view.actionView,
    errors: [...REF_ERRORS, 'DISK_FULL'],
  },
  actionsRemove: {
    method: 'DELETE',
    path: `${API_PREFIX}/actions/{ref}`,
    summary: 'Remove an action of this island, and withdraw it where it was shared; its tasks stay',
    scope: 'run',
    params: work.actionParams,
    response: z.object({ id: z.string() }),
    errors: REF_ERRORS,
  },
} as const satisfies Record<string, Route>
