import { catalog } from '../../src/node/catalog/catalog.ts'
import type { CatalogPort, Clock, LogStore, SyncRemote } from '../../src/node/catalog/port.ts'
import type { SignedRecord } from '../../src/protocols/record/envelope.ts'
import { archipelagoIdOf, buildFirstCard, buildGenesis, islandIdOf } from '../../src/protocols/record/genesis.ts'
import { generateSeed, type Signer, signerFromSeed } from '../../src/protocols/record/keys.ts'
import { acceptCard, buildAdmission } from '../../src/protocols/record/member-facts.ts'
import type { TestContext } from '../kit/index.ts'
import { MemoryStore } from '../sim/memory-store.ts'

export interface TestClock extends Clock {
  skewMs: number
}

export interface TestIsland {
  self: string
  signer: Signer
  card: Uint8Array
  store: LogStore
  cat: CatalogPort
  clock: TestClock
  announced: Uint8Array[]
  /** A new process on another store, or on the same. */
  restart(store?: LogStore): Promise<void>
}

/** Islands with real keys and real catalogs in one process; calls between them are calls of functions. */
export class Archipelago {
  readonly admin = signerFromSeed(generateSeed())
  readonly genesis = buildGenesis({ name: 'Tests', admins: [this.admin.publicKey], created: 1 })
  readonly archipelagoId = archipelagoIdOf(this.genesis)
  readonly islands: TestIsland[] = []
  readonly #t: TestContext

  constructor(t: TestContext) {
    this.#t = t
  }

  /** The first island admits itself by the admin key; the others are invited by it, or by `inviter`. */
  async island(
    options: { store?: LogStore; inviter?: TestIsland; stranger?: boolean; tombstoneMs?: number } = {},
  ): Promise<TestIsland> {
    const { archipelagoId, genesis } = this
    const signer = signerFromSeed(generateSeed())
    const card = buildFirstCard({ name: `island ${this.islands.length}`, key: signer.publicKey, created: 1 })
    const self = islandIdOf(card)
    const clock: TestClock = {
      skewMs: 0,
      now: () => Date.now() + clock.skewMs,
      after: (ms, fn) => {
        const timer = setTimeout(fn, ms)
        return () => clearTimeout(timer)
      },
    }
    const announced: Uint8Array[] = []
    const init = {
      archipelagoId,
      genesis,
      self,
      ...(options.tombstoneMs === undefined ? {} : { tombstoneMs: options.tombstoneMs }),
    }
    const open = async (store: LogStore): Promise<CatalogPort> => {
      const cat = catalog(init, { store, signer, clock })
      cat.on('announce', (bytes) => announced.push(bytes))
      await cat.start()
      return cat
    }
    const store = options.store ?? new MemoryStore()
    const island: TestIsland = {
      self,
      signer,
      card,
      store,
      clock,
      announced,
      cat: await open(store),
      async restart(next = island.store) {
        await island.cat.stop()
        island.store = next
        island.cat = await open(next)
      },
    }
    this.#t.cleanup(() => island.cat.stop())
    const inviter = options.inviter ?? this.islands[0]
    if (options.stranger === true) return island
    this.islands.push(island)
    if (inviter === undefined) await this.admit(island, island, true)
    else {
      await this.admit(island, inviter)
      await island.cat.addFacts(inviter.cat.membershipFacts())
    }
    return island
  }

  async admit(member: TestIsland, inviter: TestIsland, byAdmin = false): Promise<SignedRecord> {
    const { archipelagoId } = this
    const acceptance = acceptCard({ archipelagoId, inviter: inviter.self, card: member.card, signer: member.signer })
    const fields = { archipelagoId, card: member.card, inviter: inviter.self, acceptance, mayInvite: true }
    const fact = buildAdmission(byAdmin ? { ...fields, admin: this.admin } : fields)
    return await inviter.cat.append('member', fact.id, fact.body)
  }
}

export function remote(from: TestIsland, to: TestIsland): SyncRemote {
  return {
    peer: to.self,
    digest: (request) => to.cat.handleDigest(from.self, request),
    heads: (request) => to.cat.handleHeads(from.self, request),
    pull: (request, options) => to.cat.handlePull(from.self, request, options),
    orphans: (request, options) => to.cat.handleOrphans(from.self, request, options),
  }
}

/** A round of `a` with `b`. */
export function sync(a: TestIsland, b: TestIsland) {
  return a.cat.syncWith(remote(a, b))
}

/** Both ways, until both say that they know the same. */
export async function settle(a: TestIsland, b: TestIsland): Promise<void> {
  for (let i = 0; i < 10; i++) {
    const one = await sync(a, b)
    const two = await sync(b, a)
    if (one.same && two.same) return
  }
  throw new Error('the two do not come to agree')
}

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

/** `id=n` of the notes that an island sees of an origin. */
export async function notes(at: TestIsland, origin: TestIsland): Promise<string[]> {
  const records = await all(at.cat.list('note', { origin: origin.self }))
  return records.map((r) => `${r.id}=${(r.body as { n: number }).n}`).sort()
}
