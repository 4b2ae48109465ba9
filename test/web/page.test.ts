/** The page as its browser gets it: HTML, files, and what the browser is told to refuse. */
import * as assert from 'uvu/assert'
import { cookieName } from '../../src/web/server/access.ts'
import { suite } from '../kit/index.ts'
import { SELF } from './fake-island.ts'
import { raw, serve } from './harness.ts'

const test = suite('web: the page')
const ROOMS = ['/', '/islands', '/datasets', '/datasets/doi%3A10.5072%2Fabc', '/editor', '/tasks']

test('every room is the page, for anybody, and it is kept in no cache', async (t) => {
  const { port } = await serve(t)
  for (const path of ROOMS) {
    const { status, headers, text } = await raw(port, { path })
    assert.is(status, 200, path)
    assert.is(headers['content-type'], 'text/html; charset=utf-8', path)
    assert.is(headers['cache-control'], 'no-store', path)
    assert.is(headers['x-content-type-options'], 'nosniff', path)
    assert.is(headers['x-frame-options'], 'DENY', path)
    assert.match(text, '<html lang="en">')
  }
  assert.is((await raw(port, { path: '/nowhere' })).status, 404)
  assert.is((await raw(port, { path: '/editor', method: 'POST' })).status, 404)
})

test('its policy allows nothing but its own files and a nonce that is never the same; nothing in it is inline', async (t) => {
  const { port } = await serve(t)
  const nonces = new Set<string>()
  for (let i = 0; i < 3; i++) {
    const { headers, text } = await raw(port, { path: '/' })
    const policy = Object.fromEntries(
      String(headers['content-security-policy'])
        .split('; ')
        .map((part) => [part.split(' ')[0], part.split(' ').slice(1).join(' ')]),
    )
    const nonce = /^'self' 'nonce-([\w-]{22})'$/.exec(policy['style-src']!)?.[1]
    assert.type(nonce, 'string')
    nonces.add(nonce!)
    assert.is(policy['default-src'], "'none'")
    assert.is(policy['script-src'], "'self'")
    assert.is(policy['connect-src'], "'self'")
    assert.is(policy['frame-ancestors'], "'none'")
    assert.is(policy['form-action'], "'none'")
    assert.match(text, `nonce="${nonce}"`)
    assert.not.match(text, /<style|style=|<script(?![^>]* src="\/assets\/)[^>]*>| on\w+=/)
    const addresses = [...text.matchAll(/(?:src|href)="([^"]*)"/g)].map((found) => found[1]!)
    for (const address of addresses) assert.match(address, /^(\/assets\/[\w.-]+|data:image\/svg\+xml,.*)$/)
  }
  assert.is(nonces.size, 3)
})

test('its files are named by their content, kept for ever, and come compressed', async (t) => {
  const { port, url } = await serve(t)
  const { text } = await raw(port, { path: '/' })
  const addresses = [...text.matchAll(/"(\/assets\/[^"]*)"/g)].map((found) => found[1]!)
  assert.is(addresses.length, 2)
  for (const path of addresses) {
    const answer = await fetch(url + path, { headers: { 'accept-encoding': 'gzip' } })
    assert.is(answer.status, 200, path)
    assert.is(answer.headers.get('cache-control'), 'public, max-age=31536000, immutable', path)
    assert.is(answer.headers.get('content-encoding'), 'gzip', path)
    const type = path.endsWith('.css') ? 'text/css; charset=utf-8' : 'text/javascript; charset=utf-8'
    assert.is(answer.headers.get('content-type'), type, path)
    // What a first visit costs: a scientist on a slow line notices more.
    assert.ok(Number(answer.headers.get('content-length')) < 260_000, path)
    assert.not.match(await answer.text(), /\beval\(|new Function\(/)
  }
  for (const path of ['/assets/page.js', '/assets/page-AAAAAAAAAAAA.js', '/assets/..%2f..%2fpackage.json'])
    assert.is((await raw(port, { path })).status, 404, path)
})

test('the licences of all packages that the page contains are there', async (t) => {
  const { port } = await serve(t)
  const { status, headers, text } = await raw(port, { path: '/licences.txt' })
  assert.is(status, 200)
  assert.is(headers['content-type'], 'text/plain; charset=utf-8')
  for (const name of ['preact', '@codemirror/view', 'uplot', 'd3-force']) assert.match(text, `\n${name} `)
  assert.ok(text.split('Permission').length > 10)
})

test('it says whether a cookie of this island came along, and not what it is', async (t) => {
  const { port } = await serve(t)
  const { text } = await raw(port, { path: '/', headers: { cookie: 'archipel-other=secret-text' } })
  assert.not.match(text, 'data-session')
  const own = await raw(port, { path: '/', headers: { cookie: `${cookieName(SELF.id)}=secret-text` } })
  assert.match(own.text, 'data-session')
  assert.not.match(own.text, 'secret-text')
})

test.run()
