import { connect } from 'node:net'
import * as assert from 'uvu/assert'
import { type WebServerInit, webServer } from '../../src/web/server/web-server.ts'
import { eventually, freePort, rejects, suite, type TestContext } from '../kit/index.ts'
import { fakeHealth, fakeIsland, SELF, taskResult, untilAborted } from './fake-island.ts'
import { serve, testTokens } from './harness.ts'

const test = suite('web: server')
const quiet = { debug() {}, warn() {}, error() {} }

/** A server that is not started. */
async function made(t: TestContext, init: Partial<WebServerInit>) {
  const { port, access } = await testTokens(t)
  return webServer({ id: SELF.id, host: '127.0.0.1', port: 0, ...init })({
    island: fakeIsland(port),
    access,
    health: fakeHealth(),
    logger: quiet,
  })
}

test('a host that others reach without names for it, and a port in use, are refused by name', async (t) => {
  for (const host of ['0.0.0.0', '::', '192.0.2.1', 'example.org', '']) {
    await rejects((await made(t, { host })).start(), 'CONFIG_INVALID')
    await rejects((await made(t, { host, hosts: [] })).start(), 'CONFIG_INVALID')
  }
  const { port } = await serve(t)
  const second = await made(t, { port })
  await rejects(second.start(), 'ADDRESS_IN_USE')
  await second.stop()
  const late = await made(t, {})
  await rejects(late.start({ signal: AbortSignal.abort() }), 'CANCELLED')
})

test('it listens again on the same port at once after a stop', async (t) => {
  const port = await freePort()
  for (let round = 0; round < 2; round++) {
    const server = await made(t, { port })
    await server.start()
    assert.is(server.url, `http://127.0.0.1:${port}`)
    await server.stop()
    await server.stop()
  }
})

test('stop ends event streams and idle connections promptly and lets an answer finish', async (t) => {
  const { server, client, island } = await serve(t)
  let finish = () => {}
  island.script({
    sql: async ({ sql }) => {
      await new Promise<void>((resolve) => {
        finish = resolve
      })
      return taskResult(sql)
    },
  })
  const events = rejects(client.events({ signal: t.signal, reconnect: false }).next(), 'NOT_RUNNING')
  const answer = client.sql({ sql: 'SELECT 1' })
  await client.status()
  await eventually(() => island.calls.some((c) => c.name === 'sql'))
  const started = performance.now()
  const stopped = server.stop()
  await events
  finish()
  assert.is((await answer).state, 'succeeded')
  await stopped
  assert.ok(performance.now() - started < 900, `took ${performance.now() - started} ms`)
  await rejects(client.status(), 'NOT_RUNNING')
})

test('stop aborts a call that does not end, and a silent island does not hold it up', async (t) => {
  const { server, client, island } = await serve(t)
  island.script({ sql: (_, { signal } = {}) => untilAborted(signal), status: () => new Promise(() => {}) })
  const sql = rejects(client.sql({ sql: 'SELECT 1' }), 'CANCELLED')
  // Asked again once its connection is cut, it finds nobody.
  const status = rejects(client.status(), 'NOT_RUNNING')
  await eventually(() => island.calls.filter((c) => c.name !== 'events').length === 2)
  const started = performance.now()
  await server.stop()
  await Promise.all([sql, status])
  assert.ok(performance.now() - started < 4000, `took ${performance.now() - started} ms`)
})

test('bytes that are not HTTP get a coded answer, and the server goes on', async (t) => {
  const { port, client } = await serve(t)
  for (const bytes of [
    '\x16\x03\x01\x02\x00\x01\x00',
    'HELLO\r\n\r\n',
    'GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n',
    'GET /healthz HTTP/9.9\r\n\r\n',
  ]) {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.end(bytes)
    await closed
    assert.match(text, /^HTTP\/1\.1 4\d\d /, JSON.stringify(bytes))
    assert.match(text, /"code":"(BAD_INPUT|FORBIDDEN)"/, JSON.stringify(bytes))
  }
  assert.is((await client.health()).status, 'ok')
})

test('a request that never ends is cut off, and a connection that said nothing is closed without an answer', async (t) => {
  const { port, client } = await serve(t)
  const told = async (request: string) => {
    const socket = connect(port, '127.0.0.1')
    t.cleanup(() => socket.destroy())
    socket.on('error', () => {})
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.write(request)
    await closed
    return text
  }
  const [begun, silent] = await Promise.all([told('GET /api/v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\n'), told('')])
  assert.match(begun, /^HTTP\/1\.1 408 /)
  assert.match(begun, '"code":"REQUEST_TIMEOUT"')
  assert.is(silent, '')
  assert.is((await client.health()).status, 'ok')
})

test.run()
