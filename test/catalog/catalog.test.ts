import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { catalog } from '../../src/node/catalog/catalog.ts'
import type { CatalogChange } from '../../src/node/catalog/port.ts'
import { openStore } from '../../src/node/store/store.ts'
import { encodeCanonical } from '../../src/protocols/record/cbor.ts'
import { decodeRecord, MAX_RECORD_BYTES, signRecord } from '../../src/protocols/record/envelope.ts'
import { signHead } from '../../src/protocols/record/head.ts'
import { LiveSet } from '../../src/protocols/record/lthash.ts'
import { buildEpochFloor, buildFork, buildLeft, buildRevocation } from '../../src/protocols/record/member-facts.ts'
import { rejects, suite } from '../kit/index.ts'
import { MemoryStore } from '../sim/memory-store.ts'
import { Archipelago, all, notes, remote, settle, sync } from './archipelago.ts'

const test = suite('catalog')

test('what one island states the other sees, changes and withdrawals included', async (t) => {
  const arc = new Archipelago(t)
  const [a, b] = [await arc.island(), await arc.island()]
  await a.cat.append('note', 'x', { n: 1 })
  await a.cat.append('note', 'y', { n: 2 })
  await settle(a, b)
  assert.equal(await notes(b, a), ['x=1', 'y=2'])
  await a.cat.append('note', 'x', { n: 3 })
  await a.cat.withdraw('note', 'y')
  await settle(b, a)
  assert.equal(await notes(b, a), ['x=3'])
  assert.is(await b.cat.get('note', 'y', a.self), undefined)
  assert.equal((await b.cat.get('note', 'x', a.self))!.body, { n: 3 })
})

test('an idle round costs one small message and its answer', async (t) => {
  const arc = new Archipelago(t)
  const [a, b] = [await arc.island(), await arc.island()]
  await settle(a, b)
  let calls = 0
  const counting = remote(a, b)
  const report = await a.cat.syncWith({
    ...counting,
    digest: (r) => {
      calls++
      return counting.digest(r)
    },
  })
  assert.equal(report, { same: true, records: 0, logs: 0, pending: [] })
  assert.is(calls, 1)
})

test('appends in flight together are one head; each is durable when it resolves', async (t) => {
  const arc = new Archipelago(t)
  const store = new MemoryStore()
  const a = await arc.island({ store })
  await a.cat.append('note', 'first', { n: 0 })
  const records = await Promise.all(Array.from({ length: 50 }, (_, i) => a.cat.append('note', `n${i}`, { n: i })))
  assert.equal(
    records.map((r) => r.seq),
    Array.from({ length: 50 }, (_, i) => records[0]!.seq + i),
  )
  await a.restart(store.crash())
  assert.is((await notes(a, a)).length, 51)
})

test('a group of entries is written as a whole or not at all, and its fault is no fault of others', async (t) => {
  const a = await new Archipelago(t).island()
  const before = a.cat.status().own!.seq
  const good = a.cat.append('note', 'good', { n: 1 })
  const tooLarge = { kind: 'note', id: 'large', body: { x: 'y'.repeat(MAX_RECORD_BYTES) } }
  await rejects(a.cat.appendMany([{ kind: 'note', id: 'small', body: { n: 2 } }, tooLarge]), 'RECORD_INVALID')
  await rejects(a.cat.append('Not a kind', 'x', {}), 'RECORD_INVALID')
  await rejects(a.cat.append('note', '', {}), 'RECORD_INVALID')
  await rejects(a.cat.append('note', 'x', undefined), 'RECORD_INVALID')
  await rejects(a.cat.append('note', 'x', { f: Number.NaN }), 'RECORD_INVALID')
  await rejects(a.cat.append('dataset', 'doi:10.1/x', { name: 'no dataset' }), 'RECORD_INVALID')
  assert.is((await good).seq, before + 1)
  assert.equal(await notes(a, a), ['good=1'])
})

test('the same content again writes nothing; withdrawing nothing writes nothing', async (t) => {
  const a = await new Archipelago(t).island()
  const first = await a.cat.append('note', 'x', { n: 1, deep: { b: 1, a: [2] } })
  const again = await a.cat.append('note', 'x', { deep: { a: [2], b: 1 }, n: 1 })
  assert.is(again.seq, first.seq)
  assert.is(await a.cat.withdraw('note', 'none'), undefined)
  assert.is(a.cat.status().own!.seq, first.seq)
  assert.ok(await a.cat.withdraw('note', 'x'))
  assert.is(await a.cat.withdraw('note', 'x'), undefined)
})

