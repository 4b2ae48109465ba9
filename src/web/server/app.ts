/** The Hono application: guards, then the route table. Every failure leaves as problem+json. */

import { type Context, Hono } from 'hono'
import type { Logger } from 'pino'
import { ArchipelError, toArchipelError } from '../../protocols/model/errors.ts'
import { PROBLEM_MEDIA_TYPE, toProblem } from '../contract/problem.ts'
import { API_PREFIX, type Route, type RouteInput } from '../contract/route.ts'
import { FILE_ADDRESS, type RouteName, routeList, TASK_ADDRESS } from '../contract/routes.ts'
import { errorAnswer, respond } from '../livy/answers.ts'
import { LIVY_PREFIX, livyEndpoint } from '../livy/endpoint.ts'
import type { LivyPort } from '../livy/port.ts'
import type { AccessPort, Caller } from '../ports.ts'
import { type AccessInit, cookieName, doorkeeper, type Env, type Visitor } from './access.ts'
import { browser, isBrowserRoute } from './browser.ts'
import { bundleFile } from './bundle.ts'
import { etagOf, isKnown } from './etag.ts'
import type { EventHub } from './events.ts'
import { answerFile, FileAnswer } from './file-answer.ts'
import { STRICT_HEADERS } from './guard.ts'
import { fileOf, HANDLERS, type HandlerContext, keyOf, requireScope, Typed } from './handlers.ts'
import type { Answers } from './idempotency.ts'
import { readInput } from './input.ts'
import type { Metrics } from './metrics.ts'
import { ndjson } from './ndjson.ts'
import { type OriginsInit, originGuard } from './origins.ts'
import { servePage } from './page.ts'
import { routeNameOf } from './route-name.ts'
import { answerStatic } from './static.ts'
import { wantsPage } from './task-address.ts'
import { untilEnd } from './until-end.ts'

/** Milliseconds without a byte taken by the reader of an answer, after which the connection is cut. */
const STALL_MS = 60_000

export interface AppInit extends AccessInit, OriginsInit {
  /** Aborted when the server stops: ends what is under way. */
  stopping: AbortSignal
}

export interface AppComponents extends Pick<HandlerContext, 'island' | 'metadata' | 'version' | 'notReady'> {
  access: AccessPort
  events: EventHub
  answers: Answers
  metrics: Metrics
  /** What the Livy endpoint serves; without it there is none. */
  livy?: LivyPort
  logger: Pick<Logger, 'debug' | 'error'>
}

const NOBODY: Visitor = { caller: { id: '', name: 'nobody', scopes: [] } }
const isLivy = (path: string) => path === LIVY_PREFIX || path.startsWith(`${LIVY_PREFIX}/`)
/** The path for the log: what an address of a file carries is a secret. */
const loggable = (path: string) => path.replace(/^\/files\/[^/]*/, '/files/...')
const publicPaths = new Set<string>(routeList.filter((r) => r.scope === 'public').map((r) => r.path))

export function problemResponse(error: ArchipelError): Response {
  const { retryAfterMs, bytes } = error.details ?? {}
  return new Response(JSON.stringify(toProblem(error)), {
    status: error.status,
    headers: {
      ...STRICT_HEADERS,
      'content-type': PROBLEM_MEDIA_TYPE,
      ...(error.status === 401 ? { 'www-authenticate': 'Bearer realm="archipel"' } : {}),
      ...(typeof retryAfterMs === 'number' ? { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) } : {}),
      ...(error.code === 'BAD_RANGE' && typeof bytes === 'number' ? { 'content-range': `bytes */${bytes}` } : {}),
    },
  })
}

/** HEAD is GET without its body; a stream has none, unless its size is known before. */
function hasHead({ method, stream, parts }: Route): boolean {
  return method === 'GET' && (stream === undefined || parts === true)
}

function wrongMethod(method: string, methods: string[]): Response {
  const allowed = methods.join(', ')
  const refused = problemResponse(
    new ArchipelError('METHOD_NOT_ALLOWED', `${method.slice(0, 20)} is not a method of this route; it has: ${allowed}`),
  )
  refused.headers.set('allow', allowed)
  return refused
}

