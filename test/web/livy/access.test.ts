/** Who may call the Livy endpoint, from where, and how often. */
import * as assert from 'uvu/assert'
import { suite, type TestContext } from '../../kit/index.ts'
import { bearer, raw, serve, TOKEN } from '../harness.ts'
import { fakeLivy } from './fake-livy.ts'

const test = suite('web: Livy endpoint, access')

const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
})

async function served(t: TestContext, init: Parameters<typeof serve>[1] = {}) {
  const livy = fakeLivy()
  const web = await serve(t, { livy: livy.port, ...init })
  const ask = (headers: Record<string, string>, method = 'GET', path = '/sessions', body?: string) =>
    raw(web.port, { method, path: `/livy${path}`, headers, ...(body === undefined ? {} : { body }) })
  return { ...livy, ...web, ask }
}

test('a token counts as bearer, and as the password of Basic with any user', async (t) => {
  const { ask, calls } = await served(t)
  for (const headers of [bearer, basic('', TOKEN), basic('anna', TOKEN)]) assert.is((await ask(headers)).status, 200)
  assert.is(calls.length, 3)
})

test('nobody, a wrong token and another scheme get 401, and are asked for Basic', async (t) => {
  const { ask, calls } = await served(t)
  for (const headers of [
    {},
    { authorization: 'Bearer wrong' },
    { authorization: 'Basic !!' },
    { authorization: 'Digest x' },
    basic('anna', 'wrong'),
    basic(TOKEN, ''),
    { cookie: `archipel-aaaaaaaa=${TOKEN}` },
  ]) {
    for (const path of ['/sessions', '/version', '/', '/ui', '/nothing', '/metrics']) {
      const answer = await ask(headers as never, 'GET', path)
      assert.is(answer.status, 401, `${JSON.stringify(headers)} ${path}`)
      assert.match(String(answer.headers['www-authenticate']), /^Basic realm="archipel"/)
      assert.type(JSON.parse(answer.text).msg, 'string')
    }
  }
  assert.equal(calls, [])
})

test('the cookie of a browser that signed in does not count', async (t) => {
  const { ask, port, tokens } = await served(t)
  const { code } = await tokens.port.signInCode({})
  const signed = await raw(port, {
    method: 'POST',
    path: '/api/v1/browser-session',
    headers: { 'content-type': 'application/json', origin: `http://127.0.0.1:${port}` },
    body: JSON.stringify({ code }),
  })
  const cookie = String(signed.headers['set-cookie']).split(';')[0]!
  assert.match(cookie, /^archipel-/)
  assert.is((await ask({ cookie })).status, 401)
})

test('what a token may: reading with read, the rest with run; its name is the user', async (t) => {
  const { ask, calls, tokens } = await served(t)
  const made = async (name: string, scopes: ('read' | 'run' | 'publish' | 'admin')[]) => {
    const { token } = await tokens.book.create({ name, scopes })
    return { authorization: `Bearer ${token}` }
  }
  const reader = await made('reader', ['read'])
  const runner = await made('runner', ['run'])
  const admin = await made('admin', ['admin'])
  assert.is((await ask(reader)).status, 200)
  const refused = await ask(reader, 'POST', '/sessions', '{}')
  assert.is(refused.status, 403)
  assert.match(JSON.parse(refused.text).msg, 'scope run')
  // The method that counts is the one it becomes.
  assert.is((await ask({ ...reader, 'x-http-method-override': 'DELETE' }, 'POST', '/sessions/0')).status, 403)
  assert.is((await ask(runner, 'POST', '/sessions', '{}')).status, 201)
  assert.is((await ask(admin)).status, 200)
  assert.equal(
    calls.map(({ user, admin: all }) => [user, all]),
    [
      ['reader', false],
      ['runner', false],
      ['admin', true],
    ],
  )
})

test('a foreign Host, a foreign Origin, an allowed Origin and cross-site requests are refused with a token, too', async (t) => {
  const { ask, calls, port } = await served(t, { origins: ['https://portal.example.org'] })
  for (const headers of [
    { host: 'evil.example.org' },
    { origin: 'https://evil.example.org' },
    { origin: 'https://portal.example.org' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ]) {
    const answer = await ask({ ...bearer, ...headers } as never)
    assert.is(answer.status, 403, JSON.stringify(headers))
    assert.type(JSON.parse(answer.text).msg, 'string')
  }
  assert.equal(calls, [])
  assert.is((await ask({ ...bearer, origin: `http://127.0.0.1:${port}` })).status, 200)
})

test('too many requests of one token are 429 with Retry-After', async (t) => {
  const { ask, tokens } = await served(t, { rate: { perSecond: 0.1, burst: 2, failuresPerMinute: 1000 } })
  const { token } = await tokens.book.create({ name: 'poller', scopes: ['run'] })
  const own = { authorization: `Bearer ${token}` }
  const answers = [await ask(own), await ask(own), await ask(own)]
  assert.equal(
    answers.map(({ status }) => status),
    [200, 200, 429],
  )
  assert.ok(Number(answers[2]!.headers['retry-after']) > 0)
})

test('without an endpoint the path does not exist, and other paths never are one', async (t) => {
  const { port } = await serve(t)
  assert.is((await raw(port, { path: '/livy/sessions', headers: bearer })).status, 404)
  const { port: with_ } = await served(t)
  assert.is((await raw(with_, { path: '/livysessions', headers: bearer })).status, 404)
})

test('the signal of a call aborts when its client goes away, and when the token is revoked', async (t) => {
  const { on, port, tokens } = await served(t)
  const { token } = await tokens.book.create({ name: 'brief', scopes: ['run'] })
  let began = Promise.withResolvers<AbortSignal>()
  on('sessions.show', (_: never, { signal }: { signal: AbortSignal }) => {
    began.resolve(signal)
    return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  })
  const leave = new AbortController()
  const url = `http://127.0.0.1:${port}/livy/sessions/0`
  const left = fetch(url, { headers: { authorization: `Bearer ${token}` }, signal: leave.signal }).catch(() => 'left')
  const signal = await began.promise
  const ended = new Promise((resolve) => signal.addEventListener('abort', resolve))
  leave.abort()
  await ended
  assert.is(await left, 'left')
  began = Promise.withResolvers()
  const answer = fetch(url, { headers: { authorization: `Bearer ${token}` } })
  await began.promise
  await tokens.book.revoke('brief')
  assert.is((await answer).status, 401)
})

test.run()
