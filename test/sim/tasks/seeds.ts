import * as assert from 'uvu/assert'
import type { Suite } from '../../kit/index.ts'
import { runTaskSeed } from './run-seed.ts'

/** Tests that run the archipelagos of tasks from `from` to `to`, some in each test. A failure says how to run that one alone. */
export function taskSeedTests(test: Suite, options: { from: number; to: number; each: number }): void {
  const { from, to, each } = options
  for (let start = from; start <= to; start += each) {
    const end = Math.min(to, start + each - 1)
    test(
      `seeds ${start} to ${end}: every acknowledged task ends once, the same at every island, and nothing is begun twice that must not be`,
      async () => {
        for (let seed = start; seed <= end; seed++) {
          const { problems } = await runTaskSeed({ seed, durationMs: 60_000 })
          const replay = `npm run sim -- --tasks --short --seeds 1 --from ${seed} --verbose`
          assert.equal(problems, [], `seed ${seed}; replay with: ${replay}`)
        }
      },
      { timeoutMs: 600_000 },
    )
  }
}
