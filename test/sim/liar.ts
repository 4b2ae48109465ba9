import { encodeCanonical } from '../../src/protocols/record/cbor.ts'
import { decodeRecord, type SignedRecord, signRecord } from '../../src/protocols/record/envelope.ts'
import { decodeHead, type SignedHead, signHead } from '../../src/protocols/record/head.ts'
import type { Signer } from '../../src/protocols/record/keys.ts'
import { LiveSet } from '../../src/protocols/record/lthash.ts'
import { buildFork } from '../../src/protocols/record/member-facts.ts'
import type { OrphansItem, PullItem, PullRequest } from '../../src/protocols/sync/messages.ts'
import type { Island } from './island.ts'
import type { Handlers, Network } from './network.ts'
import type { Random } from './random.ts'

/**
 * A member that lies: it forks its own log, replays what is dead, forges, alters, leaves out, and says that it knows
 * what it does not know. It keeps everything that ever came by.
 */
export class Liar {
  readonly #context: { archipelagoId: string; signer: Signer }
  readonly #random: Random
  readonly #heads: Uint8Array[] = []
  readonly #records: Uint8Array[] = []
  readonly #forgedHeads = new Map<string, Uint8Array>()
  #fork: { head: SignedHead; records: Uint8Array[] } | undefined

  constructor(context: { archipelagoId: string; signer: Signer }, random: Random) {
    this.#context = context
    this.#random = random
  }

  twist = (honest: Handlers, island: Island): Handlers => ({
    handleDigest: async (from, request) => {
      const reply = await honest.handleDigest(from, request)
      for (const head of reply.heads ?? []) this.#keep(this.#heads, head)
      const random = this.#random
      if (reply.heads !== undefined && random.chance(0.5)) reply.heads = this.#twistHeads(reply.heads, from, island)
      if (random.chance(0.1)) reply.same = true
      if (random.chance(0.1)) reply.now = random.below(2 ** 41)
      if (reply.yours !== undefined && random.chance(0.3)) reply.yours = this.#oldHead()
      if (random.chance(0.2)) reply.orphans = [{ origin: from, digest: new Uint8Array(8).fill(random.below(256)) }]
      if (random.chance(0.05)) reply.buckets = new Uint8Array(8 * (1 + random.below(100)))
      return reply
    },
    handleHeads: async (from, request) => {
      for (const head of request.heads) this.#keep(this.#heads, head)
      const reply = await honest.handleHeads(from, request)
      return { heads: this.#random.chance(0.5) ? this.#twistHeads(reply.heads, from, island) : reply.heads }
    },
    handlePull: (from, request) => this.#pull(honest, from, request, island),
    handleOrphans: (_from, request) => this.#orphans(request.origin),
    onGossip: async (from, bytes) => {
      await honest.onGossip(from, bytes)
    },
  })

  /** Gossip that nobody should believe. */
  shout(island: Island, network: Network, peers: Iterable<string>): void {
    const instance = island.instance
    if (instance === undefined) return
    const heads = [this.#random.chance(0.5) ? (this.#oldHead() ?? this.#noise(200)) : this.#noise(200)]
    const records = [this.#record(this.#random.pick([...peers]))].filter((r) => r !== undefined)
    const from = this.#random.chance(0.5) ? null : { epoch: 1, seq: 1 }
    const message = this.#random.chance(0.2) ? this.#noise(300) : encodeCanonical({ heads, records, from })
    network.gossip(instance, peers, message)
  }

  #keep(list: Uint8Array[], bytes: Uint8Array): void {
    if (list.length < 3000) list.push(bytes)
    else list[this.#random.below(list.length)] = bytes
  }

  #noise(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.#random.below(256))
  }

  #flip(bytes: Uint8Array): Uint8Array {
    const copy = bytes.slice()
    const at = this.#random.below(copy.length)
    copy[at] = copy[at]! ^ (1 << this.#random.below(8))
    return copy
  }

  #oldHead(): Uint8Array | null {
    return this.#heads.length === 0 ? null : this.#random.pick(this.#heads)
  }

  #twistHeads(heads: Uint8Array[], from: string, island: Island): Uint8Array[] {
    const random = this.#random
    const twisted = heads.map((head) => {
      if (random.chance(0.1)) return this.#flip(head)
      if (random.chance(0.1)) return this.#oldHead() ?? head
      if (random.chance(0.1)) return this.#forgedHead(decodeHead(head))
      return head
    })
    this.#makeFork(island, heads)
    if (this.#fork !== undefined && from.charCodeAt(5) % 2 === 0) twisted.push(this.#fork.head.bytes)
    return twisted
  }

  #twistHead(head: Uint8Array): Uint8Array {
    const random = this.#random
    switch (random.below(8)) {
      case 0:
        return this.#oldHead() ?? head
      case 1:
        return this.#flip(head)
      case 2:
        return this.#forgedHead(decodeHead(head))
      default:
        return head
    }
  }

