/** The Livy endpoint: `/livy` of the web service, with exactly Livy's surface. */
import type { Context } from 'hono'
import type { Logger } from 'pino'
import { LivyRefusal } from '../../protocols/livy/refusal.ts'
import { ArchipelError, toArchipelError } from '../../protocols/model/errors.ts'
import { allows } from '../contract/scopes.ts'
import type { Doorkeeper, Env } from '../server/access.ts'
import { untilEnd } from '../server/until-end.ts'
import { type Answer, errorAnswer, refusalAnswer, respond } from './answers.ts'
import { jsonBody, methodOfForm, uploadedFile } from './body.ts'
import { LateRefusal } from './late.ts'
import { livyRef } from './numbers.ts'
import { livyPage } from './pages.ts'
import type { LivyPort } from './port.ts'
import { type Call, LIVY_ROUTES, type LivyRoute } from './routes.ts'

export const LIVY_PREFIX = '/livy'

export interface LivyEndpointInit {
  /** Aborted when the server stops. */
  stopping: AbortSignal
}

export interface LivyEndpointComponents {
  port: LivyPort
  door: Pick<Doorkeeper, 'admitProgram'>
  logger: Pick<Logger, 'debug' | 'error'>
}

const OVERRIDES = ['x-http-method-override', 'x-http-method', 'x-method-override']
const API_VERSION = /^application\/vnd\.livy\.v([0-9.]+)\+json$/

/** Answers every request below the prefix, whatever becomes of it. */
export function livyEndpoint({ stopping }: LivyEndpointInit) {
  return ({ port, door, logger }: LivyEndpointComponents) => {
    async function serve(c: Context<Env>, path: string, failed: { route?: LivyRoute; params?: string[] }) {
      fromProgram(c)
      const { caller } = door.admitProgram(c)
      const url = new URL(c.req.url)
      const method = await effectiveMethod(c, url.searchParams)
      const there = LIVY_ROUTES.filter(({ pattern }) => pattern.test(path))
      const page = there.length === 0 ? livyPage(path, LIVY_PREFIX, url.origin) : undefined
      if (page !== undefined) return method === 'GET' || method === 'HEAD' ? page : refused(['GET'])
      if (there.length === 0) return { status: 404 }
      const wanted = API_VERSION.exec(c.req.header('accept') ?? '')?.[1]
      if (wanted !== undefined && wanted !== '0.1' && !path.startsWith('/version'))
        return { status: 406, json: { msg: `No value found for '${wanted.slice(0, 40)}'` } }
      const route = there.find((each) => each.method === (method === 'HEAD' ? 'GET' : method))
      if (route === undefined) return refused(there.map((each) => each.method))
      c.set('route', route.name)
      const params = route.pattern.exec(path)!.slice(1).map(decoded)
      Object.assign(failed, { route, params })
      const scope = route.method === 'GET' ? 'read' : 'run'
      if (!allows(caller.scopes, scope))
        throw new ArchipelError('SCOPE_MISSING', `this needs a token with the scope ${scope}`, { details: { scope } })
      const signal = AbortSignal.any([c.req.raw.signal, stopping, ...(caller.signal ? [caller.signal] : [])])
      const call: Call = {
        port,
        who: { user: caller.name, admin: allows(caller.scopes, 'admin'), signal },
        params,
        query: url.searchParams,
        prefix: LIVY_PREFIX,
        body: () => jsonBody(c),
        file: (field) => uploadedFile(c, field),
      }
      return await untilEnd(caller.signal, answered(route, call))
    }

    function failure(
      cause: unknown,
      path: string,
      { route, params }: { route?: LivyRoute; params?: string[] },
    ): Answer {
      if (cause instanceof LivyRefusal) return refusalAnswer(cause)
      const error = toArchipelError(cause)
      if (error.code === 'INTERNAL') logger.error({ err: error.cause ?? error, path }, 'a request of Livy failed')
      else logger.debug({ code: error.code, path }, 'a request of Livy was refused')
      return errorAnswer(error, { ref: params?.[0], creates: route?.creates ?? false })
    }

    return async (c: Context<Env>): Promise<Response> => {
      // The target as it was sent: a router's own decoding would guess.
      const path = new URL(c.req.url).pathname.slice(LIVY_PREFIX.length)
      const failed: { route?: LivyRoute; params?: string[] } = {}
      let answer: Answer | Response
      try {
        answer = await serve(c, path, failed)
      } catch (cause) {
        answer = failure(cause, path, failed)
      }
      c.set('route', failed.route?.name ?? 'livy')
      const response = answer instanceof Response ? answer : await respond(answer, c.req.header('accept-encoding'))
      response.headers.set('x-xss-protection', '1; mode=block')
      return c.req.raw.method === 'HEAD' ? new Response(null, response) : response
    }
  }
}

async function answered(route: LivyRoute, call: Call): Promise<Answer> {
  try {
    return await route.answer(call)
  } catch (cause) {
    const [id] = call.params
    if (cause instanceof LateRefusal && id !== undefined) {
      const kind = route.name.includes('/batches') ? 'batches' : 'sessions'
      await call.port[kind].state(livyRef(id), call.who)
    }
    throw cause
  }
}

/** No page of another origin may use what a browser keeps of a person: Livy itself looks at nothing of that. @throws FORBIDDEN */
function fromProgram(c: Context<Env>): void {
  const site = c.req.header('sec-fetch-site')
  if (c.get('origin') === 'allowed' || (site !== undefined && site !== 'same-origin' && site !== 'none'))
    throw new ArchipelError('FORBIDDEN', 'pages of other origins are not served by the Livy endpoint', {
      hint: 'Call it from a program, or from a page of this island.',
    })
}

function refused(methods: string[]): Answer {
  const order = ['POST', 'DELETE', 'GET', 'HEAD']
  const all = new Set(methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])))
  return { status: 405, headers: { allow: order.filter((method) => all.has(method)).join(', ') } }
}

/** Of a POST alone: what the query, the form or a header say instead. */
async function effectiveMethod(c: Context<Env>, query: URLSearchParams): Promise<string> {
  const { method } = c.req.raw
  if (method !== 'POST') return method
  const header = OVERRIDES.map((name) => c.req.header(name)).find((value) => value !== undefined)
  return (query.get('_method') ?? (await methodOfForm(c)) ?? header ?? method).toUpperCase()
}

/** @throws LivyRefusal 400 */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    throw new LivyRefusal(400, { msg: 'the path has broken percent-encoding' })
  }
}
