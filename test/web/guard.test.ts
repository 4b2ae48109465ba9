/** Every route of the table, from those who must not use it and with input that it must not take. */
import * as assert from 'uvu/assert'
import { MAX_BODY_BYTES } from '../../src/web/contract/route.ts'
import { routeList } from '../../src/web/contract/routes.ts'
import { suite } from '../kit/index.ts'
import { SELF } from './fake-island.ts'
import { fakeTaskId } from './fake-tasks.ts'
import { bearer, json, raw, serve } from './harness.ts'
import { guarded, pathOf, refused } from './routes-of-table.ts'

const test = suite('web: guards')

const path = (p: string) => pathOf({ path: p as `/${string}` })

test('nobody, a wrong token and a wrong scheme are refused on every route', async (t) => {
  const { port, island } = await serve(t)
  const headers: Record<string, string>[] = [
    {},
    { authorization: 'Bearer wrong' },
    { authorization: 'Bearer ' },
    { authorization: bearer.authorization.replace('Bearer', 'Basic') },
    { authorization: `${bearer.authorization}x` },
    { authorization: bearer.authorization.slice(0, -1) },
  ]
  for (const { method, path: p, name } of guarded) {
    for (const h of headers) {
      refused(
        await raw(port, { method, path: path(p), headers: { ...h, ...json } }),
        'UNAUTHENTICATED',
        `${name} ${JSON.stringify(h)}`,
      )
    }
  }
  assert.equal(
    island.calls.map((c) => c.name),
    ['events'],
  )
})

test('a foreign Host or Origin is refused on every route, with the token too', async (t) => {
  const { port, island } = await serve(t)
  const foreign: Record<string, string>[] = [
    { host: `evil.example:${port}` },
    { host: '127.0.0.1' },
    { host: `127.0.0.1:${port + 1}` },
    { host: `localhost.evil.example:${port}` },
    { origin: 'https://evil.example' },
    { origin: `http://127.0.0.1:${port + 1}` },
    { origin: `https://127.0.0.1:${port}` },
    { origin: 'null' },
    { origin: '' },
  ]
  for (const { method, path: p, name } of routeList) {
    for (const h of foreign) {
      const answer = await raw(port, { method, path: path(p), headers: { ...bearer, ...json, ...h } })
      refused(answer, 'FORBIDDEN', `${name} ${JSON.stringify(h)}`)
    }
  }
  const target = await raw(port, { path: 'http://evil.example/api/v1/status', headers: bearer })
  refused(target, 'FORBIDDEN', 'absolute target')
  assert.equal(
    island.calls.map((c) => c.name),
    ['events'],
  )
})

test('the own origin and each loopback name are served', async (t) => {
  const { port } = await serve(t)
  for (const name of ['127.0.0.1', 'localhost', 'LOCALHOST', '[::1]']) {
    const headers = { ...bearer, host: `${name}:${port}`, origin: `http://localhost:${port}` }
    assert.is((await raw(port, { path: '/api/v1/status', headers })).status, 200, name)
  }
})

test('the health route needs no token', async (t) => {
  const { port } = await serve(t)
  const answer = await raw(port, { path: '/healthz' })
  assert.is(answer.status, 200)
  assert.equal(JSON.parse(answer.text), { status: 'ok' })
})

test('an unknown route and a wrong method have the same form', async (t) => {
  const { port } = await serve(t)
  refused(await raw(port, { path: '/nothing' }), 'NOT_FOUND', 'outside the API')
  refused(await raw(port, { path: '/api/v1/nothing', headers: bearer }), 'NOT_FOUND', 'in the API')
  refused(await raw(port, { path: '/api/v1/nothing' }), 'UNAUTHENTICATED', 'in the API as nobody')
  const known = new Set(routeList.map((route) => `${route.method} ${route.path}`))
  for (const { path: p } of routeList) {
    for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND']) {
      if (known.has(`${method} ${p}`)) continue
      const answer = await raw(port, { method, path: path(p), headers: { ...bearer, ...json } })
      refused(answer, 'METHOD_NOT_ALLOWED', `${method} ${p}`)
      assert.ok(String(answer.headers.allow).length > 0, `${method} ${p} says what is allowed`)
    }
  }
  refused(
    { ...(await raw(port, { path: '/api/v1/status', headers: bearer, method: 'PUT' })) },
    'METHOD_NOT_ALLOWED',
    'PUT',
  )
  assert.is((await raw(port, { path: '/api/v1/status', headers: bearer, method: 'HEAD' })).status, 200)
  assert.is((await raw(port, { path: '/api/v1/events', headers: bearer, method: 'HEAD' })).status, 405)
})

