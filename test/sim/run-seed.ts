import { Chaos, type ChaosOptions } from './chaos.ts'
import { problems } from './checks.ts'
import { type Island, ROUND_MS } from './island.ts'
import { SimWorld, type WorldOptions } from './world.ts'

export interface SeedResult {
  seed: number
  islands: number
  /** Empty when all is well. */
  problems: string[]
  /** Rounds after the end of the faults until everybody agreed. */
  rounds: number
  records: number
  /** Mean bytes of one idle comparison of two islands; undefined with a liar about. */
  idleBytes: number | undefined
  faults: string[]
  /** What happened, so that one sees that the run was no walk: own logs taken over or written again, liars caught. */
  recovered: number
  orphansSeen: number
  caught: number
  suspicions: number
}

/** Rounds within which everything has to be in order again, losses of stores included. */
export const MAX_ROUNDS = 6
/** Bytes of one comparison when nothing changed. */
export const MAX_IDLE_BYTES = 1000

/** One world, from its founding to the check after the storm. */
export async function runSeed(options: WorldOptions & ChaosOptions): Promise<SeedResult> {
  const liars = options.liars ?? (options.seed % 2 === 0 ? 1 : 0)
  const sim = new SimWorld({ ...options, liars })
  await sim.found()
  const chaos = new Chaos(sim)
  await chaos.run(options)
  await chaos.heal()
  let found: string[] = []
  let rounds = 0
  do {
    await sim.round()
    rounds++
    found = await problems(sim)
  } while (found.length > 0 && rounds < MAX_ROUNDS)
  const idleBytes = liars === 0 && found.length === 0 ? await idle(sim) : undefined
  if (idleBytes !== undefined && idleBytes > MAX_IDLE_BYTES)
    found.push(`an idle comparison costs ${Math.round(idleBytes)} bytes`)
  const records = sim.honest[0]?.catalog?.status().records ?? 0
  const sum = (of: (island: Island) => number) => sim.honest.reduce((n, island) => n + of(island), 0)
  return {
    seed: options.seed,
    islands: options.islands,
    problems: found,
    rounds,
    records,
    idleBytes,
    faults: chaos.log,
    recovered: sum((i) => i.recovered),
    orphansSeen: sum((i) => i.mostOrphans),
    caught: sum((i) => i.catalog?.membership().quarantined.size ?? 0),
    suspicions: sum((i) => i.suspected.length),
  }
}

async function idle(sim: SimWorld): Promise<number> {
  // What still was under way.
  await sim.run(ROUND_MS)
  sim.network.bytes = { calls: 0, gossip: 0 }
  const before = sim.islands.reduce((sum, i) => sum + i.rounds, 0)
  await sim.run(ROUND_MS * 2)
  const rounds = sim.islands.reduce((sum, i) => sum + i.rounds, 0) - before
  return sim.network.bytes.calls / Math.max(1, rounds)
}
