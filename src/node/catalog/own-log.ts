import { ArchipelError } from '../../protocols/model/errors.ts'
import { encodeCanonical } from '../../protocols/record/cbor.ts'
import {
  contentPosition,
  decodeRecord,
  encodePayload,
  type NewRecord,
  type SignedRecord,
  signPayload,
} from '../../protocols/record/envelope.ts'
import { type SignedHead, signHead } from '../../protocols/record/head.ts'
import { comparePositions, type Position } from '../../protocols/record/position.ts'
import { Overlay } from './apply.ts'
import { changeOf, tell } from './changes.ts'
import type { Clocks } from './checks.ts'
import type { Context } from './context.ts'
import { covers, livesRecordName, nextLives, readLives } from './coverage.ts'
import { bodyProblem } from './kinds.ts'
import { MAX_BATCH_ENTRIES, MAX_LOG_RECORDS, MAX_WAITING_ENTRIES } from './limits.ts'
import type { Members } from './members.ts'
import type { Orphans } from './orphans.ts'
import type { Entry } from './port.ts'
import type { LogState, LogTable } from './table.ts'

interface OwnEntry extends Entry {
  /** Content of an earlier life: written only where what stands there now is older. */
  was?: Position
}

interface Request {
  entries: OwnEntry[]
  resolve: (records: SignedRecord[]) => void
  reject: (error: unknown) => void
}

/**
 * Epochs are numbered by the time of their opening in ticks of 32 ms, with 16 random bits below: later lives have higher
 * numbers as far as clocks tell, two lives never the same. Fits into 53 bits until the year 2109.
 */
const EPOCH_TICK_MS = 32
const EPOCH_UNIT = 2 ** 16
/** The position that takes most bytes. */
const LAST: Position = { epoch: Number.MAX_SAFE_INTEGER, seq: Number.MAX_SAFE_INTEGER }

/**
 * The log that this island writes. Each run of the process that writes anything opens an epoch of its own, with a number
 * that no earlier run can have used, whatever became of the store: so nothing is ever signed twice for one position.
 */
export class OwnLog {
  readonly #context: Context
  readonly #table: LogTable
  readonly #members: Members
  readonly #orphans: Orphans
  readonly #clocks: Clocks
  readonly #announce: (head: SignedHead, from: Position | null, records: SignedRecord[]) => void
  #queue: Request[] = []
  #waiting = 0
  #running = false
  /** The epoch opened by this run, as long as it is the newest. */
  #life: number | null = null
  /** The highest epoch of the own log ever heard of. */
  #seenEpoch = 0
  /** Whether a peer was asked since the start what it knows of this log. Before, nothing of it is sent. */
  sendable = false
  recoveries = 0

  constructor(
    context: Context,
    table: LogTable,
    members: Members,
    orphans: Orphans,
    clocks: Clocks,
    announce: (head: SignedHead, from: Position | null, records: SignedRecord[]) => void,
  ) {
    this.#context = context
    this.#table = table
    this.#members = members
    this.#orphans = orphans
    this.#clocks = clocks
    this.#announce = announce
  }

  get state(): LogState | undefined {
    return this.#table.get(this.#context.self)
  }

