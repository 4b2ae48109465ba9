import { ArchipelError } from '../../protocols/model/errors.ts'
import { type Holding, resolveSpec } from '../../protocols/resolve/messages.ts'
import { call } from '../../protocols/wire/client.ts'
import type { Roster } from '../members/roster.ts'
import type { NetworkPort } from '../network/port.ts'
import type { AskHoldings } from './port.ts'

export interface ReachingComponents {
  self: string
  roster: Roster
  network: NetworkPort
  /** Own truth. */
  holdings: (ids: string[]) => Promise<Holding[]>
}

const ASK_MS = 10_000
/** Members tried as a relay to one that cannot be reached otherwise. */
const MAX_RELAYS = 4

/** How to get at a member that may not be connected, and to ask it what it holds. */
export function reaching({ self, roster, network, holdings }: ReachingComponents) {
  /** @returns its peer id, connected. @throws NOT_A_MEMBER, UNREACHABLE */
  async function connect(island: string, options: { signal: AbortSignal; addresses?: string[] }): Promise<string> {
    if (roster.member(self)?.state === 'revoked') throw new ArchipelError('MEMBER_REVOKED', 'this island was revoked')
    const peerId = roster.peerOf(island)
    if (peerId === undefined || !roster.isMember(island)) {
      throw new ArchipelError('NOT_A_MEMBER', `${island} is no member`)
    }
    const connections = network.connections()
    if (connections.some((c) => c.peerId === peerId)) return peerId
    const relays = connections.filter((c) => !c.relayed).slice(0, MAX_RELAYS)
    const addresses = [
      ...(options.addresses ?? []),
      ...(roster.card(island)?.addresses ?? []),
      ...relays.map((c) => `/p2p/${c.peerId}/p2p-circuit/p2p/${peerId}`),
    ]
    return await network.connect({ peerId, addresses }, { signal: options.signal })
  }

  const ask: AskHoldings = async (island, ids, options) => {
    if (island === self) return await holdings(ids)
    const signal = options.signal ?? AbortSignal.timeout(ASK_MS)
    const { addresses } = options
    const peerId = await connect(island, { signal, ...(addresses === undefined ? {} : { addresses }) })
    return (await call(network, peerId, resolveSpec, { ids }, { signal })).holdings
  }

  return { connect, ask }
}
