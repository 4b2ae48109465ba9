import { ArchipelError } from '../../protocols/model/errors.ts'
import { decodeRecord, type SignedRecord } from '../../protocols/record/envelope.ts'
import { decodeHead, type SignedHead } from '../../protocols/record/head.ts'
import { LiveSet } from '../../protocols/record/lthash.ts'
import { comparePositions, type Position } from '../../protocols/record/position.ts'
import { headTag, type PullItem } from '../../protocols/sync/messages.ts'
import { type Applier, orderProblem } from './apply.ts'
import type { Checks, Refusal } from './checks.ts'
import type { Context } from './context.ts'
import {
  MAX_KEPT_BYTES,
  MAX_LOG_RECORDS,
  MAX_RANGED_BYTES,
  MAX_RANGED_RECORDS,
  VERIFY_FIRST_RECORDS,
} from './limits.ts'
import type { SyncRemote } from './port.ts'
import type { LogTable } from './table.ts'
import { UNSIGNED, type Verifier } from './verifier.ts'

export type PullResult =
  | { state: 'applied'; records: number }
  /** Nothing newer there, or somebody else was faster. */
  | { state: 'nothing' }
  | { state: 'refused'; reason: Refusal | 'later' | 'unknown' | 'mismatch' }

export interface PullOptions {
  signal?: AbortSignal
  /** For the own log: also a head below the own one, and what to do just before it is committed. */
  lower?: boolean
  before?: () => void
}

type Start = Extract<PullItem, { head: Uint8Array | null }>

/** A peer's answer that cannot be honest, or an old or broken program. */
class Dishonest extends ArchipelError {
  constructor(message: string) {
    super('PROTOCOL', message)
  }
}

/** Fetches logs from peers: from where this island stands, and whole when that does not lead to what the head says. */
export class Puller {
  readonly #context: Context
  readonly #table: LogTable
  readonly #checks: Checks
  readonly #applier: Applier
  readonly #verifier: Verifier
  readonly #busy = new Map<string, Promise<unknown>>()

  constructor(context: Context, table: LogTable, checks: Checks, applier: Applier, verifier: Verifier) {
    this.#context = context
    this.#table = table
    this.#checks = checks
    this.#applier = applier
    this.#verifier = verifier
  }

  /** Brings the log of `head` to it, or further. One pull of a log at a time. Rejects only when the peer fails to answer. */
  async pull(remote: SyncRemote, head: SignedHead, options: PullOptions = {}): Promise<PullResult> {
    const { origin } = head
    for (let other = this.#busy.get(origin); other !== undefined; other = this.#busy.get(origin)) {
      await other.catch(() => {})
    }
    const work = this.#pull(remote, head, options)
    this.#busy.set(origin, work)
    try {
      return await work
    } finally {
      this.#busy.delete(origin)
    }
  }

