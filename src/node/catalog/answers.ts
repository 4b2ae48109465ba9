import { ArchipelError } from '../../protocols/model/errors.ts'
import { MEMBERS } from '../../protocols/record/envelope.ts'
import { decodeHead, type SignedHead } from '../../protocols/record/head.ts'
import { comparePositions } from '../../protocols/record/position.ts'
import {
  CHUNK_BYTES,
  CHUNK_RECORDS,
  type DigestReply,
  type DigestRequest,
  HEADS_AT_ONCE,
  type HeadsReply,
  type HeadsRequest,
  headTag,
  MAX_HEADS,
  MAX_ORPHAN_NOTES,
  type OrphansItem,
  type OrphansRequest,
  type PullItem,
  type PullRequest,
} from '../../protocols/sync/messages.ts'
import type { Applier } from './apply.ts'
import type { Checks } from './checks.ts'
import type { Context } from './context.ts'
import type { Hints } from './hints.ts'
import type { Members } from './members.ts'
import type { Orphans } from './orphans.ts'
import { bucketCount, bucketOf, type LogTable } from './table.ts'

/** What members ask of this island. Reads only; what it learns by being asked becomes a hint. */
export class Answers {
  readonly #context: Context
  readonly #table: LogTable
  readonly #members: Members
  readonly #checks: Checks
  readonly #orphans: Orphans
  readonly #hints: Hints
  readonly #applier: Applier

  constructor(
    context: Context,
    table: LogTable,
    members: Members,
    checks: Checks,
    orphans: Orphans,
    hints: Hints,
    applier: Applier,
  ) {
    this.#context = context
    this.#table = table
    this.#members = members
    this.#checks = checks
    this.#orphans = orphans
    this.#hints = hints
    this.#applier = applier
  }

  digest(from: string, request: DigestRequest): DigestReply {
    const now = this.#context.clock.now()
    this.#checks.clocks.saw(from, request.now - now)
    const reply: DigestReply = { same: Buffer.compare(request.digest, this.#table.digest()) === 0, now }
    if (request.own) reply.yours = this.#table.get(from)?.head.bytes ?? null
    const notes = this.orphanNotes()
    if (notes.length > 0) reply.orphans = notes
    if (reply.same) return reply
    const told = this.#table.told()
    if (told.length <= HEADS_AT_ONCE) reply.heads = told.map((s) => s.head.bytes)
    else reply.buckets = this.#table.bucketDigests(bucketCount(told.length))
    return reply
  }

  orphanNotes(): { origin: string; digest: Uint8Array }[] {
    return this.#orphans
      .origins()
      .filter((origin) => this.#members.accepted(origin) !== undefined && !this.#members.isQuarantined(origin))
      .slice(0, MAX_ORPHAN_NOTES)
      .map((origin) => ({ origin, digest: this.#orphans.digest(origin) }))
  }

  heads(from: string, request: HeadsRequest): HeadsReply {
    const { buckets, of } = request
    if (buckets.length > 0 && (of === 0 || (of & (of - 1)) !== 0)) {
      throw new ArchipelError('PROTOCOL', 'the number of buckets is not a power of two')
    }
    for (const bytes of request.heads) this.hear(from, bytes)
    const wanted = new Set(buckets)
    const heads = buckets.length === 0 ? [] : this.#table.told().filter((s) => wanted.has(bucketOf(s.origin, of)))
    return { heads: some(heads, MAX_HEADS, this.#context.random).map((s) => s.head.bytes) }
  }

  /** A head that a peer shows without having been asked. Never throws: what is wrong with it is its own affair. */
  hear(from: string, bytes: Uint8Array): SignedHead | undefined {
    let head: SignedHead
    try {
      head = decodeHead(bytes)
    } catch {
      return undefined
    }
    const pinned = this.#table.get(head.origin)?.head
    if (head.origin === this.#context.self || comparePositions(head, pinned) < 0) return undefined
    if (pinned !== undefined && Buffer.compare(pinned.payload, head.payload) === 0) return undefined
    const refusal = this.#checks.head(head)
    if (refusal === undefined && pinned !== undefined && this.#applier.compareHeads(pinned, head)) return undefined
    // From the future, or of a member not known yet: the next rounds will tell.
    if (refusal !== undefined || comparePositions(head, pinned) === 0) return undefined
    this.#hints.add(from, head)
    return head
  }

  async *pull(request: PullRequest, signal: AbortSignal | undefined): AsyncGenerator<PullItem> {
    const { origin, from } = request
    const opened = await this.#table.locked(origin, async () => {
      const state = this.#table.get(origin)
      if (state === undefined || request.audience !== MEMBERS || !this.#table.isTold(state)) return 'unknown'
      if (!state.verified) return 'later'
      const full = from === null || comparePositions(from, state.horizon) < 0
      // Opened under the lock: the records are those of the head.
      return { state, full, records: this.#context.store.range(origin, state.generation, full ? null : from) }
    })
    if (typeof opened === 'string') {
      yield { refused: opened }
      return
    }
    const { state, full, records } = opened
    const { bytes } = state.head
    const isSeen = request.seen !== undefined && Buffer.compare(request.seen, headTag(bytes)) === 0
    yield { head: isSeen ? null : bytes, full, horizon: state.horizon }
    for await (const chunk of rechunk(records)) {
      signal?.throwIfAborted()
      yield { records: chunk }
    }
  }

  async *orphans(request: OrphansRequest, signal: AbortSignal | undefined): AsyncGenerator<OrphansItem> {
    const { origin } = request
    if (this.#members.accepted(origin) === undefined || !this.#orphans.has(origin)) return
    let chunk: Uint8Array[] = []
    for await (const bytes of this.#context.store.orphans(origin)) {
      signal?.throwIfAborted()
      chunk.push(bytes)
      if (isFull(chunk)) {
        yield { records: chunk }
        chunk = []
      }
    }
    if (chunk.length > 0) yield { records: chunk }
  }
}

function isFull(chunk: Uint8Array[]): boolean {
  return chunk.length >= CHUNK_RECORDS || chunk.reduce((sum, b) => sum + b.length, 0) >= CHUNK_BYTES
}

/** Chunks of the store may be larger than a message. */
async function* rechunk(chunks: AsyncIterable<Uint8Array[]>): AsyncGenerator<Uint8Array[]> {
  for await (const chunk of chunks) {
    let start = 0
    let bytes = 0
    for (let i = 0; i < chunk.length; i++) {
      if (i > start && (bytes >= CHUNK_BYTES || i - start >= CHUNK_RECORDS)) {
        yield chunk.slice(start, i)
        start = i
        bytes = 0
      }
      bytes += chunk[i]!.length
    }
    yield chunk.slice(start)
  }
}

/** At most `most`, any of them: so that what never fits does not always stand in the way of the same others. */
export function some<T>(items: readonly T[], most: number, random: () => number): readonly T[] {
  if (items.length <= most) return items
  const start = Math.floor(random() * items.length)
  return [...items.slice(start), ...items.slice(0, start)].slice(0, most)
}
