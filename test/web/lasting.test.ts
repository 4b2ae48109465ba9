/** The client through broken connections, busy islands, many pages, and to the end of tasks. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Agent, buildConnector, fetch } from 'undici'
import * as assert from 'uvu/assert'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import type { TaskView } from '../../src/protocols/model/views.ts'
import { createClient, type IslandClient, iterate } from '../../src/web/client/node.ts'
import { toProblem } from '../../src/web/contract/problem.ts'
import { eventually, rejects, suite, type TestContext } from '../kit/index.ts'
import { datasetView, type FakeIsland, NOW, SELF } from './fake-island.ts'
import { serve, TOKEN } from './harness.ts'

const test = suite('web: lasting client')

const left = (n: number) => ({ type: 'member:left' as const, time: NOW, id: SELF.id, name: `n${n}` })

/** A way to the island that can be cut and mended. */
function road(t: TestContext, url: string) {
  const sockets = new Set<{ destroy(): unknown }>()
  const connector = buildConnector({})
  let open = true
  const agent = new Agent({
    connect(options, callback) {
      if (!open) return callback(Object.assign(new TypeError('cut'), { code: 'ECONNRESET' }), null)
      connector(options, (...[error, socket]) => {
        if (socket === null) return callback(error, null)
        sockets.add(socket)
        callback(null, socket)
      })
    },
  })
  t.cleanup(() => agent.destroy())
  const go = (address: unknown, init: object = {}) => fetch(address as string, { ...init, dispatcher: agent })
  const client = createClient({ url, token: TOKEN, fetch: go as unknown as typeof globalThis.fetch })
  t.cleanup(() => client.close())
  return {
    client,
    cut() {
      open = false
      for (const socket of sockets) socket.destroy()
      sockets.clear()
    },
    mend() {
      open = true
    },
  }
}

/** Emits until the first event arrives: from then on the reader is there. */
async function firstEvent(island: FakeIsland, events: AsyncGenerator<unknown>): Promise<void> {
  let there = false
  const first = events.next().then(() => {
    there = true
  })
  await eventually(() => {
    if (!there) island.emit(left(0))
    return there
  })
  await first
}

test('events go on after a broken connection, none lost, and the state is told once for each change', async (t) => {
  const { island, url } = await serve(t)
  const { client, cut, mend } = road(t, url)
  const states: string[] = []
  const events = client.events({
    signal: t.signal,
    onState: (state, error) => states.push(error === undefined ? state : `${state} ${error.code}`),
  })
  await firstEvent(island, events)
  for (let round = 0; round < 2; round++) {
    cut()
    island.emit(left(round * 10 + 1))
    // The next is only asked for: a reader notices the loss when it reads.
    const next = events.next()
    await eventually(() => states.length === 2 + round * 2)
    island.emit(left(round * 10 + 2))
    mend()
    const seen: unknown[] = []
    for (let event = await next; !event.done; event = await events.next()) {
      assert.not.ok('lost' in event.value, 'nothing was lost')
      const { name } = event.value as ReturnType<typeof left>
      if (name !== 'n0') seen.push(name)
      if (name === `n${round * 10 + 2}`) break
    }
    assert.equal(seen, [`n${round * 10 + 1}`, `n${round * 10 + 2}`])
  }
  assert.equal(
    states.map((s) => s.split(' ')[0]),
    ['open', 'lost', 'open', 'lost', 'open'],
  )
  await events.return()
})

test('events end by the signal, by closing, and by what no waiting mends, also while the connection is lost', async (t) => {
  const { island, url } = await serve(t)
  const { client, cut } = road(t, url)
  const abort = new AbortController()
  let lost = false
  const onState = (state: string) => {
    lost = state === 'lost'
  }
  const events = client.events({ signal: abort.signal, onState })
  await firstEvent(island, events)
  cut()
  const next = events.next()
  await eventually(() => lost)
  abort.abort()
  await rejects(next, 'CANCELLED')
  const other = client.events().next()
  await client.close()
  await rejects(other, 'CANCELLED')
  const wrong = createClient({ url, token: 'no-token-of-this-island' })
  t.cleanup(() => wrong.close())
  await rejects(wrong.events().next(), 'UNAUTHENTICATED')
})

test('an island that was started again says that something may be lost, and the events go on', async (t) => {
  const first = await serve(t)
  const { port } = first
  const client = createClient({ url: first.url, token: TOKEN })
  t.cleanup(() => client.close())
  let lost = false
  const onState = (state: string) => {
    lost = state === 'lost'
  }
  const events = client.events({ signal: t.signal, onState })
  await firstEvent(first.island, events)
  const next = events.next()
  await first.server.stop()
  await eventually(() => lost)
  const second = await serve(t, { port })
  assert.equal((await next).value, { lost: 1 })
  second.island.emit(left(7))
  assert.equal((await events.next()).value, left(7))
  await events.return()
})

