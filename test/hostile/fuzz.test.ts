import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Connection, Stream } from '@libp2p/interface'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { isErrorCode } from '../../src/protocols/model/errors.ts'
import { encodeCanonical } from '../../src/protocols/record/cbor.ts'
import { eventually, suite } from '../kit/index.ts'
import { frameOf, mutated, toCbor, twisted } from './arbitraries.ts'
import { digest, found, type Home, joined, type Member, member, raw, settled } from './islands.ts'
import { exchange, framed, type RawPeer } from './raw-peer.ts'
import { type About, answers, IDENTIFY, openings, request, SPECS } from './requests.ts'

const test = suite('nonsense from a member')
const LONG = { timeoutMs: 120_000 }
/** Cases in flight on one connection. */
const AT_ONCE = 25

// Every case has to be heard: the quotas are another test's affair.
for (const spec of Object.values(SPECS)) Object.assign(spec, { quota: { concurrent: 64, perMinute: 1e9 } })
setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

let island: Home
let two: Home
let fuzzer: Member
let witness: Member
let before: string
let records: Uint8Array[] = []
let dataset: { id: string; publisher: string; version: string }
let cases = 0
const rejections: unknown[] = []
const onRejection = (reason: unknown) => rejections.push(reason)

test.before(async (t) => {
  process.on('unhandledRejection', onRejection)
  t.cleanup(() => process.off('unhandledRejection', onRejection))
  island = await found(t, 'one', { 'engine.kind': 'embedded', 'policy.forwarded.sql': 'members' })
  fuzzer = await member(t, island, 'fuzzer')
  witness = await member(t, island, 'witness')
  const path = join(await t.tmpdir(), 'small.csv')
  await writeFile(path, 'a,b\n1,x\n2,y\n')
  const view = await island.port.publish({ path, name: 'small' })
  dataset = { id: view.id, publisher: island.id, version: view.holders[0]!.version }
  two = await joined(t, island, 'two')
  before = await settled(t, [island, two], 4)
  records = await pullAll(t)
}, LONG)

async function connected(
  t: Parameters<typeof raw>[0],
  who: Member = fuzzer,
): Promise<{ peer: RawPeer; connection: Connection }> {
  const peer = await raw(t, { archipelagoId: island.archipelago.id, key: who.key, record: false })
  return { peer, connection: await ready(peer) }
}

/** A connection that both sides are done with making: until then few streams may be opened. */
async function ready(peer: RawPeer): Promise<Connection> {
  const connection = await peer.connect(island.addresses)
  await eventually(async () => (await peer.node.peerStore.get(connection.remotePeer)).protocols.length > 1)
  return connection
}

const idOf = (name: string) => `/archipel/${island.archipelago.id}/${name}`

function about(peer: RawPeer): About {
  return {
    archipelagoId: island.archipelago.id,
    island: island.id,
    head: records[0] ?? new Uint8Array(),
    peerId: peer.node.peerId.toMultihash().bytes,
    address: island.addresses[0]!,
  }
}

/** What any member gets: the head, then the records. */
async function pullAll(t: Parameters<typeof raw>[0]): Promise<Uint8Array[]> {
  const { peer, connection } = await connected(t, witness)
  const { bytes } = await exchange(
    connection,
    idOf('catalog/pull/1'),
    framed(encodeCanonical(request('catalog/pull/1', about(peer)))),
  )
  const items = (answers(bytes) as { item?: { head?: Uint8Array; records?: Uint8Array[] } }[]).map((a) => a.item)
  await peer.stop()
  return items.flatMap((item) => (item?.head === undefined ? (item?.records ?? []) : [item.head]))
}

/** The island lives: it answers an honest member as before, its catalog is what it was, and nothing was left unhandled. */
async function unharmed(t: Parameters<typeof raw>[0]): Promise<void> {
  assert.equal(rejections, [])
  assert.equal([await digest(island), await digest(two)], [before, before])
  assert.is((await pullAll(t)).length, records.length)
}

