/** Routes, methods, headers and codes of the Livy endpoint. */
import { gunzipSync, gzipSync, inflateSync } from 'node:zlib'
import * as assert from 'uvu/assert'
import { LivyRefusal, notFound } from '../../../src/protocols/livy/refusal.ts'
import { ArchipelError } from '../../../src/protocols/model/errors.ts'
import { suite, type TestContext } from '../../kit/index.ts'
import { bearer, raw, serve } from '../harness.ts'
import { BATCH, fakeLivy, SESSION, STATEMENT } from './fake-livy.ts'

const test = suite('web: Livy endpoint, surface')

async function served(t: TestContext) {
  const livy = fakeLivy()
  const { port, tokens, log } = await serve(t, { livy: livy.port })
  const ask = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
    const init = { method, path: `/livy${path}`, headers: { ...bearer, ...headers } }
    const answer = await raw(port, text === undefined ? init : { ...init, body: text })
    return { ...answer, json: answer.text === '' ? undefined : parsed(answer.text) }
  }
  return { ...livy, port, ask, tokens, log }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

test('every route answers with its code, its body and its headers', async (t) => {
  const { ask, calls } = await served(t)
  const session = { conf: {} }
  const cases: [method: string, path: string, body: unknown, status: number, json: unknown, call: string][] = [
    ['GET', '/sessions', undefined, 200, { from: 0, total: 1, sessions: [SESSION] }, 'sessions.list'],
    ['POST', '/sessions', session, 201, SESSION, 'sessions.create'],
    ['POST', '/sessions/', session, 201, SESSION, 'sessions.create'],
    ['GET', '/sessions/20', undefined, 200, SESSION, 'sessions.show'],
    ['GET', '/sessions/20/state', undefined, 200, { id: 20, state: 'idle' }, 'sessions.state'],
    ['GET', '/sessions/20/log', undefined, 200, { id: 20, from: 0, total: 2, log: SESSION.log }, 'sessions.log'],
    ['DELETE', '/sessions/20', undefined, 200, { msg: 'deleted' }, 'sessions.delete'],
    ['POST', '/sessions/20/stop', undefined, 204, undefined, 'sessions.stop'],
    ['POST', '/sessions/20/interrupt', undefined, 200, { msg: 'interrupted' }, 'sessions.stop'],
    ['POST', '/sessions/20/connect', undefined, 200, SESSION, 'sessions.connect'],
    [
      'GET',
      '/sessions/20/statements',
      undefined,
      200,
      { total_statements: 1, statements: [STATEMENT] },
      'sessions.statements',
    ],
    ['POST', '/sessions/20/statements', { code: '1' }, 201, STATEMENT, 'sessions.submit'],
    ['GET', '/sessions/20/statements/7', undefined, 200, STATEMENT, 'sessions.statement'],
    ['POST', '/sessions/20/statements/7/cancel', {}, 200, { msg: 'canceled' }, 'sessions.cancelStatement'],
    ['POST', '/sessions/20/statements/7/cancel', undefined, 200, { msg: 'canceled' }, 'sessions.cancelStatement'],
    [
      'POST',
      '/sessions/20/completion',
      { code: 'ma', kind: 'scala', cursor: '2' },
      200,
      { candidates: ['map', 'max'] },
      'sessions.complete',
    ],
    [
      'POST',
      '/sessions/20/submit-job',
      { job: 'AAAA', jobType: 'spark' },
      201,
      { id: 1, state: 'SENT', result: null, error: null },
      'sessions.submitJob',
    ],
    [
      'POST',
      '/sessions/20/run-job',
      { job: 'AAAA', jobType: 'spark' },
      201,
      { id: 1, state: 'SENT', result: null, error: null },
      'sessions.submitJob',
    ],
    [
      'GET',
      '/sessions/20/jobs/1',
      undefined,
      200,
      { id: 1, state: 'SUCCEEDED', result: 'AA==', error: null },
      'sessions.job',
    ],
    ['POST', '/sessions/20/jobs/1/cancel', undefined, 200, undefined, 'sessions.cancelJob'],
    ['POST', '/sessions/20/add-jar', { uri: 'hdfs:/a.jar' }, 200, undefined, 'sessions.add'],
    ['POST', '/sessions/20/add-pyfile', { uri: 'hdfs:/a.py' }, 200, undefined, 'sessions.add'],
    ['POST', '/sessions/20/add-file', { uri: 'hdfs:/a' }, 200, undefined, 'sessions.add'],
    ['GET', '/batches/', undefined, 200, { from: 0, total: 1, sessions: [BATCH] }, 'batches.list'],
    ['POST', '/batches', { file: '/a.py' }, 201, BATCH, 'batches.create'],
    ['GET', '/batches/3', undefined, 200, BATCH, 'batches.show'],
    ['GET', '/batches/3/state', undefined, 200, { id: 3, state: 'running' }, 'batches.state'],
    ['GET', '/batches/3/log', undefined, 200, { id: 3, from: 0, total: 0, log: [] }, 'batches.log'],
    ['DELETE', '/batches/3', undefined, 200, { msg: 'deleted' }, 'batches.delete'],
  ]
  for (const [method, path, body, status, expected, call] of cases) {
    const answer = await ask(method, path, body)
    assert.is(answer.status, status, `${method} ${path}: ${answer.text}`)
    assert.equal(answer.json, expected, `${method} ${path}`)
    assert.is(calls.at(-1)?.name, call)
    assert.is(calls.at(-1)?.user, 'owner')
    assert.not.match(answer.text, '\n')
    if (answer.text !== '') assert.is(answer.headers['content-type'], 'application/json;charset=utf-8')
    assert.is(answer.headers['x-content-type-options'], 'nosniff')
    assert.is(answer.headers['x-xss-protection'], '1; mode=block')
  }
})

