import type { DialTarget } from '../network/port.ts'
import type { Roster } from './roster.ts'

/** Whom to keep connected: members with the addresses of their cards, then the contacts known from joining. */
export function dialTargets(roster: Roster, self: string, contacts: DialTarget[]): DialTarget[] {
  const targets = new Map<string, DialTarget>()
  for (const contact of contacts) {
    if (contact.peerId !== undefined && roster.admission.isMember(contact.peerId)) targets.set(contact.peerId, contact)
  }
  for (const member of roster.all()) {
    const peerId = roster.peerOf(member.id)
    if (member.id === self || peerId === undefined) continue
    const own = roster.card(member.id)?.addresses ?? []
    const addresses = [...new Set([...own, ...(targets.get(peerId)?.addresses ?? [])])]
    if (addresses.length > 0) targets.set(peerId, { peerId, addresses: direct(addresses) })
  }
  return [...targets.values()]
}

/** Direct addresses before relayed ones. */
function direct(addresses: string[]): string[] {
  return addresses.sort((a, b) => Number(a.includes('/p2p-circuit')) - Number(b.includes('/p2p-circuit')))
}
