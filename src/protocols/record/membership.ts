import { decodeRecord, type SignedRecord, verifyRecord } from './envelope.ts'
import { decodeFirstCard, type Genesis, islandIdOf } from './genesis.ts'
import { decodeHead, headsConflict, verifyHead } from './head.ts'
import type { Verify } from './keys.ts'
import {
  type Admission,
  type MemberBody,
  parseMemberBody,
  type Revocation,
  signedByAnAdmin,
  verifyAcceptance,
} from './member-facts.ts'
import { comparePositions } from './position.ts'

export interface Member {
  id: string
  /** Ed25519 public key. */
  key: Uint8Array
  name: string
  site?: string
  mayInvite: boolean
  /** Island id of the author of the admission that counts. */
  admittedBy: string
  ticket?: string
  /** Milliseconds: the time of that admission by its author's clock. */
  since: number
  /** `left`: no connections any more, its log stays. `revoked`: its log counts for nothing. */
  state: 'member' | 'left' | 'revoked'
  admission: SignedRecord
}

export interface Membership {
  members: ReadonlyMap<string, Member>
  /** Origins that were caught with two histories, and the epoch of the proof. */
  quarantined: ReadonlyMap<string, number>
  /** Epochs from which an admin accepts an origin again. */
  epochFloors: ReadonlyMap<string, number>
  revokedTickets: ReadonlySet<string>
  /** Statements that prove themselves but whose author's log counts no more: a member has to state them again. */
  homeless: readonly SignedRecord[]
}

interface Fact {
  record: SignedRecord
  /** Null in a withdrawal and in what this version does not understand; both still replace what stood there. */
  body: MemberBody | null
  admin: boolean
}

/** Answers that do not change, kept from one derivation to the next. Keys are the record objects. */
export type FactCache = WeakMap<SignedRecord, CachedFact>

interface CachedFact {
  fact: Fact
  signed?: boolean
  card?: Card | null
  forkEpoch?: number
}

type Card = { id: string; key: Uint8Array; name: string; site?: string }

export interface DeriveInput {
  archipelagoId: string
  genesis: Genesis
  /** Records of kind `member`, from anywhere, in any order; forged and foreign ones are ignored. */
  facts: Iterable<SignedRecord>
  verify: Verify
  cache?: FactCache
}

/**
 * Who is a member: a pure function of the set of facts, whatever their order.
 *
 * From the admin-signed admissions outwards, level by level: the members of the levels so far admit the next one. A
 * revocation counts when an admin signed it, or when its author stands on an earlier level than the member and is an
 * inviter of it, direct or further up (by the acceptance the member signed, so that nobody makes himself the inviter
 * of others). Who is revoked admits nobody: those it alone had admitted fall with it.
 */
export function deriveMembership(input: DeriveInput): Membership {
  return new Derivation(input).run()
}

class Derivation {
  readonly input: DeriveInput
  readonly cache: FactCache
  readonly byOrigin = new Map<string, Fact[]>()
  readonly admin: Fact[] = []
  readonly forks: Fact[] = []
  readonly members = new Map<string, Member>()
  readonly revoked = new Set<string>()
  readonly revokedTickets = new Set<string>()
  readonly issuerTickets = new Set<string>()
  readonly epochFloors = new Map<string, number>()
  /** Admissions that count, by member, and who invited it by its own word. */
  readonly admissions = new Map<string, { fact: Fact; card: Card }[]>()
  readonly inviters = new Map<string, Set<string>>()
  readonly claims = new Map<string, string[]>()

  constructor(input: DeriveInput) {
    this.input = input
    this.cache = input.cache ?? new WeakMap()
  }

  run(): Membership {
    for (const record of this.input.facts) this.sort(record)
    for (const { body } of this.admin) {
      if (body?.type === 'revocation') this.revoked.add(body.member)
      else if (body?.type === 'ticket-revoked') this.revokedTickets.add(body.ticket)
      else if (body?.type === 'epoch') {
        this.epochFloors.set(body.origin, Math.max(body.epoch, this.epochFloors.get(body.origin) ?? 0))
      }
    }
    for (const fact of this.admin) if (fact.body?.type === 'admission') this.admit(fact, fact.body)
    let level = this.establish()
    while (level.length > 0) {
      for (const member of level) this.hear(member)
      level = this.establish()
    }
    const quarantined = this.findForks()
    return {
      members: this.members,
      quarantined,
      epochFloors: this.epochFloors,
      revokedTickets: new Set([...this.revokedTickets, ...this.issuerTickets].map((t) => t.slice(t.indexOf(' ') + 1))),
      homeless: this.findHomeless(quarantined),
    }
  }