test('the fields of a session stand in the order of Livy', async (t) => {
  const { ask } = await served(t)
  assert.equal(Object.keys((await ask('GET', '/sessions/20')).json as object), Object.keys(SESSION))
})

test('Location is a path with the id, below the prefix, also where the path has a name', async (t) => {
  const { ask } = await served(t)
  assert.is((await ask('POST', '/sessions', {})).headers.location, '/livy/sessions/20')
  assert.is((await ask('POST', '/batches', { file: '/a' })).headers.location, '/livy/batches/3')
  const byId = await ask('POST', '/sessions/20/statements', { code: '1' })
  const byName = await ask('POST', '/sessions/my%20session/statements', { code: '1' })
  assert.is(byId.headers.location, '/livy/sessions/20/statements/7')
  assert.is(byName.headers.location, '/livy/sessions/20/statements/7')
})

test('all digits are an id, anything else a name, and what is beyond an int is refused', async (t) => {
  const { ask, calls } = await served(t)
  for (const [segment, expected] of [
    ['007', 7],
    ['-5', '-5'],
    ['a%2Fb%20c', 'a/b c'],
    ['2147483647', 2147483647],
  ] as const) {
    await ask('GET', `/sessions/${segment}`)
    assert.equal(calls.at(-1)?.args, [expected])
  }
  const text = { msg: 'For input string: "99999999999999"' }
  for (const path of ['/sessions/99999999999999', '/batches/99999999999999', '/sessions/0/statements/99999999999999'])
    assert.equal([(await ask('GET', path)).status, (await ask('GET', path)).json], [400, text])
  assert.equal((await ask('GET', '/sessions/0/statements/x')).json, { msg: 'For input string: "x"' })
  assert.is((await ask('GET', '/sessions/%zz')).status, 400)
})

test('a known path with a wrong method is 405 with the methods that it has, an unknown one 404, both without a body', async (t) => {
  const { ask, calls } = await served(t)
  const cases: [method: string, path: string, allow: string][] = [
    ['PUT', '/sessions', 'POST, GET, HEAD'],
    ['DELETE', '/batches', 'POST, GET, HEAD'],
    ['POST', '/sessions/0', 'DELETE, GET, HEAD'],
    ['PATCH', '/batches/0', 'DELETE, GET, HEAD'],
    ['OPTIONS', '/sessions', 'POST, GET, HEAD'],
    ['TRACE', '/sessions', 'POST, GET, HEAD'],
    ['GET', '/sessions/0/completion', 'POST'],
    ['HEAD', '/sessions/0/stop', 'POST'],
    ['POST', '/version', 'GET, HEAD'],
  ]
  for (const [method, path, allow] of cases) {
    const { status, text, headers } = await ask(method, path)
    assert.equal([status, text, headers.allow], [405, '', allow], `${method} ${path}`)
  }
  for (const path of [
    '/sessions/0/',
    '/sessions/0/statements/',
    '/batches/0/',
    '/sessions/0/nothing',
    '/nothing',
    '//sessions',
    '/sessions//log',
    '/sessions/0/jobs',
  ]) {
    const { status, text } = await ask('GET', path)
    assert.equal([status, text], [404, ''], path)
  }
  assert.equal(calls, [])
})

test('HEAD is GET without its body', async (t) => {
  const { ask } = await served(t)
  const { status, text, headers } = await ask('HEAD', '/sessions/20')
  assert.equal([status, text, headers['content-type']], [200, '', 'application/json;charset=utf-8'])
})

