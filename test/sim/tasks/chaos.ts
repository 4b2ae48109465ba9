import { FINAL_STATES } from '../../../src/protocols/model/task-states.ts'
import type { SubmitRequest, TaskView } from '../../../src/protocols/model/views.ts'
import type { Random } from '../random.ts'
import type { SimIsland } from './island.ts'
import { FAIR } from './net.ts'
import type { TaskSim } from './world.ts'

export interface TaskChaosOptions {
  /** Milliseconds of virtual time. Default two minutes. */
  durationMs?: number
  /** Milliseconds between two tasks, and between two faults, on average. */
  taskMs?: number
  faultMs?: number
}

/** A submission that was acknowledged. */
export interface Acknowledged {
  id: string
  island: SimIsland
  /** The word by which its runs are known. */
  label: string
  atMostOnce: boolean
  key: string | undefined
  /** A cancel was acknowledged while it had not ended. */
  cancelled: boolean
}

const USERS = ['ada', 'bob', 'eve']
const FAILURES = ['CODE_FAILED', 'ENGINE_FAILED', 'STALE', 'ENGINE_DOWN', 'TIME_LIMIT']

/** Tasks and faults at random; `heal` ends the faults. Notes every end that any island tells. */
export class TaskChaos {
  readonly #sim: TaskSim
  readonly #random: Random
  readonly acknowledged: Acknowledged[] = []
  /** What was told of the ends, by task. */
  readonly told = new Map<string, Map<string, string>>()
  readonly log: string[] = []
  /** Crashes by the write at which they happened. */
  readonly crashes = new Map<string, number>()
  #submitted = 0
  #crashChance = 0

  constructor(sim: TaskSim) {
    this.#sim = sim
    this.#random = sim.random.split()
  }

  async run(options: TaskChaosOptions = {}): Promise<void> {
    const random = this.#random
    const { scheduler, net } = this.#sim
    const {
      durationMs = 120_000,
      taskMs = random.pick([500, 2_000, 5_000]),
      faultMs = random.pick([3_000, 8_000, 20_000]),
    } = options
    net.weather = {
      loss: random.pick([0, 0, 0.01, 0.05]),
      duplication: random.pick([0, 0.05, 0.2]),
      latency: [1, random.pick([5, 50, 1_500])],
    }
    this.#crashChance = random.pick([0, 0.002, 0.02])
    for (const island of this.#sim.islands) this.#arm(island)
    const end = scheduler.now + durationMs
    while (scheduler.now < end) {
      await this.#sim.run(-Math.log(1 - random()) * Math.min(taskMs, faultMs))
      if (random.chance(Math.min(1, faultMs / taskMs))) this.#submit(random.pick(this.#sim.islands))
      if (random.chance(0.3)) this.#cancel()
      if (random.chance(0.5)) this.#ask()
      if (random.chance(Math.min(1, taskMs / faultMs))) this.#fault()
    }
  }

  /** Everything works again, and everybody is there. */
  async heal(): Promise<void> {
    const { net, islands } = this.#sim
    this.#crashChance = 0
    net.weather = FAIR
    net.partition.clear()
    for (const island of islands) {
      island.stale = false
      island.forbids = false
      island.store.broken = undefined
      if (!island.isUp) await this.#sim.act(island.start())
    }
    net.heard()
  }

  #note(text: string): void {
    this.log.push(`${((this.#sim.scheduler.now - Date.UTC(2026, 0, 1)) / 1000).toFixed(3)} ${text}`)
  }

  /** Crashes at its writes, with a small chance at each. */
  #arm(island: SimIsland): void {
    island.onWrite = (point, when) => {
      if (!this.#random.chance(this.#crashChance)) return
      const name = `${point}:${when}`
      this.crashes.set(name, (this.crashes.get(name) ?? 0) + 1)
      this.#note(`${island.id.slice(0, 4)} crashes at ${name}`)
      this.#crash(island)
    }
  }

