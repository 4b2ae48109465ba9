import { type Card, card } from '../../protocols/model/island.ts'
import { parseUntrusted } from '../../protocols/model/parse.ts'
import type { Member } from '../../protocols/record/membership.ts'
import type { CatalogPort } from '../catalog/port.ts'
import type { NetworkAdmission } from '../network/port.ts'

/** Members by island and by peer, with their cards: what the network, the resolver and the views ask all the time. */
export interface Roster {
  admission: NetworkAdmission
  /** Members only, not those that left or were revoked. */
  isMember(island: string): boolean
  member(island: string): Member | undefined
  all(): Member[]
  islandOf(peerId: string): string | undefined
  peerOf(island: string): string | undefined
  card(island: string): Card | undefined
  nameOf(island: string): string
  /** @returns ids of the members with this id, id prefix of eight characters or more, or name */
  named(text: string): string[]
  /** Members or cards changed. */
  onChange(listener: () => void): void
  refresh(): Promise<void>
}

export function roster(components: { catalog: CatalogPort; peerIdOf: (key: Uint8Array) => string }): Roster {
  const { catalog, peerIdOf } = components
  const cards = new Map<string, Card>()
  const listeners = new Set<() => void>()
  let byPeer = new Map<string, Member>()

  function rebuild(): void {
    byPeer = new Map([...catalog.membership().members.values()].map((m) => [peerIdOf(m.key), m]))
    tell()
  }

  function tell(): void {
    for (const listener of listeners) listener()
  }

  function take(origin: string, body: unknown): boolean {
    const parsed = parseUntrusted(card, body)
    if (!parsed.success) return false
    cards.set(origin, parsed.data)
    return true
  }

  catalog.on('membership', rebuild)
  catalog.on('change', (changes) => {
    let changed = false
    for (const change of changes) {
      if (change.type === 'dropped') changed = cards.delete(change.origin) || changed
      else if (change.type === 'put' && change.record.kind === 'island' && change.record.id === change.record.origin)
        changed = take(change.record.origin, change.record.body) || changed
      else if (change.type === 'withdrawn' && change.kind === 'island' && change.id === change.origin)
        changed = cards.delete(change.origin) || changed
    }
    if (changed) tell()
  })

  const member = (island: string) => catalog.membership().members.get(island)
  const nameOf = (island: string) => cards.get(island)?.name ?? member(island)?.name ?? island

  return {
    admission: {
      isMember: (peerId) => byPeer.get(peerId)?.state === 'member',
      islandOf: (peerId) => {
        const found = byPeer.get(peerId)
        return found?.state === 'member' ? found.id : undefined
      },
      isRevoked: (peerId) => byPeer.get(peerId)?.state === 'revoked',
      nameOf: (peerId) => {
        const found = byPeer.get(peerId)
        return found === undefined ? undefined : (cards.get(found.id)?.name ?? found.name ?? found.id.slice(0, 12))
      },
    },
    isMember: (island) => member(island)?.state === 'member',
    member,
    all: () => [...catalog.membership().members.values()].filter((m) => m.state === 'member'),
    islandOf: (peerId) => byPeer.get(peerId)?.id,
    peerOf: (island) => {
      const found = member(island)
      return found === undefined ? undefined : peerIdOf(found.key)
    },
    card: (island) => cards.get(island),
    nameOf,
    named(text) {
      const ids = [...catalog.membership().members.values()].filter((m) => m.state === 'member').map((m) => m.id)
      if (ids.includes(text)) return [text]
      const byName = ids.filter((id) => nameOf(id).toLowerCase() === text.toLowerCase())
      if (byName.length > 0 || text.length < 8) return byName
      return ids.filter((id) => id.startsWith(text))
    },
    onChange(listener) {
      listeners.add(listener)
    },
    async refresh() {
      for await (const record of catalog.list('island'))
        if (record.id === record.origin) take(record.origin, record.body)
      rebuild()
    },
  }
}
