/** Answers that were there before: ETags, idempotency keys, and pages of lists. */
import { createHash } from 'node:crypto'
import * as assert from 'uvu/assert'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import { pageOf } from '../../src/protocols/model/paging.ts'
import { fillPath } from '../../src/web/contract/route.ts'
import { routeList } from '../../src/web/contract/routes.ts'
import { type AnswerStore, answers } from '../../src/web/server/idempotency.ts'
import { rejects, suite } from '../kit/index.ts'
import { untilAborted } from './fake-island.ts'
import { bearer, json, type Raw, raw, serve } from './harness.ts'

const test = suite('web: answers that were there before')

test('each answer to GET that is no stream has a tag, and is not sent again to who has it', async (t) => {
  const { port, island } = await serve(t)
  const { id } = await island.tasks.submit({ kind: 'sql', code: 'SELECT 1' })
  island.fake.succeed(id, { rows: [['Vega', 0.03]] })
  const path = (p: string) => fillPath(p, { ref: 'stars', id, name: 'table.ndjson', session: '1', statement: '0' })
  // What a browser asks of its own session carries its CSRF token: it is never an older answer.
  const routes = routeList.filter((r) => r.method === 'GET' && r.stream === undefined && r.name !== 'browserSession')
  assert.ok(routes.length > 10)
  for (const route of routes) {
    const target = { path: path(route.path), headers: bearer }
    const first = await raw(port, target)
    if (first.status !== 200) continue
    const etag = String(first.headers.etag)
    assert.match(etag, /^"[\w-]{43}"$/, route.name)
    assert.is(etag, `"${createHash('sha256').update(first.text).digest('base64url')}"`)
    for (const condition of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const again = await raw(port, { ...target, headers: { ...bearer, 'if-none-match': condition } })
      if (again.status === 200) assert.is.not(again.text, first.text, `${route.name}: ${condition}`)
      else {
        assert.is(again.status, 304, `${route.name}: ${condition}`)
        assert.is(again.text, '')
        assert.is(again.headers['cache-control'], 'no-store')
      }
    }
    assert.is((await raw(port, { ...target, headers: { ...bearer, 'if-none-match': '"other"' } })).status, 200)
    const head = await raw(port, { ...target, method: 'HEAD' })
    assert.is(head.status, 200)
    assert.is(head.text, '')
  }
})

test('a changed answer has another tag', async (t) => {
  const { port, island } = await serve(t)
  const target = { path: '/api/v1/datasets/stars', headers: bearer }
  const { headers } = await raw(port, target)
  const view = island.views[0]!
  island.views[0] = { ...view, body: { ...view.body, title: 'Other stars' } }
  const conditional = { ...target, headers: { ...bearer, 'if-none-match': String(headers.etag) } }
  assert.is((await raw(port, conditional)).status, 200)
})

const publish = (port: number, key: string, body: object): Promise<Raw> =>
  raw(port, {
    method: 'POST',
    path: '/api/v1/datasets',
    headers: { ...bearer, ...json, 'idempotency-key': key },
    body: JSON.stringify(body),
  })

const callsOf = (island: { calls: { name: string }[] }, name: string) =>
  island.calls.filter((call) => call.name === name).length

test('each POST that makes something takes an idempotency key', () => {
  const makes = ['publish', 'sql', 'taskSubmit', 'taskRetry', 'invite', 'tokenCreate', 'signInCode']
  const keyed = routeList.filter((route) => route.idempotency !== undefined)
  for (const name of makes)
    assert.ok(
      keyed.some((route) => route.name === name),
      name,
    )
  for (const route of keyed) assert.ok('idempotency-key' in (route.headers ?? {}), route.name)
})