  sort(record: SignedRecord): void {
    let fact = this.cache.get(record)?.fact
    if (fact === undefined) {
      const body = parseMemberBody(record) ?? null
      const context = { ...this.input, admins: this.input.genesis.admins }
      fact = { record, body, admin: body !== null && signedByAnAdmin(body, context) }
      this.cache.set(record, { fact })
    }
    const facts = this.byOrigin.get(record.origin) ?? []
    this.byOrigin.set(record.origin, facts)
    facts.push(fact)
    if (fact.admin) this.admin.push(fact)
    if (fact.body?.type === 'fork') this.forks.push(fact)
  }

  /** Takes an admission into account whose author or admin signature was checked. */
  admit(fact: Fact, body: Admission): void {
    const card = this.cardOf(fact, body)
    if (card === null) return
    const list = this.admissions.get(card.id) ?? []
    this.admissions.set(card.id, list)
    list.push({ fact, card })
    const inviters = this.inviters.get(card.id) ?? new Set()
    this.inviters.set(card.id, inviters)
    inviters.add(body.inviter)
  }

  cardOf(fact: Fact, body: Admission): Card | null {
    const cached = this.cache.get(fact.record)!
    if (cached.card === undefined) cached.card = this.checkCard(body)
    return cached.card
  }

  checkCard(body: Admission): Card | null {
    const { archipelagoId, verify } = this.input
    try {
      const { key, name, site } = decodeFirstCard(body.card)
      if (!verifyAcceptance({ archipelagoId, ...body }, key, verify)) return null
      return { id: islandIdOf(body.card), key, name, ...(site === undefined ? {} : { site }) }
    } catch {
      return null
    }
  }

  /** Everybody admitted so far who is not in yet becomes a member, unless revoked by somebody above. */
  establish(): Member[] {
    const level: Member[] = []
    for (const [id, list] of this.admissions) {
      if (this.members.has(id)) continue
      const { fact, card } = list.reduce((a, b) => (compareFacts(b.fact, a.fact) < 0 ? b : a))
      const body = fact.body as Admission
      const revoked = this.revoked.has(id) || (this.claims.get(id) ?? []).some((by) => this.isAbove(by, id))
      const member: Member = {
        ...card,
        mayInvite: list.some(({ fact }) => (fact.body as Admission).mayInvite),
        admittedBy: fact.record.origin,
        ...(body.ticket === undefined ? {} : { ticket: body.ticket }),
        since: fact.record.time,
        state: revoked ? 'revoked' : 'member',
        admission: fact.record,
      }
      level.push(member)
    }
    for (const member of level) this.members.set(member.id, member)
    return level.filter((m) => m.state !== 'revoked')
  }

  /** Whether `by` invited `member`, or who invited it, and so on. */
  isAbove(by: string, member: string): boolean {
    const seen = new Set([member])
    const queue = [member]
    for (const id of queue) {
      for (const inviter of this.inviters.get(id) ?? []) {
        if (inviter === by && inviter !== member) return true
        if (!seen.has(inviter)) {
          seen.add(inviter)
          queue.push(inviter)
        }
      }
    }
    return false
  }

  /** Takes in what a member says: of each of its record ids the newest. */
  hear(member: Member): void {
    const newest = new Map<string, Fact>()
    for (const fact of this.byOrigin.get(member.id) ?? []) {
      const other = newest.get(fact.record.id)
      if (other !== undefined && comparePositions(other.record, fact.record) >= 0) continue
      if (this.isSigned(fact.record, member.key)) newest.set(fact.record.id, fact)
    }
    const said = [...newest.values()]
    for (const { body } of said) {
      if (body?.type === 'ticket-revoked') this.issuerTickets.add(`${member.id} ${body.ticket}`)
      else if (body?.type === 'left') member.state = 'left'
      else if (body?.type === 'revocation') this.claim(member, body)
    }
    if (!member.mayInvite) return
    for (const fact of said) {
      const { body, admin } = fact
      if (body?.type !== 'admission' || admin || fact.record.id === member.id) continue
      const { ticket } = body
      if (
        ticket === undefined ||
        !(this.issuerTickets.has(`${member.id} ${ticket}`) || this.revokedTickets.has(ticket))
      ) {
        this.admit(fact, body)
      }
    }
  }