test('more waiting appends than the bound are refused, the others are written', async (t) => {
  const a = await new Archipelago(t).island()
  const results = await Promise.allSettled(
    Array.from({ length: 10_050 }, (_, i) => a.cat.append('note', `n${i % 7}`, { n: i })),
  )
  const refused = results.filter((r) => r.status === 'rejected')
  assert.ok(refused.length > 0 && refused.length <= 50)
  for (const r of refused) assert.is((r as PromiseRejectedResult).reason.code, 'TOO_MANY')
})

test('changes are told after they are durable, each once, with what is unreadable as withdrawn', async (t) => {
  const arc = new Archipelago(t)
  const [a, b] = [await arc.island(), await arc.island()]
  const told: CatalogChange[] = []
  b.cat.on('change', (changes) =>
    told.push(...changes.filter((c) => c.type === 'dropped' || ('record' in c ? c.record.kind : c.kind) === 'note')),
  )
  await a.cat.appendMany([1, 2].map((n) => ({ kind: 'note', id: `n${n}`, body: { n } })))
  await settle(b, a)
  await a.cat.append('note', 'n1', { n: 3 })
  await a.cat.withdraw('note', 'n2')
  await settle(b, a)
  assert.equal(
    told.map((c) => (c.type === 'put' ? `put ${c.record.id}` : c.type === 'withdrawn' ? `withdrawn ${c.id}` : c.type)),
    ['put n1', 'put n2', 'put n1', 'withdrawn n2'],
  )
})

test('a listener that throws disturbs nobody', async (t) => {
  const arc = new Archipelago(t)
  const [a, b] = [await arc.island(), await arc.island()]
  b.cat.on('change', () => {
    throw new Error('broken listener')
  })
  await a.cat.append('note', 'x', { n: 1 })
  await settle(a, b)
  assert.equal(await notes(b, a), ['x=1'])
})

test('the catalog on disk is the same after a restart', async (t) => {
  const arc = new Archipelago(t)
  const directory = join(await t.tmpdir(), 'db')
  let store = await openStore({ directory })
  const a = await arc.island({ store: store.logs })
  t.cleanup(async () => {
    await a.cat.stop()
    await store.close()
  })
  const b = await arc.island()
  await b.cat.append('note', 'x', { n: 1 })
  await a.cat.appendMany(Array.from({ length: 700 }, (_, i) => ({ kind: 'note', id: `n${i}`, body: { n: i } })))
  await settle(a, b)
  const before = a.cat.heads().map((h) => Buffer.from(h.bytes).toString('hex'))
  await a.cat.stop()
  await store.close()
  store = await openStore({ directory })
  await a.restart(store.logs)
  const report = await sync(a, b)
  assert.is(report.same, true)
  assert.is(report.records, 0)
  assert.equal(
    a.cat.heads().map((h) => Buffer.from(h.bytes).toString('hex')),
    before,
  )
  assert.is((await notes(a, a)).length, 700)
  assert.equal(await notes(a, b), ['x=1'])
})

test('gossip brings a small change at once; a gap makes it a hint', async (t) => {
  const arc = new Archipelago(t)
  const [a, b] = [await arc.island(), await arc.island()]
  await a.cat.append('note', 'x', { n: 1 })
  await settle(a, b)
  a.announced.length = 0
  const behind: string[] = []
  b.cat.on('behind', ({ origin, from }) => behind.push(`${origin} ${from}`))
  await new Promise((resolve) => setTimeout(resolve, 260))
  await a.cat.append('note', 'x', { n: 2 })
  assert.is(a.announced.length, 1)
  await b.cat.onGossip(a.self, a.announced[0]!)
  assert.equal(await notes(b, a), ['x=2'])
  assert.equal(behind, [])
  await b.cat.onGossip(a.self, a.announced[0]!)
  assert.equal(behind, [], 'what is known is no news')
  await new Promise((resolve) => setTimeout(resolve, 260))
  await a.cat.append('note', 'x', { n: 3 })
  await new Promise((resolve) => setTimeout(resolve, 260))
  await a.cat.append('note', 'x', { n: 4 })
  assert.is(a.announced.length, 3)
  await b.cat.onGossip(a.self, a.announced[2]!)
  assert.equal(behind, [`${a.self} ${a.self}`])
  assert.equal(await notes(b, a), ['x=2'])
  await sync(b, a)
  assert.equal(await notes(b, a), ['x=4'])
})