test('the same key with the same body gives the first answer again, another body is refused', async (t) => {
  const { port, island } = await serve(t)
  const first = await publish(port, 'once', { path: '/data/a.csv', name: 'a', keywords: ['x'] })
  const last = (answer: Raw) => JSON.parse(answer.text.trim().split('\n').at(-1)!)
  const again = await publish(port, '"once"', { keywords: ['x'], name: 'a', path: '/data/a.csv' })
  assert.equal(last(again), last(first))
  assert.is(callsOf(island, 'publish'), 1)
  const other = await publish(port, 'once', { path: '/data/b.csv', name: 'b' })
  assert.is(other.status, 409)
  assert.is(last(other).code, 'IDEMPOTENCY_CONFLICT')
  await publish(port, 'twice', { path: '/data/a.csv', name: 'a', keywords: ['x'] })
  assert.is(callsOf(island, 'publish'), 2)
  for (const key of ['', ' ', '""', 'x'.repeat(201)])
    assert.is((await publish(port, key, { path: '/data/c.csv' })).status, 400, key)
  // Of another route, the same key is another one.
  const invite = await raw(port, {
    method: 'POST',
    path: '/api/v1/invites',
    headers: { ...bearer, ...json, 'idempotency-key': 'once' },
    body: '{}',
  })
  assert.is(invite.status, 200)
})

test('a call that failed is not remembered, and one that runs is waited for', async (t) => {
  const { port, island } = await serve(t)
  let fail = true
  const begun = Promise.withResolvers<void>()
  const go = Promise.withResolvers<void>()
  island.script({
    invite: async () => {
      if (fail) throw new ArchipelError('NOT_REACHABLE', 'nobody could come')
      begun.resolve()
      await go.promise
      return { ticket: 'secret', id: 'x', expires: '2026-01-01T00:00:00Z', mayInvite: false }
    },
  })
  const invite = () =>
    raw(port, {
      method: 'POST',
      path: '/api/v1/invites',
      headers: { ...bearer, ...json, 'idempotency-key': 'k' },
      body: '{}',
    })
  assert.is((await invite()).status, 409)
  fail = false
  const one = invite()
  await begun.promise
  const two = invite()
  go.resolve()
  assert.is((await one).text, (await two).text)
  assert.is(callsOf(island, 'invite'), 2)
})

test('calls with one key at once wait for the first until its answer is on the disk, and for nothing else', async () => {
  const written = new Map<string, string>()
  const store: AnswerStore = {
    async *entries() {},
    put: async (key, value) => {
      await new Promise((resolve) => setTimeout(resolve, 20))
      written.set(key, value)
    },
    delete: async () => {},
  }
  const made = answers({ store })
  let times = 0
  const go = Promise.withResolvers<void>()
  const call = (input: unknown, durable = true) =>
    made.once({ caller: 'c', route: 'publish', key: 'k', input, durable }, async () => {
      times++
      await go.promise
      return { n: times }
    })
  const all = [call('a'), call('a'), call('a')]
  await rejects(call('b'), 'IDEMPOTENCY_CONFLICT')
  go.resolve()
  assert.equal(await Promise.all(all), [{ n: 1 }, { n: 1 }, { n: 1 }])
  assert.equal([times, written.size], [1, 1])
  await rejects(call('b'), 'IDEMPOTENCY_CONFLICT')

  // The first fails: one of those that waited is the next first.
  let fails = 2
  const failing = () =>
    made.once({ caller: 'c', route: 'publish', key: 'f', input: 1, durable: true }, async () => {
      await new Promise((resolve) => setImmediate(resolve))
      if (fails-- > 0) throw new ArchipelError('DISK_FULL', 'full')
      return 'done'
    })
  const results = await Promise.allSettled([failing(), failing(), failing(), failing()])
  assert.equal(results.map((r) => r.status).sort(), ['fulfilled', 'fulfilled', 'rejected', 'rejected'])
})

test('keys of statements and of tries again are handed on to the tasks', async (t) => {
  const { client, island } = await serve(t)
  await client.sql({ sql: 'SELECT 1', idempotencyKey: 'k1' })
  assert.equal(island.calls.find((c) => c.name === 'sql')?.argument, { sql: 'SELECT 1', idempotencyKey: 'k1' })
  const { id } = await client.tasks.submit({ kind: 'sql', code: 'SELECT 1' })
  await client.tasks.cancel(id)
  let given: string | undefined
  island.script({
    tasks: {
      retry: async (of, options) => {
        given = options?.idempotencyKey
        return await island.fake.retry(of)
      },
    },
  })
  await client.tasks.retry(id, { idempotencyKey: 'k2' })
  assert.is(given, 'k2')
})

