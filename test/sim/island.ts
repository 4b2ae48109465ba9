import { catalog } from '../../src/node/catalog/catalog.ts'
import type { CatalogPort, SyncReport } from '../../src/node/catalog/port.ts'
import type { SignedRecord } from '../../src/protocols/record/envelope.ts'
import type { Signer } from '../../src/protocols/record/keys.ts'
import { cheapVerify } from './cheap-keys.ts'
import { MemoryStore } from './memory-store.ts'
import type { Handlers, Instance, Network } from './network.ts'
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'

export interface World {
  scheduler: Scheduler
  network: Network
  archipelagoId: string
  genesis: Uint8Array
}

export interface IslandInit {
  id: string
  card: Uint8Array
  signer: Signer
  random: Random
  /** Facts known from joining, kept with the key outside the store: as an island's membership file does. */
  facts: SignedRecord[]
  peers: Set<string>
  /** A liar's way with what its catalog would say. */
  twist?: (handlers: Handlers, island: Island) => Handlers
}

export const ROUND_MS = 30_000
const HINT_MS = 50
const RETRY_MS = 2_000

/** An island of the simulation: the real catalog, on a disk and a clock that can fail. */
export class Island {
  readonly init: IslandInit
  readonly #world: World
  store: MemoryStore
  catalog: CatalogPort | undefined
  instance: Instance | undefined
  /** Milliseconds that the clock is off. */
  skewMs = 0
  revoked = false
  recovered = 0
  mostOrphans = 0
  readonly suspected: string[] = []
  /** Rounds ended since the start of the simulation. */
  rounds = 0
  #waiting = new Map<string, () => void>()

  constructor(world: World, init: IslandInit) {
    this.init = init
    this.#world = world
    this.store = this.newStore()
  }

  get id(): string {
    return this.init.id
  }

  get isUp(): boolean {
    return this.instance?.alive === true
  }

  newStore(): MemoryStore {
    const { scheduler } = this.#world
    const { random } = this.init
    return new MemoryStore({ random, latency: () => scheduler.delay(1 + random() * 9) })
  }

  async start(): Promise<void> {
    const { scheduler, network, archipelagoId, genesis } = this.#world
    const { id, signer, random, twist } = this.init
    const cat = catalog(
      { archipelagoId, genesis, self: id },
      {
        store: this.store,
        signer,
        verify: cheapVerify,
        random,
        clock: { now: () => Math.floor(scheduler.now + this.skewMs), after: (ms, fn) => scheduler.after(ms, fn) },
      },
    )
    const instance: Instance = { island: id, alive: true, handlers: cat }
    if (twist !== undefined) instance.handlers = twist(cat, this)
    this.catalog = cat
    this.instance = instance
    cat.on('announce', (bytes) => {
      if (instance.alive) network.gossip(instance, this.init.peers, bytes)
    })
    cat.on('behind', ({ from }) => {
      if (instance.alive) this.#soon(instance, from, HINT_MS)
    })
    cat.on('own:recovered', () => {
      this.recovered++
    })
    cat.on('peer:suspect', ({ peer }) => this.suspected.push(peer))
    cat.on('self:revoked', () => {
      this.revoked = true
    })
    await cat.start()
    if (!instance.alive) return
    await cat.addFacts(this.init.facts)
    if (!instance.alive) return
    network.join(instance)
    for (const peer of this.init.peers) this.#soon(instance, peer, random() * 200)
  }

  /** Power is cut. */
  crash(): void {
    if (this.instance === undefined) return
    this.#world.network.leave(this.instance)
    for (const cancel of this.#waiting.values()) cancel()
    this.#waiting.clear()
    this.store = this.store.crash()
    this.instance = undefined
    this.catalog = undefined
  }

  /** A new neighbour: both compare at once. */
  meet(peer: string): void {
    this.init.peers.add(peer)
    if (this.instance !== undefined) this.#soon(this.instance, peer, 10)
  }

  /** To be compared with soon, and then every interval as long as this process lives. */
  #soon(instance: Instance, peer: string, ms: number): void {
    const { scheduler } = this.#world
    this.#waiting.get(peer)?.()
    const cancel = scheduler.after(ms, () => {
      this.#waiting.delete(peer)
      void this.#round(instance, peer)
    })
    this.#waiting.set(peer, cancel)
  }

  async #round(instance: Instance, peer: string): Promise<void> {
    const { network } = this.#world
    const { random, peers } = this.init
    if (!instance.alive) return
    let next = ROUND_MS * (0.8 + random() * 0.4)
    if (network.reaches(this.id, peer)) {
      const report = await this.sync(instance, peer)
      if (!instance.alive) return
      if (report?.same !== true) next = Math.min(next, RETRY_MS * (1 + random()) * 5)
    }
    if (peers.has(peer) && !this.#waiting.has(peer)) this.#soon(instance, peer, next)
  }

  async sync(instance: Instance, peer: string): Promise<SyncReport | undefined> {
    try {
      const report = await this.catalog!.syncWith(this.#world.network.remote(instance, peer))
      this.rounds++
      this.mostOrphans = Math.max(this.mostOrphans, this.catalog?.status().orphans ?? 0)
      return report
    } catch {
      return undefined
    }
  }
}
