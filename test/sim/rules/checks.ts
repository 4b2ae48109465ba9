import { lackingOf } from './known.ts'
import type { RuleSim } from './world.ts'

/** Drops that left too few copies. */
export function violations(sim: RuleSim): string[] {
  return sim.drops.flatMap(({ island, dataset, version, left, unmet, newest }) => {
    const what = `${island.slice(3, 4)} dropped ${dataset.slice(-8)} version ${version.slice(-4)}`
    // A version that was replaced is nobody's aim: those who had it give it up for the next one.
    if (!newest) return []
    if (left.length === 0) return [`${what}: it was the last copy`]
    return unmet.map(({ rule, kept, wanted }) => `${what}: the rule ${rule} wants ${wanted}, and ${kept} are left`)
  })
}

/** Datasets that have fewer copies than a rule asks for, though enough islands could have them. */
export function short(sim: RuleSim): string[] {
  return lackingOf(sim, true).map(
    ({ id, rule, copies, held, possible }) =>
      `${id} has ${held} copies, the rule ${rule} wants ${copies}, and ${possible} can be`,
  )
}
