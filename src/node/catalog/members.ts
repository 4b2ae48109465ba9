import { decodeRecord, recordHash, type SignedRecord, verifyRecord } from '../../protocols/record/envelope.ts'
import type { Genesis } from '../../protocols/record/genesis.ts'
import { MEMBER_KIND, type MemberBody, parseMemberBody, signedByAnAdmin } from '../../protocols/record/member-facts.ts'
import {
  deriveMembership,
  type FactCache,
  forkEpoch,
  type Member,
  type Membership,
} from '../../protocols/record/membership.ts'
import type { Context } from './context.ts'
import { covers, livesRecordName } from './coverage.ts'
import { MAX_EXTRA_FACTS, MAX_MEMBER_RECORDS, REHOME_MS } from './limits.ts'
import type { Orphans } from './orphans.ts'
import type { StoreChange } from './port.ts'
import type { LogTable } from './table.ts'

const NOBODY: Membership = {
  members: new Map(),
  quarantined: new Map(),
  epochFloors: new Map(),
  revokedTickets: new Set(),
  homeless: [],
}

interface Extra {
  record: SignedRecord
  /** Holds whatever becomes of its author's log. */
  provesItself: boolean
}

/** Who is a member, kept up to date with the member records of all logs and with facts from elsewhere. */
export class Members {
  readonly #context: Context
  readonly #genesis: Genesis
  readonly #table: LogTable
  readonly #orphans: Orphans
  readonly #cache: FactCache = new WeakMap()
  readonly #logs = new Map<string, Map<string, SignedRecord>>()
  readonly #extra = new Map<string, Extra>()
  #membership: Membership = NOBODY
  #rehomeAt: number | undefined
  #dropped: (origin: string) => void = () => {}

  constructor(context: Context, genesis: Genesis, table: LogTable, orphans: Orphans) {
    this.#context = context
    this.#genesis = genesis
    this.#table = table
    this.#orphans = orphans
  }

  get current(): Membership {
    return this.#membership
  }

  /** Called for every log whose origin is a member no more. */
  onDropped(listener: (origin: string) => void): void {
    this.#dropped = listener
  }