test('a POST may carry its method in a header, the query or a form; a GET may not', async (t) => {
  const { ask, calls } = await served(t)
  for (const name of ['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'])
    assert.equal((await ask('POST', '/sessions/20', undefined, { [name]: 'DELETE' })).json, { msg: 'deleted' })
  assert.equal((await ask('POST', '/sessions/20?_method=delete')).json, { msg: 'deleted' })
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  assert.equal((await ask('POST', '/batches/3', '_method=DELETE', form)).json, { msg: 'deleted' })
  assert.is(calls.length, 5)
  assert.equal(
    (await ask('GET', '/sessions/20?_method=DELETE', undefined, { 'x-http-method': 'DELETE' })).json,
    SESSION,
  )
})

test('bodies may be packed, of any type and of an encoding that nobody knows, but no form', async (t) => {
  const { ask, port, calls } = await served(t)
  const body = JSON.stringify({ code: '1 + 2' })
  const post = (more: Record<string, string>, bytes: string | Uint8Array = body) =>
    raw(port, { method: 'POST', path: '/livy/sessions/0/statements', headers: { ...bearer, ...more }, body: bytes })
  for (const more of [
    {},
    { 'content-type': 'text/plain' },
    { 'content-type': 'application/json;charset=UTF-8' },
    { 'content-encoding': 'UTF-8' },
    { 'content-encoding': 'br' },
    { 'transfer-encoding': 'chunked' },
    { expect: '100-continue' },
    { 'x-requested-by': 'zeppelin' },
  ])
    assert.is((await post(more as never)).status, 201, JSON.stringify(more))
  assert.is((await post({ 'content-encoding': 'gzip' }, gzipSync(body))).status, 201)
  assert.equal(calls.at(-1)?.args, [0, { code: '1 + 2' }])
  const bad = await post({ 'content-encoding': 'gzip' })
  assert.equal([bad.status, bad.text], [500, '"java.util.zip.ZipException: Not in GZIP format"'])
  const form = await post({ 'content-type': 'application/x-www-form-urlencoded' })
  assert.equal([form.status, form.text], [400, '"No content to map due to end-of-input"'])
  assert.equal((await ask('POST', '/sessions')).json, 'No content to map due to end-of-input')
  // What unpacks to more than the bound is refused before it is in memory.
  assert.is((await post({ 'content-encoding': 'gzip' }, gzipSync(Buffer.alloc(17 * 1024 * 1024, 32)))).status, 413)
})

test('long answers are packed where the asker takes it', async (t) => {
  const { on, port } = await served(t)
  const lines = Array.from({ length: 1000 }, (_, i) => `line ${i}`)
  on('sessions.log', () => ({ id: 20, from: 0, total: 1000, log: lines }))
  const unpack = { gzip: gunzipSync, deflate: inflateSync }
  for (const [accept, coding] of [
    ['gzip, deflate', 'gzip'],
    ['deflate', 'deflate'],
    ['gzip;q=0, deflate', 'deflate'],
    ['br', null],
  ] as const) {
    const answer = await fetchRaw(port, '/livy/sessions/20/log', accept)
    assert.is(answer.coding, coding ?? undefined)
    const text = coding === null ? answer.bytes : unpack[coding](answer.bytes)
    assert.equal(JSON.parse(text.toString()).log, lines)
  }
})

async function fetchRaw(port: number, path: string, accept: string) {
  const { request } = await import('node:http')
  const { promise, resolve, reject } = Promise.withResolvers<{ coding: string | undefined; bytes: Buffer }>()
  const req = request(
    { host: '127.0.0.1', port, path, agent: false, headers: { ...bearer, 'accept-encoding': accept } },
    async (res) => {
      const chunks: Buffer[] = []
      for await (const chunk of res) chunks.push(chunk as Buffer)
      resolve({ coding: res.headers['content-encoding'], bytes: Buffer.concat(chunks) })
    },
  )
  req.on('error', reject).end()
  return await promise
}

test('only version 0.1 of the API exists; any other Accept is JSON', async (t) => {
  const { ask } = await served(t)
  for (const accept of ['*/*', 'text/html', 'application/vnd.livy.v0.1+json'])
    assert.is((await ask('GET', '/sessions', undefined, { accept })).status, 200)
  const other = { accept: 'application/vnd.livy.v666.666+json' }
  for (const method of ['GET', 'DELETE']) {
    const { status, json } = await ask(method, '/sessions', undefined, other)
    assert.equal([status, json], [406, { msg: "No value found for '666.666'" }])
  }
  assert.is((await ask('GET', '/version', undefined, other)).status, 200)
  const among = { accept: `text/html, ${other.accept}` }
  assert.is((await ask('GET', '/sessions', undefined, among)).status, 200)
})

