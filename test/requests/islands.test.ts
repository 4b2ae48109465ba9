/** Islands in one process: one asks another to hold what a third has. */
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { ReplicaRequestView } from '../../src/protocols/model/replica-request.ts'
import { found, type Home, joined, settled } from '../hostile/islands.ts'
import { eventually, rejects, suite, type TestContext } from '../kit/index.ts'
import { bytes, finalFiles, sha256, writeFiles } from '../replicas/kit.ts'

const test = suite('requests: asking another island to hold data')

const KiB = 1024

async function three(t: TestContext, settings: Record<string, unknown> = {}) {
  const a = await found(t, 'a')
  const b = await joined(t, a, 'b')
  const c = await joined(t, a, 'c', settings)
  const folder = join(await t.tmpdir(), 'data')
  const publish = async (name: string, files: Record<string, Buffer>) => {
    const { id } = await a.port.publish({ path: await writeFiles(join(folder, name), files), name, as: 'files' })
    await settled(t, [a, b, c])
    return id
  }
  return { a, b, c, publish }
}

const inState = async (t: TestContext, home: Home, id: string, state: ReplicaRequestView['state']) =>
  await eventually(
    async () => {
      const view = await home.port.requests.show(id)
      assert.is(view.state, state, JSON.stringify(view.problem))
      return view
    },
    { timeoutMs: 30_000, signal: t.signal },
  )

test('the island asked fetches it from its holder, the asking one carries no bytes, and both see how it went', async (t) => {
  const { a, b, c, publish } = await three(t)
  const data = bytes(300 * KiB)
  const id = await publish('survey', { 'x/big.bin': data, 'y/small.bin': bytes(10) })
  const plan = await b.port.replicate(id, { to: 'c', dryRun: true })
  assert.equal([plan.state, plan.wanted?.files], ['accepted', 2])
  assert.is((await b.port.requests.list()).total, 0, 'a dry run keeps nothing')
  assert.is((await c.port.requests.list()).total, 0)
  await rejects(b.port.replicate(id, { to: 'b' }), 'BAD_INPUT')
  await rejects(b.port.replicate(id, { to: 'nobody' }), 'NOT_FOUND')

  const asked = await b.port.replicate('survey', { to: 'c', files: ['x/**'], priority: 'high' })
  const done = await inState(t, b, asked.id, 'partial')
  assert.equal([done.direction, done.island.name, done.undelivered], ['outgoing', 'c', false])
  assert.equal(done.done, { files: 1, bytes: 300 * KiB })
  const there = await c.port.requests.show(asked.id)
  assert.equal([there.direction, there.island.name, there.state], ['incoming', 'b', 'partial'])
  const [transfer] = (await c.port.transfers.list()).items
  assert.equal(
    transfer?.sources.map((s) => [s.island, s.bytes]),
    [[a.id, 300 * KiB]],
    'every byte came from the holder',
  )
  assert.equal([(await b.port.transfers.list()).total, (await finalFiles(b.dataDir)).size], [0, 0])
  assert.equal([...(await finalFiles(c.dataDir)).values()].map(sha256), [sha256(data)])

  const whole = await b.port.replicate('survey', { to: 'c' })
  await inState(t, b, whole.id, 'available')
  assert.is((await c.port.requests.list({ direction: 'incoming' })).total, 2)
  assert.is((await c.port.requests.list({ direction: 'outgoing' })).total, 0)
  // It publishes it itself.
  const home = await b.port.replicate('survey', { to: 'a' })
  await inState(t, b, home.id, 'available')
  assert.is((await a.port.transfers.list()).total, 0)
})

