/** Every route of the table with tokens and cookies of every kind, from pages of every kind. */
import { inspect } from 'node:util'
import * as assert from 'uvu/assert'
import { SCOPES, type Scope } from '../../src/web/contract/scopes.ts'
import { eventually, suite, type TestContext } from '../kit/index.ts'
import { SELF, untilAborted } from './fake-island.ts'
import { bearer, json, type Raw, raw, type Served, serve, TOKEN } from './harness.ts'
import { ask, guarded, type Named, pathOf, refused } from './routes-of-table.ts'

const test = suite('web: access')

const HOUR_MS = 3_600_000
const authorization = (token: string) => ({ authorization: `Bearer ${token}` })
const codeOf = (answer: Raw): string => (answer.status >= 400 ? JSON.parse(answer.text).code : '')
const called = ({ island }: Served) => island.calls.map((c) => c.name)

/** Scopes that imply this one, and those that do not. */
const enough = (needed: Scope): Scope[] => (needed === 'read' ? [...SCOPES] : [needed, 'admin'])
const short = (needed: Scope) => SCOPES.filter((scope) => !enough(needed).includes(scope))

/** A browser that is signed in. */
async function signedIn({ tokens, port }: Served, scopes: Scope[] = ['admin']) {
  const { code } = await tokens.port.signInCode({ scopes })
  const origin = `http://127.0.0.1:${port}`
  const body = JSON.stringify({ code })
  const answer = await raw(port, {
    method: 'POST',
    path: '/api/v1/browser-session',
    headers: { ...json, origin },
    body,
  })
  assert.is(answer.status, 200, answer.text)
  const cookie = String(answer.headers['set-cookie']).split(';')[0]!
  return { cookie, origin, csrf: String(JSON.parse(answer.text).csrf), answer }
}

/** Expired, revoked, and unknown ones that look right. */
async function uselessTokens(t: TestContext) {
  let time = Date.now()
  const served = await serve(t, { now: () => time })
  const make = async (name: string) =>
    (await served.tokens.book.create({ name, scopes: ['admin'], expiresMs: HOUR_MS })).token
  const expired = await make('expired')
  const revoked = await make('revoked')
  await served.tokens.book.revoke('revoked')
  time += HOUR_MS + 1
  const good = await make('good')
  return { served, expired, revoked, good }
}

test('an expired, a revoked and a forged token are refused on every route, each in its own words', async (t) => {
  const { served, expired, revoked, good } = await uselessTokens(t)
  const { port } = served
  const [, id] = good.split('_')
  const forged = [`archipel_${id}_${'A'.repeat(43)}`, `archipel_${'a'.repeat(12)}_${good.split('_').at(-1)}`]
  // Of a revoked one nobody learns the state who has not its secret.
  forged.push(`archipel_${revoked.split('_')[1]}_${'A'.repeat(43)}`)
  for (const route of guarded) {
    refused(await ask(port, route, authorization(expired)), 'TOKEN_EXPIRED', route.name)
    refused(await ask(port, route, authorization(revoked)), 'TOKEN_REVOKED', route.name)
    for (const token of forged) refused(await ask(port, route, authorization(token)), 'UNAUTHENTICATED', route.name)
  }
  assert.equal(called(served), ['events'])
})

test('a token without the scope of a route is refused there, and one that implies it is not', async (t) => {
  const served = await serve(t)
  const tokens = {} as Record<Scope, string>
  for (const scope of SCOPES) tokens[scope] = (await served.tokens.book.create({ name: scope, scopes: [scope] })).token
  for (const route of guarded) {
    for (const scope of short(route.scope)) {
      const answer = await ask(served.port, route, authorization(tokens[scope]))
      refused(answer, 'SCOPE_MISSING', `${route.name} with ${scope}`)
      assert.equal(JSON.parse(answer.text).details, { scope: route.scope }, route.name)
    }
  }
  assert.equal(called(served), ['events'])
  for (const route of guarded.filter((r) => r.stream !== 'sse')) {
    for (const scope of enough(route.scope)) {
      // What has a body is told that it is missing: the scope was there.
      const answer = await ask(served.port, route, authorization(tokens[scope]))
      const code = codeOf(answer)
      assert.not.ok(['SCOPE_MISSING', 'UNAUTHENTICATED', 'FORBIDDEN'].includes(code), `${route.name} ${scope} ${code}`)
    }
  }
})

