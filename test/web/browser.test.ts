/** A browser signs in by a link, has a cookie, and signs out. */
import * as assert from 'uvu/assert'
import type { Scope } from '../../src/web/contract/scopes.ts'
import { rejects, suite } from '../kit/index.ts'
import { SELF } from './fake-island.ts'
import { bearer, json, raw, type Served, serve } from './harness.ts'
import { refused } from './routes-of-table.ts'

const test = suite('web: browser sessions')

const PATH = '/api/v1/browser-session'
const DAY_MS = 86_400_000

function signIn({ port }: Served, code: unknown, headers: Record<string, string> = {}) {
  const init = { ...json, origin: `http://127.0.0.1:${port}`, ...headers }
  return raw(port, { method: 'POST', path: PATH, headers: init, body: JSON.stringify({ code }) })
}

async function session(served: Served, scopes: Scope[] = ['admin']) {
  const { code } = await served.client.signInCode({ scopes })
  const answer = await signIn(served, code)
  assert.is(answer.status, 200, answer.text)
  const cookie = String(answer.headers['set-cookie']).split(';')[0]!
  const { csrf } = JSON.parse(answer.text)
  const guard = { cookie, origin: `http://localhost:${served.port}`, 'x-csrf-token': csrf as string }
  return { code, answer, cookie, guard }
}

test('a code signs in once; the cookie is out of reach of scripts and of other sites', async (t) => {
  const served = await serve(t)
  const { code, answer, cookie } = await session(served, ['run'])
  const set = String(answer.headers['set-cookie'])
  assert.match(set, `archipel-${SELF.id.slice(3, 11)}=`)
  for (const word of ['Path=/', 'HttpOnly', 'SameSite=Strict', 'Max-Age=']) assert.match(set, word)
  assert.not.match(set, 'Secure')
  assert.not.match(set, 'Domain')
  const seconds = Number(/Max-Age=(\d+)/.exec(set)?.[1])
  assert.ok(seconds > 6 * 86_400 && seconds <= 7 * 86_400, set)
  const told = JSON.parse(answer.text)
  assert.equal(told.scopes, ['run'])
  assert.is(told.name, 'owner')
  assert.not.match(answer.text, cookie.split('=')[1]!)
  refused(await signIn(served, code), 'UNAUTHENTICATED', 'a second time')
  const again = await raw(served.port, { path: PATH, headers: { cookie } })
  assert.equal(JSON.parse(again.text), told)
})

test('two browsers with one code: one is signed in', async (t) => {
  const served = await serve(t)
  const { code } = await served.client.signInCode({})
  const answers = await Promise.all(Array.from({ length: 5 }, () => signIn(served, code)))
  assert.equal(answers.map((a) => a.status).sort(), [200, 401, 401, 401, 401])
  assert.is((await served.client.tokens.list({})).total, 1)
})

test('a code that is old, cut or made up signs nobody in, and neither does a foreign page', async (t) => {
  let time = Date.now()
  const served = await serve(t, { now: () => time, origins: ['https://portal.example.org'] })
  const { code, expires } = await served.client.signInCode({})
  assert.is(Date.parse(expires), time + 300_000)
  for (const wrong of [code.slice(1), `${code}x`, 'x', 'x'.repeat(200)])
    refused(await signIn(served, wrong), 'UNAUTHENTICATED', wrong)
  for (const wrong of ['', 7, null, 'x'.repeat(201)]) refused(await signIn(served, wrong), 'BAD_INPUT', String(wrong))
  const headers = { ...json, 'content-type': 'text/plain' }
  refused(await signIn(served, code, headers), 'BAD_INPUT', 'a form of a foreign page')
  refused(await signIn(served, code, { origin: 'https://portal.example.org' }), 'CSRF_FAILED', 'an allowed origin')
  refused(await signIn(served, code, { origin: 'https://evil.example' }), 'FORBIDDEN', 'a foreign origin')
  refused(await signIn(served, code, { 'sec-fetch-site': 'same-site' }), 'CSRF_FAILED', 'a page of another port')
  const body = JSON.stringify({ code })
  refused(await raw(served.port, { method: 'POST', path: PATH, headers: json, body }), 'CSRF_FAILED', 'no origin')
  time += 300_000
  refused(await signIn(served, code), 'UNAUTHENTICATED', 'five minutes later')
})

