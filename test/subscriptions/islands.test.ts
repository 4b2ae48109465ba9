/** Islands in one process: what a filter finds comes by itself, once, and nothing else does. */
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { SubscriptionView } from '../../src/protocols/model/subscription.ts'
import { found, type Home, joined, settled } from '../hostile/islands.ts'
import { eventually, rejects, suite, type TestContext } from '../kit/index.ts'
import { bytes, finalFiles, sha256, writeFiles } from '../replicas/kit.ts'

const test = suite('subscriptions: datasets that come by themselves')

const KiB = 1024

async function two(t: TestContext, settings: Record<string, unknown> = {}) {
  const a = await found(t, 'a')
  const c = await joined(t, a, 'c', settings)
  await settled(t, [a, c])
  const folder = join(await t.tmpdir(), 'data')
  const publish = async (name: string, files: Record<string, Buffer>, keywords = ['stars']) => {
    await rm(join(folder, name), { recursive: true, force: true })
    const path = await writeFiles(join(folder, name), files)
    return await a.port.publish({ path, name, keywords, as: 'files' })
  }
  return { a, c, publish }
}

/** The subscription once it has met so many in these states. */
async function met(
  t: TestContext,
  home: Home,
  id: string,
  expected: SubscriptionView['datasets'],
): Promise<SubscriptionView> {
  return await eventually(
    async () => {
      const view = await home.port.subscriptions.show(id)
      assert.equal(view.datasets, expected, JSON.stringify(view.recent))
      return view
    },
    { timeoutMs: 30_000, signal: t.signal },
  )
}

const hashes = async (home: Home) => [...(await finalFiles(home.dataDir)).values()].map(sha256).sort()

test('later datasets that match are fetched once, in each version; others, own and older ones are not', async (t) => {
  const { a, c, publish } = await two(t)
  await publish('before', { 'x.bin': bytes(10) })
  await settled(t, [a, c])
  const plan = await c.port.subscriptions.plan({ filter: { keyword: ['stars'] } })
  assert.equal([plan.matching.datasets, plan.fetched.datasets, plan.items[0]?.name], [1, 0, 'before'])
  await rejects(c.port.subscriptions.create({ filter: { keyword: [] } }), 'BAD_INPUT')

  const { id } = await c.port.subscriptions.create({ filter: { keyword: ['Stars'], maxSize: 100 * KiB } })
  const small = bytes(2000)
  await publish('other', { 'x.bin': bytes(10) }, ['galaxies'])
  await publish('large', { 'x.bin': bytes(101 * KiB) })
  const { id: first } = await publish('first', { 'x.bin': small })
  const own = join(await t.tmpdir(), 'own.bin')
  await writeFile(own, bytes(30))
  await c.port.publish({ path: own, name: 'own', keywords: ['stars'], as: 'files' })
  const one = await met(t, c, id, { known: 1, available: 1 })
  assert.is(one.bytes, 2000)
  assert.equal(await hashes(c), [sha256(small)])

  const again = bytes(3000)
  await publish('first', { 'x.bin': again })
  await eventually(async () => assert.equal(await hashes(c), [sha256(again)]), { timeoutMs: 30_000, signal: t.signal })
  assert.is((await met(t, c, id, { known: 1, available: 1 })).bytes, 5000)

  // A second one for the same asks for nothing that is here.
  const second = await c.port.subscriptions.create({ filter: { text: 'first' }, fromStart: true })
  assert.equal((await met(t, c, second.id, { here: 1 })).bytes, 0)
  const transfers = await c.port.transfers.list()
  assert.equal(
    transfers.items.map((each) => [each.name, each.user, each.sources.reduce((sum, s) => sum + s.bytes, 0)]),
    [
      ['first', 'owner', 3000],
      ['first', 'owner', 2000],
    ],
  )

  const why = async (ref: string) => await c.port.subscriptions.explain(id, ref)
  assert.is((await why('before')).met?.state, 'known')
  assert.equal((await why('other')).misses, ['keyword=Stars'])
  assert.equal((await why('large')).misses, [`maxSize=${100 * KiB}`])
  assert.is((await why('own')).own, true)
  assert.is((await why(first)).met?.state, 'available')
  await rejects(why('nothing-like-it'), 'DATASET_NOT_FOUND')

  // What is dropped stays away, and is told so.
  await c.port.drop(first)
  assert.is((await why(first)).met?.state, 'gone')
  await publish('second', { 'x.bin': bytes(50) })
  await met(t, c, id, { known: 1, gone: 1, available: 1 })
  assert.equal(await c.port.subscriptions.remove(id), { id })
  await rejects(c.port.subscriptions.show(id), 'SUBSCRIPTION_NOT_FOUND')
  assert.is((await finalFiles(c.dataDir)).size, 1, 'what it brought stays')
})

