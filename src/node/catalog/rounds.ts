import { ArchipelError } from '../../protocols/model/errors.ts'
import { decodeRecord, type SignedRecord } from '../../protocols/record/envelope.ts'
import { decodeHead, type SignedHead, verifyHead } from '../../protocols/record/head.ts'
import { comparePositions } from '../../protocols/record/position.ts'
import { BUCKET_DIGEST_BYTES, type DigestReply, HEADS_AT_ONCE, MAX_BUCKETS } from '../../protocols/sync/messages.ts'
import { type Answers, some } from './answers.ts'
import type { Applier } from './apply.ts'
import type { Checks } from './checks.ts'
import type { Context } from './context.ts'
import type { Hints } from './hints.ts'
import { MAX_TURNS } from './limits.ts'
import type { Members } from './members.ts'
import { Mutex } from './mutex.ts'
import { asOrphan, type Orphans } from './orphans.ts'
import type { OwnLog } from './own-log.ts'
import type { SyncRemote, SyncReport } from './port.ts'
import type { Puller } from './puller.ts'
import { bucketOf, type LogTable } from './table.ts'
import type { Verifier } from './verifier.ts'

/** Buckets asked for at once: some 500 heads. */
const BUCKETS_AT_ONCE = 128

export interface RoundsComponents {
  table: LogTable
  members: Members
  checks: Checks
  applier: Applier
  puller: Puller
  orphans: Orphans
  own: OwnLog
  hints: Hints
  answers: Answers
  verifier: Verifier
}

interface Round {
  remote: SyncRemote
  signal: AbortSignal
  report: SyncReport
}

/** The comparing of catalogs, one round with one peer at a time. */
export class Rounds {
  readonly #context: Context
  readonly #c: RoundsComponents
  readonly #running = new Map<string, Promise<SyncReport>>()
  readonly #recovery = new Mutex()

  constructor(context: Context, components: RoundsComponents) {
    this.#context = context
    this.#c = components
  }

