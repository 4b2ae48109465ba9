import type { Unmet } from '../../../src/node/promises/port.ts'
import type { Card } from '../../../src/protocols/model/island.ts'
import { type Random, seeded } from '../random.ts'
import { Scheduler } from '../scheduler.ts'
import { RuleIsland } from './island.ts'

/** An entry of somebody's log. Without a body: withdrawn. */
export interface Entry {
  origin: string
  kind: string
  id: string
  body: unknown
  time: number
}

/** A copy that went, with what stood on all disks then. */
export interface Drop {
  island: string
  dataset: string
  version: string
  /** Others that have it on their disks then. */
  left: string[]
  /** Rules known to the island that have too few copies by that. */
  unmet: Unmet[]
  /** Whether it was the newest version then. */
  newest: boolean
}

export const CLAIM_MS = 5_000
export const LOST_MS = 60_000
const HEARTBEAT_MS = 1_000
const ROUND_MS = 4_000
const LATENCY_MS = [5, 80] as const
/** Milliseconds until a lost message is given up. */
export const NOTICED_MS = 3_000

/** An archipelago of which only rules and promises are real, in virtual time. */
export class RuleSim {
  readonly scheduler = new Scheduler()
  readonly random: Random
  /** Append-only; each island has seen a beginning of each. */
  readonly logs = new Map<string, Entry[]>()
  readonly islands = new Map<string, RuleIsland>()
  /** Group of each island; those of different groups do not reach each other. */
  readonly partition = new Map<string, number>()
  /** Part of messages that get lost. */
  loss = 0
  /** Copies whose bringing was begun, by dataset and version. */
  readonly begun: { island: string; dataset: string; version: string; at: number }[] = []
  readonly drops: Drop[] = []
  /** Newest version of each dataset, by publisher and id. */
  readonly newest = new Map<string, { publisher: string; id: string; version: string }>()
  lastRule = 0

  constructor(seed: number) {
    this.random = seeded(seed)
  }

  get now(): number {
    return this.scheduler.now
  }

  add(options: { country?: string; obeys?: boolean; quota?: number } = {}): RuleIsland {
    const { country = 'DE', obeys = true, quota = Number.POSITIVE_INFINITY } = options
    const name = String.fromCharCode(97 + this.islands.size)
    const id = `isl${name.repeat(32)}`
    const card = { name, place: { name, country }, ...(obeys ? { rulesFrom: ['members'] } : {}) } as unknown as Card
    const island = new RuleIsland(this, { id, card, quota })
    this.logs.set(id, [])
    this.islands.set(id, island)
    return island
  }

  reaches(a: string, b: string): boolean {
    const up = (id: string) => this.islands.get(id)?.isUp === true
    return up(a) && up(b) && (this.partition.get(a) ?? 0) === (this.partition.get(b) ?? 0)
  }

  latency(): number {
    return LATENCY_MS[0] + this.random() * (LATENCY_MS[1] - LATENCY_MS[0])
  }

  /** Resolves after one way, with whether it arrived. */
  async carry(a: string, b: string): Promise<boolean> {
    const lost = this.random.chance(this.loss)
    if (!lost && this.reaches(a, b)) {
      await this.scheduler.delay(this.latency())
      if (this.reaches(a, b)) return true
    }
    await this.scheduler.delay(NOTICED_MS)
    return false
  }

  /** Heartbeats and rounds of the catalog, for ever. */
  begin(): void {
    const beat = () => {
      for (const a of this.islands.values())
        for (const b of this.islands.keys()) if (this.reaches(a.id, b)) a.heard.set(b, this.now)
      this.scheduler.after(HEARTBEAT_MS, beat)
    }
    const round = () => {
      for (const a of this.islands.values()) {
        const others = [...this.islands.keys()].filter((b) => b !== a.id && this.reaches(a.id, b))
        if (others.length > 0) a.pullFrom(this.random.pick(others))
      }
      this.scheduler.after(ROUND_MS, round)
    }
    beat()
    round()
  }

  run(ms: number): Promise<void> {
    return this.scheduler.run(this.now + ms)
  }

  /** Lets virtual time pass until the promise settles. */
  async act<T>(promise: Promise<T>): Promise<T> {
    let settled = false
    const done = () => {
      settled = true
    }
    promise.then(done, done)
    for (let i = 0; !settled; i++) {
      if (i > 100_000) throw new Error('a call did not settle')
      await this.run(20)
    }
    return await promise
  }

  /** Islands that have it on the disk, whether they are up or not. */
  onDisks(publisher: string, id: string, version: string): string[] {
    return [...this.islands.values()].flatMap((i) => (i.has(publisher, id, version) ? [i.id] : []))
  }
}