test('malformed bodies are refused on every route that takes one, and any body on the others', async (t) => {
  const { port, island } = await serve(t)
  const bodies: [string, string | Uint8Array][] = [
    ['nothing', ''],
    ['not JSON', '{'],
    ['null', 'null'],
    ['a list', '[]'],
    ['a number', '7'],
    ['an unknown field', '{"sudo":true}'],
    ['a prototype', '{"__proto__":{"path":"/"},"constructor":1}'],
    ['not UTF-8', new Uint8Array([0x22, 0xff, 0xfe, 0x22])],
    ['nested', '['.repeat(500) + ']'.repeat(500)],
    ['deeply nested', '['.repeat(50_000) + ']'.repeat(50_000)],
  ]
  for (const { method, path: p, name, body, scope, maxBodyBytes = MAX_BODY_BYTES } of routeList) {
    const who = scope === 'public' ? {} : bearer
    const target = { method, path: path(p) }
    if (body === undefined) {
      refused(
        await raw(port, { ...target, headers: { ...who, ...json, 'content-length': '2' }, body: '{}' }),
        'BAD_INPUT',
        `${name}: a body`,
      )
      continue
    }
    for (const [what, text] of bodies.filter(([, { length }]) => length <= maxBodyBytes)) {
      refused(await raw(port, { ...target, headers: { ...who, ...json }, body: text }), 'BAD_INPUT', `${name}: ${what}`)
    }
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=latin1', '']) {
      const headers = { ...who, 'content-type': type }
      refused(await raw(port, { ...target, headers, body: '{}' }), 'BAD_INPUT', `${name}: type ${type}`)
    }
  }
  assert.equal(
    island.calls.map((c) => c.name),
    ['events'],
  )
})

test('oversized bodies are refused, declared or not', async (t) => {
  const { port, island } = await serve(t)
  for (const { method, path: p, name, body, scope, maxBodyBytes = MAX_BODY_BYTES } of routeList) {
    const who = scope === 'public' ? {} : bearer
    if (body === undefined) continue
    const big = JSON.stringify({ path: '/x', sql: 'x'.repeat(maxBodyBytes) })
    const target = { method, path: path(p), body: big }
    refused(
      await raw(port, { ...target, headers: { ...who, ...json, 'content-length': String(big.length) } }),
      'TOO_LARGE',
      name,
    )
    const chunked = { ...who, ...json, 'transfer-encoding': 'chunked' }
    refused(await raw(port, { ...target, headers: chunked }), 'TOO_LARGE', `${name} chunked`)
  }
  assert.equal(
    island.calls.map((c) => c.name),
    ['events'],
  )
})

test('wrong, unknown and repeated query parameters are named', async (t) => {
  const { port } = await serve(t)
  for (const [query, field] of [
    ['limit=0', 'limit '],
    ['limit=many', 'limit '],
    ['limit=1&limit=2', 'limit may be given only once'],
    ['minSize=-1', 'minSize '],
    ['cone=1,2', 'cone '],
    ['cone=1,95,3', 'cone.dec '],
    ['colour=red', 'the query has no field "colour"'],
    ['__proto__=1', 'the query has no field'],
    [`text=${'x'.repeat(1001)}`, 'text '],
  ] as const) {
    const answer = await raw(port, { path: `/api/v1/datasets?${query}`, headers: bearer })
    refused(answer, 'BAD_INPUT', query)
    assert.ok(JSON.parse(answer.text).detail.startsWith(field), `${query}: ${answer.text}`)
  }
  refused(await raw(port, { path: '/api/v1/status?x=1', headers: bearer }), 'BAD_INPUT', 'a query where none is taken')
  refused(await raw(port, { path: '/api/v1/datasets/%E0%A4%A', headers: bearer }), 'BAD_INPUT', 'broken encoding')
  refused(await raw(port, { path: `/api/v1/datasets/${'x'.repeat(513)}`, headers: bearer }), 'BAD_INPUT', 'a long id')
  for (const id of ['x', 'task-isl-1', fakeTaskId(SELF.id.slice(0, -1), 1), '%2e%2e%2fstatus'])
    refused(await raw(port, { path: `/api/v1/tasks/${id}`, headers: bearer }), 'BAD_INPUT', id)
  for (const query of ['state=done', 'all=perhaps', 'limit=0', 'cursor='])
    refused(await raw(port, { path: `/api/v1/tasks?${query}`, headers: bearer }), 'BAD_INPUT', query)
  refused(await raw(port, { path: `/${'x'.repeat(20_000)}` }), 'TOO_LARGE', 'a long target')
})