test('from the start, in part, paused and resumed; what is withdrawn before it was fetched is not', async (t) => {
  const { a, c, publish } = await two(t)
  await publish('one', { '2025/a.bin': bytes(100), '2026/b.bin': bytes(200) })
  await publish('none', { 'c.bin': bytes(100) })
  await settled(t, [a, c])
  const { id } = await c.port.subscriptions.create({ filter: { island: 'a' }, fromStart: true, files: ['2026/**'] })
  await met(t, c, id, { partial: 1, skipped: 1 })
  assert.equal([...(await finalFiles(c.dataDir)).keys()], ['2026/b.bin'])

  await c.port.subscriptions.pause(id)
  await publish('two', { '2026/d.bin': bytes(300) })
  const { id: gone } = await publish('three', { '2026/e.bin': bytes(400) })
  await a.port.unpublish(gone)
  await settled(t, [a, c])
  assert.match((await c.port.subscriptions.explain(id, 'two')).reason, /paused/)
  const resumed = await c.port.subscriptions.resume(id)
  assert.is(resumed.state, 'active')
  await met(t, c, id, { partial: 1, skipped: 1, available: 1 })
  assert.is((await c.port.transfers.list()).total, 2)
})

test('without room, or at its own bound, it is paused, says so, and goes on when it can', async (t) => {
  const { a, c, publish } = await two(t, { 'replicas.quotaBytes': 1024 * KiB })
  await publish('big', { 'x.bin': bytes(800 * KiB) })
  await settled(t, [a, c])
  const bound = await c.port.subscriptions.create({ filter: { minSize: 0 }, fromStart: true, maxBytes: 1000 })
  const refused = await eventually(
    async () => {
      const view = await c.port.subscriptions.show(bound.id)
      assert.is(view.state, 'paused')
      return view
    },
    { timeoutMs: 30_000, signal: t.signal },
  )
  assert.is(refused.problem?.code, 'QUOTA_EXCEEDED')
  assert.match(refused.problem?.hint ?? '', /--max-bytes/)
  assert.equal(refused.datasets, { waiting: 1 })
  assert.ok((await c.port.status()).findings.some((f) => f.code === 'SUBSCRIPTION_PAUSED'))
  assert.is((await c.port.transfers.list()).total, 0)
  await c.port.subscriptions.resume(bound.id, { maxBytes: 4096 * KiB })
  await met(t, c, bound.id, { available: 1 })

  // Now the quota of all replicas.
  const more = await publish('more', { 'x.bin': bytes(400 * KiB) })
  const full = await eventually(
    async () => {
      const view = await c.port.subscriptions.show(bound.id)
      assert.is(view.state, 'paused')
      return view
    },
    { timeoutMs: 30_000, signal: t.signal },
  )
  assert.is(full.problem?.code, 'QUOTA_EXCEEDED')
  assert.equal(full.datasets, { available: 1, waiting: 1 })
  await c.port.drop('big')
  await c.port.subscriptions.resume(bound.id)
  await met(t, c, bound.id, { gone: 1, available: 1 })
  assert.is((await c.port.subscriptions.explain(bound.id, more.id)).met?.state, 'available')
  assert.not.ok((await c.port.status()).findings.some((f) => f.code === 'SUBSCRIPTION_PAUSED'))
})

test.run()
