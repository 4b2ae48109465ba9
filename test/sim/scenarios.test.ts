import * as assert from 'uvu/assert'
import { suite } from '../kit/index.ts'
import { problems } from './checks.ts'
import type { Island } from './island.ts'
import { CALM } from './network.ts'
import { runSeed } from './run-seed.ts'
import { SimWorld } from './world.ts'

const test = suite('simulation: single faults')

async function world(seed: number, islands: number, gossip = true): Promise<SimWorld> {
  const sim = new SimWorld({ seed, islands })
  sim.network.weather = { ...CALM, gossip }
  await sim.found()
  for (const island of sim.islands) await write(sim, island, 'first')
  await sim.round()
  await sim.round()
  assert.equal(await problems(sim), [])
  return sim
}

const write = (sim: SimWorld, island: Island, id: string) =>
  sim.act(island.catalog!.append('dataset-note', id, { n: 1, text: `${id} ${'x'.repeat(400)}` }))

async function seenBy(sim: SimWorld, origin: Island, id: string): Promise<number> {
  let seen = 0
  for (const island of sim.islands) {
    if ((await sim.act(island.catalog!.get('dataset-note', id, origin.id))) !== undefined) seen++
  }
  return seen
}

test('a change reaches everybody within a second by gossip', async () => {
  const sim = await world(1, 20)
  // Gossip of the simulation goes to neighbours only; their rounds and hints carry it on.
  const [origin] = sim.islands
  await write(sim, origin!, 'news')
  await sim.run(1_000)
  const direct = [...origin!.init.peers].length + 1
  assert.ok((await seenBy(sim, origin!, 'news')) >= direct)
})

test(
  'without gossip a change reaches everybody within log2(N) + 3 rounds',
  async () => {
    for (const [seed, islands] of [
      [2, 20],
      [3, 64],
    ] as const) {
      const sim = await world(seed, islands, false)
      const origin = sim.islands[islands - 1]!
      await write(sim, origin, 'news')
      let rounds = 0
      while ((await seenBy(sim, origin, 'news')) < islands) {
        await sim.round()
        rounds++
        assert.ok(rounds <= Math.log2(islands) + 3, `${islands} islands need more than ${rounds} rounds`)
      }
    }
  },
  { timeoutMs: 120_000 },
)

test('two rounds after a partition heals all know the same', async () => {
  const sim = await world(4, 20)
  for (const [i, island] of sim.islands.entries()) sim.network.partition.set(island.id, i % 2)
  for (const island of sim.islands) await write(sim, island, 'meanwhile')
  await sim.round()
  await sim.round()
  assert.ok((await problems(sim)).length > 0, 'the two halves differ')
  sim.network.partition.clear()
  await sim.round()
  await sim.round()
  assert.equal(await problems(sim), [])
})

test('an idle comparison costs less than a kilobyte', async () => {
  const sim = await world(5, 20)
  await sim.round()
  sim.network.bytes.calls = 0
  const before = sim.network.calls
  await sim.round()
  const calls = sim.network.calls - before
  assert.ok(calls > 20)
  assert.ok(sim.network.bytes.calls / calls < 200, `${Math.round(sim.network.bytes.calls / calls)} bytes a comparison`)
})

test('catching up 20 changes of 20 islands costs less than 50 kB', async () => {
  const sim = await world(6, 20)
  const late = sim.islands[19]!
  sim.network.partition.set(late.id, 1)
  for (const island of sim.islands) if (island !== late) await write(sim, island, 'news')
  await write(sim, sim.islands[0]!, 'more')
  await sim.round()
  await sim.round()
  sim.network.bytesOf.clear()
  sim.network.partition.clear()
  await sim.round()
  assert.equal(await problems(sim), [])
  const bytes = sim.network.bytesOf.get(late.id)!
  assert.ok(bytes < 50_000, `${bytes} bytes`)
})

test('a change of one record costs the same in a large log as in a small one', async () => {
  const cost = async (records: number): Promise<number> => {
    const sim = await world(7, 3)
    const [a, b] = sim.islands as [Island, Island]
    const many = Array.from({ length: records }, (_, i) => ({ kind: 'dataset-note', id: `n${i}`, body: { n: i } }))
    await sim.act(a.catalog!.appendMany(many))
    await sim.round()
    await sim.round()
    sim.network.weather = { ...CALM, gossip: false }
    sim.network.bytesOf.clear()
    await write(sim, a, 'news')
    await sim.round()
    assert.equal(await problems(sim), [])
    return sim.network.bytesOf.get(b.id)!
  }
  const [small, large] = [await cost(10), await cost(900)]
  assert.ok(large < small * 1.5, `${small} bytes in a small log, ${large} in a large one`)
})

test('the same seed gives the same run', async () => {
  const [one, two] = [await runSeed({ seed: 11, islands: 10 }), await runSeed({ seed: 11, islands: 10 })]
  assert.equal(one, two)
  assert.ok(one.faults.length > 5, 'and it has faults')
})

test.run()