test('announcements are at most four a second, and nothing is left out', async (t) => {
  const arc = new Archipelago(t)
  const [a, b] = [await arc.island(), await arc.island()]
  await settle(a, b)
  await new Promise((resolve) => setTimeout(resolve, 260))
  a.announced.length = 0
  for (let n = 0; n < 40; n++) await a.cat.append('note', `n${n % 5}`, { n })
  await new Promise((resolve) => setTimeout(resolve, 300))
  assert.ok(a.announced.length <= 3, `${a.announced.length} announcements`)
  for (const bytes of a.announced) await b.cat.onGossip(a.self, bytes)
  assert.equal(await notes(b, a), ['n0=35', 'n1=36', 'n2=37', 'n3=38', 'n4=39'])
})

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

test('an island unknown so far is accepted in the same round as its admission', async (t) => {
  const arc = new Archipelago(t)
  const [a, b] = [await arc.island(), await arc.island()]
  await settle(a, b)
  const c = await arc.island({ inviter: b })
  const d = await arc.island({ inviter: c })
  await d.cat.append('note', 'x', { n: 1 })
  for (const x of [c, d]) await settle(x, b)
  await settle(c, d)
  await settle(b, d)
  const report = await sync(a, b)
  assert.equal(report.pending, [])
  assert.equal(await notes(a, d), ['x=1'])
})

test('a stranger’s log is neither taken nor asked for', async (t) => {
  const arc = new Archipelago(t)
  const [a, stranger] = [await arc.island(), await arc.island({ stranger: true })]
  await stranger.cat.append('note', 'x', { n: 1 })
  await sync(stranger, a)
  const report = await sync(a, stranger)
  assert.is(report.records, 0)
  assert.is(a.cat.status().origins, 1)
  assert.equal(report.pending, [{ origin: stranger.self, reason: 'unknown-origin' }])
})

test('a revocation drops the log everywhere, keeps it out, and tells the one concerned', async (t) => {
  const arc = new Archipelago(t)
  const [a, b, c] = [await arc.island(), await arc.island(), await arc.island()]
  await c.cat.append('note', 'x', { n: 1 })
  for (const [x, y] of [
    [a, b],
    [b, c],
    [a, c],
  ] as const)
    await settle(x, y)
  assert.equal(await notes(b, c), ['x=1'])
  const events: string[] = []
  b.cat.on('log:dropped', ({ origin }) => events.push(`dropped ${origin}`))
  b.cat.on('change', (changes) =>
    events.push(...changes.filter((x) => x.type === 'dropped').map((x) => `change ${x.origin}`)),
  )
  c.cat.on('self:revoked', () => events.push('self'))
  const fact = buildRevocation({
    archipelagoId: arc.archipelagoId,
    member: c.self,
    at: { epoch: 1, seq: 1 },
    invitees: 'revoke',
  })
  await a.cat.append('member', fact.id, fact.body)
  await settle(a, b)
  await sync(c, a)
  assert.equal(events, [`change ${c.self}`, `dropped ${c.self}`, 'self'])
  assert.equal(await notes(b, c), [])
  await rejects(c.cat.append('note', 'y', { n: 2 }), 'MEMBER_REVOKED')
  const report = await sync(b, c)
  assert.is(report.records, 0)
  assert.is(b.cat.membership().members.get(c.self)!.state, 'revoked')
  assert.not.ok(b.cat.heads().some((h) => h.origin === c.self))
  await b.restart()
  assert.is(b.cat.membership().members.get(c.self)!.state, 'revoked')
  assert.equal(await notes(b, c), [])
})

