/** The routes of what is inside a dataset: its files, their bytes, its first rows. */
import { z } from 'zod'
import { fileUrl, fileUrlRequest } from '../../protocols/model/file-url.ts'
import * as input from './inputs.ts'
import { API_PREFIX, DATASET_ERRORS, PART_HEADERS, type Route, RUN_ERRORS } from './route.ts'
import * as view from './views.ts'

const MINUTE_MS = 60_000

export const CONTENT_ROUTES = {
  files: {
    method: 'GET',
    path: `${API_PREFIX}/datasets/{ref}/files`,
    summary: 'The files of a dataset, wherever it is held',
    scope: 'read',
    params: input.refParams,
    query: input.filesQuery,
    response: view.filePage,
    timeoutMs: 2 * MINUTE_MS,
    errors: [...DATASET_ERRORS, 'NO_HOLDER', 'PROTOCOL', 'RECORD_INVALID'],
  },
  read: {
    method: 'GET',
    path: `${API_PREFIX}/datasets/{ref}/files/{path}`,
    rest: true,
    summary:
      'A file of a dataset, wherever it is held; Range: bytes=... gives a part. What is not here is fetched, verified and kept',
    scope: 'read',
    params: input.readParams,
    query: input.readQuery,
    headers: PART_HEADERS,
    response: z.string().meta({ format: 'binary' }),
    stream: 'bytes',
    parts: true,
    mediaTypes: ['application/octet-stream'],
    timeoutMs: 5 * MINUTE_MS,
    errors: [
      ...DATASET_ERRORS,
      'NOT_FOUND',
      'BAD_RANGE',
      'NO_HOLDER',
      'BAD_DATA',
      'STALE',
      'PROTOCOL',
      'RECORD_INVALID',
      'QUOTA_EXCEEDED',
      'DISK_FULL',
      'DEADLINE',
    ],
  },
  url: {
    method: 'POST',
    path: `${API_PREFIX}/datasets/{ref}/url`,
    summary:
      'An address of one file of one version for tools that can send no header, good for a while; keep it secret',
    scope: 'read',
    params: input.refParams,
    body: fileUrlRequest,
    response: fileUrl,
    timeoutMs: 5 * MINUTE_MS,
    errors: [...DATASET_ERRORS, 'NOT_FOUND', 'NO_HOLDER', 'PROTOCOL', 'RECORD_INVALID'],
  },
  preview: {
    method: 'GET',
    path: `${API_PREFIX}/datasets/{ref}/preview`,
    summary:
      'The first rows of a dataset; where another island holds it they need the scope run, since a task reads them',
    scope: 'read',
    params: input.refParams,
    query: input.previewQuery,
    response: view.preview,
    timeoutMs: MINUTE_MS,
    errors: [...DATASET_ERRORS, 'NOT_FOUND', ...RUN_ERRORS],
  },
} as const satisfies Record<string, Route>
