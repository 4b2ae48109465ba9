import { toArchipelError } from '../../../src/protocols/model/errors.ts'
import type { RuleRequest } from '../../../src/protocols/model/rule.ts'
import type { Random } from '../random.ts'
import type { RuleIsland } from './island.ts'
import { LOST_MS, type RuleSim } from './world.ts'

const SITES = ["country = 'DE'", "country in ('DE', 'FR')", "not name = 'b'", "country = 'FR' or name = 'a'"]
/** Refused whatever the world looks like: what is asked of an island has to be stable. */
const UNSTABLE = ["liveness = 'live'", "load = 'low'", "freeBytes = '1'"]

/** Ten minutes in which everything happens that an operator, a power company and a network do. */
export class RuleChaos {
  readonly #sim: RuleSim
  readonly #random: Random
  readonly log: string[] = []
  readonly problems: string[] = []
  /** Ends of drops, by their code. */
  readonly ends: Record<string, number> = {}
  #versions = 0
  #datasets = 0
  /** Drops and rules under way. */
  readonly #asked: Promise<unknown>[] = []

  constructor(sim: RuleSim) {
    this.#sim = sim
    this.#random = sim.random.split()
  }

  get #up(): RuleIsland[] {
    return [...this.#sim.islands.values()].filter((island) => island.isUp)
  }

  #say(what: string): void {
    this.log.push(`${Math.round(this.#sim.now / 1000) % 100_000} ${what}`)
  }

  publish(island: RuleIsland, id = `data-${++this.#datasets}`): void {
    island.publish(id, (++this.#versions).toString(16).padStart(64, '0'))
  }

  async run(durationMs: number): Promise<void> {
    const end = this.#sim.now + durationMs
    while (this.#sim.now < end) {
      await this.#step()
      await this.#sim.run(this.#random() * 4_000)
    }
  }

  async #step(): Promise<void> {
    const sim = this.#sim
    const island = this.#random.chance(0.05) ? undefined : this.#up[this.#random.below(Math.max(1, this.#up.length))]
    if (island === undefined) return
    const kind = this.#random()
    if (kind < 0.1) this.publish(island)
    else if (kind < 0.2) {
      const own = [...sim.newest.values()].filter(({ publisher }) => publisher === island.id)
      if (own.length > 0) this.publish(island, this.#random.pick(own).id)
    } else if (kind < 0.27) this.#rule(island)
    else if (kind < 0.31) this.#unrule(island)
    else if (kind < 0.5) this.#ask(async () => void (await codeOf(island.get())))
    else if (kind < 0.75) this.#drops()
    else if (kind < 0.84) await this.#away(island)
    else if (kind < 0.87) this.#lose(island)
    else if (kind < 0.95) this.#cut()
    else sim.loss = this.#random.chance(0.5) ? 0 : this.#random() * 0.2
  }

  #rule(island: RuleIsland): void {
    const unstable = this.#random.chance(0.2)
    const impossible = !unstable && this.#random.chance(0.2)
    const request: RuleRequest = {
      select: {},
      copies: impossible ? this.#sim.islands.size + 1 : 1 + this.#random.below(3),
      ...(unstable ? { sites: this.#random.pick(UNSTABLE) } : {}),
      ...(!unstable && this.#random.chance(0.4) ? { sites: this.#random.pick(SITES) } : {}),
      ...(this.#random.chance(0.2) ? { spread: 'country' as const } : {}),
    }
    const wanted = unstable ? 'BAD_INPUT' : impossible ? 'RULE_IMPOSSIBLE' : undefined
    this.#say(`${island.card.name} asks for ${JSON.stringify(request)}`)
    this.#ask(async () => {
      const code = await codeOf(island.rules!.add(request))
      if (wanted !== undefined && code !== wanted)
        this.problems.push(
          `a rule that has to be refused with ${wanted} ended with ${code}: ${JSON.stringify(request)}`,
        )
    })
  }

  #unrule(island: RuleIsland): void {
    this.#ask(async () => {
      const own = (await island.rules!.list({ limit: 100 })).items.find(({ publisher }) => publisher.id === island.id)
      if (own === undefined || !island.isUp) return
      this.#say(`${island.card.name} removes ${own.id}`)
      await island.rules!.remove(own.id)
    })
  }

  /** One holder of a dataset, or all of them at once. */
  #drops(): void {
    const held = this.#up.flatMap((island) => island.replicas().map((replica) => ({ island, replica })))
    if (held.length === 0) return
    const { replica } = this.#random.pick(held)
    const all = held.filter(({ replica: r }) => r.id === replica.id && r.publisher === replica.publisher)
    const many = this.#random.chance(0.6) ? all : [this.#random.pick(all)]
    for (const { island, replica: each } of many) {
      this.#say(`${island.card.name} drops ${each.id} of ${each.publisher.slice(3, 4)}`)
      this.#sim.scheduler.after(this.#random() * 300, () => {
        if (!island.isUp) return
        this.#ask(async () => {
          const code = await codeOf(island.drop(each))
          this.ends[code] = (this.ends[code] ?? 0) + 1
        })
      })
    }
  }

  /** Crashes; it comes back soon, or after the others gave it up. */
  async #away(island: RuleIsland): Promise<void> {
    if (this.#up.length <= 2) return
    const ms = this.#random.chance(0.4) ? LOST_MS + this.#random() * LOST_MS : this.#random() * 20_000
    this.#say(`${island.card.name} is away for ${Math.round(ms / 1000)} s`)
    island.crash()
    this.#sim.scheduler.after(ms, () => {
      if (!island.isUp && !island.lost) void island.start()
    })
  }

  #lose(island: RuleIsland): void {
    const lost = [...this.#sim.islands.values()].filter((each) => each.lost).length
    if (lost > 0 || this.#up.length <= 3) return
    this.#say(`${island.card.name} is lost`)
    island.lost = true
    island.crash()
  }

  #cut(): void {
    const { partition } = this.#sim
    this.#say('the islands are in two parts')
    for (const id of this.#sim.islands.keys()) partition.set(id, this.#random.below(2))
    this.#sim.scheduler.after(this.#random() * 1.5 * LOST_MS, () => partition.clear())
  }

  #ask(work: () => Promise<void>): void {
    this.#asked.push(work())
  }

  /** All that is not lost is up, and everybody reaches everybody. */
  async heal(): Promise<void> {
    const sim = this.#sim
    sim.partition.clear()
    sim.loss = 0
    for (const island of sim.islands.values()) if (!island.isUp && !island.lost) await sim.act(island.start())
    this.#say('all is well again')
  }
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => 'ok',
    (cause: unknown) => toArchipelError(cause).code,
  )
}