test('an unexpected fault of the island shows neither stack nor path', async (t) => {
  const { port, island, log } = await serve(t)
  island.script({
    status: async () => {
      throw new TypeError('cannot read /home/owner/secret.key')
    },
  })
  const answer = await raw(port, { path: '/api/v1/status', headers: bearer })
  refused(answer, 'INTERNAL', 'a fault')
  assert.not.match(answer.text, 'secret')
  assert.is(log.filter(([level]) => level === 'error').length, 1)
})

test('a wrong field is named, with what was expected and what came, in plain words', async (t) => {
  const { port } = await serve(t)
  const told = async (path: string, body?: unknown) => {
    const text = body === undefined ? undefined : JSON.stringify(body)
    const init = {
      path: `/api/v1${path}`,
      method: text === undefined ? 'GET' : 'POST',
      headers: { ...bearer, ...json },
    }
    if (text === undefined) delete (init.headers as Record<string, string>)['content-type']
    const answer = await raw(port, text === undefined ? init : { ...init, body: text })
    refused(answer, 'BAD_INPUT', path)
    return JSON.parse(answer.text) as { detail: string; details: { issues: { in: string; field: string }[] } }
  }
  for (const [path, body, detail] of [
    ['/invites', { expiresMs: 1 }, 'expiresMs has to be at least 1000; it is 1'],
    ['/invites', { expiresMs: 1.5 }, 'expiresMs has to be a whole number; it is 1.5'],
    ['/invites', { expiresMs: 'soon' }, 'expiresMs has to be a number; it is "soon"'],
    ['/invites', { mayInvite: 1 }, 'mayInvite has to be true or false; it is 1'],
    ['/invites', { more: 1 }, 'the body has no field "more"'],
    ['/invites', [], 'the body has to be an object; it is a list'],
    ['/datasets', {}, 'path is missing: it has to be a text'],
    ['/datasets', { path: '/x', title: '' }, 'title has to have at least 1 character; it is empty'],
    ['/datasets', { path: '/x', title: 'x'.repeat(501) }, 'title has to have at most 500 characters; it has 501'],
    ['/datasets', { path: '/x', keywords: 'a' }, 'keywords has to be a list; it is "a"'],
    ['/datasets', { path: '/x', as: 'xls' }, 'as has to be one of csv, parquet, jsonl, fits, files; it is "xls"'],
    [
      '/datasets',
      { path: '/x', creators: [{ name: 'a', orcid: '1' }] },
      'creators.0.orcid is not accepted: an ORCID iD is like 0000-0002-1825-0097; it is "1"',
    ],
    ['/datasets?limit=0', undefined, 'limit has to be at least 1; it is "0"'],
    ['/datasets?limit=x', undefined, 'limit is not accepted: not a number; it is "x"'],
    ['/resolve/x?via=air', undefined, 'via has to be one of catalog, dht, both; it is "air"'],
    ['/revocations', {}, 'the body is not accepted: name a member or a ticket, one of them'],
    ['/revocations', { member: 'x', recoveryKey: 12345 }, 'recoveryKey has to be a text'],
  ] as const) {
    const problem = await told(path, body)
    assert.is(problem.detail, detail, path)
    assert.is(problem.details.issues[0]!.in, body === undefined ? 'query' : 'body', path)
  }
  const two = await told('/invites', { expiresMs: 1, mayInvite: 'no' })
  assert.equal(
    two.details.issues.map((i) => i.field),
    ['expiresMs', 'mayInvite'],
  )
})

test.run()