test('who reads changes nothing: only a plan, the address of a file and signing out are open to the scope read beside GET', () => {
  const changing = guarded.filter((route) => route.method !== 'GET' && route.scope === 'read').map((r) => r.name)
  assert.equal(changing, ['url', 'subscriptionsPlan', 'browserSignOut'])
})

test('a task that publishes its result needs the scope publish too', async (t) => {
  const { tokens, port, island } = await serve(t)
  const { token: run } = await tokens.book.create({ name: 'run', scopes: ['run'] })
  const { token: both } = await tokens.book.create({ name: 'both', scopes: ['run', 'publish'] })
  const submit = (token: string) =>
    raw(port, {
      method: 'POST',
      path: '/api/v1/tasks',
      headers: { ...json, ...authorization(token) },
      body: JSON.stringify({ kind: 'sql', code: 'SELECT 1', publish: { id: 'mine' } }),
    })
  refused(await submit(run), 'SCOPE_MISSING', 'run alone')
  const made = await submit(both)
  assert.is(made.status, 200, made.text)
  const view = JSON.parse(made.text)
  const { id } = view
  island.fake.succeed(id, { rows: [['Vega', 0.03]] })
  island.script({ tasks: { show: async () => ({ ...view, publish: { id: 'mine' } }) } })
  const retry = (token: string) =>
    raw(port, { method: 'POST', path: `/api/v1/tasks/${id}/retry`, headers: authorization(token) })
  refused(await retry(run), 'SCOPE_MISSING', 'a retry publishes, too')
  assert.is((await retry(both)).status, 200)
})

test('a cookie changes nothing without its guard, on every route', async (t) => {
  const served = await serve(t, { origins: ['https://portal.example.org'] })
  const { cookie, origin, csrf } = await signedIn(served)
  const guard = { cookie, origin, 'x-csrf-token': csrf }
  const wrong: [what: string, headers: Record<string, string>][] = [
    ['no guard', { cookie }],
    ['no text', { cookie, origin }],
    ['an empty text', { ...guard, 'x-csrf-token': '' }],
    ['a wrong text', { ...guard, 'x-csrf-token': `${csrf.slice(0, -1)}${csrf.endsWith('A') ? 'B' : 'A'}` }],
    ['no origin', { cookie, 'x-csrf-token': csrf }],
    ['an allowed foreign origin', { ...guard, origin: 'https://portal.example.org' }],
    ['a page of another port', { ...guard, 'sec-fetch-site': 'same-site' }],
    ['a foreign page', { ...guard, 'sec-fetch-site': 'cross-site' }],
  ]
  const events = called(served)
  for (const route of guarded.filter((r) => r.method !== 'GET')) {
    for (const [what, headers] of wrong) {
      refused(await ask(served.port, route, headers), 'CSRF_FAILED', `${route.name}: ${what}`)
    }
    refused(await ask(served.port, route, { ...guard, origin: 'https://evil.example' }), 'FORBIDDEN', route.name)
  }
  for (const route of guarded.filter((r) => r.method === 'GET')) {
    for (const foreign of [{ 'sec-fetch-site': 'same-site' }, { 'sec-fetch-site': 'cross-site' }, wrong[5]![1]])
      refused(await ask(served.port, route, { cookie, ...foreign }), 'CSRF_FAILED', route.name)
  }
  assert.equal(called(served), events)
  const path = '/api/v1/datasets/stars'
  assert.is((await raw(served.port, { method: 'DELETE', path, headers: guard })).status, 200)
  const read = { cookie, 'sec-fetch-site': 'same-origin' }
  assert.is((await raw(served.port, { path: '/api/v1/status', headers: read })).status, 200)
  const head = await raw(served.port, { method: 'HEAD', path: '/api/v1/status', headers: { cookie } })
  assert.is(head.status, 200)
})

