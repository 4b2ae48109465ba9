/** The routes of versions of datasets. */
import { datasetUpdate } from '../../protocols/model/versions.ts'
import type { IslandVersions } from '../ports.ts'
import * as input from './inputs.ts'
import { API_PREFIX, DATASET_ERRORS, type Route } from './route.ts'
import * as view from './views.ts'

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
} as const satisfies Record<keyof IslandVersions, Route>
