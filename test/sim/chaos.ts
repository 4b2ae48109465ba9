import type { CatalogPort } from '../../src/node/catalog/port.ts'
import type { SignedRecord } from '../../src/protocols/record/envelope.ts'
import { buildLeft, buildRevocation } from '../../src/protocols/record/member-facts.ts'
import type { Island } from './island.ts'
import type { MemoryStore } from './memory-store.ts'
import { CALM } from './network.ts'
import type { Random } from './random.ts'
import type { SimWorld } from './world.ts'

export interface ChaosOptions {
  /** Milliseconds of virtual time. Default five minutes, two where there are more than 50 islands. */
  durationMs?: number
  /** Milliseconds between two faults, on average, whatever the number of islands. Default: one of 3,000, 8,000 and 20,000. */
  faultMs?: number
  /** Milliseconds between two writes, on average. Default 2,000. */
  writeMs?: number
}

const KINDS = ['note', 'rule', 'member']

/** Work and faults at random; `heal` ends the faults, not the work's effects. */
export class Chaos {
  readonly #sim: SimWorld
  readonly #random: Random
  readonly #fragile: Island[]
  readonly #stable: Island[]
  readonly #backups = new Map<Island, MemoryStore>()
  readonly #left = new Set<Island>()
  readonly log: string[] = []
  #joined = 0

  constructor(sim: SimWorld) {
    this.#sim = sim
    this.#random = sim.random.split()
    const others = sim.honest.slice(1)
    // A third may lose its disk or its membership; the others keep what reached them.
    this.#fragile = others.filter((_, i) => i % 3 === 0)
    this.#stable = sim.honest.filter((i) => !this.#fragile.includes(i))
  }

