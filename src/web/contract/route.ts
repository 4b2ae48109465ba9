import type { z } from 'zod'
import type { ErrorCode } from '../../protocols/model/errors.ts'
import type { Scope } from './scopes.ts'

export const API_PREFIX = '/api/v1'

/** One function of the web service; everything that server, client and OpenAPI need to know of it. */
export interface Route {
  method: 'GET' | 'POST' | 'DELETE'
  /** With `{name}` for path parameters; each is one percent-encoded segment. */
  path: `/${string}`
  /** The last parameter is the rest of the path, and may have slashes that are not encoded. */
  rest?: true
  /** One line, for OpenAPI. */
  summary: string
  /** What a token has to allow. `public`: no authentication. */
  scope: 'public' | Scope
  params?: z.ZodObject
  query?: z.ZodObject
  body?: z.ZodType
  /** Instead of a body of JSON: bytes of this type, which the handler reads as they come and bounds itself. */
  upload?: string
  /** The answer; with `stream`, one item of it. */
  response: z.ZodType
  /** `ndjson`: lines `{progress}` ... then `{result}` or `{error}`. `sse`: server-sent events, endless. `bytes`: a file. */
  stream?: 'ndjson' | 'sse' | 'bytes'
  /** Of `bytes`: its size and ETag are known before it is read, so it has HEAD, conditions and parts (RFC 9110, 13 and 14). */
  parts?: boolean
  /** A GET whose answer has no ETag: it is never one that was there before. */
  untagged?: boolean
  /** One `progress` of an `ndjson` answer. */
  progress?: z.ZodType
  /** Media types of the answer where it is not `application/json`. */
  mediaTypes?: readonly string[]
  /**
   * What `Idempotency-Key` does, for a POST that makes something: `task` passes it on to the tasks, which remember it; `memory`
   * and `disk` remember the answer, a secret in memory only.
   */
  idempotency?: 'task' | 'memory' | 'disk'
  /** Request headers that it reads, with a word on each. */
  headers?: Readonly<Record<string, string>>
  /** Bytes of the body; `MAX_BODY_BYTES` when absent. */
  maxBodyBytes?: number
  /** Milliseconds a client waits for the head of the answer; 30 s when absent. */
  timeoutMs?: number
  /** Codes it may answer with beside those of every route (`COMMON_ERRORS`). */
  errors: readonly ErrorCode[]
}

/** Codes that any route may answer with that is not public. */
export const COMMON_ERRORS = [
  'BAD_INPUT',
  'UNAUTHENTICATED',
  'TOKEN_EXPIRED',
  'TOKEN_REVOKED',
  'SCOPE_MISSING',
  'CSRF_FAILED',
  'FORBIDDEN',
  'TOO_LARGE',
  'TOO_MANY',
  'CANCELLED',
  'RECOVERING',
  'INTERNAL',
] as const satisfies ErrorCode[]

export const DATASET_ERRORS = ['DATASET_NOT_FOUND', 'AMBIGUOUS', 'BAD_ID'] as const satisfies ErrorCode[]

/** What running something may fail with. */
export const RUN_ERRORS = [
  'SQL_INVALID',
  'SQL_REFUSED',
  'NO_HOLDER',
  'STALE',
  'NOT_READY',
  'ENGINE_DOWN',
  'ENGINE_FAILED',
  'MEMORY_LIMIT',
  'TIME_LIMIT',
  'RESULT_LIMIT',
  'DISK_FULL',
  'LEASE_EXPIRED',
  'UNREACHABLE',
  'DEADLINE',
] as const satisfies ErrorCode[]

/** The header of routes with `idempotency`. */
export const KEYED = {
  'idempotency-key': 'The same key with the same input gives the answer of the first call, for a day.',
} as const

/** Of answers with `parts`. */
export const PART_HEADERS = {
  range: 'One range of bytes.',
  'if-range': 'The ETag of the part that is there already.',
  'if-none-match': 'ETags of what the asker has.',
} as const

/** Bytes of a request body. */
export const MAX_BODY_BYTES = 1024 * 1024

type Out<T> = T extends z.ZodType ? z.output<T> : undefined

/** What a handler gets: parsed and bounded. */
export interface RouteInput<R extends Route> {
  params: Out<R['params']>
  query: Out<R['query']>
  body: R extends { upload: string } ? AsyncIterable<Uint8Array> : Out<R['body']>
  /** Those that the route names, lower case. */
  headers: Readonly<Record<string, string | undefined>>
}

/** `/datasets/{ref}` with its parameters percent-encoded. */
export function fillPath(path: string, params: Record<string, string> = {}): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''))
}
