import fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { SyncRemote } from '../../src/node/catalog/port.ts'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import { encodeCanonical } from '../../src/protocols/record/cbor.ts'
import { signRecord } from '../../src/protocols/record/envelope.ts'
import { signHead } from '../../src/protocols/record/head.ts'
import type { PullItem } from '../../src/protocols/sync/messages.ts'
import {
  digestReply,
  digestRequest,
  headsReply,
  headsRequest,
  orphansItem,
  pullItem,
  pullRequest,
} from '../../src/protocols/sync/messages.ts'
import { suite, type TestContext } from '../kit/index.ts'
import { Archipelago, all, notes, settle, sync, type TestIsland } from './archipelago.ts'

const test = suite('catalog: hostile input')

interface Scene {
  arc: Archipelago
  victim: TestIsland
  other: TestIsland
  attacker: TestIsland
  /** Bytes that were valid at some time, or are the attacker's own work. */
  material: { heads: Uint8Array[]; records: Uint8Array[] }
  /** Throws when anything entered the victim's catalog. */
  unharmed(): Promise<void>
}

/** A victim that knows another island's log, and an attacker who is a member and has seen all of it. */
async function scene(t: TestContext): Promise<Scene> {
  const arc = new Archipelago(t)
  const victim = await arc.island()
  const other = await arc.island()
  const attacker = await arc.island()
  for (let n = 0; n < 6; n++) {
    await other.cat.append('note', `n${n % 3}`, { n })
    if (n === 3) await other.cat.withdraw('note', 'n1')
    if (n === 2) await settle(attacker, other)
  }
  const dead = await recordsOf(attacker, other)
  const oldHeads = attacker.cat.heads().map((h) => h.bytes)
  for (const [a, b] of [
    [victim, other],
    [attacker, other],
    [victim, attacker],
  ] as const)
    await settle(a, b)
  const context = { archipelagoId: arc.archipelagoId, signer: attacker.signer }
  const forge = (origin: string, epoch: number, seq: number) => ({
    record: signRecord(context, { kind: 'note', id: 'n0', origin, epoch, seq, time: 1, body: { n: 666 } }).bytes,
    head: signHead(context, { origin, epoch, seq, liveCount: 1, liveHash: new Uint8Array(32), time: 1 }).bytes,
  })
  const pinned = victim.cat.heads().find((h) => h.origin === other.self)!
  const forged = [
    forge(other.self, pinned.epoch, pinned.seq + 1),
    forge(other.self, pinned.epoch + 1, 1),
    forge(victim.self, 2 ** 52, 1),
  ]
  const live = await recordsOf(victim, other)
  const before = await state(victim)
  return {
    arc,
    victim,
    other,
    attacker,
    material: {
      heads: [...oldHeads, ...victim.cat.heads().map((h) => h.bytes), ...forged.map((f) => f.head)],
      records: [...dead, ...live, ...forged.map((f) => f.record)],
    },
    async unharmed() {
      assert.equal(await state(victim), before)
    },
  }
}

async function recordsOf(at: TestIsland, origin: TestIsland): Promise<Uint8Array[]> {
  const items = await all(at.cat.handlePull(origin.self, { origin: origin.self, audience: 'members', from: null }))
  return items.flatMap((item) => ('records' in item ? item.records : []))
}

async function state({ cat }: TestIsland) {
  const membership = cat.membership()
  return {
    heads: cat.heads().map((h) => Buffer.from(h.bytes).toString('base64')),
    notes: (await all(cat.list('note'))).map((r) => Buffer.from(r.bytes).toString('base64')).sort(),
    members: [...membership.members.keys()].sort(),
    quarantined: [...membership.quarantined.keys()],
    orphans: cat.status().orphans,
  }
}

/** Valid bytes, altered bytes, bytes with something in between, noise. */
function mangled(valid: Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const from = fc.constantFrom(...valid)
  return fc.oneof(
    from,
    fc.uint8Array({ maxLength: 200 }),
    fc.tuple(from, fc.nat(), fc.integer({ min: 1, max: 255 })).map(([bytes, where, mask]) => {
      const copy = bytes.slice()
      copy[where % copy.length] = copy[where % copy.length]! ^ mask
      return copy
    }),
    fc.tuple(from, fc.nat(), fc.uint8Array({ maxLength: 6 })).map(([bytes, where, extra]) => {
      const at = where % bytes.length
      return new Uint8Array([...bytes.subarray(0, at), ...extra, ...bytes.subarray(at)])
    }),
    fc.tuple(from, fc.nat()).map(([bytes, where]) => bytes.slice(0, where % bytes.length)),
  )
}