  async #pull(remote: SyncRemote, head: SignedHead, options: PullOptions): Promise<PullResult> {
    const state = this.#table.get(head.origin)
    const refusal = this.#checks.head(head)
    if (refusal !== undefined) return { state: 'refused', reason: refusal }
    if (options.lower !== true && comparePositions(head, state?.head) <= 0) return { state: 'nothing' }
    try {
      // A log that must go back is taken over whole.
      const from = state === undefined || comparePositions(head, state.head) <= 0 ? null : state.head
      let result = await this.#ask(remote, head, from, options)
      if (result === 'again') result = await this.#ask(remote, head, null, options)
      return result === 'again' ? { state: 'refused', reason: 'mismatch' } : result
    } catch (error) {
      if (!(error instanceof ArchipelError) || (error.code !== 'PROTOCOL' && error.code !== 'RECORD_INVALID'))
        throw error
      this.#context.emit('peer:suspect', { peer: remote.peer, origin: head.origin, reason: error.message })
      return { state: 'refused', reason: 'mismatch' }
    }
  }

  /** `again`: the range did not lead to the head, the whole might. */
  async #ask(
    remote: SyncRemote,
    seen: SignedHead,
    from: Position | null,
    options: PullOptions,
  ): Promise<PullResult | 'again'> {
    const { origin, audience } = seen
    const position = from === null ? null : { epoch: from.epoch, seq: from.seq }
    const request = { origin, audience, from: position, seen: headTag(seen.bytes) }
    const items = remote.pull(request, { signal: options.signal })[Symbol.asyncIterator]()
    try {
      const first = await items.next()
      if (first.done === true) throw new Dishonest('an empty answer')
      if ('refused' in first.value) return { state: 'refused', reason: first.value.refused }
      if (!('head' in first.value)) throw new Dishonest('records before the head')
      const head = first.value.head === null ? seen : decodeHead(first.value.head)
      if (head.origin !== origin) throw new Dishonest('the head of another log')
      if (head.bytes !== seen.bytes) {
        const refusal = this.#checks.head(head)
        if (refusal === 'signature') throw new Dishonest('a head that its origin did not sign')
        if (refusal !== undefined) return { state: 'refused', reason: refusal }
      }
      if (options.lower !== true && comparePositions(head, this.#table.get(origin)?.head) <= 0)
        return { state: 'nothing' }
      const rest = { [Symbol.asyncIterator]: () => items }
      if (first.value.full || from === null) return await this.#takeWhole(head, first.value, rest, options)
      return await this.#takeRange(head, from, rest, options)
    } finally {
      await items.return?.()
    }
  }

  async #takeRange(
    head: SignedHead,
    from: Position,
    items: AsyncIterable<PullItem>,
    options: PullOptions,
  ): Promise<PullResult | 'again'> {
    const records: SignedRecord[] = []
    let bytes = 0
    let last: Position = from
    for await (const chunk of chunks(items)) {
      for (const record of chunk) {
        check(orderProblem(record, last, head))
        last = record
        records.push(record)
        bytes += record.bytes.length
      }
      if (records.length > MAX_RANGED_RECORDS || bytes > MAX_RANGED_BYTES) return 'again'
    }
    const key = this.#checks.keyOf(head.origin)
    if (key === undefined) return { state: 'refused', reason: 'unknown-origin' }
    if ((await this.#checks.records(records, key)).includes(false))
      throw new Dishonest('a record that its origin did not sign')
    const applied = await this.#applier.range(from, head, records, options.before)
    if (applied === 'mismatch') return 'again'
    return applied === 'applied' ? { state: 'applied', records: records.length } : { state: 'nothing' }
  }

  /** By way of a staged generation, so that memory holds one chunk at a time. */
  async #takeWhole(
    head: SignedHead,
    start: Start,
    items: AsyncIterable<PullItem>,
    options: PullOptions,
  ): Promise<PullResult> {
    const { origin } = head
    const generation = this.#table.newGeneration(origin)
    try {
      const set = new LiveSet()
      const earlier: SignedRecord[] = []
      const live = new Kept()
      const count = await this.#stage(head, generation, { set, earlier, live }, items)
      if (count !== head.liveCount || Buffer.compare(set.digest(), head.liveHash) !== 0) {
        throw new Dishonest('the records are not those of the signed head')
      }
      const verified = count <= VERIFY_FIRST_RECORDS
      if (verified && !(await this.#verifier.check(origin, generation))) {
        if (this.#context.stopping.aborted) return { state: 'nothing' }
        // Not the peer's doing: the origin signed a head over it.
        this.#checks.markBad(origin, UNSIGNED)
        return { state: 'refused', reason: 'signature' }
      }
      const whole = { head, set, generation, verified, horizon: start.horizon }
      const applied = await this.#applier.whole(whole, { ...options, earlier, live: live.records })
      if (applied !== 'applied') return { state: 'nothing' }
      if (!verified) this.#verifier.later(origin)
      return { state: 'applied', records: count }
    } finally {
      if (this.#table.get(origin)?.generation !== generation) await this.#discard(origin)
    }
  }

  /** Collects withdrawals of earlier lives in `earlier`: whether the head knows of them is seen when all is there. */
  async #stage(
    head: SignedHead,
    generation: number,
    { set, earlier, live }: { set: LiveSet; earlier: SignedRecord[]; live: Kept },
    items: AsyncIterable<PullItem>,
  ): Promise<number> {
    const key = this.#checks.keyOf(head.origin)
    let count = 0
    let withdrawals = 0
    let last: Position | null = null
    for await (const chunk of chunks(items)) {
      const withdrawn: SignedRecord[] = []
      for (const record of chunk) {
        check(orderProblem(record, last, head))
        last = record
        if (record.withdrawn === true) withdrawn.push(record)
        else {
          set.add(record.bytes)
          live.add(record)
          count++
        }
      }
      withdrawals += withdrawn.length
      earlier.push(...withdrawn.filter((r) => r.epoch !== head.epoch))
      if (count > head.liveCount || withdrawals > MAX_LOG_RECORDS)
        throw new Dishonest('more records than the head says')
      // The head vouches for what is live, not for withdrawals: these are checked one by one.
      if (key === undefined || (await this.#checks.records(withdrawn, key)).includes(false)) {
        throw new Dishonest('a withdrawal that its origin did not sign')
      }
      await this.#context.store.stage(head.origin, generation, chunk)
    }
    return count
  }

  /** What was staged in vain. The lock, so that no other stage of this log is mistaken for a leftover. */
  async #discard(origin: string): Promise<void> {
    await this.#table.locked(origin, () =>
      this.#context.store.discard(origin, this.#table.get(origin)?.generation ?? null),
    )
  }
}

/** The live records of a log as they came, so that they need not be read again; none of a log that is too large for that. */
class Kept {
  #bytes = 0
  records: SignedRecord[] | undefined = []

  add(record: SignedRecord): void {
    this.#bytes += record.bytes.length
    if (this.#bytes > MAX_KEPT_BYTES) this.records = undefined
    this.records?.push(record)
  }
}

async function* chunks(items: AsyncIterable<PullItem>): AsyncGenerator<SignedRecord[]> {
  for await (const item of items) {
    if (!('records' in item)) throw new Dishonest('something else than records')
    yield item.records.map((bytes) => decodeRecord(bytes))
  }
}

function check(problem: string | undefined): void {
  if (problem !== undefined) throw new Dishonest(problem)
}
