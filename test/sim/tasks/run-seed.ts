import { TaskChaos, type TaskChaosOptions } from './chaos.ts'
import { allQuiet, taskProblems } from './checks.ts'
import { TaskSim } from './world.ts'

export interface TaskSeedResult {
  seed: number
  /** Empty when all is well. */
  problems: string[]
  tasks: number
  /** Ends by their state and error. */
  ends: Record<string, number>
  runs: number
  crashes: Record<string, number>
  /** Milliseconds of virtual time from the end of the faults until nothing was left to do. */
  quietMs: number
  log: string[]
}

/** Milliseconds after the faults within which everything has to have ended. */
export const QUIET_MS = 1_800_000

/** One archipelago of tasks, from its making to the check after the storm. */
export async function runTaskSeed(options: { seed: number } & TaskChaosOptions): Promise<TaskSeedResult> {
  const sim = new TaskSim(options.seed)
  const { random } = sim
  const count = 3 + random.below(4)
  const inlineBytes = random.pick([0, 200, 100_000])
  for (let i = 0; i < count; i++)
    await sim.add({
      requester: { inlineBytes, active: random.pick([2, 128]) },
      provider: { slots: random.pick([1, 2, 8]), maxWaiting: random.pick([0, 3, 1_000]) },
    })
  for (let i = 0; i < 5; i++) {
    const holders = sim.islands.filter(() => random.chance(0.5))
    sim.publish(`data${i}`, ...(holders.length === 0 ? [random.pick(sim.islands)] : holders))
  }
  const chaos = new TaskChaos(sim)
  await chaos.run(options)
  await chaos.heal()
  const healed = sim.scheduler.now
  let quiet = false
  while (!quiet && sim.scheduler.now < healed + QUIET_MS) {
    await sim.run(500)
    quiet = await allQuiet(sim, chaos)
  }
  const problems = await taskProblems(sim, chaos)
  if (!quiet) problems.push(`not everything has ended ${QUIET_MS} ms after the faults`)
  const ends: Record<string, number> = {}
  for (const { id, island } of chaos.acknowledged) {
    const view = await sim.act(island.tasks!.show(id))
    const end = `${view.state} ${view.error?.code ?? ''}`.trim()
    ends[end] = (ends[end] ?? 0) + 1
  }
  return {
    seed: options.seed,
    problems,
    tasks: chaos.acknowledged.length,
    ends,
    runs: sim.world.ledger.begun.length,
    crashes: Object.fromEntries([...chaos.crashes].sort()),
    quietMs: sim.scheduler.now - healed,
    log: chaos.log,
  }
}
