import type { TaskView } from '../../../src/protocols/model/views.ts'
import { type Random, seeded } from '../random.ts'
import { Scheduler } from '../scheduler.ts'
import { islandName, SimIsland, type SimIslandInit, type TaskWorld } from './island.ts'
import { TaskNet } from './net.ts'

/** Milliseconds of virtual time after which a call that still waits is a fault. */
const PATIENCE_MS = 3_600_000

/** An archipelago of which only the tasks are real, in virtual time. */
export class TaskSim {
  readonly scheduler = new Scheduler()
  readonly random: Random
  readonly world: TaskWorld
  readonly islands: SimIsland[] = []

  constructor(seed: number) {
    this.random = seeded(seed)
    const net = new TaskNet(this.scheduler, this.random.split())
    this.world = {
      scheduler: this.scheduler,
      net,
      ledger: { begun: [], ended: [] },
      random: this.random.split(),
      datasets: new Map(),
      islands: new Map(),
    }
  }

  get net(): TaskNet {
    return this.world.net
  }

  async add(init: Partial<SimIslandInit> = {}): Promise<SimIsland> {
    const island = new SimIsland(this.world, { id: islandName(this.islands.length), ...init })
    this.islands.push(island)
    await this.act(island.start())
    return island
  }

  publish(id: string, ...holders: SimIsland[]): void {
    this.world.datasets.set(id, { holders: new Set(holders.map((h) => h.id)), version: `version of ${id}` })
  }

  run(ms: number): Promise<void> {
    return this.scheduler.run(this.scheduler.now + ms)
  }

  /** Lets virtual time pass until the promise settles. */
  async act<T>(promise: Promise<T>): Promise<T> {
    let settled = false
    const done = () => {
      settled = true
    }
    promise.then(done, done)
    const end = this.scheduler.now + PATIENCE_MS
    while (!settled) {
      await this.scheduler.run(this.scheduler.now + 5)
      if (this.scheduler.now > end) throw new Error('a call did not settle')
    }
    return await promise
  }

  /** Lets time pass until it holds. */
  async until(what: string, holds: () => boolean | Promise<boolean>, ms = 600_000): Promise<void> {
    const end = this.scheduler.now + ms
    while (!(await holds())) {
      if (this.scheduler.now > end) throw new Error(`not within ${ms} ms: ${what}`)
      await this.run(10)
    }
  }

  /** The view at the end of a task. */
  async end(island: SimIsland, id: string): Promise<TaskView> {
    let view: TaskView | undefined
    const watching = (async () => {
      for await (const next of island.tasks!.watch(id)) view = next
    })()
    await this.act(watching)
    return view!
  }
}
