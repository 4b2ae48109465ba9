/** What those see that watch an island: readiness and metrics. */
import * as assert from 'uvu/assert'
import { rejects, suite } from '../kit/index.ts'
import { bearer, raw, serve } from './harness.ts'

const test = suite('web: readiness and metrics')

test('readiness needs no token, and names what is waited for', async (t) => {
  const waiting: string[] = []
  const { port, client, server } = await serve(t, { waiting })
  assert.equal(JSON.parse((await raw(port, { path: '/readyz' })).text), { status: 'ready' })
  waiting.push('recovering', 'stopping')
  const answer = await raw(port, { path: '/readyz' })
  assert.is(answer.status, 503)
  const { code, detail, details } = JSON.parse(answer.text)
  assert.is(code, 'NOT_READY')
  assert.is(detail, 'the island is recovering and stopping')
  assert.equal(details, { waiting: ['recovering', 'stopping'] })
  await rejects(client.ready(), 'NOT_READY')
  assert.is((await raw(port, { path: '/healthz' })).status, 200)
  waiting.length = 0
  const agent = await raw(port, { path: '/readyz', headers: { connection: 'keep-alive' } })
  assert.is(agent.status, 200)
  await server.stop()
})

test('metrics need a token, and count requests by route and status', async (t) => {
  const { port, client } = await serve(t)
  assert.is((await raw(port, { path: '/metrics' })).status, 401)
  await client.status()
  await client.dataset('stars')
  await rejects(client.dataset('nothing'), 'DATASET_NOT_FOUND')
  await raw(port, { path: '/somewhere/secret-7f3a', headers: bearer })
  const answer = await raw(port, { path: '/metrics', headers: bearer })
  assert.match(String(answer.headers['content-type']), /^text\/plain; version=0\.0\.4/)
  const { text } = answer
  for (const line of [
    'archipel_http_requests_total{route="status",code="200"} 1',
    'archipel_http_requests_total{route="dataset",code="200"} 1',
    'archipel_http_requests_total{route="dataset",code="404"} 1',
    'archipel_http_requests_total{route="metrics",code="401"} 1',
    'archipel_http_requests_total{route="other",code="404"} 1',
    'archipel_http_request_duration_seconds_count{route="dataset"} 2',
    'archipel_peers{way="direct"} 1',
    'archipel_tasks{state="running"} 1',
    'archipel_engine_up 1',
    'archipel_sessions{state="idle"} 1',
    'archipel_sessions{state="busy"} 0',
    'archipel_event_readers 0',
  ])
    assert.ok(text.split('\n').includes(line), `${line}\n${text}`)
  assert.match(text, /^archipel_memory_bytes\{kind="rss"\} \d+/m)
  assert.match(text, /^archipel_event_loop_lag_seconds\{quantile="0.99"\} [\d.e-]+$/m)
  assert.not.match(text, 'secret-7f3a')
  assert.not.match(text, 'NaN')
})

test('requests that are refused at the door count for the route that they were meant for', async (t) => {
  const { port, client } = await serve(t)
  const { id } = await client.tasks.submit({ kind: 'sql', code: 'SELECT 1' })
  const requests: [string, string, Record<string, string>?][] = [
    ['GET', '/api/v1/datasets/secret-7f3a'],
    ['GET', '/api/v1/datasets/secret-7f3a?limit=1', { authorization: 'Bearer wrong' }],
    ['HEAD', '/api/v1/datasets/secret-7f3a'],
    ['DELETE', '/api/v1/datasets/secret-7f3a'],
    ['POST', '/api/v1/tasks/placement'],
    ['GET', `/api/v1/tasks/${id}/items/secret-7f3a`],
    ['GET', '/api/v1/status', { origin: 'https://example.org' }],
    ['GET', '/healthz', { host: 'example.org' }],
    ['PUT', '/api/v1/datasets/secret-7f3a', bearer],
    ['GET', `/tasks/${id}`],
    ['GET', `/tasks/${id}`, { accept: 'image/png' }],
    // No routes of the table.
    ['GET', '/api/v1/secret-7f3a'],
    ['GET', '/api/v1/openapiXjson'],
    ['GET', '/api/v1/datasets/secret-7f3a/files/more/of.it'],
  ]
  for (const [method, path, headers = {}] of requests) {
    const { status } = await raw(port, { method, path, headers })
    assert.ok(status >= 400, `${method} ${path}: ${status}`)
  }
  const text = await client.metrics()
  for (const [route, code, count] of [
    ['dataset', 401, 3],
    ['unpublish', 401, 1],
    ['taskPlace', 401, 1],
    ['taskRead', 401, 1],
    ['status', 403, 1],
    ['health', 403, 1],
    ['dataset', 405, 1],
    ['taskShow', 401, 1],
    ['taskShow', 406, 1],
    ['read', 401, 1],
    ['other', 401, 2],
  ] as const) {
    const line = `archipel_http_requests_total{route="${route}",code="${code}"} ${count}`
    assert.ok(text.split('\n').includes(line), `${line}\n${text}`)
  }
  assert.not.match(text, 'secret-7f3a')
})

test('no label of a metric holds an id or a name', async (t) => {
  const { client, island } = await serve(t)
  const { id } = await client.tasks.submit({ kind: 'sql', code: 'SELECT 1' })
  await client.tasks.show(id)
  await client.dataset(island.views[0]!.id)
  await rejects(client.dataset('x'.repeat(300)), 'DATASET_NOT_FOUND')
  const labels = new Set([...(await client.metrics()).matchAll(/="([^"]*)"/g)].map((match) => match[1]!))
  for (const label of labels) assert.match(label, /^([A-Za-z_]{1,24}|\+Inf|\d{1,3}|\d*\.\d+)$/, label)
})

test('the address of a task is the task to programs, with a token, and left to the page for browsers', async (t) => {
  const { port, client } = await serve(t)
  const { id } = await client.tasks.submit({ kind: 'sql', code: 'SELECT 1' })
  const get = (accept: string | undefined, headers: Record<string, string> = bearer, of = id) =>
    raw(port, { path: `/tasks/${of}`, headers: { ...headers, ...(accept === undefined ? {} : { accept }) } })
  const programs = [undefined, '', '*/*', 'application/json', 'application/json, text/html;q=0.9', 'application/*']
  for (const accept of programs) {
    const answer = await get(accept)
    assert.is(answer.status, 200, accept)
    assert.match(String(answer.headers['content-type']), 'application/json')
    assert.is(JSON.parse(answer.text).id, id)
    assert.is(answer.headers.vary, 'Accept')
    const stranger = await get(accept, {})
    assert.equal([stranger.status, stranger.headers.vary], [401, 'Accept'], accept)
  }
  const browsers = [
    'text/html',
    'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8',
    'application/json;q=0.5, text/html',
  ]
  for (const accept of browsers) {
    const answer = await get(accept, {})
    assert.not.match(String(answer.headers['content-type']), 'application/json;', accept)
    assert.not.match(answer.text, 'SELECT 1', accept)
    assert.is(answer.headers.vary, 'accept, cookie', accept)
  }
  const neither = await get('image/png')
  assert.equal([neither.status, neither.headers.vary], [406, 'Accept'])
  assert.is((await get('text/html;q=0, application/json;q=0')).status, 406)
  const malformed = await get('*/*', bearer, 'task-1')
  assert.equal([malformed.status, malformed.headers.vary], [400, 'Accept'])
})

test.run()
