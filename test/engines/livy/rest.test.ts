import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import * as assert from 'uvu/assert'
import { type LivyRestInit, livyRest } from '../../../src/node/engines/livy/rest.ts'
import { LivyRefusal } from '../../../src/protocols/livy/refusal.ts'
import { selfSigned } from '../../kit/certificates.ts'
import { rejects, suite, type TestContext } from '../../kit/index.ts'

const test = suite('the REST client of Livy')

async function serve(t: TestContext, answer: RequestListener, tls?: { key: string; cert: string }): Promise<number> {
  const server = tls === undefined ? createServer(answer) : createTlsServer(tls, answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.cleanup(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

const json =
  (status: number, body: unknown): RequestListener =>
  (_request, response) =>
    response.writeHead(status, { 'content-type': 'application/json;charset=utf-8' }).end(JSON.stringify(body))

function client(t: TestContext, init: LivyRestInit) {
  const rest = livyRest(init)
  t.cleanup(() => rest.close())
  return rest
}

test('says who asks: Basic, or a header of the operator’s choice; below a path, with what CSRF protection wants', async (t) => {
  const seen: IncomingMessage[] = []
  const port = await serve(t, (request, response) => {
    seen.push(request)
    json(200, {})(request, response as never)
  })
  const url = `http://127.0.0.1:${port}/base/`
  await client(t, { url, auth: { user: 'ana', password: 'p:w' } }).call('GET', '/version')
  await client(t, { url, auth: { header: 'X-Token', value: 's3' } }).call('POST', '/sessions', {
    query: { from: 0, size: undefined },
    body: { kind: 'sql' },
  })
  assert.equal(
    seen.map(({ url: path }) => path),
    ['/base/version', '/base/sessions?from=0'],
  )
  assert.is(seen[0]!.headers.authorization, `Basic ${Buffer.from('ana:p:w').toString('base64')}`)
  assert.equal([seen[1]!.headers['x-token'], seen[1]!.headers.authorization], ['s3', undefined])
  assert.is(seen[1]!.headers['x-requested-by'], 'archipel')
})

test('an answer that is no success is passed on: words, objects, and no pages', async (t) => {
  const cases: [number, string, string, unknown][] = [
    [404, 'application/json', '{"msg":"Session \'5\' not found."}', { msg: "Session '5' not found." }],
    [500, 'application/json', '"java.lang.IllegalStateException: x"', 'java.lang.IllegalStateException: x'],
    [500, 'text/html', '<html>Jetty 9</html>', undefined],
    [403, 'text/plain', '', undefined],
  ]
  for (const [status, type, body, expected] of cases) {
    const port = await serve(t, (_q, response) => void response.writeHead(status, { 'content-type': type }).end(body))
    const rest = client(t, { url: `http://127.0.0.1:${port}` })
    const error = await rest.call('GET', '/sessions/5').then(
      () => undefined,
      (e: unknown) => e,
    )
    assert.instance(error, LivyRefusal, body)
    assert.equal([(error as LivyRefusal).status, (error as LivyRefusal).body], [status, expected], body)
    assert.equal(rest.state(), { up: true }, 'Livy is there all the same')
  }
})

test('without an answer Livy is down, and why; no address and no secret are in the words', async (t) => {
  const quiet = await serve(t, () => {})
  const wrong = await serve(t, json(401, {}))
  const gateway = await serve(t, json(503, {}))
  const auth = { user: 'ana', password: 'geheim' }
  for (const [port, timeoutMs, words] of [
    [1, 1000, /nothing listens there/],
    [quiet, 300, /does not answer in time/],
    [wrong, 1000, /does not accept the credentials/],
    [gateway, 1000, /answers 503/],
  ] as const) {
    const rest = client(t, { url: `http://127.0.0.1:${port}`, timeoutMs, auth })
    const error = await rejects(rest.call('GET', '/version'), 'ENGINE_DOWN')
    assert.match(error.message, words)
    assert.not.match(error.message + error.hint, /127\.0\.0\.1|geheim/)
    assert.is(rest.state().up, false)
  }
})

test('a call that is cancelled says so, and Livy is not down', async (t) => {
  const rest = client(t, { url: `http://127.0.0.1:${await serve(t, () => {})}` })
  const stop = new AbortController()
  const call = rest.call('GET', '/version', { signal: stop.signal })
  stop.abort()
  await rejects(call, 'CANCELLED')
  assert.is(rest.state().up, true)
})

test('an answer beyond the bound is refused', async (t) => {
  const port = await serve(t, json(200, { log: 'x'.repeat(5000) }))
  await rejects(client(t, { url: `http://127.0.0.1:${port}`, maxBytes: 1000 }).call('GET', '/x'), 'RESULT_LIMIT')
})

test('a file is one part with a plain name', async (t) => {
  const body = Promise.withResolvers<string>()
  const port = await serve(t, async (request, response) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part)
    body.resolve(Buffer.concat(parts).toString('latin1'))
    json(200, null)(request, response as never)
  })
  const file = { part: 'jar', name: 'a"b.jar', bytes: Buffer.from('PK..') }
  await client(t, { url: `http://127.0.0.1:${port}` }).call('POST', '/sessions/0/upload-jar', { file })
  assert.match(await body.promise, /name="jar"; filename="a_b\.jar"\r\n[^\r]+\r\n\r\nPK\.\.\r\n--/)
})

test('TLS is believed with the authority that the operator names, and not without', async (t) => {
  const pem = await selfSigned(t)
  const url = `https://127.0.0.1:${await serve(t, json(200, { version: '0.9.0' }), pem)}`
  assert.equal(await client(t, { url, ca: pem.cert }).call('GET', '/version'), { version: '0.9.0' })
  const error = await rejects(client(t, { url }).call('GET', '/version'), 'ENGINE_DOWN')
  assert.match(error.message, /certificate is not accepted/)
  assert.match(error.hint, /^livy\.ca /)
})

test.run()
