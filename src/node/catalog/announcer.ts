import { encodeCanonical } from '../../protocols/record/cbor.ts'
import type { SignedRecord } from '../../protocols/record/envelope.ts'
import type { SignedHead } from '../../protocols/record/head.ts'
import type { Position } from '../../protocols/record/position.ts'
import { type GossipMessage, MAX_GOSSIP_RECORD_BYTES } from '../../protocols/sync/messages.ts'
import type { Context } from './context.ts'

/** Records in one message; the schema allows 64. */
const MAX_RECORDS = 64

/** Tells the others of own news: at once when it was quiet, else collected, at most every `announceMs`. */
export class Announcer {
  readonly #context: Context
  readonly #mayTell: () => boolean
  #head: SignedHead | undefined
  /** The records since `from`; null when they became too many or too large for a message. */
  #records: SignedRecord[] | null = []
  #from: Position | null = null
  #last = Number.NEGATIVE_INFINITY
  #cancel: (() => void) | undefined

  constructor(context: Context, mayTell: () => boolean) {
    this.#context = context
    this.#mayTell = mayTell
  }

  add(head: SignedHead, from: Position | null, records: SignedRecord[]): void {
    if (this.#head === undefined) {
      this.#from = from === null ? null : { epoch: from.epoch, seq: from.seq }
      this.#records = []
    }
    this.#head = head
    const all = this.#records === null ? null : [...this.#records, ...records]
    const bytes = (all ?? []).reduce((sum, r) => sum + r.bytes.length, 0)
    this.#records = all === null || all.length > MAX_RECORDS || bytes > MAX_GOSSIP_RECORD_BYTES ? null : all
    this.flush()
  }

  /** Tells what waits, now or when the time has come. */
  flush(): void {
    if (this.#head === undefined || !this.#mayTell() || this.#cancel !== undefined) return
    const wait = this.#last + this.#context.announceMs - this.#context.clock.now()
    if (wait <= 0 || wait > this.#context.announceMs) {
      this.#tell()
      return
    }
    this.#cancel = this.#context.clock.after(wait, () => {
      this.#cancel = undefined
      this.#tell()
    })
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  #tell(): void {
    const head = this.#head
    if (head === undefined || !this.#mayTell()) return
    const message: GossipMessage = { heads: [head.bytes] }
    if (this.#records !== null) {
      message.records = newestOfEach(this.#records).map((r) => r.bytes)
      message.from = this.#from
    }
    this.#head = undefined
    this.#last = this.#context.clock.now()
    this.#context.emit('announce', encodeCanonical(message))
  }
}

/** A record replaced by a later one of the same message would only be in the way. */
function newestOfEach(records: SignedRecord[]): SignedRecord[] {
  const newest = new Map(records.map((r) => [`${r.kind}\0${r.id}`, r]))
  return records.filter((r) => newest.get(`${r.kind}\0${r.id}`) === r)
}