test('a cookie has the scopes of its session on every route', async (t) => {
  const served = await serve(t)
  const { cookie, origin, csrf } = await signedIn(served, ['read'])
  for (const route of guarded.filter((r) => r.scope !== 'read')) {
    refused(await ask(served.port, route, { cookie, origin, 'x-csrf-token': csrf }), 'SCOPE_MISSING', route.name)
  }
})

test('a page of a configured origin calls every route with a token, and no other page does', async (t) => {
  const portal = 'https://portal.example.org'
  const served = await serve(t, { origins: [portal] })
  const { port } = served
  const preflight = (route: Named, origin: string) =>
    ask(port, route, { origin, 'access-control-request-method': route.method }, 'OPTIONS')
  for (const route of guarded) {
    const allowed = await preflight(route, portal)
    assert.is(allowed.status, 204, route.name)
    assert.is(allowed.text, '')
    assert.is(allowed.headers['access-control-allow-origin'], portal)
    assert.match(String(allowed.headers['access-control-allow-methods']), route.method)
    assert.match(String(allowed.headers['access-control-allow-headers']), 'Authorization')
    assert.is(allowed.headers['access-control-allow-credentials'], undefined, route.name)
    for (const origin of ['https://evil.example', `${portal}.evil.example`, 'http://portal.example.org', 'null']) {
      const answer = await preflight(route, origin)
      refused(answer, 'FORBIDDEN', `${route.name} ${origin}`)
      assert.is(answer.headers['access-control-allow-origin'], undefined, route.name)
    }
    // A refusal can be read by the page, too.
    const nobody = await ask(port, route, { origin: portal })
    refused(nobody, 'UNAUTHENTICATED', route.name)
    assert.is(nobody.headers['access-control-allow-origin'], portal, route.name)
  }
  const answer = await raw(port, { path: '/api/v1/status', headers: { ...bearer, origin: portal } })
  assert.is(answer.status, 200)
  assert.is(answer.headers['access-control-allow-origin'], portal)
  assert.is(answer.headers['access-control-allow-credentials'], undefined)
  assert.match(String(answer.headers.vary), 'Origin')
  assert.match(String(answer.headers['access-control-expose-headers']), 'ETag')
  const own = await raw(port, { path: '/api/v1/status', headers: { ...bearer, origin: `http://127.0.0.1:${port}` } })
  assert.is(own.headers['access-control-allow-origin'], undefined)
  // Without the words of a preflight it is a method like any other.
  refused(await ask(port, guarded[0]!, { ...bearer, origin: portal }, 'OPTIONS'), 'METHOD_NOT_ALLOWED', 'OPTIONS')
})

test('a token that sends too much waits, and others do not', async (t) => {
  const { tokens, port } = await serve(t, { rate: { perSecond: 0.5, burst: 5, failuresPerMinute: 100 } })
  const { token: busy } = await tokens.book.create({ name: 'busy', scopes: ['read'] })
  const { token: calm } = await tokens.book.create({ name: 'calm', scopes: ['read'] })
  const status = (token: string) => raw(port, { path: '/api/v1/status', headers: authorization(token) })
  for (let n = 0; n < 5; n++) assert.is((await status(busy)).status, 200)
  const answer = await status(busy)
  refused(answer, 'TOO_MANY', 'the sixth')
  const seconds = Number(answer.headers['retry-after'])
  assert.ok(seconds >= 1 && seconds <= 2, `Retry-After: ${seconds}`)
  assert.is((await status(calm)).status, 200)
  for (let n = 0; n < 20; n++) assert.is((await status(TOKEN)).status, 200, 'the owner has no limit')
})

