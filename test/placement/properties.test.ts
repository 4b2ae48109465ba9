import fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { Placement, PlacementRequest } from '../../src/node/placement/port.ts'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import { type PlacementEntry, placementEntry } from '../../src/protocols/model/task.ts'
import { suite } from '../kit/index.ts'
import { dataset, holder, type IslandSketch, isl, options, request, V1, V2, type WorldSketch, world } from './world.ts'

const test = suite('placement: properties')
const LETTERS = 'bcdefghij'.split('')
const IDS = ['doi:10.1/x', 'doi:10.1/y']

const sketch: fc.Arbitrary<IslandSketch> = fc.record(
  {
    rttMs: fc.integer({ min: 0, max: 300 }),
    bytesPerSecond: fc.integer({ min: 1000, max: 1e9 }),
    unmeasured: fc.boolean(),
    load: fc.record({ queueWaitMs: fc.integer({ min: 0, max: 20_000 }) }),
    languages: fc.subarray(['sql', 'python', 'r']),
    labels: fc.subarray(['gpu', 'big']),
    memoryBytes: fc.constantFrom(1e9, 4e9),
    member: fc.boolean(),
    liveness: fc.constantFrom('live', 'suspect', 'lost', 'unknown'),
    noCard: fc.boolean(),
    answer: fc.oneof(
      fc.record({ queueWaitMs: fc.integer({ min: 0, max: 20_000 }), startMs: fc.integer({ min: 0, max: 500 }) }),
      fc.record({
        accepts: fc.constant(false),
        code: fc.constantFrom('FORBIDDEN', 'STALE', 'TOO_MANY', 'NO_SUCH_CODE'),
        reason: fc.constantFrom('no', 'not now'),
      }),
    ),
  },
  { requiredKeys: [] },
)
const fails = fc.option(fc.constant(new ArchipelError('UNREACHABLE', 'away')), { nil: undefined, freq: 6 })

const scene = fc
  .record({
    islands: fc.uniqueArray(fc.tuple(fc.constantFrom(...LETTERS), sketch, fails), {
      minLength: 1,
      maxLength: LETTERS.length,
      selector: ([letter]) => letter,
    }),
    localWaitMs: fc.integer({ min: 0, max: 5000 }),
    resultBytes: fc.integer({ min: 0, max: 1e7 }),
    held: fc.array(
      fc.record({
        letter: fc.constantFrom('a', ...LETTERS),
        which: fc.integer({ min: 0, max: 1 }),
        state: fc.constantFrom('available', 'available', 'available', 'stale', 'transferring'),
        version: fc.constantFrom(V1, V1, V1, V2),
        confirmed: fc.boolean(),
      }),
      { maxLength: 20 },
    ),
    datasets: fc.integer({ min: 0, max: 2 }),
    on: fc.option(fc.constantFrom('a', ...LETTERS), { nil: undefined, freq: 4 }),
    excluded: fc.subarray(LETTERS, { maxLength: 2 }),
    labels: fc.subarray(['gpu']),
    memory: fc.option(fc.constant(2e9), { nil: undefined }),
    confirm: fc.boolean(),
  })
  .map((raw) => {
    const islands: WorldSketch['islands'] = { [isl('a')]: { languages: ['sql'] } }
    for (const [letter, island, failing] of raw.islands)
      islands[isl(letter)] = failing === undefined ? island : { ...island, fails: failing }
    const made: WorldSketch = { islands, localWaitMs: raw.localWaitMs, resultBytes: raw.resultBytes }
    const datasets = IDS.slice(0, raw.datasets).map((id, which) => {
      const byIsland = new Map(raw.held.filter((h) => h.which === which).map((h) => [h.letter, h]))
      return dataset(
        id,
        [...byIsland.values()].map(({ letter, state, version, confirmed }) =>
          holder(isl(letter), { state: state as 'available', version, confirmed }),
        ),
      )
    })
    const wanted: Partial<PlacementRequest> = {
      excluded: raw.excluded.map((letter) => ({ island: isl(letter), reason: 'failed' })),
      labels: raw.labels,
    }
    if (raw.on !== undefined) wanted.on = isl(raw.on)
    if (raw.memory !== undefined) wanted.resources = { memoryBytes: raw.memory }
    return { made, wanted: request(datasets, wanted), confirm: raw.confirm }
  })

type Scene = typeof scene extends fc.Arbitrary<infer T> ? T : never