  append(entries: OwnEntry[]): Promise<SignedRecord[]> {
    if (this.#context.stopping.aborted) return Promise.reject(new ArchipelError('CANCELLED', 'the island is stopping'))
    if (this.#waiting + entries.length > MAX_WAITING_ENTRIES) {
      return Promise.reject(
        new ArchipelError('TOO_MANY', `more than ${MAX_WAITING_ENTRIES} records are waiting to be written`),
      )
    }
    this.#waiting += entries.length
    return new Promise((resolve, reject) => {
      this.#queue.push({ entries, resolve, reject })
      if (!this.#running) this.#context.background('append', () => this.#work())
    })
  }

  /** To be called before a log taken over from a peer is committed: what is written next opens another epoch. */
  endLife(): void {
    this.#life = null
    this.recoveries++
  }

  heard(head: Position): void {
    this.#seenEpoch = Math.max(this.#seenEpoch, head.epoch)
  }

  /** Whether a head of the own log that a peer shows must be taken over before anything else is written or sent. */
  isNews(head: SignedHead): boolean {
    this.heard(head)
    const state = this.state
    if (state === undefined) return true
    if (covers(state.head, state.lives, head)) return false
    // Known to others only, but older than the own: they keep what is missing here as orphans. Before the first
    // sending it is simpler to go back and take everything over.
    return !this.sendable || comparePositions(head, state.head) > 0
  }

  /**
   * A clock that was wrong and was put right leaves a head from the future, which everybody lets wait: signs it again
   * with the time of now. Same position, same set: no contradiction.
   */
  async refreshHead(): Promise<void> {
    const { maxClockSkewMs, self } = this.#context
    const isLate = () => this.state !== undefined && this.state.head.time > this.#now() + maxClockSkewMs
    if (!isLate()) return
    await this.#table.locked(self, async () => {
      const state = this.state
      if (state === undefined || !isLate()) return
      const { origin, epoch, seq, liveCount, liveHash } = state.head
      const head = signHead(this.#context, { origin, epoch, seq, liveCount, liveHash, time: this.#now() })
      await this.#table.commit({ ...state, head }, [])
    })
  }

  /** Writes again what an earlier life had written and this one lacks. */
  async reissue(): Promise<number> {
    const { self, store } = this.#context
    if (!this.#orphans.has(self)) return 0
    const entries: OwnEntry[] = []
    for await (const bytes of store.orphans(self)) {
      const record = decodeRecord(bytes)
      this.heard(record)
      const { kind, id, body } = record
      entries.push({ kind, id, ...(record.withdrawn === true ? {} : { body }), was: contentPosition(record) })
    }
    let written = 0
    for (let i = 0; i < entries.length; i += MAX_BATCH_ENTRIES) {
      written += (await this.append(entries.slice(i, i + MAX_BATCH_ENTRIES))).length
    }
    await this.#table.locked(self, async () => {
      // What this life wrote meanwhile, or what its earlier lives say, settles the rest.
      if (this.state !== undefined) await this.#orphans.resolve(this.state)
    })
    return written
  }

  /**
   * The time to sign with: not later than what peers' clocks say, since heads from the future have to wait. A time in
   * the past disturbs nobody, so peers that lie about theirs gain nothing.
   */
  #now(): number {
    return Math.max(0, Math.floor(this.#context.clock.now() + Math.min(0, this.#clocks.medianMs() ?? 0)))
  }

  async #work(): Promise<void> {
    this.#running = true
    try {
      while (this.#queue.length > 0 && !this.#context.stopping.aborted) {
        await this.#table.locked(this.#context.self, () => this.#writeBatch(this.#takeBatch()))
      }
    } finally {
      this.#running = false
      if (this.#context.stopping.aborted) this.#refuseWaiting()
    }
  }

  #takeBatch(): Request[] {
    let size = 0
    let n = 0
    while (n < this.#queue.length && (n === 0 || size + this.#queue[n]!.entries.length <= MAX_BATCH_ENTRIES)) {
      size += this.#queue[n]!.entries.length
      n++
    }
    const batch = this.#queue.splice(0, n)
    this.#waiting -= size
    return batch
  }

  #refuseWaiting(): void {
    for (const { reject } of this.#queue.splice(0)) reject(new ArchipelError('CANCELLED', 'the island is stopping'))
    this.#waiting = 0
  }

  async #writeBatch(batch: Request[]): Promise<void> {
    try {
      const done = await this.#commitBatch(batch)
      for (const { request, records } of done) request.resolve(records)
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }

  async #commitBatch(batch: Request[]): Promise<{ request: Request; records: SignedRecord[] }[]> {
    const { self, store } = this.#context
    if (this.#members.current.members.get(self)?.state === 'revoked') {
      throw new ArchipelError('MEMBER_REVOKED', 'this island is no member any more: what it states counts for nobody')
    }
    const state = this.state
    const generation = state?.generation ?? this.#table.newGeneration(self)
    const overlay = new Overlay(state, self, generation)
    const names = [livesRecordName(self), ...batch.flatMap((r) => r.entries)]
    overlay.load(names, state === undefined ? [] : await store.current(self, generation, names))

