import * as assert from 'uvu/assert'
import { suite } from '../../kit/index.ts'
import { SHORT_MS } from './main.ts'
import { runRuleSeed } from './run-seed.ts'
import { CLAIM_MS, RuleSim } from './world.ts'

const test = suite('simulation of rules and drops')

for (const from of [1, 21, 41])
  test(
    `seeds ${from} to ${from + 19}: no drop leaves too few, every rule is kept in the end, and who comes back moves nothing`,
    async () => {
      for (let seed = from; seed < from + 20; seed++) {
        const { problems } = await runRuleSeed({ seed, durationMs: SHORT_MS })
        assert.equal(
          problems,
          [],
          `seed ${seed}; replay with: npm run sim -- --rules --short --seeds 1 --from ${seed} --verbose`,
        )
      }
    },
    { timeoutMs: 600_000 },
  )

/** A rule for two copies of many datasets at three islands beside their publisher. @returns copies that were brought */
async function many(datasets: number, claims: boolean): Promise<number> {
  const sim = new RuleSim(1)
  const publisher = sim.add({ obeys: false })
  for (let i = 0; i < 3; i++) sim.add()
  for (const island of sim.islands.values()) {
    island.claims = claims
    await sim.act(island.start())
  }
  sim.begin()
  for (let i = 0; i < datasets; i++) publisher.publish(`data-${i}`, i.toString(16).padStart(64, '0'))
  await sim.run(CLAIM_MS)
  // It makes the rule, and obeys its own.
  await sim.act(publisher.rules!.add({ select: {}, copies: 2 }))
  await sim.run(datasets * 1_000)
  for (const island of sim.islands.values()) island.crash()
  return sim.begun.length
}

test('a rule over many small datasets brings each copy once: they are claimed before they are set up', async () => {
  assert.is(await many(120, true), 120)
  const without = await many(120, false)
  assert.ok(without > 120, `and would bring too many without: ${without}`)
})

test.run()