async function run({ made, wanted, confirm }: Scene) {
  const { port, asked } = world(made)
  let placed: Placement | undefined
  let error: ArchipelError | undefined
  try {
    placed = await port.place(wanted, options(confirm))
  } catch (cause) {
    if (!(cause instanceof ArchipelError)) throw cause
    error = cause
  }
  const explain = placed?.explain ?? (error!.details as { explain: PlacementEntry[] }).explain
  return { placed, error, explain, asked }
}

const always = (check: (scene: Scene) => Promise<void>) => fc.assert(fc.asyncProperty(scene, check), { numRuns: 400 })

test('the explanation has every member and every holder once, each with terms or a reason', async () => {
  await always(async (made) => {
    const { explain } = await run(made)
    const ids = explain.map((e) => e.island)
    const expected = new Set([
      ...Object.entries(made.made.islands).flatMap(([id, island]) => (island.member === false ? [] : [id])),
      ...made.wanted.datasets.flatMap((d) => d.holders.map((h) => h.island)),
      ...(made.wanted.on === undefined ? [] : [made.wanted.on]),
    ])
    assert.equal([...ids].sort(), [...expected].sort())
    for (const entry of explain) {
      assert.is(placementEntry.safeParse(entry).success, true, JSON.stringify(entry))
      assert.ok(entry.reason !== '', 'a reason')
      if (entry.excluded === true) assert.is(entry.terms, undefined, 'no terms where it is excluded')
      else {
        const sum = entry.terms!.reduce((total, term) => total + term.seconds, 0)
        assert.ok(Math.abs(sum - entry.seconds!) < 1e-9, 'the terms add up')
      }
    }
  })
})

test('what is excluded is never in the order, and what was not confirmed neither', async () => {
  await always(async (made) => {
    const { placed, explain, error } = await run(made)
    const able = explain.filter((e) => e.excluded !== true && (!made.confirm || e.confirmed)).map((e) => e.island)
    assert.equal((placed?.order ?? []).map((o) => o.island).sort(), able.sort())
    assert.is(error === undefined, able.length > 0, 'an error exactly when there is nobody')
    assert.is(explain.filter((e) => e.chosen).length, placed === undefined ? 0 : 1)
    if (placed !== undefined) {
      assert.is(explain[0]!.chosen, true)
      assert.is(explain[0]!.island, placed.order[0]!.island)
      assert.is(explain[0]!.holds.length, made.wanted.datasets.length, 'it holds all data')
    }
    const firstExcluded = explain.findIndex((e) => e.excluded === true)
    if (firstExcluded >= 0)
      assert.ok(
        explain.slice(firstExcluded).every((e) => e.excluded === true),
        'the excluded ones are last',
      )
  })
})

test('the order is by cost, equal costs by this island and the id', async () => {
  await always(async (made) => {
    const { placed, explain } = await run(made)
    const order = placed?.order ?? []
    for (let i = 1; i < order.length; i++) {
      const [before, after] = [order[i - 1]!, order[i]!]
      assert.ok(before.seconds <= after.seconds, `${before.seconds} before ${after.seconds}`)
      if (before.seconds === after.seconds)
        assert.ok(before.island < after.island || before.island === isl('a'), 'ties')
    }
    for (const { island, seconds } of order) assert.is(explain.find((e) => e.island === island)!.seconds, seconds)
    const rest = explain.slice(1).filter((e) => e.excluded !== true)
    for (let i = 1; i < rest.length; i++) assert.ok(rest[i - 1]!.seconds! <= rest[i]!.seconds!, 'the rest by cost')
  })
})

test('nobody that could be much cheaper is left unasked', async () => {
  await always(async (made) => {
    const { placed, explain } = await run(made)
    if (placed === undefined || !made.confirm) return
    for (const entry of explain) {
      if (entry.excluded === true || entry.confirmed) continue
      const rtt = (made.made.islands[entry.island]?.rttMs ?? 1) / 1000
      assert.ok(entry.seconds! + rtt >= placed.order[0]!.seconds, `${entry.name} was not asked`)
    }
  })
})

test('the same facts give the same answer, in whatever order they come', async () => {
  await always(async (made) => {
    const first = await run(made)
    const turned: Scene = {
      ...made,
      made: { ...made.made, islands: Object.fromEntries(Object.entries(made.made.islands).reverse()) },
      wanted: {
        ...made.wanted,
        datasets: made.wanted.datasets.map((d) => ({ ...d, holders: [...d.holders].reverse() })),
      },
    }
    const second = await run(turned)
    assert.equal(second.placed?.order, first.placed?.order)
    assert.equal(second.explain, first.explain)
    assert.is(second.error?.message, first.error?.message)
    assert.equal(second.asked.sort(), first.asked.sort())
  })
})

test.run()