test('an admin’s word outlives the member in whose log it stood', async (t) => {
  const arc = new Archipelago(t)
  const [a, b, c] = [await arc.island(), await arc.island(), await arc.island()]
  for (const [x, y] of [
    [a, b],
    [b, c],
    [a, c],
  ] as const)
    await settle(x, y)
  const { archipelagoId, admin } = arc
  const at = { epoch: 1, seq: 1 }
  const revokesC = buildRevocation({ archipelagoId, member: c.self, at, invitees: 'revoke', admin })
  await b.cat.append('member', revokesC.id, revokesC.body)
  await settle(a, b)
  const revokesB = buildRevocation({ archipelagoId, member: b.self, at, invitees: 'revoke', admin })
  await a.cat.append('member', revokesB.id, revokesB.body)
  a.clock.skewMs += 10 * 60_000
  const d = await arc.island()
  await settle(a, d)
  await settle(a, d)
  const newcomer = await arc.island({ inviter: d })
  await newcomer.restart(new MemoryStore())
  const own = (await all(d.cat.list('member', { origin: a.self }))).filter((r) => r.id === revokesC.id)
  assert.is(own.length, 1, 'stated again by the one that is left')
  assert.is(d.cat.membership().members.get(c.self)!.state, 'revoked')
})

test('who left keeps its log but is no member', async (t) => {
  const arc = new Archipelago(t)
  const [a, b] = [await arc.island(), await arc.island()]
  await b.cat.append('note', 'x', { n: 1 })
  await b.cat.append('member', buildLeft(b.self).id, buildLeft(b.self).body)
  await settle(a, b)
  assert.is(a.cat.membership().members.get(b.self)!.state, 'left')
  assert.equal(await notes(a, b), ['x=1'])
})

test('two histories of one log are found, proven to others, and end when an admin says so', async (t) => {
  const arc = new Archipelago(t)
  const [a, b, liar] = [await arc.island(), await arc.island(), await arc.island()]
  await liar.cat.append('note', 'x', { n: 1 })
  for (const [x, y] of [
    [a, liar],
    [b, liar],
    [a, b],
  ] as const)
    await settle(x, y)
  const forked: string[] = []
  for (const island of [a, b])
    island.cat.on('log:forked', ({ origin }) => forked.push(`${island === a ? 'a' : 'b'} ${origin}`))
  const head = a.cat.heads().find((h) => h.origin === liar.self)!
  const { origin, epoch, seq, liveCount, time } = head
  const other = signHead(
    { archipelagoId: arc.archipelagoId, signer: liar.signer },
    { origin, epoch, seq, liveCount, time, liveHash: new Uint8Array(32) },
  )
  await a.cat.handleHeads(b.self, { buckets: [], of: 0, heads: [other.bytes] })
  await settle(a, b)
  assert.equal(forked, [`a ${liar.self}`, `b ${liar.self}`])
  assert.equal(await notes(b, liar), ['x=1'], 'what was accepted stays')
  await liar.cat.append('note', 'x', { n: 2 })
  const report = await sync(b, liar)
  assert.equal(report.pending, [{ origin: liar.self, reason: 'quarantined' }])
  assert.equal(await notes(b, liar), ['x=1'])
  const floor = buildEpochFloor({
    archipelagoId: arc.archipelagoId,
    origin: liar.self,
    epoch: epoch + 1,
    admin: arc.admin,
  })
  await a.cat.append('member', floor.id, floor.body)
  await settle(a, b)
  await sync(liar, a)
  await liar.restart()
  await liar.cat.append('note', 'x', { n: 3 })
  await settle(liar, b)
  assert.equal(await notes(b, liar), ['x=3'])
})