  async run(options: ChaosOptions = {}): Promise<void> {
    const { scheduler, network } = this.#sim
    const random = this.#random
    const {
      durationMs = this.#sim.islands.length > 50 ? 120_000 : 300_000,
      faultMs = random.pick([3_000, 8_000, 20_000]),
      writeMs = 2_000,
    } = options
    network.weather = {
      loss: random.pick([0, 0.02, 0.1]),
      duplication: random.pick([0, 0.1]),
      latency: [5, random.pick([50, 500, 3000])],
      gossip: random.chance(0.7),
    }
    const end = scheduler.now + durationMs
    while (scheduler.now < end) {
      await this.#sim.run(-Math.log(1 - random()) * writeMs)
      this.#write(
        random.chance(0.1) && this.#sim.liars.size > 0 ? [...this.#sim.liars][0]! : random.pick(this.#sim.honest),
      )
      if (random.chance(writeMs / faultMs)) await this.#fault()
    }
  }

  /** Everything works again, and everybody who is a member is there. */
  async heal(): Promise<void> {
    const { network } = this.#sim
    network.weather = { ...CALM, gossip: this.#random.chance(0.5) }
    network.partition.clear()
    for (const island of this.#sim.islands) {
      island.skewMs = 0
      if (!island.isUp && !this.#sim.revoked.has(island)) await this.#sim.act(island.start())
    }
    // Rounds under way when the faults ended may still wait for lost answers.
    await this.#sim.run(15_000)
  }

  #note(what: string, island?: Island): void {
    this.log.push(
      `${((this.#sim.scheduler.now % 86_400_000) / 1000).toFixed(1)} ${what} ${island?.id.slice(0, 8) ?? ''}`,
    )
  }

  #write(island: Island): void {
    const { oracle } = this.#sim
    const cat = island.catalog
    if (cat === undefined || this.#left.has(island)) return
    const random = this.#random
    const many = random.chance(0.1) ? 2 + random.below(30) : 1
    for (let i = 0; i < many; i++) {
      const kind = random.pick(KINDS)
      const id = `${kind === 'member' ? 'other/' : ''}n${random.below(20)}`
      const n = oracle.next()
      const body = { n, text: 'x'.repeat(random.chance(0.05) ? 9000 : random.below(300)) }
      const withdrawn = random.chance(0.2)
      const write: Promise<SignedRecord | undefined> = withdrawn ? cat.withdraw(kind, id) : cat.append(kind, id, body)
      write.then(
        (record) => {
          // An island that died meanwhile acknowledged nothing; a withdrawal of nothing is none.
          if (record !== undefined && island.catalog === cat) oracle.acknowledged(record, n)
        },
        () => {},
      )
    }
  }

  async #fault(): Promise<void> {
    const random = this.#random
    const up = this.#sim.honest.filter((i) => i.isUp)
    const island = random.pick(up)
    const fragile = this.#fragile.filter((i) => i.isUp && !this.#sim.revoked.has(i))
    switch (random.below(16)) {
      case 0:
      case 1:
        return this.#crash(island)
      case 2:
      case 3:
        if (fragile.length > 0) await this.#wipe(random.pick(fragile))
        return
      case 4:
        for (const i of fragile) if (random.chance(0.5)) this.#backups.set(i, i.store.backup())
        return
      case 5:
      case 6: {
        const saved = fragile.filter((i) => this.#backups.has(i))
        if (saved.length > 0) await this.#restore(random.pick(saved))
        return
      }
      case 7:
      case 8:
      case 9:
        return this.#partition()
      case 10:
        return this.#jump(island)
      case 11:
        if (random.chance(0.4) && fragile.length > 1) await this.#revoke(random.pick(fragile))
        return
      case 12:
        return this.#join()
      case 13:
        if (random.chance(0.3)) this.#leave(island)
        return
      default:
        for (const [liar, mind] of this.#sim.liarMinds) {
          mind.shout(liar, this.#sim.network, liar.init.peers)
          const { id, body } = mind.slander(random.pick(this.#sim.honest).id)
          liar.catalog?.append('member', id, body).catch(() => {})
        }
    }
  }

  #crash(island: Island): void {
    this.#note('crash', island)
    island.crash()
    this.#startLater(island, this.#random() * 120_000)
  }

  #startLater(island: Island, ms: number): void {
    this.#sim.scheduler.after(ms, () => {
      if (!island.isUp && island.instance === undefined && !this.#sim.revoked.has(island)) void island.start()
    })
  }

  async #wipe(island: Island): Promise<void> {
    this.#note('wipe', island)
    island.crash()
    await this.#sim.oracle.lost(island.id, this.#copies())
    island.store = island.newStore()
    this.#startLater(island, this.#random() * 60_000)
  }

  async #restore(island: Island): Promise<void> {
    this.#note('restore', island)
    island.crash()
    const backup = this.#backups.get(island)!
    this.#backups.delete(island)
    await this.#sim.oracle.lost(island.id, [...this.#copies(), backup])
    island.store = backup
    this.#startLater(island, this.#random() * 60_000)
  }

  #copies(): MemoryStore[] {
    return this.#stable.filter((i) => !this.#sim.revoked.has(i)).map((i) => i.store)
  }

  #partition(): void {
    this.#note('partition')
    const { network, islands, scheduler } = this.#sim
    const groups = 2 + this.#random.below(2)
    for (const island of islands) network.partition.set(island.id, this.#random.below(groups))
    scheduler.after(this.#random() * 180_000, () => network.partition.clear())
  }

  #jump(island: Island): void {
    this.#note('clock', island)
    island.skewMs = (this.#random() - 0.5) * 4 * 3600 * 1000
    this.#sim.scheduler.after(this.#random() * 240_000, () => {
      island.skewMs = 0
    })
  }

  async #revoke(member: Island): Promise<void> {
    const { admin, world } = this.#sim
    const by = this.#sim.islands[0]!
    const cat = by.catalog
    if (cat === undefined) return
    this.#note('revoke', member)
    const head = cat.heads().find((h) => h.origin === member.id)
    const at = head === undefined ? { epoch: 0 as const, seq: 0 as const } : { epoch: head.epoch, seq: head.seq }
    const fact = buildRevocation({ archipelagoId: world.archipelagoId, member: member.id, at, invitees: 'keep', admin })
    await this.#appendSafely(cat, by, fact)
    if (!cat.membership().members.has(member.id) || cat.membership().members.get(member.id)!.state === 'revoked') {
      this.#sim.revoked.add(member)
    }
  }

  /** As the web service would: it answers only when the record is durable. */
  async #appendSafely(cat: CatalogPort, by: Island, fact: { id: string; body: unknown }): Promise<void> {
    let done = false
    cat.append('member', fact.id, fact.body).then(
      () => {
        done = true
      },
      () => {},
    )
    for (let i = 0; i < 100 && !done && by.catalog === cat; i++) await this.#sim.run(10)
  }

  async #join(): Promise<void> {
    const inviters = this.#stable.filter((i) => i.isUp && !this.#left.has(i))
    if (inviters.length === 0 || this.#joined >= 3) return
    const island = await this.#sim.join(this.#random.pick(inviters), `newcomer ${this.#joined++}`)
    if (island === undefined) return
    this.#note('join', island)
    this.#stable.push(island)
  }

  #leave(island: Island): void {
    const cat = island.catalog
    if (cat === undefined || island === this.#sim.islands[0] || this.#left.size > 1 || this.#left.has(island)) return
    this.#note('leave', island)
    this.#left.add(island)
    const fact = buildLeft(island.id)
    cat.append('member', fact.id, fact.body).catch(() => {})
  }
}