/** Answers are frames: items, then an end; or an error with a code, which is never that of a fault of ours. */
function wellFormed(bytes: Uint8Array, what: string): void {
  for (const answer of answers(bytes) as { error?: { code: unknown; hint: unknown } }[]) {
    if (answer.error === undefined) continue
    assert.ok(isErrorCode(answer.error.code), what)
    assert.is.not(answer.error.code, 'INTERNAL', what)
    assert.is(typeof answer.error.hint, 'string')
  }
}

async function tryBatch(connection: Connection, protocol: string, batch: Uint8Array[]): Promise<void> {
  cases += batch.length
  const results = await Promise.all(
    batch.map(async (bytes) => exchange(connection, protocol, bytes, { timeoutMs: 20_000 })),
  )
  for (const [i, { bytes, end, why = '' }] of results.entries()) {
    const what = `${protocol}: ${Buffer.from(batch[i]!).toString('hex').slice(0, 400)}`
    assert.ok(end === 'closed' || end === 'reset', `${end} ${why}: ${what}`)
    wellFormed(bytes, what)
  }
}

/** As `fc.assert`, with the reason in the message and without pages of bytes. */
async function tried<T>(
  arbitrary: fc.Arbitrary<T>,
  numRuns: number,
  check: (value: T) => Promise<void>,
): Promise<void> {
  const result = await fc.check(fc.asyncProperty(arbitrary, check), { numRuns, endOnFailure: true })
  if (!result.failed) return
  const cause = result.errorInstance
  throw new Error(`seed ${result.seed}, path ${result.counterexamplePath}: ${cause}`, { cause })
}

async function fuzz(
  arbitrary: fc.Arbitrary<Uint8Array>,
  batches: number,
  check: (batch: Uint8Array[]) => Promise<void>,
): Promise<void> {
  const batch = fc.array(arbitrary, { minLength: AT_ONCE, maxLength: AT_ONCE })
  await tried(batch, batches, check)
}

/** A request worth twisting: with real heads, records, and a task that gets as far as the data. */
function validFor(name: string, peer: RawPeer): unknown {
  const [head, ...rest] = records as [Uint8Array, ...Uint8Array[]]
  if (name === 'catalog/heads/1') return { buckets: [1, 2], of: 64, heads: [head, head] }
  if (name === 'join/1') return { type: 'present', facts: rest.slice(0, 2) }
  const valid = request(name, about(peer))
  // Held in another version: refused before an engine is started for it.
  if (name === 'task-run/1')
    return { ...(valid as object), datasets: [{ table: 'small', ...dataset, version: 'f'.repeat(64) }] }
  return valid
}

for (const name of Object.keys(SPECS)) {
  test(
    `${name}: answered with a coded error or an end, whatever is written`,
    async (t) => {
      const { peer, connection } = await connected(t)
      await fuzz(frameOf(validFor(name, peer)), 20, async (batch) => tryBatch(connection, idOf(name), batch))
      assert.is(connection.status, 'open', 'the member stays connected')
      await unharmed(t)
    },
    LONG,
  )
}

test(
  'join, from strangers that come and go',
  async (t) => {
    const valid = fc.constantFrom<unknown>(
      { type: 'present', facts: records.slice(1, 3) },
      {
        type: 'redeem',
        ticket: 'abcdefghijkl',
        secret: new Uint8Array(20),
        card: records[1]!,
        acceptance: new Uint8Array(64),
      },
    )
    await fuzz(valid.chain(frameOf), 12, async (batch) => {
      const stranger = await raw(t, { archipelagoId: island.archipelago.id, record: false })
      await tryBatch(await ready(stranger), idOf('join/1'), batch)
      await stranger.stop()
    })
    await unharmed(t)
  },
  LONG,
)

