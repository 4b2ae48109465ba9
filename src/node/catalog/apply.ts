import { contentPosition, decodeRecord, type SignedRecord } from '../../protocols/record/envelope.ts'
import { headsConflict, type SignedHead } from '../../protocols/record/head.ts'
import { LiveSet } from '../../protocols/record/lthash.ts'
import { buildFork, type Lives } from '../../protocols/record/member-facts.ts'
import { comparePositions, type Position } from '../../protocols/record/position.ts'
import { changeOf, tell, tellDifference } from './changes.ts'
import type { Context } from './context.ts'
import { covers, livesRecordName, readLives } from './coverage.ts'
import { MAX_LOG_RECORDS } from './limits.ts'
import type { Members } from './members.ts'
import { asOrphan, type Orphans } from './orphans.ts'
import type { CatalogChange, StoreChange } from './port.ts'
import type { LogState, LogTable } from './table.ts'

/** `moved`: the log is not where the work started any more. `mismatch`: the result is not the set of the head. */
export type Applied = 'applied' | 'mismatch' | 'moved'

export interface WholeLog {
  head: SignedHead
  set: LiveSet
  generation: number
  verified: boolean
  horizon: Position | null
}

/** Replaces the newest record of each name; keeps set, count and store changes in step. */
export class Overlay {
  readonly set: LiveSet
  readonly changes: StoreChange[] = []
  readonly #log: string
  readonly #generation: number
  readonly #current = new Map<string, SignedRecord | undefined>()
  /** What the store had under the names that were loaded. */
  readonly #before: SignedRecord[] = []
  count: number

  constructor(state: LogState | undefined, log: string, generation: number) {
    this.set = state?.set.clone() ?? new LiveSet()
    this.count = state?.head.liveCount ?? 0
    this.#log = log
    this.#generation = generation
  }