const coded = (error: unknown) => {
  if (!(error instanceof ArchipelError)) throw error
}

test('random and altered gossip changes nothing and is never fatal', async (t) => {
  const { victim, attacker, material, unharmed, other } = await scene(t)
  const heads = fc.array(mangled(material.heads), { minLength: 1, maxLength: 3 })
  const records = fc.array(mangled(material.records), { maxLength: 3 })
  const pinned = victim.cat.heads().find((h) => h.origin === other.self)!
  const from = fc.constantFrom(null, undefined, { epoch: pinned.epoch, seq: pinned.seq }, { epoch: 1, seq: 1 })
  const message = fc
    .record({ heads, records: fc.option(records, { nil: undefined }), from })
    .map((m) => encodeCanonical(m))
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(message, fc.uint8Array({ maxLength: 400 }), fc.jsonValue().map(encodeSafely)),
      async (bytes) => {
        await victim.cat.onGossip(attacker.self, bytes)
      },
    ),
    { numRuns: 2500 },
  )
  await unharmed()
})

function encodeSafely(value: unknown): Uint8Array {
  try {
    return encodeCanonical(value)
  } catch {
    return new Uint8Array()
  }
}

test('requests of any content are answered or refused with a code, and change nothing', async (t) => {
  const { victim, attacker, other, material, unharmed } = await scene(t)
  const origin = fc.constantFrom(victim.self, other.self, attacker.self, `isl${'z'.repeat(32)}`)
  const natural = fc.oneof(fc.nat(), fc.maxSafeNat())
  const position = fc.option(
    fc.record({ epoch: fc.maxSafeNat().map((n) => Math.max(1, n)), seq: fc.nat().map((n) => n + 1) }),
  )
  const digest = fc.record({ digest: fc.uint8Array({ minLength: 32, maxLength: 32 }), now: natural, own: fc.boolean() })
  const ask = fc.record({
    buckets: fc.array(fc.nat({ max: 1100 }), { maxLength: 20 }),
    of: fc.nat({ max: 1100 }),
    heads: fc.array(mangled(material.heads), { maxLength: 5 }),
  })
  const pull = fc.record({ origin, audience: fc.constantFrom('members', 'others', ''), from: position })
  await fc.assert(
    fc.asyncProperty(digest, ask, pull, async (d, h, p) => {
      if (digestRequest.safeParse(d).success)
        assert.ok(digestReply.safeParse(await victim.cat.handleDigest(attacker.self, d)).success)
      if (headsRequest.safeParse(h).success) {
        const reply = await victim.cat.handleHeads(attacker.self, h).catch(coded)
        if (reply !== undefined) assert.ok(headsReply.safeParse(reply).success)
      }
      if (!pullRequest.safeParse(p).success) return
      for await (const item of victim.cat.handlePull(attacker.self, p)) assert.ok(pullItem.safeParse(item).success)
      for await (const item of victim.cat.handleOrphans(attacker.self, { origin: p.origin }))
        assert.ok(orphansItem.safeParse(item).success)
    }),
    { numRuns: 1500 },
  )
  await unharmed()
})

test('what is not a request by its schema does not get to the catalog', () => {
  fc.assert(
    fc.property(fc.anything({ withNullPrototype: true, withBigInt: true, withTypedArray: true }), (value) => {
      for (const schema of [digestRequest, headsRequest, pullRequest, digestReply, headsReply, pullItem, orphansItem]) {
        schema.safeParse(value)
      }
    }),
    { numRuns: 3000 },
  )
})

