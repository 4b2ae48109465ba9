import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Level } from 'level'
import { decodeRecord, signRecord } from '../../src/protocols/record/envelope.ts'
import { type SignedBytes, verify, verifyMany } from '../../src/protocols/record/keys.ts'
import { allVerified, BATCH, copyCatalog, directRemote, foundArchipelago, openCatalog } from './archipelago.ts'
import { type Benchmark, best, type Figure, timed } from './bench.ts'
import { datasetRecord } from './bodies.ts'

/** A log of this many records comes whole and is checked after it is in; the rest of it comes as a range. */
const RANGE = 5000

/** How fast records get into a catalog: written here, and taken from another island with every signature checked. */
export const ingest: Benchmark = {
  name: 'ingest',
  about: 'records written to the own log, and records of another island accepted, per second',
  async run({ scale, dir, say }) {
    const count = scale.quick ? 200 : 2 * RANGE
    const runs = scale.quick ? 1 : 3
    const rate = (records: number, ms: number) => (records * 1000) / ms
    const entries = Array.from({ length: count }, (_, n) => datasetRecord(n))
    const rates: Record<string, number> = {}
    const keep = (what: string, value: number) => {
      rates[what] = Math.max(rates[what] ?? 0, value)
    }
    for (let run = 0; run < runs; run++) {
      say(`run ${run + 1} of ${runs}`)
      const base = join(dir, `run-${run}`)
      const archipelago = await foundArchipelago(2, join(base, 'a'))
      const a = await openCatalog(archipelago, archipelago.members[0]!, join(base, 'a'))
      const b = await openCatalog(archipelago, archipelago.members[1]!, join(base, 'b'))
      await copyCatalog(a.catalog, b.catalog)

      const singles = Math.min(500, count / 4)
      keep(
        'one',
        rate(
          singles,
          await timed(async () => {
            for (const { kind, id, body } of entries.slice(0, singles)) await a.catalog.append(kind, id, body)
          }),
        ),
      )
      keep(
        'together',
        rate(
          singles,
          await timed(() =>
            Promise.all(
              entries.slice(singles, 2 * singles).map(({ kind, id, body }) => a.catalog.append(kind, id, body)),
            ),
          ),
        ),
      )
      // What the other island has not: one range with all signatures checked before it counts.
      const rest = entries.slice(2 * singles)
      keep(
        'many',
        rate(
          rest.length,
          await timed(async () => {
            for (let i = 0; i < rest.length; i += BATCH) await a.catalog.appendMany(rest.slice(i, i + BATCH))
          }),
        ),
      )
      await copyCatalog(a.catalog, b.catalog)
      const again = Array.from({ length: Math.min(RANGE, count) }, (_, n) => datasetRecord(n, 1))
      for (let i = 0; i < again.length; i += BATCH) await a.catalog.appendMany(again.slice(i, i + BATCH))
      keep('range', rate(again.length, await timed(() => b.catalog.syncWith(directRemote(a.catalog, b.catalog.self)))))

      const c = await openCatalog(archipelago, archipelago.members[1]!, join(base, 'c'))
      const known = a.catalog.status().records
      const started = performance.now()
      await c.catalog.syncWith(directRemote(a.catalog, c.catalog.self))
      keep('whole', rate(known, performance.now() - started))
      await allVerified(c.catalog, AbortSignal.timeout(60_000))
      keep('wholeVerified', rate(known, performance.now() - started))
      await Promise.all([a, b, c].map((open) => open.close()))
      await rm(base, { recursive: true })
    }
    const plain = await plainRates(join(dir, 'plain'), Math.min(count, RANGE), runs)
    const both = (x: number, y: number) => 1 / (1 / x + 1 / y)
    const written = { what: 'bare sign + bare level batch', value: both(plain.sign, plain.batch) }
    const accepted = { what: 'bare verify + bare level batch', value: both(plain.verifyMany, plain.batch) }
    const figure = (what: string, value: number, against?: { what: string; value: number }): Figure => ({
      what,
      value,
      unit: 'records/s',
      ...(against === undefined ? {} : { baseline: { ...against, unit: 'records/s', ratio: value / against.value } }),
    })
    const one = { what: 'bare sign + one synced level put each', value: both(plain.sign, plain.put) }
    return [
      figure('written, 1,000 in a call', rates.many!, written),
      figure('written, one in a call, calls together', rates.together!, written),
      figure('written, one after the other, each durable', rates.one!, one),
      figure('accepted, a range of replacements, verified', rates.range!, accepted),
      figure('accepted, a whole log, usable', rates.whole!, { what: 'bare level batch', value: plain.batch }),
      figure('accepted, a whole log, verified, too', rates.wholeVerified!, accepted),
      figure('bare Ed25519 sign', plain.sign),
      figure('bare Ed25519 verify, one thread', plain.verify),
      figure('bare Ed25519 verify, thread pool', plain.verifyMany),
      figure('bare level batch of 1,000, synced', plain.batch),
      figure('bare level put, each synced', plain.put),
      figure('decode a record', plain.decode),
    ]
  },
}

/** The same bytes without a catalog around them. */
async function plainRates(directory: string, count: number, runs: number) {
  const archipelago = await foundArchipelago(1, join(directory, 'founded'))
  const { id: origin, signer, publicKey } = archipelago.members[0]!
  const context = { archipelagoId: archipelago.id, signer }
  const records = Array.from({ length: count }, (_, n) => {
    const { kind, id, body } = datasetRecord(n)
    return signRecord(context, { kind, id, origin, epoch: 1, seq: n + 1, time: 0, body })
  })
  const items: SignedBytes[] = records.map((r) => ({ publicKey, bytes: r.payload, signature: signer.sign(r.payload) }))
  const perSecond = async (work: () => unknown) => (count * 1000) / (await best(runs, () => timed(work)))
  const db = new Level<Uint8Array, Uint8Array>(join(directory, 'level'), { keyEncoding: 'view', valueEncoding: 'view' })
  await db.open()
  const operation = (i: number) => ({ type: 'put' as const, key: Buffer.from(`key-${i}`), value: records[i]!.bytes })
  const puts = Math.min(count, 500)
  const result = {
    sign: await perSecond(() => records.map((r) => signer.sign(r.payload))),
    verify: await perSecond(() => items.map((i) => verify(i.publicKey, i.bytes, i.signature))),
    verifyMany: await perSecond(async () => {
      for (let i = 0; i < items.length; i += 200) await verifyMany(items.slice(i, i + 200))
    }),
    decode: await perSecond(() => records.map((r) => decodeRecord(r.bytes))),
    batch: await perSecond(async () => {
      for (let i = 0; i < count; i += BATCH) {
        const batch = Array.from({ length: Math.min(BATCH, count - i) }, (_, k) => operation(i + k))
        await db.batch(batch, { sync: true })
      }
    }),
    put:
      (puts * 1000) /
      (await best(runs, () =>
        timed(async () => {
          for (let i = 0; i < puts; i++) await db.batch([operation(i)], { sync: true })
        }),
      )),
  }
  await db.close()
  return result
}