test('what is remembered is bounded, grows old, and outlives the process only where it may', async () => {
  const disk = new Map<string, string>()
  const store: AnswerStore = {
    async *entries() {
      yield* disk
    },
    put: async (key, value) => void disk.set(key, value),
    delete: async (key) => void disk.delete(key),
  }
  let now = 0
  const make = async () => {
    const made = answers({ store, now: () => now })
    await made.start()
    return made
  }
  const first = await make()
  let made = 0
  const call = (key: string, durable: boolean) => ({ caller: 'owner', route: 'publish', key, input: { a: 1 }, durable })
  const work = async () => ({ made: ++made })
  assert.equal(await first.once(call('disk', true), work), { made: 1 })
  assert.equal(await first.once(call('memory', false), work), { made: 2 })
  assert.is(disk.size, 1)
  const second = await make()
  assert.equal(await second.once(call('disk', true), work), { made: 1 })
  assert.equal(await second.once(call('memory', false), work), { made: 3 })
  await rejects(second.once({ ...call('disk', true), input: { a: 2 } }, work), 'IDEMPOTENCY_CONFLICT')
  assert.equal(await second.once({ ...call('disk', true), caller: 'other' }, work), { made: 4 })
  now += 86_400_001
  assert.equal(await second.once(call('disk', true), work), { made: 5 })
  for (let i = 0; i < 1100; i++) await second.once(call(`k${i}`, true), work)
  assert.ok(disk.size <= 1000, String(disk.size))
  assert.equal(await second.once(call('disk', true), work), { made: 1106 })
  for (let i = 0; i < 20; i++) await second.once(call(`big${i}`, true), async () => 'x'.repeat(1024 * 1024))
  const bytes = [...disk.values()].reduce((sum, text) => sum + text.length, 0)
  assert.ok(bytes <= 16 * 1024 * 1024, String(bytes))
  const third = await make()
  assert.equal(await third.once(call('big19', true), work), 'x'.repeat(1024 * 1024))
})

test('a reader that leaves ends a keyed call like any other', async (t) => {
  const { client, island } = await serve(t)
  island.script({ publish: (_, options) => untilAborted(options?.signal) })
  const leave = new AbortController()
  const asked = client.publish({ path: '/data/a.csv' }, { signal: leave.signal })
  leave.abort()
  await rejects(asked, 'CANCELLED')
})

test('a list in pages is the whole list, also when entries come and go', () => {
  const names = [...Array(25).keys()].map((i) => `n${String(i).padStart(2, '0')}`)
  const key = (name: string) => ['0', name]
  const seen: string[] = []
  let cursor: string | undefined
  let list = [...names].reverse()
  do {
    const page = pageOf(list, key, { limit: 7, ...(cursor === undefined ? {} : { cursor }) }, 'names')
    assert.is(page.total, list.length)
    seen.push(...page.items)
    cursor = page.next
    list = list.filter((name) => name !== seen.at(-1))
  } while (cursor !== undefined)
  assert.equal(seen, names)
  for (const bad of ['x', 'e30', Buffer.from('["a"]').toString('base64url'), '']) {
    assert.throws(
      () => pageOf(names, key, { limit: 1, cursor: bad }, 'names'),
      (error: { code: string }) => error.code === 'BAD_INPUT',
    )
  }
})

test('islands and the journal come in pages', async (t) => {
  const { client, island } = await serve(t)
  await client.islands({ limit: 1, cursor: 'c' })
  await client.journal({ limit: 2, cursor: 'd' })
  const asked = (name: string) => island.calls.find((c) => c.name === name)?.argument
  assert.equal(asked('islands'), { limit: 1, cursor: 'c' })
  assert.equal(asked('journal'), { limit: 2, cursor: 'd' })
})

test.run()
