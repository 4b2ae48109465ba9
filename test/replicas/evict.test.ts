/** Islands in one process whose replicas make room for others, as far as nothing needs them. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { settled as converged, found, type Home, joined, restarted } from '../hostile/islands.ts'
import { eventually, rejects, suite, type TestContext } from '../kit/index.ts'
import { bytes, settled, writeFiles } from './kit.ts'

const test = suite('replicas: making room')

const MiB = 1024 * 1024
/** Room for three of the datasets below. */
const SMALL = { 'replicas.quotaBytes': 3 * MiB + 1000 }

async function publish(t: TestContext, home: Home, names: string[]): Promise<Map<string, string>> {
  const ids = new Map<string, string>()
  for (const name of names) {
    const path = await writeFiles(join(await t.tmpdir(), name), { 'x.bin': bytes(MiB) })
    ids.set(name, (await home.port.publish({ path, name, as: 'files' })).id)
  }
  return ids
}

/** By name, whether it would make room, and why not. */
async function verdicts(home: Home): Promise<Record<string, string>> {
  const { items } = await home.port.replicas()
  return Object.fromEntries(items.map(({ name, eviction: e }) => [name, e.may ? e.because : `no: ${e.because}`]))
}

test('what nobody needs goes first, then what a subscription wants; the least recently used of each; never what is pinned', async (t) => {
  const a = await found(t, 'a')
  let b = await joined(t, a, 'b', SMALL)
  await converged(t, [a, b])
  const ids = await publish(t, a, ['one', 'two', 'three', 'four', 'five', 'big'])
  await converged(t, [a, b])
  const get = async (name: string) => await settled(b.port, (await b.port.get(ids.get(name)!)).id, t)
  const evictedBy = async (name: string) => {
    const done = await get(name)
    assert.is(done.state, 'available', JSON.stringify(done.problem))
    return (done.evicted ?? []).map((gone) => gone.name)
  }
  for (const name of ['one', 'two', 'three']) assert.equal(await evictedBy(name), [])
  await b.port.follow(ids.get('one')!)
  await b.port.pin(ids.get('two')!)
  assert.equal(await verdicts(b), { one: 'wanted', two: 'no: pinned', three: 'unneeded' })

  // It is the one that was fetched last.
  assert.equal(await evictedBy('four'), ['three'])
  assert.equal(Object.keys(await verdicts(b)).sort(), ['four', 'one', 'two'])
  assert.is((await readdir(join(b.dataDir, 'replicas'))).length, 3, 'its files are gone')
  const { items } = await b.port.journal({ limit: 100 })
  const entry = items.find(({ action }) => action === 'replica:evict')
  assert.equal([entry?.subject, entry?.outcome], [ids.get('three'), 'ok'])

  // What is known of its use outlives the island.
  const file = await b.port.read({ ref: ids.get('four')!, path: 'x.bin' })
  const reading = file.open({ from: 0, to: 10 })[Symbol.asyncIterator]()
  await reading.next()
  assert.is((await verdicts(b)).four, 'no: moving', 'somebody reads it')
  await reading.return?.()
  assert.is((await verdicts(b)).four, 'unneeded')
  b = await restarted(t, b)
  await converged(t, [a, b])
  assert.equal(await verdicts(b), { one: 'wanted', two: 'no: pinned', four: 'unneeded' })
  const four = (await b.port.replicas()).items.find(({ name }) => name === 'four')
  assert.ok(four?.used !== undefined && four.used >= four.added, four?.used)
  assert.equal(await evictedBy('five'), ['four'])
  assert.equal(await evictedBy('three'), ['five'], 'followed ones stay as long as others may go')
  await b.port.pin(ids.get('three')!)
  assert.equal(await evictedBy('four'), ['one'])
  await b.port.pin(ids.get('four')!)
  await rejects(b.port.get(ids.get('five')!), 'QUOTA_EXCEEDED')
  assert.equal((await verdicts(b)).three, 'no: pinned')
})

test('never the last copy, never below a rule; a dry run of a drop says the same, and nothing goes for what has no room even so', async (t) => {
  const OBEY = { 'rules.accept': ['members'], 'rules.claimMs': 60_000 }
  const a = await found(t, 'a', OBEY)
  const b = await joined(t, a, 'b', { ...OBEY, ...SMALL })
  const off = await joined(t, a, 'off', { ...OBEY, ...SMALL, 'replicas.evict': false })
  await converged(t, [a, b, off])
  const ids = await publish(t, a, ['last', 'ruled', 'free', 'next'])
  const path = await writeFiles(join(await t.tmpdir(), 'huge'), { 'x.bin': bytes(4 * MiB) })
  const huge = (await a.port.publish({ path, name: 'huge', as: 'files' })).id
  await converged(t, [a, b, off])
  for (const name of ['last', 'ruled', 'free'])
    for (const home of name === 'free' ? [b, off] : [b])
      await settled(home.port, (await home.port.get(ids.get(name)!)).id, t)
  const { rule } = await a.port.rules.add({ select: { text: 'ruled' }, copies: 2 })
  await a.port.unpublish(ids.get('last')!)
  await converged(t, [a, b, off])
  // The record is there before the rules have looked at it.
  await eventually(async () => (await verdicts(b)).ruled === 'no: rule', { timeoutMs: 30_000, signal: t.signal })
  assert.equal(await verdicts(b), { free: 'unneeded', last: 'no: last-copy', ruled: 'no: rule' })
  assert.equal(await verdicts(off), { free: 'no: off' })

  const planned = await b.port.dropPlan(ids.get('ruled')!)
  assert.is(planned.bytes, MiB)
  assert.equal(
    planned.replicas.map(({ holders, rules, refusal }) => [
      holders.map((h) => [h.name, h.confirmed]),
      rules.map((r) => [r.rule, r.name, r.kept, r.wanted]),
      refusal?.code,
    ]),
    [[[['a', true]], [[rule.id, 'a', 1, 2]], 'BELOW_RULE']],
  )
  const refusal = async (name: string) => (await b.port.dropPlan(ids.get(name)!)).replicas[0]!.refusal?.code
  assert.is(await refusal('last'), 'LAST_COPY')
  assert.is(await refusal('free'), undefined)
  await rejects(b.port.drop(ids.get('ruled')!), 'BELOW_RULE')
  await rejects(b.port.drop(ids.get('last')!), 'LAST_COPY')

  await rejects(b.port.get(huge), 'QUOTA_EXCEEDED')
  assert.is((await b.port.replicas()).total, 3, 'it has no room whatever goes')
  const done = await settled(b.port, (await b.port.get(ids.get('next')!)).id, t)
  assert.equal(
    done.evicted?.map((gone) => gone.name),
    ['free'],
  )
  await a.port.rules.remove(rule.id)
  await converged(t, [a, b, off])
  assert.is((await verdicts(b)).ruled, 'unneeded')
})

test.run()