  with(remote: SyncRemote, signal: AbortSignal | undefined): Promise<SyncReport> {
    const running = this.#running.get(remote.peer)
    if (running !== undefined) return running
    const all = signal === undefined ? this.#context.stopping : AbortSignal.any([signal, this.#context.stopping])
    const round = { remote, signal: all, report: { same: false, records: 0, logs: 0, pending: [] } }
    const release = this.#c.verifier.hold()
    const work = this.#round(round).finally(() => {
      release()
      this.#running.delete(remote.peer)
    })
    this.#running.set(remote.peer, work)
    return work
  }

  /** Settles when no round is under way any more. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#running.values())
  }

  async #round(round: Round): Promise<SyncReport> {
    const { report, remote } = round
    const hinted = this.#c.hints.take(remote.peer)
    if (this.#c.own.sendable) await this.#pullAll(round, hinted)
    for (let turn = 0; turn < MAX_TURNS; turn++) {
      round.signal.throwIfAborted()
      const reply = await this.#digest(round)
      await this.#c.own.refreshHead()
      let progress = reply.yours !== undefined && (await this.#recoverOwn(round, reply.yours))
      progress = (await this.#takeOrphans(round, reply)) || progress
      report.same = reply.same
      if (!reply.same) progress = (await this.#compare(round, reply)) || progress
      if (!progress) break
      if (this.#agrees(reply)) {
        report.same = true
        break
      }
    }
    this.#c.members.rehome()
    return report
  }

  async #digest({ remote, signal }: Round): Promise<DigestReply> {
    const { clock } = this.#context
    const sent = clock.now()
    const request = { digest: this.#c.table.digest(), now: sent, own: !this.#c.own.sendable }
    const reply = await remote.digest(request, { signal })
    this.#c.checks.clocks.saw(remote.peer, reply.now - (sent + clock.now()) / 2)
    return reply
  }

  /** Before anything of the own log is sent: what does the peer know of it? True when something was learnt. */
  async #recoverOwn(round: Round, yours: Uint8Array | null): Promise<boolean> {
    const { own } = this.#c
    if (own.sendable) return false
    if (yours !== null) {
      const head = this.#ownHead(round, yours)
      if (head === undefined) return false
      if (own.isNews(head) && !(await this.#takeOwn(round, head))) return false
    }
    if (!own.sendable) {
      own.sendable = true
      this.#c.table.changed()
    }
    return true
  }

  #ownHead({ remote }: Round, bytes: Uint8Array): SignedHead | undefined {
    const { self, signer } = this.#context
    try {
      const head = decodeHead(bytes)
      if (head.origin === self && verifyHead(this.#context, head, signer.publicKey)) return head
    } catch {
      // Falls through: somebody shows us what we did not write.
    }
    this.#context.emit('peer:suspect', {
      peer: remote.peer,
      origin: self,
      reason: 'a head of this island that it did not sign',
    })
    return undefined
  }

  /** Takes the own log over from a peer that knows more of it. One at a time: several peers may show the same. */
  #takeOwn({ remote, signal, report }: Round, head: SignedHead): Promise<boolean> {
    const { own, puller } = this.#c
    return this.#recovery.run(async () => {
      if (!own.isNews(head)) return true
      const result = await puller.pull(remote, head, { signal, lower: true, before: () => own.endLife() })
      if (result.state === 'refused') {
        report.pending.push({ origin: head.origin, reason: result.reason })
        return false
      }
      const records = result.state === 'applied' ? result.records : 0
      report.records += records
      this.#context.emit('own:recovered', { from: remote.peer, records, epoch: own.state?.head.epoch ?? 0 })
      await own.reissue()
      return true
    })
  }

  /** Records that others keep for origins which lost them. */
  async #takeOrphans(round: Round, { orphans: notes }: DigestReply): Promise<boolean> {
    const { orphans, checks, own } = this.#c
    let progress = false
    for (const { origin, digest } of notes ?? []) {
      const key = checks.keyOf(origin)
      if (key === undefined || Buffer.compare(orphans.digest(origin), digest) === 0) continue
      if (origin === this.#context.self && !own.sendable) continue
      const kept = await this.#fetchOrphans(round, origin, key)
      if (kept === 0) continue
      progress = true
      if (origin !== this.#context.self) continue
      const records = await this.#recovery.run(() => own.reissue())
      this.#context.emit('own:recovered', { from: round.remote.peer, records, epoch: own.state?.head.epoch ?? 0 })
    }
    return progress
  }

  async #fetchOrphans({ remote, signal }: Round, origin: string, key: Uint8Array): Promise<number> {
    const { table, orphans, checks, members } = this.#c
    let kept = 0
    for await (const { records: bytes } of remote.orphans({ origin }, { signal })) {
      const records = bytes.map((b) => decodeRecord(b)).filter((r) => r.origin === origin)
      const valid = await checks.records(records, key)
      const signed = records.filter((_, i) => valid[i])
      kept += await table.locked(origin, async () => {
        const state = table.get(origin)
        if (state === undefined && origin !== this.#context.self) return 0
        const lacking = state === undefined ? signed.map(asOrphan) : await orphans.lacking(state, signed.map(asOrphan))
        return await this.#keepOrphans(
          origin,
          lacking.map((o) => o.record),
        )
      })
    }
    if (kept > 0) members.derive()
    return kept
  }

  async #keepOrphans(origin: string, records: SignedRecord[]): Promise<number> {
    const { orphans } = this.#c
    const changes = orphans.changesToKeep(origin, records)
    if (changes.length === 0) return 0
    await this.#context.store.commit(changes)
    const kept = new Set(changes.map((c) => (c.type === 'orphan' ? c.bytes : undefined)))
    for (const record of records) if (kept.has(record.bytes)) orphans.remember(record)
    return changes.length
  }

  async #compare(round: Round, reply: DigestReply): Promise<boolean> {
    if (reply.heads !== undefined) {
      const theirs = decodeHeads(reply.heads)
      await this.#tellAhead(round, theirs, () => true)
      return await this.#pullAll(round, [...theirs.values()])
    }
    const of = (reply.buckets?.length ?? 0) / BUCKET_DIGEST_BYTES
    if (reply.buckets === undefined || of < 1 || of > MAX_BUCKETS || !Number.isInteger(of) || (of & (of - 1)) !== 0) {
      throw new ArchipelError('PROTOCOL', 'neither heads nor buckets in the answer')
    }
    const differing = differingBuckets(this.#c.table.bucketDigests(of), reply.buckets)
    const theirs = await this.#headsOfBuckets(round, differing, of)
    const asked = new Set(differing)
    await this.#tellAhead(round, theirs, (origin) => asked.has(bucketOf(origin, of)))
    return await this.#pullAll(round, [...theirs.values()])
  }

  /** Whether all that the peer has told of is here now, and no more: then nobody needs to ask once more. */
  #agrees(reply: DigestReply): boolean {
    if (reply.heads === undefined || reply.orphans !== undefined || !this.#c.own.sendable) return false
    const theirs = decodeHeads(reply.heads)
    const told = this.#c.table.told()
    return told.length === theirs.size && told.every(({ head }) => isSameLog(head, theirs.get(head.origin)))
  }

  async #headsOfBuckets({ remote, signal }: Round, buckets: number[], of: number): Promise<Map<string, SignedHead>> {
    const all = new Map<string, SignedHead>()
    for (let i = 0; i < buckets.length; i += BUCKETS_AT_ONCE) {
      const request = { buckets: buckets.slice(i, i + BUCKETS_AT_ONCE), of, heads: [] }
      const { heads } = await remote.heads(request, { signal })
      for (const [origin, head] of decodeHeads(heads)) all.set(origin, head)
    }
    return all
  }

  /** So that the peer learns of this round, too. */
  async #tellAhead(
    { remote, signal }: Round,
    theirs: Map<string, SignedHead>,
    isConcerned: (origin: string) => boolean,
  ): Promise<void> {
    const ahead = this.#c.table
      .told()
      .filter((s) => isConcerned(s.origin) && comparePositions(s.head, theirs.get(s.origin)) > 0)
    if (ahead.length === 0) return
    const heads = some(ahead, HEADS_AT_ONCE, this.#context.random).map((s) => s.head.bytes)
    await remote.heads({ buckets: [], of: 0, heads }, { signal })
  }

  /** Everything that is newer there. Again as long as new members make unknown origins known. */
  async #pullAll(round: Round, heads: SignedHead[]): Promise<boolean> {
    const { own, table } = this.#c
    let progress = false
    let open = heads
    for (;;) {
      const before = table.digest()
      const waiting: SignedHead[] = []
      for (const head of open) {
        round.signal.throwIfAborted()
        if (head.origin === this.#context.self) {
          if (own.sendable) progress = (await this.#considerOwn(round, head)) || progress
        } else if (await this.#pullOne(round, head)) progress = true
        else waiting.push(head)
      }
      open = waiting.filter((h) => this.#c.checks.keyOf(h.origin) === undefined || this.#isNews(h))
      if (open.length === 0 || Buffer.compare(before, table.digest()) === 0) break
    }
    for (const { origin } of open) {
      if (!round.report.pending.some((p) => p.origin === origin))
        round.report.pending.push({ origin, reason: 'unknown-origin' })
    }
    return progress
  }

  #isNews(head: SignedHead): boolean {
    return comparePositions(head, this.#c.table.get(head.origin)?.head) > 0
  }

  async #considerOwn(round: Round, bytes: SignedHead): Promise<boolean> {
    const head = this.#ownHead(round, bytes.bytes)
    return head !== undefined && this.#c.own.isNews(head) && (await this.#takeOwn(round, head))
  }

  async #pullOne({ remote, signal, report }: Round, head: SignedHead): Promise<boolean> {
    const { table, checks, puller, applier } = this.#c
    const pinned = table.get(head.origin)?.head
    if (pinned !== undefined && comparePositions(head, pinned) <= 0) {
      const conflicts = comparePositions(head, pinned) === 0 && Buffer.compare(head.payload, pinned.payload) !== 0
      if (conflicts && checks.head(head) === undefined) applier.compareHeads(pinned, head)
      return false
    }
    if (checks.keyOf(head.origin) === undefined) return false
    report.pending = report.pending.filter((p) => p.origin !== head.origin)
    const result = await puller.pull(remote, head, { signal })
    if (result.state === 'refused') report.pending.push({ origin: head.origin, reason: result.reason })
    if (result.state !== 'applied') return false
    report.records += result.records
    report.logs++
    return true
  }
}

function decodeHeads(heads: Uint8Array[]): Map<string, SignedHead> {
  const all = new Map<string, SignedHead>()
  for (const bytes of heads) {
    try {
      const head = decodeHead(bytes)
      all.set(head.origin, head)
    } catch {
      // A head of a later version, or nonsense: the others are still of use.
    }
  }
  return all
}

/** As the digest compares: the time of a head plays no part. */
function isSameLog(a: SignedHead, b: SignedHead | undefined): boolean {
  return b !== undefined && comparePositions(a, b) === 0 && Buffer.compare(a.liveHash, b.liveHash) === 0
}

function differingBuckets(a: Uint8Array, b: Uint8Array): number[] {
  const differing: number[] = []
  for (let i = 0; i * BUCKET_DIGEST_BYTES < a.length; i++) {
    const [start, end] = [i * BUCKET_DIGEST_BYTES, (i + 1) * BUCKET_DIGEST_BYTES]
    if (Buffer.compare(a.subarray(start, end), b.subarray(start, end)) !== 0) differing.push(i)
  }
  return differing
}
