import { decodeTicket, TICKET_PREFIX } from '../../protocols/join/ticket.ts'
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { Signer } from '../../protocols/record/keys.ts'
import {
  type Admission,
  buildAdmission,
  buildEpochFloor,
  buildRevocation,
  buildTicketRevocation,
  MEMBER_KIND,
  parseMemberBody,
} from '../../protocols/record/member-facts.ts'
import type { CatalogPort, Entry } from '../catalog/port.ts'

export interface RevokerComponents {
  catalog: CatalogPort
  tickets: { get(id: string): Promise<{ state: string } | undefined>; revoke(id: string): Promise<void> }
}

/** Ends memberships and tickets: as an administrator, or for what this island itself invited or issued. */
export function revoker(
  init: { archipelagoId: string; self: string; admins: readonly Uint8Array[] },
  components: RevokerComponents,
) {
  const { catalog } = components
  const { archipelagoId, self } = init

  /** Before anything is written. @throws NOT_ADMIN */
  function checkAdmin(admin: Signer | undefined): void {
    if (admin === undefined || init.admins.some((key) => Buffer.compare(key, admin.publicKey) === 0)) return
    throw new ArchipelError('NOT_ADMIN', 'the key is not one of this archipelago’s admin keys', {
      hint: 'Check the recovery key; nothing was written.',
    })
  }

  /** Islands that `member` alone had admitted: kept by admissions of our own, which have to stand before the revocation. */
  function keepInvitees(member: string, admin: Signer | undefined): Entry[] {
    const entries: Entry[] = []
    for (const other of catalog.membership().members.values()) {
      if (other.admittedBy !== member || other.id === member || other.state !== 'member') continue
      const body = parseMemberBody(other.admission) as Admission | undefined
      if (body?.type !== 'admission') continue
      const fact = buildAdmission({
        archipelagoId,
        card: body.card,
        inviter: body.inviter,
        acceptance: body.acceptance,
        mayInvite: body.mayInvite,
        ...(admin === undefined ? {} : { admin }),
      })
      entries.push({ kind: MEMBER_KIND, id: fact.id, body: fact.body })
    }
    return entries
  }

  /** Whether a member came in by this ticket. */
  function isCited(ticket: string): boolean {
    return [...catalog.membership().members.values()].some((m) => m.ticket === ticket)
  }

  return {
    /** @throws NOT_ADMIN, NOT_FOUND, BAD_INPUT */
    async member(member: string, invitees: 'keep' | 'revoke', admin: Signer | undefined): Promise<string> {
      if (member === self)
        throw new ArchipelError('BAD_INPUT', 'an island does not revoke itself', { hint: 'Use `archipel leave`.' })
      const known = catalog.membership().members.get(member)
      if (known === undefined) throw new ArchipelError('NOT_FOUND', `${member} is no member`)
      if (admin === undefined && known.admittedBy !== self)
        throw new ArchipelError('NOT_ADMIN', 'this island neither holds an admin key nor invited that member')
      const head = catalog.heads().find((h) => h.origin === member)
      const fact = buildRevocation({
        archipelagoId,
        member,
        at: head === undefined ? { epoch: 0, seq: 0 } : { epoch: head.epoch, seq: head.seq },
        invitees,
        ...(admin === undefined ? {} : { admin }),
      })
      const kept = invitees === 'keep' ? keepInvitees(member, admin) : []
      await catalog.appendMany([...kept, { kind: MEMBER_KIND, id: fact.id, body: fact.body }])
      return member
    },

    /** The epoch from which an island in quarantine is believed again: one above that of the proof. @throws NOT_ADMIN, NOT_FOUND */
    async pardon(island: string, admin: Signer | undefined): Promise<number> {
      if (admin === undefined) throw new ArchipelError('NOT_ADMIN', 'only an administrator ends a quarantine')
      checkAdmin(admin)
      const proven = catalog.membership().quarantined.get(island)
      if (proven === undefined) throw new ArchipelError('NOT_FOUND', `${island} is not in quarantine`)
      const fact = buildEpochFloor({ archipelagoId, origin: island, epoch: proven + 1, admin })
      await catalog.append(MEMBER_KIND, fact.id, fact.body)
      return proven + 1
    },

    /** By id, or the ticket itself. @throws NOT_ADMIN, TICKET_USED, TICKET_UNKNOWN, TICKET_INVALID */
    async ticket(given: string, admin: Signer | undefined): Promise<string> {
      checkAdmin(admin)
      const isWhole = given.startsWith(TICKET_PREFIX)
      const ticket = isWhole ? decodeTicket(given).id : given
      const mine = await components.tickets.get(ticket)
      if (mine !== undefined) await components.tickets.revoke(ticket)
      else if (admin === undefined)
        throw new ArchipelError(
          'NOT_ADMIN',
          'that ticket was issued elsewhere: its issuer or an administrator revokes it',
        )
      // Of a ticket issued elsewhere only its issuer knows the id; the ticket itself proves that it exists.
      else if (!isWhole && !isCited(ticket)) {
        throw new ArchipelError('TICKET_UNKNOWN', 'this island did not issue a ticket with that id', {
          hint: 'Give the whole ticket, or revoke it at the island that issued it.',
        })
      }
      const fact = buildTicketRevocation({ archipelagoId, ticket, ...(admin === undefined ? {} : { admin }) })
      await catalog.append(MEMBER_KIND, fact.id, fact.body)
      return ticket
    },
  }
}