  async load(): Promise<void> {
    for (const { origin, generation } of this.#table.all()) await this.#read(origin, generation)
    const kept: [string, SignedRecord][] = []
    for await (const [hash, bytes] of this.#context.store.facts()) kept.push([hash, decodeRecord(bytes)])
    // Twice: proofs of forks need to know the members first.
    for (const _ of [1, 2]) {
      for (const [hash, record] of kept) this.#extra.set(hash, this.#asExtra(record))
      this.derive()
    }
  }

  /** The member whose log is accepted: also one that left, not one that was revoked. */
  accepted(origin: string): Member | undefined {
    const member = this.#membership.members.get(origin)
    return member === undefined || member.state === 'revoked' ? undefined : member
  }

  isQuarantined(origin: string): boolean {
    return this.#membership.quarantined.has(origin)
  }

  /** All facts that membership is derived from. */
  *facts(): IterableIterator<SignedRecord> {
    for (const records of this.#logs.values()) yield* records.values()
    yield* this.#orphans.memberRecords()
    for (const { record, provesItself } of this.#extra.values()) if (provesItself || !this.#isDead(record)) yield record
  }

  /** The log got these records, live ones and withdrawals. */
  took(origin: string, records: SignedRecord[]): void {
    const log = this.#logs.get(origin) ?? new Map<string, SignedRecord>()
    const ours = records.filter((r) => r.kind === MEMBER_KIND && (isFact(r) || log.has(r.id)))
    if (ours.length === 0) return
    this.#logs.set(origin, log)
    for (const record of ours) {
      if (record.withdrawn === true) log.delete(record.id)
      else if (log.has(record.id) || log.size < MAX_MEMBER_RECORDS) log.set(record.id, record)
    }
    this.derive()
  }

  /** The log's records are those of another generation now. */
  async replaced(origin: string, generation: number): Promise<void> {
    const before = this.#logs.get(origin)?.size ?? 0
    await this.#read(origin, generation)
    if (before > 0 || this.#logs.get(origin)!.size > 0) this.derive()
  }

  /** The log is gone. What proves itself in it was kept by `changesToKeep`. */
  forget(origin: string, kept: SignedRecord[]): void {
    this.#logs.delete(origin)
    for (const record of kept) this.#extra.set(recordHash(record), { record, provesItself: true })
    this.derive()
  }

  /** Statements that would go with the log although they hold without it. */
  provingThemselves(origin: string): SignedRecord[] {
    return [...(this.#logs.get(origin)?.values() ?? [])].filter((r) => this.#asExtra(r).provesItself)
  }

  changesToKeep(records: SignedRecord[]): StoreChange[] {
    return records.map((r) => ({ type: 'fact', hash: recordHash(r), bytes: r.bytes }))
  }

  async add(records: SignedRecord[]): Promise<void> {
    const added = new Map<string, Extra>()
    for (const record of records) {
      const hash = recordHash(record)
      const inLog = this.#logs.get(record.origin)?.get(record.id)
      if (record.kind !== MEMBER_KIND || this.#extra.has(hash) || (inLog && recordHash(inLog) === hash)) continue
      if (this.#extra.size + added.size < MAX_EXTRA_FACTS) added.set(hash, this.#asExtra(record))
    }
    if (added.size === 0) return
    for (const [hash, extra] of added) this.#extra.set(hash, extra)
    this.derive()
    const changes: StoreChange[] = []
    for (const [hash, { record, provesItself }] of added) {
      if (provesItself || this.#isSigned(record)) changes.push({ type: 'fact', hash, bytes: record.bytes })
      else this.#extra.delete(hash)
    }
    if (changes.length > 0) await this.#context.store.commit(changes)
  }

  /** Derives anew, and acts on what changed. */
  derive(): void {
    const { archipelagoId, verify, self } = this.#context
    const before = this.#membership
    const input = { archipelagoId, genesis: this.#genesis, facts: this.facts(), verify, cache: this.#cache }
    this.#membership = deriveMembership(input)
    this.#table.changed()
    for (const [origin, epoch] of this.#membership.quarantined) {
      if (before.quarantined.get(origin) !== epoch) this.#context.emit('log:forked', { origin, epoch })
    }
    for (const { origin } of this.#table.all()) {
      if (origin !== self && this.accepted(origin) === undefined) this.#dropped(origin)
    }
    const was = before.members.get(self)
    const is = this.#membership.members.get(self)
    if (is?.state === 'revoked' ? was?.state !== 'revoked' : was !== undefined && is === undefined) {
      this.#context.emit('self:revoked')
    }
    if (this.#membership.homeless.length === 0) this.#rehomeAt = undefined
    else this.#rehomeAt ??= this.#context.clock.now() + this.#context.random() * REHOME_MS
    if (differs(before, this.#membership)) this.#context.emit('membership', this.#membership)
  }

  /** States again, after a while, what an admin signed and what lost its author; one island's word is enough for all. */
  rehome(): void {
    const { clock, self } = this.#context
    if (this.#rehomeAt === undefined || clock.now() < this.#rehomeAt) return
    if (this.#membership.members.get(self)?.state !== 'member') return
    this.#rehomeAt = clock.now() + REHOME_MS
    for (const { id, body } of this.#membership.homeless) this.#context.state({ id, body: body as MemberBody })
  }

  /** Forgets facts that the logs have overtaken. */
  async prune(): Promise<void> {
    const dead = [...this.#extra].filter(([, { record, provesItself }]) => !provesItself && this.#isDead(record))
    if (dead.length > 0) await this.#context.store.commit(dead.map(([hash]) => ({ type: 'no-fact', hash })))
    for (const [hash] of dead) this.#extra.delete(hash)
  }

  async #read(origin: string, generation: number): Promise<void> {
    const log = new Map<string, SignedRecord>()
    for await (const chunk of this.#context.store.ofKind(origin, generation, MEMBER_KIND)) {
      for (const bytes of chunk) {
        const record = decodeRecord(bytes)
        if (isFact(record) && log.size < MAX_MEMBER_RECORDS) log.set(record.id, record)
      }
    }
    this.#logs.set(origin, log)
  }

  #asExtra(record: SignedRecord): Extra {
    const { archipelagoId, verify } = this.#context
    const body = parseMemberBody(record)
    const context = { archipelagoId, admins: this.#genesis.admins, verify }
    if (body === undefined) return { record, provesItself: false }
    const member = body.type === 'fork' ? this.#membership.members.get(body.origin) : undefined
    const proof = body.type === 'fork' && member !== undefined && forkEpoch(context, body, member) > 0
    return { record, provesItself: proof || signedByAnAdmin(body, context) }
  }

  #isSigned(record: SignedRecord): boolean {
    const key = this.#membership.members.get(record.origin)?.key
    return key !== undefined && verifyRecord(this.#context, record, key)
  }

  /** Its log says that it has gone past it, and does not contain it. */
  #isDead(record: SignedRecord): boolean {
    const state = this.#table.get(record.origin)
    if (state === undefined || !covers(state.head, state.lives, record)) return false
    const live = this.#logs.get(record.origin)?.get(record.id)
    return live === undefined || live.epoch !== record.epoch || live.seq !== record.seq
  }
}

/** What an origin says of its earlier lives is its own affair, and what later versions say is not understood here. */
function isFact(record: SignedRecord): boolean {
  return record.id !== livesRecordName(record.origin).id && parseMemberBody(record) !== undefined
}

/** Cheap and on the safe side: what the listeners look at. */
function differs(a: Membership, b: Membership): boolean {
  if (a.members.size !== b.members.size || a.quarantined.size !== b.quarantined.size) return true
  if (a.revokedTickets.size !== b.revokedTickets.size) return true
  for (const [id, m] of b.members) {
    const n = a.members.get(id)
    if (n?.state !== m.state || n.mayInvite !== m.mayInvite || n.admission !== m.admission) return true
  }
  for (const id of b.quarantined.keys()) if (!a.quarantined.has(id)) return true
  return false
}
