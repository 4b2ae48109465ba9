/** The routes of versions of datasets. */
import { datasetUpdate, datasetVersions, versionDiff } from '../../protocols/model/versions.ts'
import type { IslandVersions } from '../ports.ts'
import * as input from './inputs.ts'
import { API_PREFIX, DATASET_ERRORS, type Route } from './route.ts'
import * as view from './views.ts'

const MINUTE_MS = 60_000

export const VERSION_ROUTES = {
  update: {
    method: 'POST',
    path: `${API_PREFIX}/datasets/{ref}/versions`,
    summary: 'Publish a dataset again: a new version where its files or its metadata changed, nothing where not',
    scope: 'publish',
    params: input.refParams,
    body: input.updateBody,
    response: datasetUpdate,
    stream: 'ndjson',
    progress: view.publishProgress,
    errors: [...DATASET_ERRORS, 'UNREADABLE', 'STALE', 'DISK_FULL', 'NOT_FOUND'],
  },
  versions: {
    method: 'GET',
    path: `${API_PREFIX}/datasets/{ref}/versions`,
    summary: 'The versions of a dataset that are known, and who holds each',
    scope: 'read',
    params: input.refParams,
    response: datasetVersions,
    errors: DATASET_ERRORS,
  },
  diff: {
    method: 'GET',
    path: `${API_PREFIX}/datasets/{ref}/diff`,
    summary: 'The files that differ between two versions of a dataset',
    scope: 'read',
    params: input.refParams,
    query: input.diffQuery,
    response: versionDiff,
    timeoutMs: 2 * MINUTE_MS,
    errors: [...DATASET_ERRORS, 'NOT_FOUND', 'NO_HOLDER', 'PROTOCOL', 'RECORD_INVALID'],
  },
} as const satisfies Record<keyof IslandVersions, Route>
