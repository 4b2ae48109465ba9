import type { JoinReply, JoinRequest } from '../../protocols/join/messages.ts'
import { ArchipelError, toArchipelError } from '../../protocols/model/errors.ts'
import { decodeRecord, type SignedRecord } from '../../protocols/record/envelope.ts'
import { decodeFirstCard, islandIdOf } from '../../protocols/record/genesis.ts'
import type { Verify } from '../../protocols/record/keys.ts'
import {
  buildAdmission,
  type MemberFact,
  parseMemberBody,
  verifyAcceptance,
} from '../../protocols/record/member-facts.ts'
import type { Membership } from '../../protocols/record/membership.ts'
import type { Remote } from '../../protocols/wire/server.ts'
import type { JournalPort } from '../journal/journal.ts'
import type { TicketBook } from './tickets.ts'

export interface JoinDeskInit {
  self: string
  archipelagoId: string
  genesis: Uint8Array
}

export interface JoinDeskComponents {
  tickets: TicketBook
  membership: () => Membership
  /** All member records known, as signed. */
  facts: () => SignedRecord[]
  /** Into the own log; durable when it resolves. */
  append: (fact: MemberFact) => Promise<unknown>
  /** Facts shown by a peer: kept when they prove themselves. */
  learn: (facts: SignedRecord[]) => Promise<void>
  peerIdOf: (key: Uint8Array) => string
  verify: Verify
  journal: JournalPort
  now?: () => number
}

/** Admission records one shows of oneself: the length of a chain of invitations. */
const MAX_CHAIN = 64

/** Answers the join protocol: redeems tickets of this island, and tells a peer how it stands. */
export function joinDesk(init: JoinDeskInit, components: JoinDeskComponents) {
  const { tickets, membership } = components
  const now = components.now ?? Date.now

  async function redeem(request: Extract<JoinRequest, { type: 'redeem' }>, remote: Remote): Promise<JoinReply> {
    const { key } = decodeFirstCard(request.card)
    const member = islandIdOf(request.card)
    if (components.peerIdOf(key) !== remote.peerId)
      throw new ArchipelError('BAD_INPUT', 'the card is not of the island that shows it')
    const consent = {
      archipelagoId: init.archipelagoId,
      inviter: init.self,
      card: request.card,
      acceptance: request.acceptance,
    }
    if (!verifyAcceptance(consent, key, components.verify))
      throw new ArchipelError('BAD_INPUT', 'the acceptance is not signed by the key of the card')
    if (membership().members.get(member)?.state === 'revoked')
      throw new ArchipelError('MEMBER_REVOKED', 'this island was revoked')
    const ticket = await tickets.use(request.ticket, request.secret, member, membership().revokedTickets)
    if (membership().members.get(member)?.state !== 'member') {
      await components.append(buildAdmission({ ...consent, mayInvite: ticket.mayInvite, ticket: ticket.id }))
    }
    if (membership().members.get(member)?.state !== 'member') {
      throw new ArchipelError('FORBIDDEN', 'this island may not invite any more', {
        hint: 'Ask another member for a ticket.',
      })
    }
    return { type: 'redeemed', genesis: init.genesis, facts: components.facts().map((f) => f.bytes), time: now() }
  }

  async function present(request: Extract<JoinRequest, { type: 'present' }>, remote: Remote): Promise<JoinReply> {
    const facts = request.facts.map((bytes) => decodeRecord(bytes))
    checkChain(facts, remote.peerId)
    await components.learn(facts)
    const known = [...membership().members.values()].find((m) => components.peerIdOf(m.key) === remote.peerId)
    const standing = known?.state ?? 'unknown'
    return { type: 'standing', standing, facts: known?.state === 'revoked' ? revocationOf(known.id) : [], time: now() }
  }

  /**
   * What is learnt has to be what was asked for: the admission of the presenter, then that of each one's author. Whether
   * they are signed is found out where they are learnt; without this, anybody could leave anything there.
   *
   * @throws BAD_INPUT
   */
  function checkChain(facts: SignedRecord[], presenter: string): void {
    for (const [i, fact] of facts.entries()) {
      const body = parseMemberBody(fact)
      if (body?.type !== 'admission') throw new ArchipelError('BAD_INPUT', 'a chain holds admissions only')
      const follows =
        i === 0 ? components.peerIdOf(decodeFirstCard(body.card).key) === presenter : fact.id === facts[i - 1]!.origin
      if (!follows)
        throw new ArchipelError('BAD_INPUT', 'the admissions are no chain that ends with the island that shows it')
    }
  }

  /** The revocations of an island, each with the chain of admissions of its author: all that this island may still know. */
  function revocationOf(member: string): Uint8Array[] {
    const revocations = components.facts().filter((f) => f.id === `revoked/${member}`)
    const chains = revocations.flatMap((f) => admissionChain(membership(), f.origin))
    return [...revocations.map((f) => f.bytes), ...chains].slice(0, MAX_CHAIN)
  }

  return async (request: JoinRequest, remote: Remote): Promise<JoinReply> => {
    if (request.type === 'present') return await present(request, remote)
    const entry = { actor: remote.peerId, action: 'member:admit', subject: request.ticket }
    try {
      const reply = await redeem(request, remote)
      components.journal.write({ ...entry, outcome: 'ok' })
      return reply
    } catch (cause) {
      components.journal.write({ ...entry, outcome: 'refused', code: toArchipelError(cause).code })
      throw cause
    }
  }
}

/** The admissions that lead from an admin-signed one to this member, own first: what `present` shows. */
export function admissionChain(membership: Membership, self: string): Uint8Array[] {
  const chain: Uint8Array[] = []
  const seen = new Set<string>()
  let id: string | undefined = self
  while (id !== undefined && !seen.has(id) && chain.length < MAX_CHAIN) {
    seen.add(id)
    const member = membership.members.get(id)
    if (member === undefined) break
    chain.push(member.admission.bytes)
    id = member.admittedBy
  }
  return chain
}