  claim(by: Member, body: Revocation): void {
    const list = this.claims.get(body.member) ?? []
    this.claims.set(body.member, list)
    list.push(by.id)
  }

  isSigned(record: SignedRecord, key: Uint8Array): boolean {
    const cached = this.cache.get(record)!
    cached.signed ??= verifyRecord(this.input, record, key)
    return cached.signed
  }

  findForks(): Map<string, number> {
    const quarantined = new Map<string, number>()
    for (const { record, body } of this.forks) {
      const member = body?.type === 'fork' ? this.members.get(body.origin) : undefined
      if (body?.type !== 'fork' || member === undefined) continue
      const cached = this.cache.get(record)!
      cached.forkEpoch ??= forkEpoch(this.input, body, member)
      if (cached.forkEpoch >= Math.max(1, this.epochFloors.get(member.id) ?? 1)) {
        quarantined.set(member.id, Math.max(cached.forkEpoch, quarantined.get(member.id) ?? 0))
      }
    }
    return quarantined
  }

  findHomeless(quarantined: ReadonlyMap<string, number>): SignedRecord[] {
    const proofs = this.forks.filter(({ body }) => body?.type === 'fork' && quarantined.has(body.origin))
    const statements = [...this.admin, ...proofs].filter(
      ({ record, body }) => body?.type !== 'admission' || !this.isRevoked(record.id),
    )
    const housed = new Set<string>()
    const homeless = new Map<string, Fact>()
    for (const fact of statements) {
      const { id, origin } = fact.record
      const author = this.members.get(origin)
      if (author !== undefined && author.state !== 'revoked' && this.isSigned(fact.record, author.key)) housed.add(id)
      else if (compareFacts(fact, homeless.get(id) ?? fact) <= 0) homeless.set(id, fact)
    }
    return [...homeless].filter(([id]) => !housed.has(id)).map(([, fact]) => fact.record)
  }

  isRevoked(id: string): boolean {
    return this.members.get(id)?.state === 'revoked'
  }
}

/** Admin-signed before others, then by author, then the newest: any fixed order would do. */
function compareFacts(a: Fact, b: Fact): number {
  if (a.admin !== b.admin) return a.admin ? -1 : 1
  if (a.record.origin !== b.record.origin) return a.record.origin < b.record.origin ? -1 : 1
  return comparePositions(b.record, a.record) || Buffer.compare(a.record.bytes, b.record.bytes)
}

/**
 * The epoch in which the two halves contradict each other, 0 when they do not: two records, or two heads, of one
 * position, both signed by the member. Records are compared by what is signed, so that only the key's holder can
 * make two.
 */
export function forkEpoch(
  context: { archipelagoId: string; verify: Verify },
  proof: { a: Uint8Array; b: Uint8Array },
  member: { id: string; key: Uint8Array },
): number {
  try {
    const a = decodeRecord(proof.a)
    const b = decodeRecord(proof.b)
    const same = a.origin === member.id && b.origin === member.id && a.audience === b.audience
    if (!same || comparePositions(a, b) !== 0 || Buffer.compare(a.payload, b.payload) === 0) return 0
    return verifyRecord(context, a, member.key) && verifyRecord(context, b, member.key) ? a.epoch : 0
  } catch {
    return headForkEpoch(context, proof, member)
  }
}

function headForkEpoch(
  context: { archipelagoId: string; verify: Verify },
  proof: { a: Uint8Array; b: Uint8Array },
  member: { id: string; key: Uint8Array },
): number {
  try {
    const a = decodeHead(proof.a)
    const b = decodeHead(proof.b)
    if (a.origin !== member.id || !headsConflict(a, b)) return 0
    return verifyHead(context, a, member.key) && verifyHead(context, b, member.key) ? a.epoch : 0
  } catch {
    return 0
  }
}