test('signing out ends the session at once, and takes the cookie away', async (t) => {
  const served = await serve(t)
  const { guard, cookie } = await session(served)
  const other = await session(served)
  const out = await raw(served.port, { method: 'DELETE', path: PATH, headers: guard })
  assert.is(out.status, 200, out.text)
  assert.match(String(out.headers['set-cookie']), 'Max-Age=0')
  refused(await raw(served.port, { path: PATH, headers: { cookie } }), 'TOKEN_REVOKED', 'afterwards')
  assert.is((await raw(served.port, { path: PATH, headers: { cookie: other.cookie } })).status, 200)
  refused(await raw(served.port, { method: 'DELETE', path: PATH, headers: bearer }), 'BAD_INPUT', 'a token')
})

test('who comes with a token is told its name and scopes', async (t) => {
  const { port } = await serve(t)
  const answer = await raw(port, { path: PATH, headers: bearer })
  assert.equal(JSON.parse(answer.text), { name: 'owner', scopes: ['admin'] })
})

test('a header decides before a cookie, and a cookie of another island is none', async (t) => {
  const served = await serve(t)
  const { cookie } = await session(served)
  const headers = { cookie, authorization: 'Bearer wrong' }
  refused(await raw(served.port, { path: PATH, headers }), 'UNAUTHENTICATED', 'both')
  const other = cookie.replace('archipel-aaaaaaaa', 'archipel-bbbbbbbb')
  refused(await raw(served.port, { path: PATH, headers: { cookie: other } }), 'UNAUTHENTICATED', 'of another island')
  const both = `${other}; theme=dark; ${cookie}`
  assert.is((await raw(served.port, { path: PATH, headers: { cookie: both } })).status, 200)
})

test('a session is in the list of tokens, ends by being revoked there, and after a week', async (t) => {
  let time = Date.now()
  const served = await serve(t, { now: () => time })
  const one = await session(served)
  const two = await session(served)
  const { items } = await served.client.tokens.list({})
  assert.equal(
    items.map((i) => [i.kind, i.name, i.scopes]),
    [
      ['browser', 'owner', ['admin']],
      ['browser', 'owner', ['admin']],
    ],
  )
  const id = one.cookie.split('_')[1]!
  await served.client.tokens.revoke(id)
  refused(await raw(served.port, { path: PATH, headers: { cookie: one.cookie } }), 'TOKEN_REVOKED', 'revoked')
  time += 7 * DAY_MS
  refused(await raw(served.port, { path: PATH, headers: { cookie: two.cookie } }), 'TOKEN_EXPIRED', 'a week later')
})

test('the sessions of a token end with it, and live no longer than it', async (t) => {
  const served = await serve(t)
  const { token } = await served.client.tokens.create({ name: 'ada', scopes: ['admin'], expiresMs: DAY_MS })
  const headers = { ...json, authorization: `Bearer ${token}` }
  const link = async () => {
    const answer = await raw(served.port, { method: 'POST', path: '/api/v1/sign-in-codes', headers, body: '{}' })
    return JSON.parse(answer.text).code as string
  }
  const answer = await signIn(served, await link())
  assert.is(JSON.parse(answer.text).name, 'ada')
  assert.ok(Number(/Max-Age=(\d+)/.exec(String(answer.headers['set-cookie']))?.[1]) <= DAY_MS / 1000)
  const cookie = String(answer.headers['set-cookie']).split(';')[0]!
  const late = await link()
  await served.client.tokens.revoke('ada')
  refused(await raw(served.port, { path: PATH, headers: { cookie } }), 'TOKEN_REVOKED', 'its session')
  refused(await signIn(served, late), 'TOKEN_REVOKED', 'its link')
})

test('what is done with tokens and sessions is in the journal, with who did it', async (t) => {
  const served = await serve(t)
  const { client, tokens } = served
  const { id } = await client.tokens.create({ name: 'ada', scopes: ['read', 'run'] })
  await rejects(client.tokens.create({ name: 'ada', scopes: ['read'] }), 'TOKEN_EXISTS')
  await client.tokens.revoke(id)
  const { guard, cookie } = await session(served)
  await raw(served.port, { method: 'DELETE', path: PATH, headers: guard })
  const by = { actor: `owner@${SELF.id}` }
  const browser = cookie.split('_')[1]!
  assert.equal(tokens.entries, [
    { ...by, action: 'token:create', subject: 'ada (read, run)', outcome: 'ok' },
    { ...by, action: 'token:create', subject: 'ada (read)', outcome: 'failed', code: 'TOKEN_EXISTS' },
    { ...by, action: 'token:revoke', subject: id, outcome: 'ok' },
    { ...by, action: 'browser:sign-in', subject: browser, outcome: 'ok' },
    { ...by, action: 'browser:sign-out', subject: browser, outcome: 'ok' },
  ])
})

test('open links are bounded', async (t) => {
  const { client } = await serve(t)
  for (let n = 0; n < 100; n++) await client.signInCode({})
  await rejects(client.signInCode({}), 'TOO_MANY')
})

test.run()
