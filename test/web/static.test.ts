/** Files for browsers: the bundle of the client library. */
import { createHash } from 'node:crypto'
import * as assert from 'uvu/assert'
import { suite } from '../kit/index.ts'
import { raw, serve } from './harness.ts'

const test = suite('web: static files')

test('the client library is served to anybody as one module, with a strong ETag', async (t) => {
  const { port, url } = await serve(t)
  const answer = await raw(port, { path: '/client.js' })
  assert.is(answer.status, 200)
  assert.is(answer.headers['content-type'], 'text/javascript; charset=utf-8')
  assert.match(String(answer.headers.etag), /^"[\w-]{43}"$/)
  assert.is(answer.headers['cache-control'], 'no-cache')
  assert.is(answer.headers['x-content-type-options'], 'nosniff')
  assert.is(`"${createHash('sha256').update(answer.text).digest('base64url')}"`, answer.headers.etag)
  assert.match(answer.text, /createClient/)
  const zipped = await fetch(`${url}/client.js`, { headers: { 'accept-encoding': 'gzip' } })
  assert.is(zipped.headers.get('content-encoding'), 'gzip')
  assert.is(await zipped.text(), answer.text)
})

test('who has the file is told so; each encoding has its own ETag', async (t) => {
  const { port } = await serve(t)
  const get = (headers: Record<string, string> = {}) => raw(port, { path: '/client.js', headers })
  const { etag } = (await get()).headers
  const zipped = (await get({ 'accept-encoding': 'br, gzip' })).headers.etag
  assert.is.not(etag, zipped)
  for (const header of [etag, `"x", ${etag}`, `W/${etag}`, '*']) {
    const again = await get({ 'if-none-match': String(header) })
    assert.is(again.status, 304, String(header))
    assert.is(again.text, '')
    assert.is(again.headers.etag, etag)
  }
  for (const header of ['"x"', String(zipped), '']) assert.is((await get({ 'if-none-match': header })).status, 200)
  assert.is((await get({ 'accept-encoding': 'gzip;q=0' })).headers['content-encoding'], undefined)
  assert.is((await get({ 'accept-encoding': 'gzip', 'if-none-match': String(zipped) })).status, 304)
})

test('what is sent compressed is what is sent plain; HEAD has no body', async (t) => {
  const { port } = await serve(t)
  const head = await raw(port, { method: 'HEAD', path: '/client.js' })
  const whole = await raw(port, { path: '/client.js' })
  assert.is(head.status, 200)
  assert.is(head.text, '')
  assert.is(head.headers.etag, whole.headers.etag)
  assert.is(Number(whole.headers['content-length']), Buffer.byteLength(whole.text))
  const post = await raw(port, { method: 'POST', path: '/client.js' })
  assert.is(post.status, 404)
})

test.run()