export function app(init: AppInit, components: AppComponents): Hono<Env> {
  const { logger } = components
  const hono = new Hono<Env>()
  const cookie = cookieName(init.id)

  const report = (error: ArchipelError, path: string): ArchipelError => {
    if (error.code === 'INTERNAL') logger.error({ err: error.cause ?? error, path: loggable(path) }, 'request failed')
    else logger.debug({ code: error.code, path: loggable(path) }, 'request refused')
    return error
  }

  hono.onError((cause, c) => {
    const error = report(toArchipelError(cause), c.req.path)
    // Its own failures are answered there; these are of the doors before it.
    if (components.livy !== undefined && isLivy(c.req.path)) return respond(errorAnswer(error, {}), undefined)
    return problemResponse(error)
  })
  hono.use(async (c, next) => {
    const began = performance.now()
    await next()
    // Who is refused at the door did not come to a route.
    const { status, ok } = c.res
    const name = c.get('route') ?? (ok ? undefined : routeNameOf(c.req.method, new URL(c.req.url).pathname))
    components.metrics.request(name ?? 'other', status, (performance.now() - began) / 1000)
    for (const [name, value] of Object.entries(STRICT_HEADERS)) {
      if (!c.res.headers.has(name)) c.res.headers.set(name, value)
    }
    c.env?.outgoing?.setTimeout(STALL_MS)
  })
  hono.use(originGuard(init))
  const door = doorkeeper(init, components.access)
  if (components.livy !== undefined) {
    const livy = livyEndpoint(init)({ port: components.livy, door, logger })
    hono.all(LIVY_PREFIX, livy)
    hono.all(`${LIVY_PREFIX}/*`, livy)
  }
  // Before the method and the route are told; a public route of the API asks nobody.
  hono.use(`${API_PREFIX}/*`, async (c, next) => {
    const open = publicPaths.has(new URL(c.req.url).pathname)
    if (!open) c.set('visitor', door.admit(c))
    await next()
  })

  const signalOf = (c: Context<Env>, { signal }: Caller) =>
    AbortSignal.any([c.req.raw.signal, init.stopping, ...(signal ? [signal] : [])])

  const fileAnswered = (
    file: FileAnswer,
    headers: RouteInput<Route>['headers'],
    c: Context<Env>,
    { signal }: Caller,
  ): Promise<Response> =>
    answerFile(file, headers, {
      method: c.req.raw.method,
      end: signal,
      onError: (cause) => report(toArchipelError(cause), c.req.path),
      outgoing: c.env?.outgoing,
    })

  /** What the address carries says which file, and on whose token: header and cookie are not looked at. */
  async function serveByUrl(c: Context<Env>): Promise<Response> {
    c.set('route', FILE_ADDRESS.name)
    const { params, headers } = (await readInput(FILE_ADDRESS, c)) as RouteInput<typeof FILE_ADDRESS>
    const { file, caller } = door.admitUrl(c, params)
    requireScope(caller, FILE_ADDRESS.scope)
    const signal = signalOf(c, caller)
    const answer = fileOf(await untilEnd(caller.signal, components.island.read(file, { signal, user: caller.name })))
    return fileAnswered(answer, headers, c, caller)
  }

  async function serve(route: Route & { name: RouteName }, c: Context<Env>): Promise<Response> {
    c.set('route', route.name)
    const visitor = c.get('visitor') ?? (route.scope === 'public' ? NOBODY : door.admit(c))
    const { caller } = visitor
    if (route.scope !== 'public') requireScope(caller, route.scope)
    const input = await readInput(route, c)
    const { name } = route
    if (name === 'events') return components.events.open(c.req.header('last-event-id'), caller.signal)
    if (isBrowserRoute(name))
      return await browser(name, input, {
        c,
        visitor,
        id: init.id,
        access: components.access,
        door,
      })
    // Input and handler belong to one entry of the table; the compiler cannot follow a name chosen at run time.
    const handler = HANDLERS[name] as (input: unknown, context: HandlerContext) => unknown
    const work = async (signal: AbortSignal, onProgress: (progress: object) => void = () => {}) =>
      untilEnd(caller.signal, handler(input, { ...components, cookie, caller, signal, onProgress }))
    const call = once(route, input, caller, work)
    const signal = signalOf(c, caller)
    if (route.stream === 'ndjson') {
      return ndjson(
        (onProgress, s) => call(s, onProgress),
        signal,
        (error) => report(error, c.req.path),
      )
    }
    const answer = await call(signal)
    if (answer instanceof FileAnswer) return fileAnswered(answer, input.headers, c, caller)
    const { mediaType, document } = answer instanceof Typed ? answer : new Typed('application/json', answer as object)
    const text = typeof document === 'string' ? document : JSON.stringify(document)
    if (route.method !== 'GET') return c.body(text, 200, { 'content-type': mediaType })
    const etag = etagOf(text)
    if (isKnown(etag, c.req.header('if-none-match'))) return c.body(null, 304, { etag })
    return c.body(text, 200, { 'content-type': mediaType, etag })
  }

  /** The call, or the answer that its idempotency key had before. */
  function once<A extends unknown[]>(
    { name, idempotency }: Route & { name: RouteName },
    { params, body, headers }: RouteInput<Route>,
    caller: Caller,
    work: (...args: A) => Promise<unknown>,
  ): (...args: A) => Promise<unknown> {
    const key = headers['idempotency-key']
    if (key === undefined || (idempotency !== 'memory' && idempotency !== 'disk')) return work
    const { idempotencyKey = '' } = keyOf(key, undefined)
    const known = { caller: caller.id, route: name, key: idempotencyKey, input: { params, body } }
    return (...args) => components.answers.once({ ...known, durable: idempotency === 'disk' }, () => work(...args))
  }

  const paths = new Map<string, (Route & { name: RouteName })[]>()
  for (const route of routeList) paths.set(route.path, [...(paths.get(route.path) ?? []), route])
  for (const [path, routes] of paths) {
    const pattern = path.replace(/\{(\w+)\}/g, ':$1') + (routes.some(({ rest }) => rest) ? '{.+}' : '')
    hono.all(pattern, (c) => {
      const { method } = c.req.raw
      const route = routes.find((r) => r.method === method || (method === 'HEAD' && hasHead(r)))
      if (route !== undefined) return serve(route, c)
      return wrongMethod(
        method,
        routes.flatMap((r) => (hasHead(r) ? ['GET', 'HEAD'] : [r.method])),
      )
    })
  }
  // The address of a task for people and programs; the page answers after this where it is wanted.
  hono.get('/tasks/:id', async (c, next) => {
    // Failures too: to another `Accept` it would have been the page.
    await next()
    if (!/\baccept\b(?!-)/i.test(c.res.headers.get('vary') ?? '')) c.res.headers.append('vary', 'Accept')
  })
  hono.get('/tasks/:id', async (c, next) =>
    wantsPage(c.req.header('accept')) ? await next() : await serve(TASK_ADDRESS, c),
  )
  hono.all(FILE_ADDRESS.path.replace(/\{(\w+)\}/g, ':$1'), (c) =>
    ['GET', 'HEAD'].includes(c.req.raw.method) ? serveByUrl(c) : wrongMethod(c.req.raw.method, ['GET', 'HEAD']),
  )
  servePage(hono as never, cookie)
  hono.all('/tasks/:id', (c) => wrongMethod(c.req.raw.method, ['GET', 'HEAD']))
  hono.get('/client.js', async (c) => answerStatic(await bundleFile('client', 'client.js'), c.req.raw.headers))
  hono.notFound(() =>
    problemResponse(
      new ArchipelError('NOT_FOUND', 'there is no such route', {
        hint: 'The routes are listed in /api/v1/openapi.json.',
      }),
    ),
  )
  return hono
}
