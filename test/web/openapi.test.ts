/** The description of the service, beside what the table itself says. */
import * as assert from 'uvu/assert'
import { openApi } from '../../src/web/contract/openapi.ts'
import { cookieName } from '../../src/web/server/access.ts'
import { suite } from '../kit/index.ts'
import { SELF } from './fake-island.ts'
import { bearer, raw, serve } from './harness.ts'
import { refused } from './routes-of-table.ts'

const test = suite('web: its description')

interface Operation {
  operationId: string
  security: Record<string, string[]>[]
  parameters: { name: string; in: string }[]
  responses: Record<string, { headers?: Record<string, unknown>; content?: Record<string, unknown> }>
}
interface Document {
  paths: Record<string, Record<string, Operation>>
  components: { securitySchemes: Record<string, { type: string; in?: string; name?: string }> }
}

const document = openApi({ version: '1' }) as unknown as Document
const all = Object.values(document.paths).flatMap((path) =>
  Object.entries(path).map(([method, operation]) => ({ method, ...operation })),
)
const named = (name: string) => all.find(({ operationId }) => operationId === name)!
const headersOf = (name: string) =>
  named(name)
    .parameters.filter((p) => p.in === 'header')
    .map((p) => p.name)

test('a part of an item, a range that is none, and an item that is there already are described', () => {
  const { responses } = named('taskRead')
  assert.equal(
    Object.keys(responses).filter((status) => ['200', '206', '304', '416'].includes(status)),
    ['200', '206', '304', '416'],
  )
  assert.equal(Object.keys(responses['206']!.headers!), ['ETag', 'Content-Range'])
  assert.equal(responses['206']!.content, responses['200']!.content)
  assert.equal(headersOf('taskRead').sort(), ['if-none-match', 'if-range', 'range'])
  assert.is(named('taskTable').responses['206'], undefined)
})

test('the stream of events says how it is resumed; a browser session is promised no tag', () => {
  assert.equal(headersOf('events'), ['last-event-id'])
  assert.equal(headersOf('browserSession'), [])
  assert.is(named('browserSession').responses['304'], undefined)
  assert.ok(headersOf('dataset').includes('if-none-match'))
})

test('every operation has a token or the cookie, the latter with the CSRF token where something changes, and 405', () => {
  for (const { method, operationId, security, responses } of all) {
    assert.ok('Allow' in responses['405']!.headers!, operationId)
    if (security.length === 0) continue
    const [token, cookie] = security.map((each) => Object.keys(each))
    assert.equal(token, ['token'], operationId)
    assert.equal(cookie, method === 'get' ? ['cookie'] : ['cookie', 'csrf'], operationId)
  }
  assert.equal(
    all.filter(({ security }) => security.length === 0).map(({ operationId }) => operationId),
    ['health', 'ready', 'browserSignIn', 'fileByUrl'],
  )
})

test('the cookie is named as the island that serves the description names it', async (t) => {
  const { port } = await serve(t)
  const { text } = await raw(port, { path: '/api/v1/openapi.json', headers: bearer })
  const { securitySchemes } = (JSON.parse(text) as Document).components
  const { type, in: where, name } = securitySchemes.cookie!
  assert.equal([type, where, name], ['apiKey', 'cookie', cookieName(SELF.id)])
  assert.equal([securitySchemes.csrf!.in, securitySchemes.csrf!.name], ['header', 'X-CSRF-Token'])
  assert.match(document.components.securitySchemes.cookie!.name!, /^archipel-<8 characters/)
})

test('the address of a task is described with both of its types, and has no other method than GET and HEAD', async (t) => {
  const { responses } = document.paths['/tasks/{id}']!.get!
  assert.equal(Object.keys(responses['200']!.content!), ['application/json', 'text/html'])
  for (const status of ['304', '401', '404', '405', '406']) assert.ok(status in responses, status)
  const { port } = await serve(t)
  for (const method of ['POST', 'DELETE', 'PUT', 'OPTIONS']) {
    const answer = await raw(port, { method, path: '/tasks/task1', headers: bearer })
    refused(answer, 'METHOD_NOT_ALLOWED', method)
    assert.is(answer.headers.allow, 'GET, HEAD')
  }
})

test.run()