test('wrong tokens and codes of an address are bounded, and right ones still count', async (t) => {
  const served = await serve(t, { rate: { perSecond: 100, burst: 100, failuresPerMinute: 6 } })
  const { port, tokens } = served
  const wrongToken = () => raw(port, { path: '/api/v1/status', headers: authorization('wrong') })
  const wrongCode = () =>
    raw(port, {
      method: 'POST',
      path: '/api/v1/browser-session',
      headers: { ...json, origin: `http://127.0.0.1:${port}` },
      body: JSON.stringify({ code: 'x'.repeat(43) }),
    })
  for (let n = 0; n < 3; n++) {
    refused(await wrongToken(), 'UNAUTHENTICATED', 'a wrong token')
    refused(await wrongCode(), 'UNAUTHENTICATED', 'a wrong code')
  }
  for (const answer of [await wrongToken(), await wrongCode()]) {
    refused(answer, 'TOO_MANY', 'the seventh')
    const seconds = Number(answer.headers['retry-after'])
    assert.ok(seconds >= 1 && seconds <= 10, `Retry-After: ${seconds}`)
  }
  const { token } = await tokens.book.create({ name: 'right', scopes: ['read'] })
  assert.is((await raw(port, { path: '/api/v1/status', headers: authorization(token) })).status, 200)
  await signedIn(served)
})

test('behind a proxy it answers to the names it was given, and to no other', async (t) => {
  const served = await serve(t, { hosts: ['island.example.org', 'Island.example.net:8443'] })
  const { port, tokens } = served
  const status = (headers: Record<string, string>) =>
    raw(port, { path: '/api/v1/status', headers: { ...bearer, ...headers } })
  for (const host of ['island.example.org', 'ISLAND.example.org', 'island.example.net:8443', `localhost:${port}`]) {
    assert.is((await status({ host })).status, 200, host)
  }
  for (const host of [
    'example.org',
    'island.example.org:8443',
    'island.example.net',
    'x@island.example.org',
    'island.example.org.',
  ])
    assert.ok(['FORBIDDEN', 'BAD_INPUT'].includes(codeOf(await status({ host }))), host)
  const host = 'island.example.org'
  assert.is((await status({ host, origin: 'https://island.example.org' })).status, 200)
  refused(await status({ host, origin: 'https://island.example.com' }), 'FORBIDDEN', 'another name')
  const { code } = await tokens.port.signInCode({})
  const signIn = await raw(port, {
    method: 'POST',
    path: '/api/v1/browser-session',
    headers: { ...json, host, origin: 'https://island.example.org' },
    body: JSON.stringify({ code }),
  })
  assert.is(signIn.status, 200, signIn.text)
  assert.match(String(signIn.headers['set-cookie']), '; Secure')
})

test('on an address for all it is called by loopback from here, and by its names alone', async (t) => {
  const { url, port, client } = await serve(t, { host: '0.0.0.0', hosts: ['island.example.org'] })
  assert.is(url, `http://127.0.0.1:${port}`)
  assert.is((await client.status()).name, SELF.name)
  const answer = await raw(port, { path: '/api/v1/status', headers: { ...bearer, host: `192.0.2.1:${port}` } })
  refused(answer, 'FORBIDDEN', 'an address that is none of its names')
})

/** What is open while `end` happens has to end by itself; gives what each was told last. */
async function openStreams(served: Served, token: string, end: () => Promise<unknown>): Promise<string[]> {
  const { port, island } = served
  let asked = 0
  island.script({
    tasks: {
      async *watch() {
        yield await island.fake.submit({ kind: 'sql', code: 'SELECT 1' })
        asked++
        // Does not listen to its signal.
        await new Promise<never>(() => {})
      },
    },
    sql: async (_, { signal } = {}) => {
      asked++
      return await untilAborted(signal)
    },
  })
  const headers = authorization(token)
  const body = JSON.stringify({ sql: 'SELECT 1' })
  const watch = guarded.find((r) => r.name === 'taskWatch')!
  const open = [
    raw(port, { path: '/api/v1/events', headers }),
    raw(port, { path: pathOf(watch), headers }),
    raw(port, { method: 'POST', path: '/api/v1/sql', headers: { ...headers, ...json }, body }),
  ]
  await eventually(() => asked === 2, { timeoutMs: 5000 })
  await end()
  return (await Promise.all(open)).map((answer) => answer.text)
}