test('version, pages and the root', async (t) => {
  const { ask, port } = await served(t)
  for (const path of ['/version', '/version/']) {
    const { status, json } = await ask('GET', path)
    assert.is(status, 200)
    assert.match((json as { version: string }).version, /^\d+\.\d+\.\d+\S*$/)
    assert.equal(Object.keys(json as object).sort(), ['branch', 'date', 'revision', 'url', 'user', 'version'])
  }
  for (const path of ['', '/']) {
    const { status, headers } = await ask('GET', path)
    assert.equal([status, headers.location], [302, `http://127.0.0.1:${port}/livy/ui`])
  }
  for (const path of ['/ui', '/ui/', '/ui/session/0/log']) assert.is((await ask('GET', path)).headers.location, '/')
  assert.is((await ask('GET', '/metrics/ping')).text, 'pong\n')
  assert.is((await ask('GET', '/metrics')).status, 200)
  assert.equal((await ask('GET', '/metrics/healthcheck')).text, '{}')
  assert.match((await ask('GET', '/metrics/threads')).text, /state=RUNNABLE/)
  const missing = await ask('GET', '/static/x.js')
  assert.equal([missing.status, missing.text], [404, 'File not found'])
})

test('pages of lists: defaults, what is given, and what is no number', async (t) => {
  const { ask, calls } = await served(t)
  const args = async (path: string) => {
    await ask('GET', path)
    return calls.at(-1)?.args
  }
  assert.equal(await args('/sessions'), [{ from: 0, size: 100 }])
  assert.equal(await args('/batches?from=-1&size=2&colour=red'), [{ from: -1, size: 2 }])
  assert.equal(await args('/sessions/1/log'), [1, {}])
  assert.equal(await args('/sessions/1/log?from=3&size=-1'), [1, { from: 3, size: -1 }])
  assert.equal(await args('/sessions/1/statements?order=DESC&size=1'), [1, { size: 1, descending: true }])
  assert.equal(await args('/sessions/1/statements?order=up'), [1, { descending: false }])
  for (const query of ['from=x', 'size=x']) {
    for (const path of ['/sessions', '/batches', '/sessions/1/log', '/sessions/1/statements']) {
      const { status, json } = await ask('GET', `${path}?${query}`)
      assert.equal([status, json], [400, { msg: 'For input string: "x"' }])
    }
  }
})

test('refusals of Livy leave as they are, errors of ours in its words on one line', async (t) => {
  const { ask, on, log } = await served(t)
  const answer = async (error: unknown, method = 'GET', path = '/sessions/5', body?: unknown) => {
    for (const name of ['sessions.show', 'sessions.create', 'sessions.submit', 'sessions.statement'])
      on(name, () => Promise.reject(error))
    const { status, json, headers } = await ask(method, path, body)
    return [status, json, headers['retry-after']]
  }
  assert.equal(await answer(notFound(5)), [404, { msg: "Session '5' not found." }, undefined])
  assert.equal(await answer(new LivyRefusal(403)), [403, undefined, undefined])
  assert.equal(await answer(new LivyRefusal(500, 'Session is in state dead')), [
    500,
    'Session is in state dead',
    undefined,
  ])
  const hint = 'Ask\n them.'
  assert.equal(await answer(new ArchipelError('SESSION_NOT_FOUND', 'no such session')), [
    404,
    { msg: "Session '5' not found." },
    undefined,
  ])
  assert.equal(await answer(new ArchipelError('STATEMENT_NOT_FOUND', 'no'), 'GET', '/sessions/5/statements/1'), [
    404,
    'Statement not found',
    undefined,
  ])
  const missing = new ArchipelError('DATASET_NOT_FOUND', 'nobody has "stars"', { hint })
  assert.equal(await answer(missing, 'POST', '/sessions', {}), [
    400,
    { msg: 'Rejected, Reason: nobody has "stars". Ask them.' },
    undefined,
  ])
  const apart = new ArchipelError('NO_HOLDER', 'a is at x; b is at y', { hint })
  assert.equal(await answer(apart, 'POST', '/sessions', {}), [
    400,
    { msg: 'Rejected, Reason: a is at x; b is at y. Ask them.' },
    undefined,
  ])
  const forbidden = new ArchipelError('FORBIDDEN', 'not you', { hint })
  assert.equal(await answer(forbidden, 'POST', '/sessions', {}), [403, { msg: 'not you. Ask them.' }, undefined])
  const down = new ArchipelError('ENGINE_DOWN', 'it is\n down', { hint })
  assert.equal(await answer(down), [500, 'it is down. Ask them.', undefined])
  const many = new ArchipelError('TOO_MANY', 'slowly', { hint, details: { retryAfterMs: 1500 } })
  assert.equal(await answer(many), [429, { msg: 'slowly. Ask them.' }, '2'])
  const [status, text] = await answer(new Error('open /secret/place failed'))
  assert.is(status, 500)
  assert.not.match(String(text), 'secret')
  assert.ok(log.some(([level, about]) => level === 'error' && /secret/.test(String((about as { err: Error }).err))))
})

test.run()
