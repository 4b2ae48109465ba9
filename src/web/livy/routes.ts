/** The routes of Livy, each from a request to a call of the island. `{id}` is an id or a name. */
import type { Answer } from './answers.ts'
import { javaInt, livyRef, partialRange, wholeRange } from './numbers.ts'
import { batchBody, sessionBody, statementBody } from './objects.ts'
import type { LivyCaller, LivyPort, LivyRef } from './port.ts'
import {
  batchRequest,
  completionRequest,
  jobRequest,
  resourceRequest,
  sessionRequest,
  statementRequest,
} from './requests.ts'

export interface Call {
  port: LivyPort
  who: LivyCaller
  /** Segments of the path that vary, decoded. */
  params: string[]
  query: URLSearchParams
  /** Before the path of Livy's own, for `Location`. */
  prefix: string
  body(): Promise<unknown>
  file(field: 'jar' | 'file'): Promise<{ name: string; bytes: Uint8Array }>
}

export interface LivyRoute {
  /** For metrics. */
  name: string
  method: 'GET' | 'POST' | 'DELETE'
  pattern: RegExp
  /** It makes a session or a batch. */
  creates: boolean
  answer(call: Call): Promise<Answer>
}

const ok = (json: unknown): Answer => ({ status: 200, json })
const empty = (status: number): Answer => ({ status })

/** The session or batch of the path. */
const ref = ({ params }: Call): LivyRef => livyRef(params[0]!)
/** What comes after it. */
const number = ({ params }: Call): number => javaInt(params[1]!)

function route(
  method: LivyRoute['method'],
  path: string,
  answer: LivyRoute['answer'],
  { slash = false, creates = false } = {},
): LivyRoute {
  const pattern = new RegExp(`^${path.replace(/\{\w+\}/g, '([^/]+)')}${slash ? '/?' : ''}$`)
  const name = `livy ${method} ${path}`
  return { name, method, pattern, creates, answer }
}

const get = (path: string, answer: LivyRoute['answer'], more = {}) => route('GET', path, answer, more)
const post = (path: string, answer: LivyRoute['answer'], more = {}) => route('POST', path, answer, more)
const del = (path: string, answer: LivyRoute['answer']) => route('DELETE', path, answer)

/** Sessions and batches have these in common. */
function common(kind: 'sessions' | 'batches'): LivyRoute[] {
  return [
    get(`/${kind}/{id}/state`, async (c) => {
      const { id, state } = await c.port[kind].state(ref(c), c.who)
      return ok({ id, state })
    }),
    get(`/${kind}/{id}/log`, async (c) => {
      const { id, from, total, log } = await c.port[kind].log(ref(c), partialRange(c.query), c.who)
      return ok({ id, from, total, log })
    }),
    del(`/${kind}/{id}`, async (c) => {
      await c.port[kind].delete(ref(c), c.who)
      return ok({ msg: 'deleted' })
    }),
  ]
}

const sessions: LivyRoute[] = [
  get(
    '/sessions',
    async (c) => {
      const { from, total, sessions: page } = await c.port.sessions.list(wholeRange(c.query), c.who)
      return ok({ from, total, sessions: page.map(sessionBody) })
    },
    { slash: true },
  ),
  post(
    '/sessions',
    async (c) => {
      const request = sessionRequest(await c.body(), c.query.get('doAs') ?? undefined)
      const session = sessionBody(await c.port.sessions.create(request, c.who))
      return { status: 201, json: session, headers: { location: `${c.prefix}/sessions/${session.id}` } }
    },
    { slash: true, creates: true },
  ),
  get('/sessions/{id}', async (c) => ok(sessionBody(await c.port.sessions.show(ref(c), c.who)))),
  ...common('sessions'),
  post('/sessions/{id}/stop', async (c) => {
    await c.port.sessions.stop(ref(c), c.who)
    return empty(204)
  }),
  post('/sessions/{id}/interrupt', async (c) => {
    await c.port.sessions.stop(ref(c), c.who)
    return ok({ msg: 'interrupted' })
  }),
  post('/sessions/{id}/connect', async (c) => ok(sessionBody(await c.port.sessions.connect(ref(c), c.who)))),
]

