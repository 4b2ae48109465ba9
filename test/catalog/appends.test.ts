import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { catalog } from '../../src/node/catalog/catalog.ts'
import type { CatalogChange } from '../../src/node/catalog/port.ts'
import { openStore } from '../../src/node/store/store.ts'
import { encodeCanonical } from '../../src/protocols/record/cbor.ts'
import { MAX_RECORD_BYTES, signRecord } from '../../src/protocols/record/envelope.ts'
import { signHead } from '../../src/protocols/record/head.ts'
import { LiveSet } from '../../src/protocols/record/lthash.ts'
import { rejects, suite } from '../kit/index.ts'
import { MemoryStore } from '../sim/memory-store.ts'
import { Archipelago, all, notes, remote, settle, sync } from './archipelago.ts'

const test = suite('catalog: the own log')

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