test(
  'a peer that answers anything at all brings nothing in, whatever the round asks',
  async (t) => {
    const { victim, attacker, other, material, unharmed } = await scene(t)
    const head = mangled(material.heads)
    const record = mangled(material.records)
    const horizon = fc.constantFrom(null, { epoch: 1, seq: 1 })
    const item = fc.oneof(
      fc.record({ refused: fc.constantFrom('unknown' as const, 'later' as const) }),
      fc.record({ head, full: fc.boolean(), horizon }),
      fc.record({ records: fc.array(record, { maxLength: 8 }) }),
    )
    const begin = fc.record({ head, full: fc.boolean(), horizon })
    const answers = fc.oneof(
      fc.array(item, { maxLength: 4 }),
      fc.tuple(begin, fc.record({ records: fc.array(record, { maxLength: 10 }) })).map(([a, b]) => [a, b]),
    )
    const noted = fc.record({
      origin: fc.constantFrom(victim.self, other.self, attacker.self),
      digest: fc.uint8Array({ minLength: 8, maxLength: 8 }),
    })
    const reply = fc.record(
      {
        same: fc.boolean(),
        now: fc.constant(Date.now()),
        yours: fc.option(head),
        heads: fc.array(head, { maxLength: 6 }),
        buckets: fc.constantFrom(8, 64, 512, 24, 7, 0).map((n) => new Uint8Array(n)),
        orphans: fc.array(noted, { maxLength: 3 }),
      },
      { requiredKeys: ['same', 'now'] },
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(reply, { minLength: 1, maxLength: 3 }),
        answers,
        fc.array(record, { maxLength: 5 }),
        fc.boolean(),
        async (replies, pulled, kept, restart) => {
          if (restart) {
            // Before it has asked anybody about its own log, an island listens to more.
            await victim.restart()
            await victim.cat.addFacts(attacker.cat.membershipFacts())
          }
          let turn = 0
          const hostile: SyncRemote = {
            peer: attacker.self,
            digest: async () => replies[Math.min(turn++, replies.length - 1)] as never,
            heads: async () => ({ heads: replies[0]!.heads ?? [] }),
            async *pull() {
              yield* pulled as PullItem[]
            },
            async *orphans() {
              yield { records: kept }
            },
          }
          await victim.cat.syncWith(hostile).catch(coded)
        },
      ),
      { numRuns: 1500 },
    )
    await sync(victim, other)
    await unharmed()
  },
  { timeoutMs: 120_000 },
)

test(
  'answers altered on the way bring nothing in, or what was meant',
  async (t) => {
    const { arc, other, attacker, material } = await scene(t)
    const expected = await notes(attacker, other)
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: 4 }),
        fc.nat(),
        mangled(material.records),
        mangled(material.heads),
        async (how, where, record, head) => {
          const fresh = await arc.island({ stranger: true })
          await fresh.cat.addFacts(attacker.cat.membershipFacts())
          const altered: SyncRemote = {
            peer: attacker.self,
            digest: (request) => attacker.cat.handleDigest(fresh.self, request),
            heads: (request) => attacker.cat.handleHeads(fresh.self, request),
            orphans: (request) => attacker.cat.handleOrphans(fresh.self, request),
            async *pull(request) {
              for await (const item of attacker.cat.handlePull(fresh.self, request)) {
                if ('head' in item) yield how === 0 ? { ...item, head } : how === 1 ? { ...item, full: false } : item
                else if ('records' in item) {
                  const records = [...item.records]
                  const at = where % records.length
                  if (how === 2) records.splice(at, 1)
                  if (how === 3) records.splice(at, 1, record)
                  if (how === 4) records.splice(at, 0, record)
                  yield { records }
                } else yield item
              }
            },
          }
          await fresh.cat.syncWith(altered).catch(coded)
          const seen = await notes(fresh, other)
          assert.ok(seen.length === 0 || seen.join() === expected.join(), `saw ${seen.join()}`)
          assert.is(fresh.cat.membership().quarantined.size, 0)
          assert.is(fresh.cat.status().orphans, 0)
          await fresh.cat.stop()
        },
      ),
      { numRuns: 1000 },
    )
  },
  { timeoutMs: 120_000 },
)

test('records of an earlier time do not come back as orphans', async (t) => {
  const { victim, other, attacker, material, unharmed } = await scene(t)
  const hostile: SyncRemote = {
    peer: attacker.self,
    digest: async () => ({ same: true, now: Date.now(), orphans: [{ origin: other.self, digest: new Uint8Array(8) }] }),
    heads: async () => ({ heads: [] }),
    async *pull() {},
    async *orphans() {
      yield { records: material.records }
    },
  }
  await victim.cat.syncWith(hostile)
  await unharmed()
  await other.restart()
  await other.cat.syncWith({
    ...hostile,
    digest: async () => ({
      same: true,
      now: Date.now(),
      yours: null,
      orphans: [{ origin: other.self, digest: new Uint8Array(8) }],
    }),
  })
  await settle(other, victim)
  await unharmed()
})

test.run()