test('with --when-used it is promised, moves nothing, and comes at the first use there of what was promised', async (t) => {
  const { a, b, c, publish } = await three(t)
  const data = bytes(2_500_000)
  const id = await publish('lazy', { 'x/big.bin': data, 'y/small.bin': bytes(10) })
  const part = { to: 'c', files: ['x/**'], whenUsed: true }
  assert.is((await b.port.replicate(id, { ...part, dryRun: true })).state, 'promised')
  const asked = await b.port.replicate(id, part)
  const unwanted = await b.port.replicate(id, { to: 'c', whenUsed: true })
  for (const each of [asked, unwanted]) await inState(t, b, each.id, 'promised')
  assert.equal((await c.port.requests.show(asked.id)).wanted, { files: 1, bytes: data.length })
  await b.port.requests.cancel(unwanted.id)
  await inState(t, c, unwanted.id, 'cancelled')
  assert.is((await c.port.transfers.list()).total, 0)
  assert.is((await c.port.files(id, { limit: 10 })).total, 2)

  const small = await c.port.read({ ref: id, path: 'y/small.bin' })
  for await (const _ of small.open({ from: 0, to: 10 }));
  assert.is((await c.port.requests.show(asked.id)).state, 'promised', 'that file was not promised')
  const big = await c.port.read({ ref: id, path: 'x/big.bin' })
  for await (const _ of big.open({ from: 5, to: 6 }));
  await inState(t, b, asked.id, 'available')
  assert.ok([...(await finalFiles(c.dataDir)).values()].map(sha256).includes(sha256(data)))
  assert.is((await c.port.verify(id)).bad.length, 0)
  assert.is((await c.port.requests.show(unwanted.id)).state, 'cancelled')

  // A get is a use, too; what is here already needs no promise.
  const other = await publish('lazy-too', { 'x.bin': bytes(10) })
  const second = await b.port.replicate(other, { to: 'c', whenUsed: true })
  await inState(t, b, second.id, 'promised')
  await c.port.get(other)
  await inState(t, b, second.id, 'available')
  const third = await b.port.replicate(other, { to: 'c', whenUsed: true })
  await inState(t, b, third.id, 'available')
  const home = await b.port.replicate(other, { to: 'a', whenUsed: true })
  await inState(t, b, home.id, 'available')
  assert.is((await a.port.transfers.list()).total, 0)
})

test('it decides by its own rules, and says why not', async (t) => {
  const { b, c, publish } = await three(t, {
    'policy.replicate.maxBytes': 100 * KiB,
    'policy.replicate.quotaBytes': 150 * KiB,
  })
  const refused = async (ref: string, code: string, to = 'c') => {
    const { id } = await b.port.replicate(ref, { to })
    const view = await inState(t, b, id, 'refused')
    assert.is(view.problem?.code, code)
    assert.ok(view.problem?.hint)
  }
  await publish('large', { 'x.bin': bytes(101 * KiB) })
  await publish('one', { 'x.bin': bytes(80 * KiB) })
  await publish('two', { 'x.bin': bytes(80 * KiB) })
  await refused('large', 'TOO_LARGE')
  assert.is((await b.port.replicate('large', { to: 'c', dryRun: true })).problem?.code, 'TOO_LARGE')
  await inState(t, b, (await b.port.replicate('one', { to: 'c' })).id, 'available')
  await refused('two', 'QUOTA_EXCEEDED')
  await c.port.drop('one')
  await inState(t, b, (await b.port.replicate('two', { to: 'c' })).id, 'available')
})

test('either side ends one that runs; nobody is served any more who is no member', async (t) => {
  const { a, b, c, publish } = await three(t, { 'transfers.downBytesPerSecond': 64 * KiB })
  const id = await publish('slow', { 'x.bin': bytes(8 * KiB * KiB) })
  const first = await b.port.replicate(id, { to: 'c' })
  await inState(t, b, first.id, 'transferring')
  assert.is((await b.port.requests.cancel(first.id)).state, 'cancelled')
  await inState(t, c, first.id, 'cancelled')
  const second = await b.port.replicate(id, { to: 'c' })
  await inState(t, b, second.id, 'transferring')
  await c.port.requests.cancel(second.id)
  assert.is((await inState(t, b, second.id, 'cancelled')).problem?.code, 'CANCELLED')
  const third = await b.port.replicate(id, { to: 'c' })
  await inState(t, c, third.id, 'transferring')
  await a.port.revoke({ member: 'b' })
  assert.is((await inState(t, c, third.id, 'cancelled')).problem?.code, 'NOT_A_MEMBER')
  await eventually(
    async () => {
      const { items } = await c.port.transfers.list()
      assert.equal(new Set(items.map((each) => each.state)), new Set(['cancelled']))
    },
    { timeoutMs: 20_000, signal: t.signal },
  )
  await rejects(c.port.requests.show('req-none'), 'REQUEST_NOT_FOUND')
})

test('an island that holds nothing for others says so', async (t) => {
  const a = await found(t, 'a')
  const b = await joined(t, a, 'b', { 'policy.replicate.from': 'none' })
  await settled(t, [a, b])
  const path = await writeFiles(join(await t.tmpdir(), 'data'), { 'x.bin': bytes(10) })
  await a.port.publish({ path, name: 'mine', as: 'files' })
  await settled(t, [a, b])
  const { id } = await a.port.replicate('mine', { to: 'b' })
  assert.is((await inState(t, a, id, 'refused')).problem?.code, 'FORBIDDEN')
})

test.run()
