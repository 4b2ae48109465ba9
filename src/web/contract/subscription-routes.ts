/** The routes of subscriptions. */
import { z } from 'zod'
import {
  subscriptionExplanation,
  subscriptionPage,
  subscriptionPlan,
  subscriptionView,
} from '../../protocols/model/subscription.ts'
import type { IslandSubscriptions } from '../ports.ts'
import * as input from './inputs.ts'
import { API_PREFIX, DATASET_ERRORS, KEYED, type Route } from './route.ts'

const MINUTE_MS = 60_000
const CHANGE_ERRORS = ['SUBSCRIPTION_NOT_FOUND', 'DISK_FULL'] as const

export const SUBSCRIPTION_ROUTES = {
  subscriptionsCreate: {
    method: 'POST',
    path: `${API_PREFIX}/subscriptions`,
    summary: 'Fetch all datasets that a filter finds to this island, as they appear; durable when this answers',
    scope: 'publish',
    body: input.subscriptionBody,
    headers: KEYED,
    idempotency: 'disk',
    response: subscriptionView,
    timeoutMs: 5 * MINUTE_MS,
    errors: ['DISK_FULL', 'IDEMPOTENCY_CONFLICT'],
  },
  subscriptionsPlan: {
    method: 'POST',
    path: `${API_PREFIX}/subscriptions/plan`,
    summary: 'What a subscription would begin with; nothing is kept',
    scope: 'read',
    body: input.subscriptionBody,
    response: subscriptionPlan,
    timeoutMs: 5 * MINUTE_MS,
    errors: [],
  },
  subscriptionsList: {
    method: 'GET',
    path: `${API_PREFIX}/subscriptions`,
    summary: 'Subscriptions of this island, newest first',
    scope: 'read',
    query: input.pageQuery,
    response: subscriptionPage,
    errors: [],
  },
  subscriptionsShow: {
    method: 'GET',
    path: `${API_PREFIX}/subscriptions/{id}`,
    summary: 'One subscription, with the datasets that it met last',
    scope: 'read',
    params: input.subscriptionParams,
    response: subscriptionView,
    errors: ['SUBSCRIPTION_NOT_FOUND'],
  },
  subscriptionsExplain: {
    method: 'GET',
    path: `${API_PREFIX}/subscriptions/{id}/datasets/{ref}`,
    summary: 'Why a dataset is one of a subscription or is not, and what became of it',
    scope: 'read',
    params: input.subscribedParams,
    response: subscriptionExplanation,
    errors: [...DATASET_ERRORS, 'SUBSCRIPTION_NOT_FOUND'],
  },
  subscriptionsPause: {
    method: 'POST',
    path: `${API_PREFIX}/subscriptions/{id}/pause`,
    summary: 'Ask for nothing until it is resumed; transfers go on',
    scope: 'publish',
    params: input.subscriptionParams,
    response: subscriptionView,
    errors: CHANGE_ERRORS,
  },
  subscriptionsResume: {
    method: 'POST',
    path: `${API_PREFIX}/subscriptions/{id}/resume`,
    summary: 'Go on with a subscription, with what came meanwhile and what failed',
    scope: 'publish',
    params: input.subscriptionParams,
    body: input.subscriptionResumeBody,
    response: subscriptionView,
    timeoutMs: 5 * MINUTE_MS,
    errors: CHANGE_ERRORS,
  },
  subscriptionsRemove: {
    method: 'DELETE',
    path: `${API_PREFIX}/subscriptions/{id}`,
    summary: 'End a subscription; what it brought stays, and its transfers go on',
    scope: 'publish',
    params: input.subscriptionParams,
    response: z.object({ id: z.string() }),
    errors: CHANGE_ERRORS,
  },
} as const satisfies Record<`subscriptions${Capitalize<keyof IslandSubscriptions>}`, Route>
