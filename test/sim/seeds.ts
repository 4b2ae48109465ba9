import * as assert from 'uvu/assert'
import type { Suite } from '../kit/index.ts'
import { runSeed } from './run-seed.ts'

/** Tests that run the worlds from `from` to `to`, some in each test. A failure says how to run that world alone. */
export function seedTests(test: Suite, options: { islands: number; from: number; to: number; each: number }): void {
  const { islands, from, to, each } = options
  for (let start = from; start <= to; start += each) {
    const end = Math.min(to, start + each - 1)
    const which = start === end ? `seed ${start}` : `seeds ${start} to ${end}`
    test(
      `${which} of ${islands} islands: honest islands agree after the faults, and nothing is lost or forged`,
      async () => {
        for (let seed = start; seed <= end; seed++) {
          const { problems } = await runSeed({ seed, islands })
          const replay = `npm run sim -- --islands ${islands} --seeds 1 --from ${seed} --verbose`
          assert.equal(problems, [], `seed ${seed}; replay with: ${replay}`)
        }
      },
      { timeoutMs: 600_000 },
    )
  }
}
