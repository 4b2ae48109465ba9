import * as assert from 'uvu/assert'
import { suite } from '../kit/index.ts'
import { MemoryStore } from '../sim/memory-store.ts'
import { Archipelago, notes, remote, settle, sync } from './archipelago.ts'

const test = suite('catalog: what was lost comes back')

test('nothing of the own log is sent before a peer was asked what it knows of it', async (t) => {
  const arc = new Archipelago(t)
  const [a, b] = [await arc.island(), await arc.island()]
  await settle(a, b)
  await a.restart()
  a.announced.length = 0
  await a.cat.append('note', 'x', { n: 1 })
  assert.equal(a.announced, [])
  assert.ok(a.cat.status().recovering)
  await sync(b, a)
  assert.equal(await notes(b, a), [])
  await sync(a, b)
  assert.not.ok(a.cat.status().recovering)
  assert.is(a.announced.length, 1)
  await sync(b, a)
  assert.equal(await notes(b, a), ['x=1'])
})

test('a wiped store gets its log back from a peer, and never uses a position twice', async (t) => {
  const arc = new Archipelago(t)
  const [a, b] = [await arc.island(), await arc.island()]
  const first = await a.cat.append('note', 'x', { n: 1 })
  await a.cat.append('note', 'y', { n: 2 })
  await settle(a, b)
  a.clock.skewMs = 1000
  await a.restart(new MemoryStore())
  await a.cat.addFacts(b.cat.membershipFacts())
  const local = await a.cat.append('note', 'x', { n: 3 })
  assert.is.not(local.epoch, first.epoch)
  const recovered: number[] = []
  a.cat.on('own:recovered', ({ records }) => recovered.push(records))
  await settle(a, b)
  assert.equal(await notes(a, a), ['x=3', 'y=2'])
  assert.equal(await notes(b, a), ['x=3', 'y=2'])
  assert.ok(recovered.length > 0)
  assert.not.ok(b.cat.membership().quarantined.has(a.self))
})

test('a store restored from a backup catches up with what it had said since, withdrawals included', async (t) => {
  const arc = new Archipelago(t)
  const store = new MemoryStore()
  const [a, b] = [await arc.island({ store }), await arc.island()]
  await a.cat.append('note', 'kept', { n: 1 })
  await a.cat.append('note', 'gone', { n: 2 })
  await settle(a, b)
  const backup = store.backup()
  await a.cat.withdraw('note', 'gone')
  await a.cat.append('note', 'new', { n: 3 })
  await settle(a, b)
  await a.restart(backup)
  await settle(a, b)
  assert.equal(await notes(a, a), ['kept=1', 'new=3'])
  assert.equal(await notes(b, a), ['kept=1', 'new=3'])
})

test('what only an absent peer knows comes back when it returns', async (t) => {
  const arc = new Archipelago(t)
  const [a, knows, ignorant] = [await arc.island(), await arc.island(), await arc.island()]
  await settle(a, knows)
  await settle(a, ignorant)
  await settle(knows, ignorant)
  await a.cat.append('note', 'x', { n: 1 })
  await a.cat.append('note', 'w', { n: 5 })
  await settle(a, knows)
  await a.restart(new MemoryStore())
  await a.cat.addFacts(ignorant.cat.membershipFacts())
  await settle(a, ignorant)
  await a.cat.append('note', 'w', { n: 6 })
  await settle(a, ignorant)
  assert.equal(await notes(ignorant, a), ['w=6'])
  // By way of the third: the one that knows never meets the one that lost.
  await settle(knows, ignorant)
  assert.ok(knows.cat.status().orphans > 0)
  assert.ok(ignorant.cat.status().orphans > 0)
  await settle(a, ignorant)
  await settle(a, ignorant)
  await settle(knows, ignorant)
  for (const island of [a, ignorant, knows]) assert.equal(await notes(island, a), ['w=6', 'x=1'], island.self)
  for (const island of [a, ignorant, knows]) assert.is(island.cat.status().orphans, 0, island.self)
})

test('a withdrawal that its origin lost comes back before the record that it withdrew', async (t) => {
  const arc = new Archipelago(t)
  const [a, knows, late, ignorant] = [await arc.island(), await arc.island(), await arc.island(), await arc.island()]
  const everybody = [a, knows, late, ignorant]
  for (const one of everybody) for (const other of everybody) if (one !== other) await settle(one, other)
  await a.cat.append('note', 'x', { n: 1 })
  await settle(a, knows)
  await settle(a, late)
  await a.cat.withdraw('note', 'x')
  await settle(a, knows)
  await a.restart(new MemoryStore())
  await a.cat.addFacts(ignorant.cat.membershipFacts())
  await settle(a, ignorant)
  await a.cat.append('note', 'y', { n: 2 })
  await settle(a, ignorant)
  // The one that saw the withdrawal has no live record that the new head lacks; still the withdrawal must not be lost.
  await settle(knows, ignorant)
  assert.ok(knows.cat.status().orphans > 0)
  await settle(a, ignorant)
  await settle(late, ignorant)
  await settle(a, ignorant)
  for (const other of [ignorant, knows, late]) await settle(a, other)
  for (const island of everybody) assert.equal(await notes(island, a), ['y=2'], island.self)
  for (const island of everybody) assert.is(island.cat.status().orphans, 0, island.self)
})

test('a head from the future waits, and a wrong clock of one’s own does not stop the hearing', async (t) => {
  const arc = new Archipelago(t)
  const [a, b, c, d] = [await arc.island(), await arc.island(), await arc.island(), await arc.island()]
  await settle(a, b)
  a.clock.skewMs = 3600_000
  await a.restart()
  await a.cat.append('note', 'x', { n: 1 })
  assert.ok(a.cat.heads().length === 0 || a.cat.status().own)
  await sync(a, c)
  const late = await sync(b, a)
  // The round of `a` with `c` has told it that its clock is ahead: it signs its head again, with a time that others take.
  assert.equal(late.pending, [])
  assert.equal(await notes(b, a), ['x=1'])
  d.clock.skewMs = -3600_000
  for (const peer of [b, c, a]) await sync(d, peer)
  assert.ok(d.cat.status().clockSkewMs! > 3500_000)
  await settle(d, b)
  assert.equal(await notes(d, a), ['x=1'])
})

test('withdrawals are forgotten after their time; who was away longer pulls the whole log', async (t) => {
  const arc = new Archipelago(t)
  const [a, b] = [await arc.island({ tombstoneMs: 1000 }), await arc.island()]
  await a.cat.append('note', 'x', { n: 1 })
  await a.cat.append('note', 'y', { n: 2 })
  await settle(a, b)
  await a.cat.withdraw('note', 'x')
  await a.cat.append('note', 'z', { n: 3 })
  a.clock.skewMs = 2 * 24 * 3600_000
  await a.restart()
  await sync(a, b)
  a.clock.skewMs = 0
  const asked: boolean[] = []
  const counting = remote(b, a)
  await b.cat.syncWith({
    ...counting,
    pull: async function* (request) {
      for await (const item of counting.pull(request)) {
        if ('head' in item && request.origin === a.self) asked.push(item.full)
        yield item
      }
    },
  })
  assert.equal(asked, [true])
  assert.equal(await notes(b, a), ['y=2', 'z=3'])
})

test.run()