  #crash(island: SimIsland): void {
    if (island.process === undefined) return
    island.crash()
    const downMs = this.#random.pick([100, 2_000, 15_000, 40_000]) * (0.5 + this.#random())
    this.#sim.scheduler.after(downMs, () => this.#startAgain(island))
  }

  #startAgain(island: SimIsland): void {
    if (island.process !== undefined) return
    this.#note(`${island.id.slice(0, 4)} starts`)
    void island.start()
  }

  #submit(island: SimIsland): void {
    const random = this.#random
    const { tasks } = island
    if (tasks === undefined || !island.isUp) return
    const label = `t${++this.#submitted}`
    const datasets = [...this.#sim.world.datasets.keys()]
    const from = random.chance(0.8) ? `from=${random.pick(datasets)}` : ''
    const ms = random.pick([1, 100, 1_000, 5_000, 20_000])
    const fail = random.chance(0.1) ? `fail=${random.pick(FAILURES)}` : ''
    const atMostOnce = random.chance(0.3)
    const key = random.chance(0.2) ? `key${random.below(8)}` : undefined
    const request: SubmitRequest = {
      kind: 'sql',
      code: `task=${key ?? label} ${key === undefined ? `${from} ms=${ms} rows=${random.pick([0, 1, 200])} log=${random.below(3)} ${fail}` : 'ms=300'}`,
      leaseMs: random.pick([2_000, 5_000, 15_000]),
      ...(key === undefined ? {} : { idempotencyKey: key, leaseMs: 5_000 }),
      ...(atMostOnce && key === undefined ? { atMostOnce } : {}),
      ...(random.chance(0.15) && key === undefined ? { publish: { id: label } } : {}),
    }
    this.#note(`${island.id.slice(0, 4)} asks for ${request.code}${atMostOnce ? ' at most once' : ''}`)
    void tasks.submit(request, { user: key === undefined ? random.pick(USERS) : 'ada' }).then(
      ({ id }) => {
        const known = this.acknowledged.find((a) => a.id === id)
        if (known !== undefined) return
        this.#note(`  ${label} is ${id.slice(-10)}`)
        const once = request.atMostOnce === true
        this.acknowledged.push({ id, island, label: key ?? label, atMostOnce: once, key, cancelled: false })
      },
      () => {},
    )
    // Two at once with one key.
    if (key !== undefined && random.chance(0.5)) void tasks.submit(request, { user: 'ada' }).catch(() => {})
  }

  #cancel(): void {
    if (this.acknowledged.length === 0 || !this.#random.chance(0.4)) return
    const task = this.#random.pick(this.acknowledged)
    void task.island.tasks?.cancel(task.id).then(
      (view) => {
        this.hear(view)
        if (FINAL_STATES.has(view.state)) return
        this.#note(`${task.label} is cancelled`)
        task.cancelled = true
      },
      () => {},
    )
  }

  /** Any island is asked for any task. */
  #ask(): void {
    if (this.acknowledged.length === 0) return
    const { id } = this.#random.pick(this.acknowledged)
    void this.#random
      .pick(this.#sim.islands)
      .tasks?.show(id)
      .then(
        (view) => this.hear(view),
        () => {},
      )
  }

  /** An end that was told has to be the end for good. */
  hear(view: TaskView): void {
    if (!FINAL_STATES.has(view.state)) return
    const known = this.told.get(view.id) ?? new Map<string, string>()
    this.told.set(view.id, known)
    const said = `${view.state} ${view.error?.code ?? ''}`.trim()
    if (!known.has(said)) known.set(said, `${view.from.role} ${view.from.island.slice(0, 4)}`)
  }

  #fault(): void {
    const random = this.#random
    const { islands, net } = this.#sim
    const island = random.pick(islands)
    const name = island.id.slice(0, 4)
    switch (random.below(7)) {
      case 0:
      case 1:
        this.#note(`${name} crashes`)
        this.#crash(island)
        break
      case 2: {
        const other = random.pick(islands)
        this.#note(`${name} and ${other.id.slice(0, 4)} crash`)
        this.#crash(island)
        this.#crash(other)
        break
      }
      case 3:
        this.#note('a partition')
        for (const one of islands) net.partition.set(one.id, random.below(2))
        break
      case 4:
        this.#note('no partition')
        net.partition.clear()
        net.heard()
        break
      case 5:
        island.stale = random.chance(0.3)
        break
      case 6:
        if (!island.isUp) break
        this.#note(`${name} is stopped in order`)
        void island.stop().then(() => {
          this.#sim.scheduler.after(random.pick([1_000, 10_000]), () => this.#startAgain(island))
        })
    }
  }
}
