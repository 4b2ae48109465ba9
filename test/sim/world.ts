import type { SignedRecord } from '../../src/protocols/record/envelope.ts'
import { archipelagoIdOf, buildFirstCard, buildGenesis, islandIdOf } from '../../src/protocols/record/genesis.ts'
import type { Signer } from '../../src/protocols/record/keys.ts'
import { acceptCard, buildAdmission, type MemberFact } from '../../src/protocols/record/member-facts.ts'
import { cheapSigner } from './cheap-keys.ts'
import { Island, type IslandInit, ROUND_MS, type World } from './island.ts'
import { Liar } from './liar.ts'
import { Network } from './network.ts'
import { Oracle } from './oracle.ts'
import { type Random, seeded } from './random.ts'
import { Scheduler } from './scheduler.ts'

export interface WorldOptions {
  seed: number
  islands: number
  /** Neighbours of each island. Default 6. */
  degree?: number
  liars?: number
}

/** Milliseconds of virtual time after which a call that still waits is a fault of the simulation. */
const PATIENCE_MS = 600_000

/** An archipelago in virtual time. */
export class SimWorld {
  readonly scheduler = new Scheduler()
  readonly random: Random
  readonly network: Network
  readonly oracle = new Oracle()
  readonly admin: Signer
  readonly world: World
  readonly islands: Island[] = []
  readonly liars = new Set<Island>()
  readonly liarMinds = new Map<Island, Liar>()
  readonly revoked = new Set<Island>()
  readonly #options: Required<WorldOptions>

  constructor(options: WorldOptions) {
    this.#options = { degree: 6, liars: 0, ...options }
    this.random = seeded(options.seed)
    this.network = new Network(this.scheduler, this.random.split())
    this.admin = cheapSigner(`admin ${options.seed}`)
    const genesis = buildGenesis({
      name: `sim ${options.seed}`,
      admins: [this.admin.publicKey],
      created: this.scheduler.now,
      nonce: this.#nonce(),
    })
    this.world = { scheduler: this.scheduler, network: this.network, genesis, archipelagoId: archipelagoIdOf(genesis) }
  }

  get honest(): Island[] {
    return this.islands.filter((i) => !this.liars.has(i) && !this.revoked.has(i))
  }

  /** Founds the archipelago and lets everybody in. */
  async found(): Promise<void> {
    const { islands, liars } = this.#options
    const founder = this.#newIsland('island 0', undefined)
    await this.act(founder.start())
    const fact = this.#admission(founder, founder, true, this.admin)
    await this.act(founder.catalog!.append('member', fact.id, fact.body))
    const newcomers = Array.from({ length: islands - 1 }, (_, i) =>
      this.#newIsland(`island ${i + 1}`, undefined, i >= islands - 1 - liars),
    )
    const facts = newcomers.map((island) => this.#admission(island, founder, !this.liars.has(island)))
    await this.act(founder.catalog!.appendMany(facts.map((f) => ({ kind: 'member', ...f }))))
    const known = founder.catalog!.membershipFacts()
    for (const island of newcomers) island.init.facts.push(...known)
    this.#connect()
    for (const peer of founder.init.peers) founder.meet(peer)
    for (const island of newcomers) await this.act(island.start())
    await this.run(2_000)
  }

  /** A new island, invited by that one; undefined when the inviter cannot. */
  async join(inviter: Island, name: string): Promise<Island | undefined> {
    const island = this.#newIsland(name, inviter)
    const fact = this.#admission(island, inviter, true)
    const cat = inviter.catalog
    const instance = inviter.instance
    if (cat === undefined || instance === undefined) return undefined
    let done: SignedRecord | undefined
    void cat.append('member', fact.id, fact.body).then(
      (r) => {
        done = r
      },
      () => {},
    )
    await this.run(1_000)
    if (done === undefined || !instance.alive) return undefined
    island.init.facts.push(...cat.membershipFacts())
    this.islands.push(island)
    for (const peer of this.#neighbours(island)) {
      island.init.peers.add(peer.id)
      peer.meet(island.id)
    }
    await this.act(island.start())
    return island
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

  run(ms: number): Promise<void> {
    return this.scheduler.run(this.scheduler.now + ms)
  }

  /** The time in which every island compares with each of its peers. */
  round(): Promise<void> {
    return this.run(ROUND_MS * 1.2)
  }

  #newIsland(name: string, inviter: Island | undefined, lies = false): Island {
    const signer = cheapSigner(`${this.#options.seed} ${name}`)
    const card = buildFirstCard({
      name,
      key: signer.publicKey,
      created: Math.floor(this.scheduler.now),
      nonce: this.#nonce(),
    })
    const id = islandIdOf(card)
    const init: IslandInit = { id, card, signer, random: this.random.split(), facts: [], peers: new Set() }
    const mind = lies ? new Liar({ archipelagoId: this.world.archipelagoId, signer }, this.random.split()) : undefined
    if (mind !== undefined) init.twist = mind.twist
    const island = new Island(this.world, init)
    if (mind !== undefined) {
      this.liars.add(island)
      this.liarMinds.set(island, mind)
    }
    if (inviter === undefined) this.islands.push(island)
    return island
  }

  #admission(member: Island, inviter: Island, mayInvite: boolean, admin?: Signer): MemberFact {
    const { archipelagoId } = this.world
    const { card, signer } = member.init
    const acceptance = acceptCard({ archipelagoId, inviter: inviter.id, card, signer })
    const fields = { archipelagoId, card, inviter: inviter.id, acceptance, mayInvite }
    return buildAdmission(admin === undefined ? fields : { ...fields, admin })
  }

  /** A ring, so that all hang together, and random chords. */
  #connect(): void {
    const all = this.islands
    for (const [i, island] of all.entries()) {
      this.#link(island, all[(i + 1) % all.length]!)
      for (let k = 2; k < this.#options.degree; k += 2) this.#link(island, this.random.pick(all))
    }
  }

  #link(a: Island, b: Island): void {
    if (a === b) return
    a.init.peers.add(b.id)
    b.init.peers.add(a.id)
  }

  #neighbours(island: Island): Island[] {
    const candidates = this.honest.filter((i) => i !== island && i.isUp)
    const chosen = new Set<Island>()
    for (let k = 0; k < Math.max(2, this.#options.degree / 2) && candidates.length > 0; k++)
      chosen.add(this.random.pick(candidates))
    return [...chosen]
  }

  #nonce(): Uint8Array {
    return Uint8Array.from({ length: 16 }, () => this.random.below(256))
  }
}