  /** A proof against an honest island, made up: this liar's signatures under the other's name. */
  slander(victim: string): { id: string; body: unknown } {
    const head = { origin: victim, epoch: 5, seq: 1, liveCount: 1, time: 1 }
    const a = signHead(this.#context, { ...head, liveHash: new Uint8Array(32) }).bytes
    const b = signHead(this.#context, { ...head, liveHash: new Uint8Array(32).fill(1) }).bytes
    return buildFork(victim, a, b)
  }

  /** A head of somebody else, with this island's signature and a grand position. */
  #forgedHead(head: SignedHead): Uint8Array {
    const { origin, epoch, seq, liveCount, liveHash, time } = head
    const { bytes } = signHead(this.#context, { origin, epoch, seq: seq + 1, liveCount, liveHash, time })
    this.#forgedHeads.set(origin, bytes)
    return bytes
  }

  /** The same position, another history: the last record says something else. */
  #makeFork(island: Island, heads: Uint8Array[]): void {
    const own = heads.map((h) => decodeHead(h)).find((h) => h.origin === island.id)
    if (own === undefined || this.#fork !== undefined || !this.#random.chance(0.02)) return
    const set = new LiveSet()
    const { origin, epoch, seq, time } = own
    const record = signRecord(this.#context, { kind: 'note', id: 'fork', origin, epoch, seq, time, body: { n: -1 } })
    set.add(record.bytes)
    const head = signHead(this.#context, { origin, epoch, seq, liveCount: 1, liveHash: set.digest(), time })
    this.#fork = { head, records: [record.bytes] }
  }

  /** A record of a victim: dead, altered, or forged. */
  #record(victim: string): Uint8Array | undefined {
    const random = this.#random
    if (random.chance(0.3)) return this.#forged(victim)
    const known = this.#records.length === 0 ? undefined : random.pick(this.#records)
    return known !== undefined && random.chance(0.3) ? this.#flip(known) : known
  }

  #forged(origin: string): Uint8Array {
    const random = this.#random
    const fields = {
      kind: 'note',
      id: `n${random.below(10)}`,
      origin,
      epoch: 1 + random.below(2 ** 50),
      seq: 1,
      time: 1,
      body: { n: -2 },
    }
    return signRecord(this.#context, fields).bytes
  }

  async *#pull(honest: Handlers, from: string, request: PullRequest, island: Island): AsyncGenerator<PullItem> {
    const random = this.#random
    if (request.origin === island.id && this.#fork !== undefined && from.charCodeAt(5) % 2 === 0) {
      yield { head: this.#fork.head.bytes, full: true, horizon: null }
      yield { records: this.#fork.records }
      return
    }
    const pinned = this.#forgedHeads.get(request.origin)
    if (pinned !== undefined && random.chance(0.5)) {
      // Right records under a head that the origin never signed.
      for await (const item of honest.handlePull(from, request)) yield 'head' in item ? { ...item, head: pinned } : item
      return
    }
    if (random.chance(0.05)) {
      yield { refused: random.pick(['unknown', 'later'] as const) }
      return
    }
    const lies = random.chance(0.5)
    const { seen: _, ...asked } = request
    for await (const item of honest.handlePull(from, lies ? asked : request)) {
      if ('records' in item) {
        for (const bytes of item.records) this.#keep(this.#records, bytes)
        yield { records: lies ? this.#twistRecords(item.records, request.origin) : item.records }
      } else if ('head' in item && lies) {
        const head = item.head === null || random.chance(0.1) ? null : this.#twistHead(item.head)
        yield { ...item, head, full: random.chance(0.1) ? !item.full : item.full }
        if (random.chance(0.1)) yield item
      } else yield item
    }
    if (lies && random.chance(0.1)) yield { records: [this.#record(request.origin) ?? this.#noise(100)] }
  }

  #twistRecords(records: Uint8Array[], victim: string): Uint8Array[] {
    const random = this.#random
    const out = [...records]
    const at = random.below(out.length)
    switch (random.below(6)) {
      case 0:
        out.splice(at, 1)
        break
      case 1:
        out[at] = this.#record(victim) ?? out[at]!
        break
      case 2:
        out.splice(at, 0, this.#record(victim) ?? out[at]!)
        break
      case 3:
        out[at] = this.#flip(out[at]!)
        break
      case 4:
        out.reverse()
        break
    }
    return out
  }

  async *#orphans(victim: string): AsyncGenerator<OrphansItem> {
    const replayed = this.#records.filter((bytes) => originOf(bytes) === victim).slice(0, 20)
    yield { records: [...replayed, this.#forged(victim)] }
    if (this.#random.chance(0.2)) yield { records: [this.#noise(50)] }
  }
}

function originOf(bytes: Uint8Array): string | undefined {
  try {
    return (decodeRecord(bytes) as SignedRecord).origin
  } catch {
    return undefined
  }
}
