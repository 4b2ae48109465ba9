import * as assert from 'uvu/assert'
import { decodeRecord } from '../../src/protocols/record/envelope.ts'
import { signHead } from '../../src/protocols/record/head.ts'
import { buildEpochFloor, buildFork, buildLeft, buildRevocation } from '../../src/protocols/record/member-facts.ts'
import { rejects, suite } from '../kit/index.ts'
import { MemoryStore } from '../sim/memory-store.ts'
import { Archipelago, all, notes, settle, sync } from './archipelago.ts'

const test = suite('catalog: members, revocations, forks')

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

test.run()
