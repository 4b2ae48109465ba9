import { RELAY_V2_HOP_CODEC } from '@libp2p/circuit-relay-v2'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { Logger } from 'pino'
import type { IslandNode } from './libp2p.ts'

/** Relays to hold a reservation at, so that the loss of one cuts nobody off. */
const RESERVATIONS = 2
const CHECK_MS = 3_000

export interface RelayClientComponents {
  /** Members with a direct connection. */
  candidates(): string[]
  listen(address: Multiaddr): Promise<void>
  logger: Logger
}

/**
 * Keeps an island that others cannot dial reachable through members: reservations at up to two of those it is
 * connected to. libp2p's own search for relays walks the DHT without pause and would ask strangers.
 */
export function relayClient(node: IslandNode, components: RelayClientComponents) {
  let timer: NodeJS.Timeout | undefined
  let busy = false

  const reserved = () =>
    new Set(node.getMultiaddrs().flatMap((a) => /\/p2p\/([A-Za-z0-9]+)\/p2p-circuit/.exec(a.toString())?.[1] ?? []))

  async function check(): Promise<void> {
    if (busy || node.status !== 'started') return
    busy = true
    try {
      for (const peerId of components.candidates()) {
        const held = reserved()
        if (held.size >= RESERVATIONS) return
        if (held.has(peerId) || !(await serves(peerId))) continue
        await components
          .listen(multiaddr(`/p2p/${peerId}/p2p-circuit`))
          .catch((error: Error) =>
            components.logger.debug({ peer: peerId, error: error.message }, 'no relay reservation'),
          )
      }
    } finally {
      busy = false
    }
  }

  async function serves(peerId: string): Promise<boolean> {
    const peer = await node.peerStore.get(peerIdFromString(peerId)).catch(() => undefined)
    return peer?.protocols.includes(RELAY_V2_HOP_CODEC) ?? false
  }

  return {
    check,
    start(): void {
      timer = setInterval(() => void check(), CHECK_MS)
    },
    stop(): void {
      clearInterval(timer)
    },
  }
}