const statements: LivyRoute[] = [
  get('/sessions/{id}/statements', async (c) => {
    const descending = c.query.get('order')?.toLowerCase() === 'desc'
    const range = { ...partialRange(c.query), descending }
    const { total_statements, statements: page } = await c.port.sessions.statements(ref(c), range, c.who)
    return ok({ total_statements, statements: page.map(statementBody) })
  }),
  post('/sessions/{id}/statements', async (c) => {
    const asked = ref(c)
    const request = statementRequest(await c.body())
    const { session, statement } = await submitted(c, asked, request)
    const location = `${c.prefix}/sessions/${session}/statements/${statement.id}`
    return { status: 201, json: statementBody(statement), headers: { location } }
  }),
  get('/sessions/{id}/statements/{n}', async (c) =>
    ok(statementBody(await c.port.sessions.statement(ref(c), number(c), c.who))),
  ),
  post('/sessions/{id}/statements/{n}/cancel', async (c) => {
    await c.port.sessions.cancelStatement(ref(c), number(c), c.who)
    return ok({ msg: 'canceled' })
  }),
  post('/sessions/{id}/completion', async (c) => {
    const asked = ref(c)
    const { candidates } = await c.port.sessions.complete(asked, completionRequest(await c.body()), c.who)
    return ok({ candidates })
  }),
]

/** Location has the id, also where the path has the name. */
async function submitted(c: Call, asked: LivyRef, request: ReturnType<typeof statementRequest>) {
  const statement = await c.port.sessions.submit(asked, request, c.who)
  const session = typeof asked === 'number' ? asked : (await c.port.sessions.state(asked, c.who)).id
  return { session, statement }
}

function job(way: 'submit' | 'run'): LivyRoute {
  return post(`/sessions/{id}/${way}-job`, async (c) => {
    const asked = ref(c)
    const made = await c.port.sessions.submitJob(asked, way, jobRequest(await c.body()), c.who)
    return { status: 201, json: jobBody(made) }
  })
}

const jobBody = ({
  id,
  state,
  result,
  error,
}: {
  id: number
  state: string
  result: string | null
  error: string | null
}) => ({
  id,
  state,
  result,
  error,
})

const jobs: LivyRoute[] = [
  job('submit'),
  job('run'),
  get('/sessions/{id}/jobs/{n}', async (c) => ok(jobBody(await c.port.sessions.job(ref(c), number(c), c.who)))),
  post('/sessions/{id}/jobs/{n}/cancel', async (c) => {
    await c.port.sessions.cancelJob(ref(c), number(c), c.who)
    return empty(200)
  }),
]

const artifacts: LivyRoute[] = (['jar', 'pyfile', 'file'] as const).flatMap((what) => [
  post(`/sessions/{id}/upload-${what}`, async (c) => {
    const asked = ref(c)
    await c.port.sessions.upload(asked, what, await c.file(what === 'jar' ? 'jar' : 'file'), c.who)
    return empty(200)
  }),
  post(`/sessions/{id}/add-${what}`, async (c) => {
    const asked = ref(c)
    await c.port.sessions.add(asked, what, resourceRequest(await c.body()), c.who)
    return empty(200)
  }),
])

const batches: LivyRoute[] = [
  get(
    '/batches',
    async (c) => {
      const { from, total, sessions: page } = await c.port.batches.list(wholeRange(c.query), c.who)
      return ok({ from, total, sessions: page.map(batchBody) })
    },
    { slash: true },
  ),
  post(
    '/batches',
    async (c) => {
      const request = batchRequest(await c.body(), c.query.get('doAs') ?? undefined)
      const batch = batchBody(await c.port.batches.create(request, c.who))
      return { status: 201, json: batch, headers: { location: `${c.prefix}/batches/${batch.id}` } }
    },
    { slash: true, creates: true },
  ),
  get('/batches/{id}', async (c) => ok(batchBody(await c.port.batches.show(ref(c), c.who)))),
  ...common('batches'),
]

const version = get(
  '/version',
  async (c) => {
    const { version: number, user, revision, branch, date, url } = await c.port.version()
    return ok({ url, branch, revision, version: number, date, user })
  },
  { slash: true },
)

export const LIVY_ROUTES: readonly LivyRoute[] = [
  ...sessions,
  ...statements,
  ...jobs,
  ...artifacts,
  ...batches,
  version,
]
