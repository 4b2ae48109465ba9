import type { PeerId } from '@libp2p/interface'
import type { Admission } from './guard.ts'
import type { IslandNode } from './libp2p.ts'

/** The part of kad-dht's routing table that this needs; its interface does not show it. */
interface RoutingTable {
  kb: { toIterable(): Iterable<{ peerId: PeerId }> }
  remove(peerId: PeerId): Promise<void>
}

/** Peers that the DHT would ask. */
export function routes(node: IslandNode): PeerId[] {
  return [...(tableOf(node)?.kb.toIterable() ?? [])].map(({ peerId }) => peerId)
}

/** Takes those who are no members any more out of the DHT's routing table, where they would keep the place of others. */
export async function forgetRoutes(node: IslandNode, admission: Admission): Promise<void> {
  const gone = routes(node).filter((peerId) => !admission.isMember(peerId.toString()))
  await Promise.all(gone.map(async (peerId) => tableOf(node)?.remove(peerId)))
}

function tableOf(node: IslandNode): RoutingTable | undefined {
  return (node.services.dht as unknown as { routingTable: RoutingTable } | undefined)?.routingTable
}
