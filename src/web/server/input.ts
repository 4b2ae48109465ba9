/** Reads and checks the parts of a request against its route. Every failure is a coded answer. */
import type { Context } from 'hono'
import type { z } from 'zod'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { wordIssue } from '../../protocols/model/issues.ts'
import { parseUntrusted } from '../../protocols/model/parse.ts'
import { MAX_BODY_BYTES, type Route, type RouteInput } from '../contract/route.ts'
import { readBounded } from './body.ts'

const MAX_ISSUES = 10

const WHOLE = { path: 'the path', query: 'the query', body: 'the body' } as const

/** @throws BAD_INPUT that names each wrong field, what was expected and what came. */
function check<T extends z.ZodType>(schema: T, value: unknown, where: keyof typeof WHOLE): z.output<T> {
  const parsed = parseUntrusted(schema, value)
  if (parsed.success) return parsed.data
  const issues = parsed.error.issues.slice(0, MAX_ISSUES).map((issue) => ({
    in: where,
    ...wordIssue(issue, value),
    ...(where === 'query' && repeated(issue, value) ? { message: 'may be given only once' } : {}),
  }))
  const message = issues.map(({ field, message: text }) => `${field || WHOLE[where]} ${text}`).join('; ')
  throw new ArchipelError('BAD_INPUT', message, { details: { issues } })
}

function repeated({ code, path }: z.core.$ZodIssue, query: unknown): boolean {
  return code === 'invalid_type' && Array.isArray((query as Record<string, unknown>)[String(path[0])])
}

function decodeSegment(name: string, text: string | undefined): string {
  try {
    return decodeURIComponent(text ?? '')
  } catch {
    throw new ArchipelError('BAD_INPUT', `path.${name}: broken percent-encoding`)
  }
}

/** Path parameters from the raw target: a router's own decoding would guess at broken or doubly encoded text. */
function rawParams(route: Route, url: string): Record<string, string> {
  const segments = new URL(url).pathname.split('/')
  const params: Record<string, string> = {}
  const parts = route.path.split('/')
  for (const [i, part] of parts.entries()) {
    const name = /^\{(\w+)\}$/.exec(part)?.[1]
    if (name === undefined) continue
    const isRest = route.rest === true && i === parts.length - 1
    params[name] = decodeSegment(name, isRest ? segments.slice(i).join('/') : segments[i])
  }
  return params
}

function rawQuery(url: string): Record<string, string | string[]> {
  const search = new URL(url).searchParams
  const query: Record<string, string | string[]> = Object.create(null)
  for (const key of new Set(search.keys())) {
    const values = search.getAll(key)
    query[key] = values.length === 1 ? values[0]! : values
  }
  return query
}

function hasBody(c: Context): boolean {
  return c.req.header('transfer-encoding') !== undefined || Number(c.req.header('content-length') ?? 0) > 0
}

/** @throws CANCELLED when the sender goes away */
async function* uploaded(c: Context): AsyncGenerator<Uint8Array> {
  const reader = c.req.raw.body?.getReader()
  try {
    while (reader !== undefined) {
      const { done, value } = await reader.read().catch((cause) => {
        throw new ArchipelError('CANCELLED', 'the request ended before its body', { cause })
      })
      if (done) return
      yield value
    }
  } finally {
    reader?.cancel().catch(() => {})
  }
}

function readUpload(c: Context, type: string): AsyncIterable<Uint8Array> {
  if ((c.req.header('content-type') ?? '').trim().toLowerCase() !== type)
    throw new ArchipelError('BAD_INPUT', `the body has to be of type ${type}`, {
      hint: `Send the bytes of the file with the header "Content-Type: ${type}".`,
    })
  return uploaded(c)
}

async function readJson(c: Context, limitBytes: number): Promise<unknown> {
  const type = c.req.header('content-type') ?? ''
  if (!/^application\/json\s*(;\s*charset="?utf-8"?\s*)?$/i.test(type)) {
    throw new ArchipelError('BAD_INPUT', 'the body has to be of type application/json', {
      hint: 'Send a JSON object with the header "Content-Type: application/json".',
    })
  }
  const bytes = await readBounded(c, limitBytes)
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new ArchipelError('BAD_INPUT', 'the body is not JSON in UTF-8', { cause })
  }
}

/** @throws BAD_INPUT, TOO_LARGE, CANCELLED */
export async function readInput(route: Route, c: Context): Promise<RouteInput<Route>> {
  const url = c.req.url
  const params = route.params && check(route.params, rawParams(route, url), 'path')
  const query = rawQuery(url)
  if (route.query === undefined && Object.keys(query).length > 0) {
    throw new ArchipelError('BAD_INPUT', 'this route takes no query parameters')
  }
  if (route.body === undefined && route.upload === undefined && hasBody(c))
    throw new ArchipelError('BAD_INPUT', 'this route takes no body')
  return {
    params,
    query: route.query && check(route.query, query, 'query'),
    body:
      route.upload === undefined
        ? route.body && check(route.body, await readJson(c, route.maxBodyBytes ?? MAX_BODY_BYTES), 'body')
        : (readUpload(c, route.upload) as never),
    headers: Object.fromEntries(Object.keys(route.headers ?? {}).map((name) => [name, c.req.header(name)])),
  }
}