test(
  'task-run: odd statements over data that are here end with rows or a coded error',
  async (t) => {
    const { peer, connection } = await connected(t)
    const piece = fc.constantFrom(
      'SELECT',
      '*',
      'FROM small',
      'a',
      'b',
      ',',
      '(',
      ')',
      "'",
      '"',
      ';',
      '--',
      '/*',
      '\0',
      '1e17',
      '-0.0',
      'NULL',
      'UNION',
      'COPY',
      'x'.repeat(50),
    )
    const code = fc.oneof(
      fc.array(piece, { maxLength: 8 }).map((p) => p.join(' ')),
      fc.string({ unit: 'binary', maxLength: 40 }),
    )
    const valid = { ...(request('task-run/1', about(peer)) as object), datasets: [{ table: 'small', ...dataset }] }
    const statement = code.map((c) => framed(encodeCanonical({ ...valid, code: c })))
    const batch = fc.array(statement, { minLength: 4, maxLength: 4 })
    await tried(batch, 6, async (statements) => tryBatch(connection, idOf('task-run/1'), statements))
    const values =
      "SELECT 1e17::DOUBLE AS a, 5e-324::DOUBLE AS b, 'é' AS c, [[1, NULL], []] AS d, {'k': 'é'} AS e FROM small LIMIT 1"
    const good = framed(encodeCanonical({ ...valid, code: values }))
    const { bytes } = await exchange(connection, idOf('task-run/1'), good, { timeoutMs: 20_000 })
    const rows = (answers(bytes) as { item?: { rows?: unknown[] } }[]).flatMap((a) => a.item?.rows ?? [])
    assert.equal(rows, [[1e17, 5e-324, 'é', [[1, null], []], { k: 'é' }]])
    await unharmed(t)
  },
  LONG,
)

test(
  'the protocols of libp2p: DHT, ping, relay, identify and gossip take nonsense from a member and go on',
  async (t) => {
    const { peer } = await connected(t)
    for (const [protocol, parts] of openings(about(peer))) {
      if (SPECS[protocol.replace(`/archipel/${island.archipelago.id}/`, '')] !== undefined) continue
      const some = fc
        .constantFrom(...parts)
        .chain((p) => fc.oneof(mutated(p), mutated(p), fc.uint8Array({ maxLength: 3000 }), fc.constant(p)))
      const each = protocol === IDENTIFY ? 1 : 5
      await tried(fc.array(some, { minLength: each, maxLength: each }), 15, async (batch) => {
        cases += batch.length
        const connection = await peer.connect(island.addresses)
        // Some of these wait for more: that is theirs. What counts is that the island goes on.
        await Promise.all(batch.map(async (bytes) => exchange(connection, protocol, bytes, { timeoutMs: 150 })))
      })
    }
    await unharmed(t)
  },
  LONG,
)

test(
  'gossip: heads and heartbeats that are none, or nearly, change nothing',
  async (t) => {
    const peer = await raw(t, {
      archipelagoId: island.archipelago.id,
      key: fuzzer.key,
      services: 'gossip',
      record: false,
    })
    const { pubsub } = peer.node.services
    const topics = ['heads', 'heartbeats'].map((topic) => idOf(`${topic}/1`))
    for (const topic of topics) pubsub!.subscribe(topic)
    await peer.connect(island.addresses)
    await eventually(() => topics.every((topic) => pubsub!.getSubscribers(topic).length === 1), { signal: t.signal })
    const [head, ...rest] = records as [Uint8Array, ...Uint8Array[]]
    const heads = { heads: [head], records: rest.slice(0, 3), from: null }
    const message = fc
      .constantFrom<unknown>(heads, { heads: [head, head] }, request('heartbeat/1', about(peer)))
      .chain((valid) =>
        fc.oneof(
          mutated(encodeCanonical(valid)),
          twisted(valid).map(toCbor),
          twisted(valid).map(toCbor),
          fc.uint8Array({ maxLength: 500 }),
        ),
      )
    await fuzz(message, 16, async (batch) => {
      cases += batch.length
      for (const data of batch) for (const topic of topics) await pubsub!.publish(topic, data).catch(() => {})
    })
    for (const topic of topics) await pubsub!.publish(topic, new Uint8Array(60_000)).catch(() => {})
    await unharmed(t)
  },
  LONG,
)

