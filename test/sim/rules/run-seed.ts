import { RuleChaos } from './chaos.ts'
import { short, violations } from './checks.ts'
import { lackingOf } from './known.ts'
import { CLAIM_MS, LOST_MS, RuleSim } from './world.ts'

export interface RuleSeedResult {
  seed: number
  /** Empty when all is well. */
  problems: string[]
  /** Ends of drops, by their code. */
  drops: Record<string, number>
  /** Copies whose bringing was begun. */
  begun: number
  /** Of these, after an island that had been given up came back. */
  begunAfterReturn: number
  /** Milliseconds of virtual time from the end of the faults until every rule was kept. */
  keptMs: number
  log: string[]
}

/** Milliseconds after the faults within which every rule has to be kept. */
export const QUIET_MS = 100 * CLAIM_MS

/** One archipelago of rules, from its making to the check after the storm. */
export async function runRuleSeed({
  seed,
  durationMs = 300_000,
}: {
  seed: number
  durationMs?: number
}): Promise<RuleSeedResult> {
  const sim = new RuleSim(seed)
  const { random } = sim
  const count = 4 + random.below(3)
  for (let i = 0; i < count; i++)
    sim.add({
      country: random.pick(['DE', 'FR', 'IT']),
      obeys: random.chance(0.85),
      ...(random.chance(0.1) ? { quota: 2 } : {}),
    })
  for (const island of sim.islands.values()) await sim.act(island.start())
  sim.begin()
  const chaos = new RuleChaos(sim)
  for (let i = 0; i < 3; i++) chaos.publish(random.pick([...sim.islands.values()]))
  await chaos.run(durationMs)
  await chaos.heal()
  const healed = sim.now
  let lacking = short(sim)
  while (lacking.length > 0 && sim.now < healed + QUIET_MS) {
    await sim.run(1_000)
    lacking = short(sim)
  }
  const keptMs = sim.now - healed
  const problems = [...chaos.problems, ...violations(sim), ...lacking]
  const begunAfterReturn = lacking.length > 0 ? 0 : await afterReturn(sim)
  if (begunAfterReturn > 0) problems.push(`${begunAfterReturn} copies were brought since an island came back`)
  const result = {
    seed,
    problems,
    drops: chaos.ends,
    begun: sim.begun.length,
    begunAfterReturn,
    keptMs,
    log: chaos.log,
  }
  for (const island of sim.islands.values()) island.crash()
  return result
}

/** One goes until others have taken its place, and comes back: how many copies that brings. */
async function afterReturn(sim: RuleSim): Promise<number> {
  const away = sim.random.pick([...sim.islands.values()].filter((island) => island.isUp))
  away.crash()
  const end = sim.now + QUIET_MS
  await sim.run(2 * LOST_MS)
  while (short(sim).length > 0 && sim.now < end) await sim.run(1_000)
  // Where nobody can stand in for it, its return brings work, rightly.
  const missed = lackingOf(sim, false).length
  await sim.run(4 * CLAIM_MS)
  const before = sim.begun.length
  await sim.act(away.start())
  await sim.run(20 * CLAIM_MS)
  return missed > 0 ? 0 : sim.begun.length - before
}