  /** What is there now under these names. */
  load(names: { kind: string; id: string }[], found: (Uint8Array | undefined)[]): void {
    for (const [i, name] of names.entries()) {
      const bytes = found[i]
      const record = bytes && decodeRecord(bytes)
      if (record !== undefined && !this.#current.has(key(name))) this.#before.push(record)
      this.#current.set(key(name), record)
    }
  }

  /** Records of the store that were replaced by what is older in content: their origin had lost and not missed them. */
  lost(head: SignedHead, lives: Lives | null): SignedRecord[] {
    return this.#before.filter((old) => {
      const now = this.get(old)
      const isOlder = now !== undefined && comparePositions(contentPosition(now), contentPosition(old)) < 0
      return isOlder && !covers(head, lives, old)
    })
  }

  get(name: { kind: string; id: string }): SignedRecord | undefined {
    return this.#current.get(key(name))
  }

  put(record: SignedRecord): void {
    const old = this.get(record)
    if (old !== undefined) {
      const position = { epoch: old.epoch, seq: old.seq }
      this.changes.push({ type: 'remove', log: this.#log, generation: this.#generation, position })
      if (old.withdrawn !== true) {
        this.set.remove(old.bytes)
        this.count--
      }
    }
    this.changes.push({ type: 'put', log: this.#log, generation: this.#generation, record })
    if (record.withdrawn !== true) {
      this.set.add(record.bytes)
      this.count++
    }
    this.#current.set(key(record), record)
  }

  matches(head: SignedHead): boolean {
    return this.count === head.liveCount && Buffer.compare(this.set.digest(), head.liveHash) === 0
  }
}

function key({ kind, id }: { kind: string; id: string }): string {
  return `${kind}\0${id}`
}

/** Brings logs forward: what is committed here is complete by a signed head, or it is not committed. */
export class Applier {
  readonly #context: Context
  readonly #table: LogTable
  readonly #members: Members
  readonly #orphans: Orphans

  constructor(context: Context, table: LogTable, members: Members, orphans: Orphans) {
    this.#context = context
    this.#table = table
    this.#members = members
    this.#orphans = orphans
  }

  /** Records after `from` (checked, in order) that lead to `head`. Null is the beginning of a log not known yet. */
  range(
    from: Position | null,
    head: SignedHead,
    records: SignedRecord[],
    before: () => void = () => {},
  ): Promise<Applied> {
    const { origin } = head
    return this.#stillWanted(origin, async () => {
      const state = this.#table.get(origin)
      if (comparePositions(state?.head, from) !== 0) return 'moved'
      if (!this.#isWanted(origin, state)) return 'moved'
      const generation = state?.generation ?? this.#table.newGeneration(origin)
      const overlay = new Overlay(state, origin, generation)
      overlay.load(records, state === undefined ? [] : await this.#context.store.current(origin, generation, records))
      for (const record of records) overlay.put(record)
      if (!overlay.matches(head)) return 'mismatch'
      before()
      const lives = records.findLast((r) => isLives(r))
      const next: LogState = {
        origin,
        head,
        set: overlay.set,
        generation,
        verified: state?.verified ?? true,
        horizon: state?.horizon ?? null,
        bad: null,
        lives: lives === undefined ? (state?.lives ?? null) : readLives(lives),
      }
      const known = state === undefined ? [] : await this.#forgotten(state, next, overlay)
      const told = records.filter((r) => r.withdrawn === true && !covers(head, next.lives, r))
      const forgotten = [...known, ...told]
      const lost = [...overlay.lost(head, next.lives), ...forgotten]
      await this.#table.commit(next, [
        ...overlay.changes,
        ...removals(generation, forgotten),
        ...this.#orphans.changesToKeep(origin, lost),
      ])
      for (const record of lost) this.#orphans.remember(record)
      this.#members.took(origin, records)
      await this.#orphans.resolve(next)
      tell((c) => this.#context.emit('change', c), records.map(changeOf))
      return 'applied'
    })
  }

  /** A whole live set, staged and proven to be that of `whole.head`. What it no longer contains is kept as orphans. */
  whole(
    whole: WholeLog,
    options: { lower?: boolean; before?: () => void; earlier?: SignedRecord[]; live?: SignedRecord[] | undefined } = {},
  ): Promise<Applied> {
    const { head, generation } = whole
    const { origin } = head
    return this.#stillWanted(origin, async () => {
      const state = this.#table.get(origin)
      const isNews = options.lower === true || comparePositions(head, state?.head) > 0
      if (!isNews || !this.#isWanted(origin, state)) {
        await this.#context.store.discard(origin, state?.generation ?? null)
        return 'moved'
      }
      const [bytes] = await this.#context.store.current(origin, generation, [livesRecordName(origin)])
      const lives = readLives(bytes && decodeRecord(bytes))
      const next: LogState = { origin, ...whole, bad: null, lives }
      const forgotten = (options.earlier ?? []).filter((r) => !covers(head, lives, r))
      const lost = [...(state === undefined ? [] : await this.#lost(state, next)), ...forgotten]
      options.before?.()
      await this.#table.commit(next, [...removals(generation, forgotten), ...this.#orphans.changesToKeep(origin, lost)])
      for (const record of lost) this.#orphans.remember(record)
      await this.#members.replaced(origin, generation)
      await this.#orphans.resolve(next)
      const old = state?.generation ?? null
      if (this.#context.hasListeners('change')) {
        const emit = (changes: CatalogChange[]) => this.#context.emit('change', changes)
        if (old === null && options.live !== undefined) tell(emit, options.live.map(changeOf))
        else await tellDifference(this.#context.store, emit, origin, old, generation)
      }
      await this.#context.store.discard(origin, generation)
      return 'applied'
    })
  }

  /** Records of the old generation that the new one has neither taken into account nor replaced; and signs of a fork. */
  async #lost(old: LogState, next: LogState): Promise<SignedRecord[]> {
    const { store } = this.#context
    const lost: SignedRecord[] = []
    for await (const chunk of store.range(old.origin, old.generation, null)) {
      const records = chunk.map((bytes) => decodeRecord(bytes))
      const now = await store.current(next.origin, next.generation, records)
      const gone = records.filter((r, i) => now[i] === undefined || Buffer.compare(now[i], r.bytes) !== 0)
      for (const record of gone) {
        const other = await store.at(next.origin, next.generation, record)
        if (other !== undefined) this.#compare(record, decodeRecord(other))
      }
      lost.push(...(await this.#orphans.lacking(next, gone.map(asOrphan))).map((o) => o.record))
    }
    return lost
  }

  /**
   * Withdrawals that a head of a later life knows nothing of. What they withdrew is not live there either, so that no set
   * shows the difference; but without them an older record of that name could come back.
   */
  async #forgotten(old: LogState, next: LogState, overlay: Overlay): Promise<SignedRecord[]> {
    if (covers(next.head, next.lives, old.head)) return []
    const forgotten: SignedRecord[] = []
    for await (const chunk of this.#context.store.range(old.origin, old.generation, null)) {
      for (const record of chunk.map((bytes) => decodeRecord(bytes))) {
        const isOpen = record.withdrawn === true && !covers(next.head, next.lives, record)
        if (isOpen && overlay.get(record) === undefined) forgotten.push(record)
      }
    }
    return forgotten
  }

  #compare(a: SignedRecord, b: SignedRecord): void {
    if (Buffer.compare(a.payload, b.payload) !== 0) this.forked(a.origin, a.bytes, b.bytes)
  }

  /** Two heads that were both checked. */
  compareHeads(a: SignedHead, b: SignedHead): boolean {
    if (!headsConflict(a, b)) return false
    this.forked(a.origin, a.bytes, b.bytes)
    return true
  }

  /** States the proof, unless the origin is in quarantine already. */
  forked(origin: string, a: Uint8Array, b: Uint8Array): void {
    if (this.#members.isQuarantined(origin) || origin === this.#context.self) return
    this.#context.logger.warn({ origin }, 'an island signed two different histories')
    this.#context.state(buildFork(origin, a, b))
  }

  /** Forgets a log whose origin is a member no more. */
  async drop(origin: string): Promise<void> {
    const dropped = await this.#table.locked(origin, async () => {
      if (this.#table.get(origin) === undefined || this.#members.accepted(origin) !== undefined) return false
      const kept = this.#members.provingThemselves(origin)
      await this.#table.drop(origin, this.#members.changesToKeep(kept))
      await this.#orphans.clear(origin)
      this.#members.forget(origin, kept)
      return true
    })
    if (!dropped) return
    this.#context.emit('change', [{ type: 'dropped', origin }])
    this.#context.emit('log:dropped', { origin })
  }

  /** A revocation that arrives while a new log is being written finds nothing to drop yet: so it is looked at again after. */
  async #stillWanted(origin: string, work: () => Promise<Applied>): Promise<Applied> {
    const applied = await this.#table.locked(origin, work)
    if (origin !== this.#context.self && this.#members.accepted(origin) === undefined) await this.drop(origin)
    return applied
  }

  #isWanted(origin: string, state: LogState | undefined): boolean {
    if (origin === this.#context.self) return true
    return this.#members.accepted(origin) !== undefined && !this.#members.isQuarantined(origin) && state?.bad == null
  }
}

function removals(generation: number, records: SignedRecord[]): StoreChange[] {
  return records.map(({ origin, epoch, seq, kind, id }) => {
    return { type: 'remove', log: origin, generation, position: { epoch, seq }, forget: { kind, id } }
  })
}

function isLives(record: SignedRecord): boolean {
  const { kind, id } = livesRecordName(record.origin)
  return record.kind === kind && record.id === id
}

/** Why this record may not follow in an answer about `origin` up to `head`, if so. */
export function orderProblem(record: SignedRecord, last: Position | null, head: SignedHead): string | undefined {
  if (record.origin !== head.origin || record.audience !== head.audience) return 'a record of another log'
  if (comparePositions(record, last) <= 0) return 'records out of order'
  if (comparePositions(record, head) > 0) return 'a record beyond the head'
  if (head.liveCount > MAX_LOG_RECORDS) return 'a log of too many records'
  return undefined
}
