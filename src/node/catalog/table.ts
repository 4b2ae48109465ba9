import { createHash } from 'node:crypto'
import { decodeRecord } from '../../protocols/record/envelope.ts'
import { decodeHead, type SignedHead } from '../../protocols/record/head.ts'
import { LiveSet } from '../../protocols/record/lthash.ts'
import type { Lives } from '../../protocols/record/member-facts.ts'
import type { Position } from '../../protocols/record/position.ts'
import { BUCKET_DIGEST_BYTES, MAX_BUCKETS, MIN_BUCKETS } from '../../protocols/sync/messages.ts'
import { livesRecordName, readLives } from './coverage.ts'
import { Mutex } from './mutex.ts'
import type { LogStore, StoreChange, StoredLog } from './port.ts'

/** A log as pinned: the newest head accepted, and the set that was proven to be its. */
export interface LogState {
  origin: string
  head: SignedHead
  set: LiveSet
  generation: number
  verified: boolean
  horizon: Position | null
  bad: string | null
  lives: Lives | null
}

/** All logs in memory, without their records: about 3 KB each. */
export class LogTable {
  readonly #store: LogStore
  readonly #states = new Map<string, LogState>()
  readonly #locks = new Map<string, Mutex>()
  readonly #generations = new Map<string, number>()
  /** Whether this island tells others about a log. */
  readonly #isTold: (state: LogState) => boolean
  // Asked for in every round, different only after a change.
  #told: LogState[] | undefined
  #digest: Uint8Array | undefined
  #buckets: Uint8Array | undefined

  constructor(store: LogStore, isTold: (state: LogState) => boolean) {
    this.#store = store
    this.#isTold = isTold
  }

  async load(): Promise<void> {
    for await (const [origin, stored] of this.#store.logs()) {
      const { generation, verified, horizon, bad } = stored
      const [lives] = await this.#store.current(origin, generation, [livesRecordName(origin)])
      this.#states.set(origin, {
        origin,
        head: decodeHead(stored.head),
        set: LiveSet.from(stored.set),
        generation,
        verified,
        horizon,
        bad,
        lives: readLives(lives && decodeRecord(lives)),
      })
      this.#generations.set(origin, generation)
    }
    await this.#store.sweep(new Map([...this.#states].map(([origin, s]) => [origin, s.generation])))
    this.changed()
  }

  get(origin: string): LogState | undefined {
    return this.#states.get(origin)
  }

  all(): IterableIterator<LogState> {
    return this.#states.values()
  }

  /** Changes to one log happen one after the other. */
  locked<T>(origin: string, work: () => Promise<T>): Promise<T> {
    let lock = this.#locks.get(origin)
    if (lock === undefined) {
      lock = new Mutex()
      this.#locks.set(origin, lock)
    }
    return lock.run(work)
  }

  /** A generation number not used for this log since the start. */
  newGeneration(origin: string): number {
    const next = (this.#generations.get(origin) ?? 0) + 1
    this.#generations.set(origin, next)
    return next
  }

  /** Writes the log's new state together with the changes that lead to it. To be called under its lock. */
  async commit(state: LogState, changes: StoreChange[]): Promise<void> {
    const { head, set, generation, verified, horizon, bad } = state
    const value: StoredLog = { head: head.bytes, set: set.state(), generation, verified, horizon, bad }
    await this.#store.commit([...changes, { type: 'log', log: state.origin, value }])
    this.#states.set(state.origin, state)
    this.changed()
  }

  /** Forgets a log. To be called under its lock. */
  async drop(origin: string, changes: StoreChange[]): Promise<void> {
    await this.#store.commit([...changes, { type: 'no-log', log: origin }])
    this.#states.delete(origin)
    this.changed()
    await this.#store.discard(origin, null)
  }

  /** To be called when the answer of `isTold` may be another. */
  changed(): void {
    this.#told = undefined
    this.#digest = undefined
    this.#buckets = undefined
  }

  isTold(state: LogState): boolean {
    return this.#isTold(state)
  }

  /** What peers are told about, in the order of origins. */
  told(): readonly LogState[] {
    this.#told ??= [...this.#states.values()].filter(this.#isTold).sort((a, b) => (a.origin < b.origin ? -1 : 1))
    return this.#told
  }

  /** SHA-256 over all that is told; equal digests mean equal catalogs. */
  digest(): Uint8Array {
    this.#digest ??= digestOf(this.told())
    return this.#digest
  }

  /** For `of` buckets (a power of two), 8 bytes each. */
  bucketDigests(of: number): Uint8Array {
    if (this.#buckets?.length === of * BUCKET_DIGEST_BYTES) return this.#buckets
    const buckets = Array.from({ length: of }, (): LogState[] => [])
    for (const state of this.told()) buckets[bucketOf(state.origin, of)]!.push(state)
    const out = new Uint8Array(of * BUCKET_DIGEST_BYTES)
    for (const [i, states] of buckets.entries()) {
      if (states.length > 0) out.set(digestOf(states).subarray(0, BUCKET_DIGEST_BYTES), i * BUCKET_DIGEST_BYTES)
    }
    this.#buckets = out
    return out
  }
}

/** Number of buckets for so many logs: about four logs each. */
export function bucketCount(logs: number): number {
  let count = MIN_BUCKETS
  while (count < MAX_BUCKETS && count * 4 < logs) count *= 2
  return count
}

const MAX_CACHED_BUCKETS = 10_000
const bucketHashes = new Map<string, number>()

/** The first four bytes of the SHA-256 of the id, modulo the number of buckets. */
export function bucketOf(origin: string, of: number): number {
  let hash = bucketHashes.get(origin)
  if (hash === undefined) {
    hash = createHash('sha256').update(origin).digest().readUInt32BE(0)
    if (bucketHashes.size >= MAX_CACHED_BUCKETS) bucketHashes.clear()
    bucketHashes.set(origin, hash)
  }
  return (hash & (of - 1)) >>> 0
}

/** The time of a head is left out: it says nothing about what is known. */
function digestOf(states: readonly LogState[]): Uint8Array {
  const hash = createHash('sha256')
  for (const { head } of states) {
    hash.update(`${head.origin} ${head.audience} ${head.epoch} ${head.seq}\0`).update(head.liveHash)
  }
  return new Uint8Array(hash.digest())
}
