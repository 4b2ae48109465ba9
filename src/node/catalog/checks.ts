import { MEMBERS, recordToVerify, type SignedRecord } from '../../protocols/record/envelope.ts'
import { type SignedHead, verifyHead } from '../../protocols/record/head.ts'
import type { Context } from './context.ts'
import { CLOCK_WITNESSES, MAX_LOG_RECORDS, VERIFY_SLICE } from './limits.ts'
import type { Members } from './members.ts'
import type { LogTable } from './table.ts'

/** Differences between peers' clocks and the own one, as their last messages showed them. */
export class Clocks {
  readonly #skews = new Map<string, number>()

  /** Milliseconds that the peer's clock is ahead. */
  saw(peer: string, skewMs: number): void {
    this.#skews.delete(peer)
    this.#skews.set(peer, skewMs)
    // The last 64 are enough for a median.
    if (this.#skews.size > 64) this.#skews.delete(this.#skews.keys().next().value!)
  }

  get count(): number {
    return this.#skews.size
  }

  /** Median of (peer - own). */
  medianMs(): number | undefined {
    const sorted = [...this.#skews.values()].sort((a, b) => a - b)
    return sorted[Math.floor((sorted.length - 1) / 2)]
  }
}

/** Why a head is not taken, apart from what is pinned already. `undefined` when it may be. */
export type Refusal =
  | 'unknown-origin'
  | 'quarantined'
  | 'bad-log'
  | 'audience'
  | 'epoch'
  | 'future'
  | 'too-large'
  | 'signature'

/** Checks at the edge: what every head and record has to pass before it is looked at. */
export class Checks {
  readonly #context: Context
  readonly #members: Members
  readonly #table: LogTable
  readonly clocks = new Clocks()
  /** Logs found bad before they were pinned; after a restart they are looked at once more. */
  readonly #bad = new Map<string, string>()

  constructor(context: Context, members: Members, table: LogTable) {
    this.#context = context
    this.#members = members
    this.#table = table
  }

  /** Nothing more is accepted of this log. */
  markBad(origin: string, reason: string): void {
    this.#bad.set(origin, reason)
    this.#context.emit('log:bad', { origin, reason })
  }

  bad(): { origin: string; reason: string }[] {
    const origins = new Set([
      ...this.#bad.keys(),
      ...[...this.#table.all()].filter((s) => s.bad !== null).map((s) => s.origin),
    ])
    return [...origins].map((origin) => ({ origin, reason: this.badReason(origin)! }))
  }

  badReason(origin: string): string | undefined {
    return this.#table.get(origin)?.bad ?? this.#bad.get(origin)
  }

  /** The public key of an origin whose records count. The own one even before the own admission is known. */
  keyOf(origin: string): Uint8Array | undefined {
    return (
      this.#members.accepted(origin)?.key ??
      (origin === this.#context.self ? this.#context.signer.publicKey : undefined)
    )
  }

  head(head: SignedHead): Refusal | undefined {
    const { origin, audience, epoch, liveCount } = head
    const key = this.keyOf(origin)
    if (key === undefined) return 'unknown-origin'
    if (audience !== MEMBERS) return 'audience'
    if (this.#members.isQuarantined(origin)) return 'quarantined'
    if (this.badReason(origin) !== undefined) return 'bad-log'
    if (epoch < (this.#members.current.epochFloors.get(origin) ?? 0)) return 'epoch'
    if (liveCount > MAX_LOG_RECORDS) return 'too-large'
    // What this island signed itself is never too new for it.
    if (origin !== this.#context.self && this.isFuture(head)) return 'future'
    return verifyHead(this.#context, head, key) ? undefined : 'signature'
  }

  /**
   * A head from the future waits. Where several peers agree that the own clock is behind, theirs counts as well: an
   * island with a wrong clock must not stop hearing.
   */
  isFuture({ time }: SignedHead): boolean {
    const { clock, maxClockSkewMs } = this.#context
    const ahead = this.clocks.count >= CLOCK_WITNESSES ? Math.max(0, this.clocks.medianMs()!) : 0
    return time > clock.now() + ahead + maxClockSkewMs
  }

  /** Whether all are signed by the origin's key. In slices, so that other work comes in between. */
  async records(records: SignedRecord[], key: Uint8Array): Promise<boolean[]> {
    const answers: boolean[] = []
    for (let i = 0; i < records.length; i += VERIFY_SLICE) {
      const slice = records.slice(i, i + VERIFY_SLICE)
      const items = slice.map((r) => recordToVerify(this.#context.archipelagoId, r, key))
      answers.push(...(await this.#context.verifyMany(items)))
    }
    return answers
  }
}