test('a false proof quarantines nobody', async (t) => {
  const arc = new Archipelago(t)
  const [a, b, liar] = [await arc.island(), await arc.island(), await arc.island()]
  const head = (fill: number) =>
    signHead(
      { archipelagoId: arc.archipelagoId, signer: liar.signer },
      { origin: a.self, epoch: 1, seq: 1, liveCount: 1, time: 1, liveHash: new Uint8Array(32).fill(fill) },
    ).bytes
  const fact = buildFork(a.self, head(1), head(2))
  await liar.cat.append('member', fact.id, fact.body)
  await settle(a, b)
  await settle(liar, b)
  assert.ok(b.cat.heads().some((h) => h.origin === liar.self))
  assert.is(b.cat.membership().quarantined.size, 0)
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

test('a body that does not fit its kind stays in the log and is not shown', async (t) => {
  const arc = new Archipelago(t)
  const [a, b] = [await arc.island(), await arc.island()]
  await a.cat.append('note', 'x', { n: 1 })
  await settle(a, b)
  // As a later version might write it: the catalog of this version would refuse to.
  const { epoch, seq, liveCount } = b.cat.heads().find((h) => h.origin === a.self)!
  const stored = (await all(b.store.logs())).find(([log]) => log === a.self)![1]
  const set = LiveSet.from(stored.set)
  const context = { archipelagoId: arc.archipelagoId, signer: a.signer }
  const position = { origin: a.self, epoch, seq: seq + 1, time: Date.now() }
  const record = signRecord(context, { kind: 'dataset', id: 'doi:10.1/x', ...position, body: { shape: 'new' } })
  set.add(record.bytes)
  const head = signHead(context, { ...position, liveCount: liveCount + 1, liveHash: set.digest() })
  const told: CatalogChange[] = []
  b.cat.on('change', (changes) => told.push(...changes))
  await b.cat.onGossip(a.self, encodeCanonical({ heads: [head.bytes], records: [record.bytes], from: { epoch, seq } }))
  assert.is(b.cat.heads().find((h) => h.origin === a.self)!.seq, seq + 1)
  assert.equal(await all(b.cat.list('dataset')), [])
  assert.is(await b.cat.get('dataset', 'doi:10.1/x', a.self), undefined)
  assert.equal(
    told.map((c) => c.type),
    ['withdrawn'],
  )
})

test('a large log is complete at once, checked afterwards, and served only then', async (t) => {
  const arc = new Archipelago(t)
  const [a, b, c] = [await arc.island(), await arc.island(), await arc.island()]
  for (let i = 0; i < 3; i++) {
    await a.cat.appendMany(Array.from({ length: 900 }, (_, k) => ({ kind: 'note', id: `n${i}-${k}`, body: { n: k } })))
  }
  await sync(a, c)
  const hold = new Promise<void>((resolve) => setTimeout(resolve, 20))
  const slow = remote(b, a)
  await b.cat.syncWith({
    ...slow,
    digest: async (request) => {
      // While the round lasts, the checking waits.
      const reply = await slow.digest(request)
      if (reply.same) {
        assert.is(b.cat.status().unverified, 1)
        const [first] = await all(b.cat.handlePull(c.self, { origin: a.self, audience: 'members', from: null }))
        assert.equal(first, { refused: 'later' })
        await hold
      }
      return reply
    },
  })
  assert.is((await notes(b, a)).length, 2700)
  for (let i = 0; i < 500 && b.cat.status().unverified > 0; i++) await new Promise((resolve) => setTimeout(resolve, 10))
  assert.is(b.cat.status().unverified, 0)
  await sync(c, b)
  assert.is((await notes(c, a)).length, 2700)
})

test('facts shown by anybody count only when they are true, and are kept', async (t) => {
  const arc = new Archipelago(t)
  const [a, b] = [await arc.island(), await arc.island()]
  const c = await arc.island({ inviter: b })
  await settle(b, c)
  const chain = b.cat.membershipFacts()
  const forged = chain.map((r) => {
    const bytes = r.bytes.slice()
    bytes[bytes.length - 1] = bytes[bytes.length - 1]! ^ 1
    return decodeRecord(bytes)
  })
  await a.cat.addFacts(forged.filter((r) => r.origin === b.self))
  assert.not.ok(a.cat.membership().members.has(c.self))
  await a.cat.addFacts([...chain].reverse())
  assert.ok(a.cat.membership().members.has(c.self))
  await a.restart()
  assert.ok(a.cat.membership().members.has(c.self))
})

test('stopping ends what is under way and refuses what comes after', async (t) => {
  const arc = new Archipelago(t)
  const [a, b] = [await arc.island(), await arc.island()]
  const never = {
    ...remote(a, b),
    digest: (_: unknown, options?: { signal?: AbortSignal }) =>
      new Promise<never>((_, reject) =>
        options?.signal?.addEventListener('abort', () => reject(options.signal!.reason)),
      ),
  }
  const round = a.cat.syncWith(never)
  const ended = rejects(round, 'CANCELLED')
  await a.cat.stop()
  await ended
  await rejects(a.cat.append('note', 'x', { n: 1 }), 'CANCELLED')
})

test('a genesis of another archipelago is refused', async (t) => {
  const [one, two] = [new Archipelago(t), new Archipelago(t)]
  const a = await one.island()
  await rejects(
    async () =>
      catalog(
        { archipelagoId: one.archipelagoId, genesis: two.genesis, self: a.self },
        { store: new MemoryStore(), signer: a.signer },
      ),
    'ARCHIPELAGO_MISMATCH',
  )
})

test.run()