function reply(stream: Stream, parts: Uint8Array[]): void {
  for (const bytes of parts) if (bytes.length > 0 && stream.writeStatus === 'writable') stream.send(bytes)
  void stream.close().catch(() => {})
}

test(
  'a member that answers nonsense to what an island asks is asked again, and nothing comes of it',
  async (t) => {
    const real = {
      'catalog/digest/1': {
        same: false,
        now: Date.now(),
        heads: [records[0]],
        orphans: [{ origin: island.id, digest: new Uint8Array(8) }],
      },
      'catalog/heads/1': { heads: [records[0]] },
      'catalog/pull/1': { head: records[0], full: true, horizon: null },
      'catalog/orphans/1': { records: records.slice(1, 3) },
      'heartbeat/1': request('heartbeat/1', { island: island.id } as never),
      'resolve/1': { holdings: [{ ...dataset, name: 'small', state: 'available', aliases: [] }] },
      'reach/1': { reachable: [] },
      'join/1': { type: 'standing', standing: 'member', facts: records.slice(1, 3), time: 1 },
    }
    let asked = 0
    await tried(fc.array(fc.nat(), { minLength: 8, maxLength: 8 }), 40, async (seeds) => {
      // One that answers no heartbeat is soon cut off, before it is asked anything else.
      const alive = seeds[0]! % 4 !== 0
      const peer = await raw(t, { archipelagoId: island.archipelago.id, key: fuzzer.key, alive, record: false })
      const compared = Promise.withResolvers<void>()
      for (const [i, [name, item]] of Object.entries(real).entries()) {
        if (alive && name === 'heartbeat/1') continue
        const replies = fc.sample(fc.array(frameOf({ item }), { maxLength: 4 }), { seed: seeds[i]!, numRuns: 40 })
        let n = 0
        await peer.node.handle(idOf(name), (stream: Stream) => {
          cases += 1
          asked += 1
          reply(stream, replies[n++ % replies.length]!)
          if (name === 'catalog/digest/1') compared.resolve()
        })
      }
      const connection = await peer.connect(island.addresses)
      const closed = new Promise<void>((resolve) => connection.addEventListener('close', () => resolve()))
      await island.port.resolve({ ref: `doi:10.1234/${asked}`, via: 'dht' }).catch(() => {})
      await Promise.race([compared.promise, closed])
      await peer.stop()
    })
    assert.ok(asked >= 80, `${asked} answers`)
    await unharmed(t)
  },
  LONG,
)

test(
  'nothing of all that stays in memory',
  async (t) => {
    const { peer, connection } = await connected(t)
    const round = async (seed: number) => {
      for (const name of Object.keys(SPECS)) {
        const batches = fc.sample(fc.array(frameOf(validFor(name, peer)), { minLength: AT_ONCE, maxLength: AT_ONCE }), {
          numRuns: 2,
          seed,
        })
        for (const batch of batches) await tryBatch(connection, idOf(name), batch)
      }
    }
    const used = async () => {
      // Streams that nobody ended are reset after a second.
      await eventually(() => connection.streams.length <= 4, { timeoutMs: 20_000, signal: t.signal })
      gc()
      const { heapUsed, external, arrayBuffers } = process.memoryUsage()
      return (heapUsed + external + arrayBuffers) / 2 ** 20
    }
    await round(1)
    const start = await used()
    for (let i = 2; i < 5; i++) await round(i)
    const growth = (await used()) - start
    assert.ok(growth < 24, `${growth.toFixed(1)} MiB more after ${3 * Object.keys(SPECS).length * 2 * AT_ONCE} cases`)
    await unharmed(t)
  },
  LONG,
)

test('so many cases were tried', () => {
  console.log(`${cases} cases`)
  assert.ok(cases >= 7_000, `${cases} cases`)
})

test.run()