interface Scripted {
  client: IslandClient
  seen: { method: string; url: string; key: string | undefined }[]
}

/** A server whose n-th answer is the n-th of these; the last one is repeated. */
async function scripted(
  t: TestContext,
  answers: ((res: ServerResponse, req: IncomingMessage) => void)[],
): Promise<Scripted> {
  const seen: Scripted['seen'] = []
  const server = createServer((req, res) => {
    req.resume().on('end', () => {
      const { method = '', url = '' } = req
      const answer = answers[Math.min(seen.length, answers.length - 1)]!
      seen.push({ method, url, key: req.headers['idempotency-key'] as string | undefined })
      answer(res, req)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = createClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token: TOKEN })
  t.cleanup(() => new Promise((resolve) => server.close(resolve).closeAllConnections()))
  t.cleanup(() => client.close())
  return { client, seen }
}

const ok = (body: object) => (res: ServerResponse) =>
  void res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
const broken = (res: ServerResponse) => void res.destroy()
const refused =
  (error: ArchipelError, headers: Record<string, string> = {}) =>
  (res: ServerResponse) =>
    void res
      .writeHead(error.status, { 'content-type': 'application/problem+json', ...headers })
      .end(JSON.stringify(toProblem(error)))
const busy = new ArchipelError('TOO_MANY', 'busy')

test('reading is tried again when the connection breaks or the island is busy, three times in all', async (t) => {
  const health = { status: 'ok' as const }
  const breaks = await scripted(t, [broken, broken, ok(health)])
  assert.equal(await breaks.client.health(), health)
  assert.is(breaks.seen.length, 3)
  const always = await scripted(t, [broken])
  await rejects(always.client.health(), 'UNREACHABLE')
  assert.is(always.seen.length, 3)
  const waits = await scripted(t, [refused(busy, { 'retry-after': '0' }), refused(busy), ok(health)])
  assert.equal(await waits.client.health(), health)
  assert.is(waits.seen.length, 3)
  const cut = await scripted(t, [
    (res) => void res.writeHead(200, { 'content-length': '100' }).write('{"status"', () => res.destroy()),
    ok(health),
  ])
  assert.equal(await cut.client.health(), health, 'an answer that breaks off is asked for again')
})

test('a pause that is too long is left to the caller, and what the island says of others is not tried again', async (t) => {
  const long = await scripted(t, [refused(busy, { 'retry-after': '3600' })])
  await rejects(long.client.health(), 'TOO_MANY')
  assert.is(long.seen.length, 1)
  const other = await scripted(t, [refused(new ArchipelError('UNREACHABLE', 'grenoble is away'))])
  assert.is((await rejects(other.client.dataset('x'), 'UNREACHABLE')).message, 'grenoble is away')
  assert.is(other.seen.length, 1)
  const waiting = await scripted(t, [refused(busy, { 'retry-after': '20' })])
  const abort = new AbortController()
  const call = waiting.client.health({ signal: abort.signal })
  await eventually(() => waiting.seen.length === 1)
  abort.abort()
  await rejects(call, 'CANCELLED')
})

test('what makes or removes something is sent once, unless it has a key, which stays the same', async (t) => {
  const once = await scripted(t, [broken])
  await rejects(once.client.invite({}), 'UNREACHABLE')
  await rejects(once.client.unpublish('stars'), 'UNREACHABLE')
  await rejects(once.client.tasks.submit({ kind: 'sql', code: 'SELECT 1' }), 'UNREACHABLE')
  assert.equal(
    once.seen.map(({ method }) => method),
    ['POST', 'DELETE', 'POST'],
  )
  const keyed = await scripted(t, [broken, ok({ ticket: 'x' })])
  await keyed.client.invite({}, { idempotencyKey: 'k1' })
  const task = await scripted(t, [broken, ok({ id: 'x' })])
  await task.client.tasks.submit({ kind: 'sql', code: 'SELECT 1', idempotencyKey: 'k2' })
  assert.equal(
    [...keyed.seen, ...task.seen].map(({ key }) => key),
    ['k1', 'k1', 'k2', 'k2'],
  )
})

test('a redirect is not followed, so that a token goes to the island alone', async (t) => {
  const elsewhere = await scripted(t, [ok({})])
  const here = await scripted(t, [(res) => void res.writeHead(307, { location: 'http://127.0.0.1:1/' }).end()])
  await rejects(here.client.status(), 'PROTOCOL')
  assert.is(elsewhere.seen.length, 0)
})

test('iterate gives the items of all pages, and asks for no page that nobody reads', async (t) => {
  const { client, island } = await serve(t)
  const names = Array.from({ length: 7 }, (_, n) => `d${n}`)
  island.script({
    datasets: async ({ cursor = '0', limit = 3 }) => {
      const from = Number(cursor)
      const next = from + limit < names.length ? { next: String(from + limit) } : {}
      return { items: names.slice(from, from + limit).map((name) => datasetView(name)), total: names.length, ...next }
    },
  })
  const asked = () => island.calls.filter((call) => call.name === 'datasets').map((call) => call.argument)
  const seen: string[] = []
  for await (const { body } of iterate(client.datasets, { text: 'd', limit: 3 })) seen.push(body.name)
  assert.equal(seen, names)
  assert.equal(asked(), [
    { text: 'd', limit: 3 },
    { text: 'd', limit: 3, cursor: '3' },
    { text: 'd', limit: 3, cursor: '6' },
  ])
  for await (const { body } of iterate(client.datasets)) if (body.name === 'd1') break
  assert.is(asked().length, 4)
  const list = async () => ({ items: [1], next: 'same' })
  await rejects(async () => {
    for await (const _ of iterate(list));
  }, 'PROTOCOL')
  await rejects(iterate(client.datasets, {}, { signal: AbortSignal.abort() }).next(), 'CANCELLED')
})

const SQL = { kind: 'sql' as const, code: 'SELECT * FROM stars' }

test('a task is run to its rows, however many pages they have', async (t) => {
  const { client, island } = await serve(t)
  const rows = Array.from({ length: 2500 }, (_, n) => [`s${n}`, n])
  const states: string[] = []
  const running = client.tasks.run(SQL, { onChange: (task) => states.push(task.state) })
  await eventually(() => island.fake.ids.length === 1)
  island.fake.succeed(island.fake.ids[0]!, { rows })
  const { task, rows: read, columns } = await running
  assert.is(task.state, 'succeeded')
  assert.is(states.at(-1), 'succeeded')
  assert.is(columns.length, 2)
  const seen: unknown[] = []
  for await (const row of read) seen.push(row)
  assert.equal(seen, rows)
})

test('a task that fails throws its own error, and one that nobody waits for any more is cancelled', async (t) => {
  const { client, island } = await serve(t)
  const abort = new AbortController()
  let known = false
  const onChange = () => {
    known = true
  }
  const running = client.tasks.run(SQL, { signal: abort.signal, onChange })
  // Before that, the client knows no id that it could cancel.
  await eventually(() => known)
  const id = island.fake.ids[0]!
  abort.abort()
  await rejects(running, 'CANCELLED')
  await eventually(async () => (await client.tasks.show(id)).state === 'cancelled')
  const cancelled = rejects(client.tasks.run(SQL), 'CANCELLED')
  await eventually(() => island.fake.ids.length === 2)
  await client.tasks.cancel(island.fake.ids.at(-1)!)
  const error = await cancelled
  assert.ok(island.fake.ids.includes(String(error.details?.task)))
  island.script({
    tasks: {
      async *watch(task) {
        const view = await client.tasks.show(task)
        const info = new ArchipelError('CODE_FAILED', 'division by zero').toInfo()
        yield { ...view, state: 'failed', error: info } as TaskView
      },
    },
  })
  assert.is((await rejects(client.tasks.run(SQL), 'CODE_FAILED')).message, 'division by zero')
})

test('watching a task goes on after a broken connection', async (t) => {
  const { island, url, client: direct } = await serve(t)
  const { client, cut, mend } = road(t, url)
  const { id } = await direct.tasks.submit(SQL)
  const watching = client.tasks.watch(id)
  await watching.next()
  cut()
  mend()
  island.fake.succeed(id, { rows: [['Vega', 0.03]] })
  const states: string[] = []
  for await (const view of watching) states.push(view.state)
  assert.is(states.at(-1), 'succeeded')
})

test('an answer that is read late is whole, whatever was collected as garbage meanwhile', async (t) => {
  const { client, island } = await serve(t)
  const { id } = await client.tasks.submit(SQL)
  island.fake.succeed(id, { rows: [['Vega', 0.03]] })
  const { body } = await client.tasks.table(id, 'csv')
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  // Finalizers run in turns of their own, after some rounds.
  for (let round = 0; round < 20; round++) {
    collect()
    await setImmediate()
  }
  let text = ''
  for await (const chunk of body) text += Buffer.from(chunk)
  assert.match(text, 'Vega')
})

test('what cannot be the URL or the token of an island is refused before anything is sent', async () => {
  for (const token of ['a b', 'line\nbreak', 'ü'])
    await rejects(async () => createClient({ url: 'http://127.0.0.1', token }), 'BAD_INPUT')
  const { createClient: neutral } = await import('../../src/web/client/index.ts')
  await rejects(async () => neutral(), 'BAD_INPUT')
})

test.run()
