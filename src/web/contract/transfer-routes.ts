/** The routes of replicas and transfers. */
import { z } from 'zod'
import { dropPlan, replicaView } from '../../protocols/model/replica.ts'
import { transferPlan, transferView, verification } from '../../protocols/model/transfer.ts'
import type { IslandTransfers } from '../ports.ts'
import * as input from './inputs.ts'
import { API_PREFIX, DATASET_ERRORS, KEYED, type Route } from './route.ts'

const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000
const FIND_ERRORS = [...DATASET_ERRORS, 'NOT_FOUND', 'NO_HOLDER', 'PROTOCOL', 'RECORD_INVALID', 'DISK_FULL'] as const
const TRANSFER_ERRORS = ['TRANSFER_NOT_FOUND', 'TRANSFER_STATE', 'DISK_FULL'] as const

export const TRANSFER_ROUTES = {
  get: {
    method: 'POST',
    path: `${API_PREFIX}/datasets/{ref}/replica`,
    summary:
      'Fetch a dataset, or files of it, to this island; the transfer is durable when this answers. `to` needs the scope admin',
    scope: 'publish',
    params: input.refParams,
    body: input.getBody,
    headers: KEYED,
    idempotency: 'disk',
    response: transferView,
    timeoutMs: 10 * MINUTE_MS,
    errors: [...FIND_ERRORS, 'QUOTA_EXCEEDED', 'DATASET_EXISTS', 'TRANSFER_STATE', 'IDEMPOTENCY_CONFLICT'],
  },
  getPlan: {
    method: 'GET',
    path: `${API_PREFIX}/datasets/{ref}/replica/plan`,
    summary: 'What a transfer would move, and from where; nothing is moved',
    scope: 'read',
    params: input.refParams,
    query: input.planQuery,
    untagged: true,
    response: transferPlan,
    timeoutMs: 10 * MINUTE_MS,
    errors: FIND_ERRORS,
  },
  replicas: {
    method: 'GET',
    path: `${API_PREFIX}/replicas`,
    summary: 'The replicas of other islands’ datasets that this island has',
    scope: 'read',
    query: input.pageQuery,
    response: z.object({ items: z.array(replicaView), total: z.number().int(), next: z.string().optional() }),
    errors: [],
  },
  follow: {
    method: 'POST',
    path: `${API_PREFIX}/datasets/{ref}/replica/follow`,
    summary: 'From now on fetch new versions of a dataset whose replica is here; they take its place',
    scope: 'publish',
    params: input.refParams,
    response: replicaView,
    errors: [...DATASET_ERRORS, 'DISK_FULL'],
  },
  pin: {
    method: 'POST',
    path: `${API_PREFIX}/datasets/{ref}/replica/pin`,
    summary: 'Keep the replica that is here, whatever other version is fetched',
    scope: 'publish',
    params: input.refParams,
    body: input.pinBody,
    response: replicaView,
    errors: [...DATASET_ERRORS, 'NOT_FOUND', 'DISK_FULL'],
  },
  drop: {
    method: 'DELETE',
    path: `${API_PREFIX}/datasets/{ref}/replica`,
    summary:
      'Delete the replica that this island has, once enough others promised to keep theirs; with force, without asking them',
    scope: 'publish',
    params: input.refParams,
    query: input.dropQuery,
    response: z.object({ id: z.string(), bytes: z.number() }),
    timeoutMs: 2 * MINUTE_MS,
    errors: [...DATASET_ERRORS, 'LAST_COPY', 'BELOW_RULE', 'PROMISE_MISSING', 'DROP_CONFLICT', 'DROP_PROMISED'],
  },
  dropPlan: {
    method: 'GET',
    path: `${API_PREFIX}/datasets/{ref}/replica/drop-plan`,
    summary:
      'What a drop would free, who else has it, and what forbids it; nothing is deleted, and no promise asked for',
    scope: 'read',
    params: input.refParams,
    untagged: true,
    response: dropPlan,
    timeoutMs: 2 * MINUTE_MS,
    errors: DATASET_ERRORS,
  },
  verify: {
    method: 'POST',
    path: `${API_PREFIX}/datasets/{ref}/verification`,
    summary: 'Read all files that are here anew, and compare them with the manifest',
    scope: 'publish',
    params: input.refParams,
    body: input.verifyBody,
    response: verification,
    timeoutMs: 25 * HOUR_MS,
    errors: [...DATASET_ERRORS, 'NO_HOLDER', 'RECORD_INVALID', 'DISK_FULL'],
  },
  transfersList: {
    method: 'GET',
    path: `${API_PREFIX}/transfers`,
    summary: 'Transfers to this island, newest first',
    scope: 'read',
    query: input.pageQuery,
    response: z.object({ items: z.array(transferView), total: z.number().int(), next: z.string().optional() }),
    errors: [],
  },
  transfersShow: {
    method: 'GET',
    path: `${API_PREFIX}/transfers/{id}`,
    summary: 'One transfer, with its sources',
    scope: 'read',
    params: input.transferParams,
    response: transferView,
    errors: ['TRANSFER_NOT_FOUND'],
  },
  transfersPause: {
    method: 'POST',
    path: `${API_PREFIX}/transfers/{id}/pause`,
    summary: 'Stop a transfer until it is resumed; what is verified stays',
    scope: 'publish',
    params: input.transferParams,
    response: transferView,
    errors: TRANSFER_ERRORS,
  },
  transfersResume: {
    method: 'POST',
    path: `${API_PREFIX}/transfers/{id}/resume`,
    summary: 'Go on with a transfer that is paused or failed',
    scope: 'publish',
    params: input.transferParams,
    response: transferView,
    errors: [...TRANSFER_ERRORS, 'QUOTA_EXCEEDED'],
  },
  transfersCancel: {
    method: 'POST',
    path: `${API_PREFIX}/transfers/{id}/cancel`,
    summary: 'End a transfer; whole files that it brought stay as a part of the dataset',
    scope: 'publish',
    params: input.transferParams,
    response: transferView,
    errors: TRANSFER_ERRORS,
  },
  transfersPriority: {
    method: 'POST',
    path: `${API_PREFIX}/transfers/{id}/priority`,
    summary: 'Which of the transfers that wait is taken up first',
    scope: 'publish',
    params: input.transferParams,
    body: input.priorityBody,
    response: transferView,
    errors: TRANSFER_ERRORS,
  },
} as const satisfies Record<
  | `transfers${Capitalize<keyof IslandTransfers>}`
  | 'get'
  | 'getPlan'
  | 'replicas'
  | 'follow'
  | 'pin'
  | 'drop'
  | 'dropPlan'
  | 'verify',
  Route
>