test('what a token has open ends when it is revoked', async (t) => {
  const served = await serve(t)
  const { token, id } = await served.tokens.book.create({ name: 'gone', scopes: ['run'] })
  const [, watched, sql] = await openStreams(served, token, () => served.client.tokens.revoke(id))
  assert.is(JSON.parse(watched!.trim().split('\n').at(-1)!).error.code, 'TOKEN_REVOKED', watched)
  assert.is(JSON.parse(sql!).code, 'TOKEN_REVOKED')
})

test('what a token has open ends when it expires', async (t) => {
  const served = await serve(t)
  const { token } = await served.tokens.book.create({ name: 'short', scopes: ['run'], expiresMs: 1500 })
  const [, watched, sql] = await openStreams(served, token, async () => {})
  assert.is(JSON.parse(watched!.trim().split('\n').at(-1)!).error.code, 'TOKEN_EXPIRED', watched)
  assert.is(JSON.parse(sql!).code, 'TOKEN_EXPIRED')
})

test('a file that a revoked token is reading breaks off, whether it still comes or hangs', async (t) => {
  for (const hangs of [false, true]) {
    const served = await serve(t)
    const { token } = await served.tokens.book.create({ name: 'reader', scopes: ['read'] })
    const reading = Promise.withResolvers<void>()
    async function* body() {
      for (let n = 0; ; n++) {
        yield new Uint8Array(65_536)
        if (n < 3) continue
        reading.resolve()
        // Does not listen to its signal.
        await (hangs ? new Promise<never>(() => {}) : new Promise((resolve) => setImmediate(resolve)))
      }
    }
    served.island.script({
      tasks: { table: async () => ({ mediaType: 'text/csv', fileName: 'x.csv', body: body() }) },
    })
    const route = guarded.find((r) => r.name === 'taskTable')!
    const answer = raw(served.port, { path: pathOf(route), headers: authorization(token) }).then(
      () => 'whole',
      () => 'broken',
    )
    await reading.promise
    await served.tokens.book.revoke('reader')
    assert.is(await answer, 'broken', `hangs: ${hangs}`)
  }
})

test('no secret is in a log line, a refusal, the journal or a list', async (t) => {
  const { served, expired, revoked, good } = await uselessTokens(t)
  const { port, log, tokens, island } = served
  const { cookie, csrf } = await signedIn(served)
  const { code } = await tokens.port.signInCode({})
  island.script({
    status: async () => {
      throw new TypeError('broken')
    },
  })
  let text = ''
  const note = async (answer: Promise<Raw>) => {
    text += (await answer).text
  }
  for (const token of [expired, revoked, good, `${good}x`, TOKEN]) {
    await note(raw(port, { path: '/api/v1/status', headers: authorization(token) }))
    await note(
      raw(port, { path: `/api/v1/tokens/${token.slice(0, 60)}x`, method: 'POST', headers: authorization(token) }),
    )
  }
  await note(raw(port, { path: '/api/v1/status', headers: { cookie } }))
  await note(raw(port, { path: '/api/v1/tokens?all=true', headers: bearer }))
  await note(raw(port, { path: '/api/v1/journal', headers: bearer }))
  text += JSON.stringify(log.map((line) => line.map((part) => (part instanceof Object ? inspect(part) : part))))
  text += JSON.stringify(tokens.entries)
  const secrets = [expired, revoked, good, cookie].map((token) => token.slice(-30))
  for (const secret of [...secrets, csrf, code, TOKEN]) assert.not.ok(text.includes(secret), `${secret} in ${text}`)
})

test.run()
