import type { CatalogPort, SyncRemote } from '../../src/node/catalog/port.ts'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import { decodeStrict, encodeCanonical } from '../../src/protocols/record/cbor.ts'
import { DIGEST, HEADS, ORPHANS, PULL } from '../../src/protocols/sync/messages.ts'
import type { ProtocolSpec } from '../../src/protocols/wire/spec.ts'
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'

/** The handlers an island shows to others; a liar wraps those of a catalog. */
export type Handlers = Pick<CatalogPort, 'handleDigest' | 'handleHeads' | 'handlePull' | 'handleOrphans' | 'onGossip'>

/** One run of an island's process. After a crash it neither hears nor is heard. */
export interface Instance {
  island: string
  alive: boolean
  handlers: Handlers
}

export interface Weather {
  /** Part of messages that get lost. */
  loss: number
  /** Part of gossip messages that arrive twice. */
  duplication: number
  /** Milliseconds one way: least and most. Messages overtake each other. */
  latency: [number, number]
  gossip: boolean
}

export const CALM: Weather = { loss: 0, duplication: 0, latency: [5, 50], gossip: true }

/** Milliseconds until a lost answer is given up. */
const TIMEOUT_MS = 10_000

/** Carries messages as the wire does: encoded, checked against the same schemas, counted. */
export class Network {
  readonly #scheduler: Scheduler
  readonly #random: Random
  readonly #islands = new Map<string, Instance>()
  weather: Weather = CALM
  /** Group of each island; those of different groups do not reach each other. */
  partition = new Map<string, number>()
  /** Bytes of requests and answers, and of gossip, since the last reset; and by asking island. */
  bytes = { calls: 0, gossip: 0 }
  bytesOf = new Map<string, number>()
  calls = 0

  constructor(scheduler: Scheduler, random: Random) {
    this.#scheduler = scheduler
    this.#random = random
  }

  join(instance: Instance): void {
    this.#islands.set(instance.island, instance)
  }

  leave(instance: Instance): void {
    instance.alive = false
    if (this.#islands.get(instance.island) === instance) this.#islands.delete(instance.island)
  }

  reaches(a: string, b: string): boolean {
    return this.#islands.has(a) && this.#islands.has(b) && (this.partition.get(a) ?? 0) === (this.partition.get(b) ?? 0)
  }

  /** `to`, as `from` talks to it. */
  remote(from: Instance, to: string): SyncRemote {
    return {
      peer: to,
      digest: (request, options) =>
        this.#single(from, to, DIGEST, request, (h, r) => h.handleDigest(from.island, r), options?.signal),
      heads: (request, options) =>
        this.#single(from, to, HEADS, request, (h, r) => h.handleHeads(from.island, r), options?.signal),
      pull: (request) => this.#series(from, to, PULL, request, (h, r) => h.handlePull(from.island, r)),
      orphans: (request) => this.#series(from, to, ORPHANS, request, (h, r) => h.handleOrphans(from.island, r)),
    }
  }

  gossip(from: Instance, peers: Iterable<string>, bytes: Uint8Array): void {
    if (!from.alive || !this.weather.gossip) return
    for (const peer of peers) {
      const copies = this.#random.chance(this.weather.duplication) ? 2 : 1
      for (let i = 0; i < copies; i++) {
        if (this.#random.chance(this.weather.loss)) continue
        this.bytes.gossip += bytes.length
        this.#scheduler.after(this.#latency(), () => {
          if (this.reaches(from.island, peer)) void this.#islands.get(peer)?.handlers.onGossip(from.island, bytes)
        })
      }
    }
  }

  #latency(): number {
    const [least, most] = this.weather.latency
    return least + this.#random() * (most - least)
  }

  #count(island: string, bytes: Uint8Array): void {
    this.bytes.calls += bytes.length
    this.bytesOf.set(island, (this.bytesOf.get(island) ?? 0) + bytes.length)
  }

  /** One way, or the error that a lost or impossible message ends in. */
  async #carry(from: Instance, a: string, b: string, bytes: Uint8Array): Promise<void> {
    this.#count(from.island, bytes)
    const lost = this.#random.chance(this.weather.loss)
    if (!lost && this.reaches(a, b)) {
      await this.#scheduler.delay(this.#latency())
      if (this.reaches(a, b)) return
    }
    await this.#scheduler.delay(TIMEOUT_MS)
    await gone(from)
    throw new ArchipelError('UNREACHABLE', 'lost')
  }

  async #single<Q, A>(
    from: Instance,
    to: string,
    spec: ProtocolSpec<Q, A>,
    request: Q,
    handle: (handlers: Handlers, request: Q) => Promise<A>,
    signal: AbortSignal | undefined,
  ): Promise<A> {
    await gone(from)
    signal?.throwIfAborted()
    this.calls++
    const asked = encodeCanonical(request)
    await this.#carry(from, from.island, to, asked)
    const target = this.#islands.get(to)!
    let reply: Uint8Array
    try {
      reply = encodeCanonical(await handle(target.handlers, read(spec.request, asked, spec.maxRequestBytes)))
    } catch (error) {
      await this.#carry(from, to, from.island, new Uint8Array(100))
      await gone(from)
      throw error
    }
    await this.#carry(from, to, from.island, reply)
    await gone(from)
    return read(spec.item, reply, spec.maxItemBytes)
  }

  async *#series<Q, A>(
    from: Instance,
    to: string,
    spec: ProtocolSpec<Q, A>,
    request: Q,
    handle: (handlers: Handlers, request: Q) => AsyncIterable<A>,
  ): AsyncGenerator<A> {
    await gone(from)
    this.calls++
    const asked = encodeCanonical(request)
    await this.#carry(from, from.island, to, asked)
    const target = this.#islands.get(to)!
    let items = 0
    for await (const item of handle(target.handlers, read(spec.request, asked, spec.maxRequestBytes))) {
      const bytes = encodeCanonical(item)
      await this.#carry(from, to, from.island, bytes)
      await gone(from)
      if (!target.alive) throw new ArchipelError('UNREACHABLE', 'lost')
      if (++items > spec.maxItems) throw new ArchipelError('PROTOCOL', 'too many items')
      yield read(spec.item, bytes, spec.maxItemBytes)
    }
  }
}

/** What a dead process would have done next never happens. */
async function gone(instance: Instance): Promise<void> {
  if (!instance.alive) await new Promise(() => {})
}

function read<T>(schema: ProtocolSpec<T, T>['request'], bytes: Uint8Array, maxBytes: number): T {
  const parsed = schema.safeParse(decodeStrict(bytes, { maxBytes }))
  if (!parsed.success) throw new ArchipelError('PROTOCOL', parsed.error.message)
  return parsed.data
}