    const continues = this.#life !== null && state?.head.epoch === this.#life
    const epoch = continues ? this.#life! : this.#newEpoch(state)
    let position: Position = { epoch, seq: continues ? state!.head.seq : 0 }
    const written: SignedRecord[] = []
    const write = (fields: OwnEntry): SignedRecord => {
      const record = this.#sign(fields, { epoch, seq: position.seq + 1 })
      position = { epoch, seq: record.seq }
      overlay.put(record)
      written.push(record)
      return record
    }
    if (!continues) write({ ...livesRecordName(self), body: nextLives(state?.head, state?.lives ?? null) })

    const done: { request: Request; records: SignedRecord[] }[] = []
    let news = 0
    for (const request of batch) {
      try {
        this.#check(request.entries)
        const records: SignedRecord[] = []
        for (const entry of request.entries) {
          const needless = this.#needless(entry, overlay)
          if (needless === false) {
            records.push(write(entry))
            news++
          } else if (needless !== undefined && entry.was === undefined) records.push(needless)
        }
        done.push({ request, records })
      } catch (error) {
        request.reject(error)
      }
    }
    if (news === 0) return done
    if (overlay.count > MAX_LOG_RECORDS)
      throw new ArchipelError('TOO_MANY', `a log has at most ${MAX_LOG_RECORDS} records`)

    const head = signHead(this.#context, {
      origin: self,
      ...position,
      liveCount: overlay.count,
      liveHash: overlay.set.digest(),
      time: this.#now(),
    })
    const lives = continues ? state!.lives : readLives(written[0])
    const next: LogState = {
      origin: self,
      head,
      set: overlay.set,
      generation,
      verified: true,
      horizon: state?.horizon ?? null,
      bad: null,
      lives,
    }
    await this.#table.commit(next, overlay.changes)
    this.#life = epoch
    this.#members.took(self, written)
    tell((c) => this.#context.emit('change', c), written.map(changeOf))
    this.#announce(head, state?.head ?? null, written)
    return done
  }

  /** All entries of a request are written or none: what can be wrong with them is found before the first. */
  #check(entries: OwnEntry[]): void {
    for (const entry of entries) {
      const problem = entry.body === undefined ? undefined : bodyProblem(entry)
      if (problem !== undefined && entry.was === undefined) {
        throw new ArchipelError('RECORD_INVALID', `not a body for a record of kind "${entry.kind}": ${problem}`)
      }
      // With room to write it again after a loss.
      encodePayload({ ...this.#fields(entry, LAST), was: LAST })
    }
  }

  /** False: to be written. Otherwise what stands there already, if anything. */
  #needless(entry: OwnEntry, overlay: Overlay): SignedRecord | undefined | false {
    const current = overlay.get(entry)
    if (
      entry.was !== undefined &&
      current !== undefined &&
      comparePositions(contentPosition(current), entry.was) >= 0
    ) {
      return current
    }
    if (entry.was !== undefined) return false
    if (entry.body === undefined) return current === undefined || current.withdrawn === true ? undefined : false
    if (current === undefined || current.withdrawn === true) return false
    const same = Buffer.compare(encodeCanonical(current.body), encodeCanonical(entry.body)) === 0
    return same ? current : false
  }

  #sign(entry: OwnEntry, position: Position): SignedRecord {
    return signPayload(this.#context, encodePayload(this.#fields(entry, position)))
  }

  #fields(entry: OwnEntry, position: Position): NewRecord {
    const { kind, id, body, was } = entry
    const fields: NewRecord = { kind, id, origin: this.#context.self, ...position, time: this.#now() }
    if (body === undefined) fields.withdrawn = true
    else fields.body = body
    if (was !== undefined) fields.was = was
    return fields
  }

  #newEpoch(state: LogState | undefined): number {
    const { self, random } = this.#context
    const floor = this.#members.current.epochFloors.get(self) ?? 0
    const below = Math.max(
      this.#seenEpoch,
      state?.head.epoch ?? 0,
      floor,
      ...(state?.lives?.lives ?? []).map(([e]) => e),
    )
    const byTime = Math.floor(this.#now() / EPOCH_TICK_MS) * EPOCH_UNIT
    return Math.max(byTime, below + 1) + Math.floor(random() * EPOCH_UNIT)
  }
}
