import { RELAY_V2_HOP_CODEC } from '@libp2p/circuit-relay-v2'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { Logger } from 'pino'
import type { IslandNode } from './libp2p.ts'

/** Relays to hold a reservation at, so that the loss of one cuts nobody off. */
const RESERVATIONS = 2
const CHECK_MS = 3_000

export interface RelayClientComponents {
  /** Whether relays are wanted now. */
  wanted(): boolean
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
    if (busy || node.status !== 'started' || !components.wanted()) return
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

/**
 * Whether an island with these own addresses needs relays so that every member can reach it: when it has none, or none
 * beyond its site's private network. Loopback addresses alone mean that all islands are on this machine.
 */
export function needsRelay(addresses: string[]): boolean {
  const direct = addresses.filter((a) => !a.includes('/p2p-circuit'))
  if (direct.length === 0) return true
  return !direct.some((a) => a.startsWith('/dns') || LOOPBACK.test(a) || !PRIVATE.test(a))
}

const LOOPBACK = /^\/ip4\/127\.|^\/ip6\/::1\//
/** RFC 1918, RFC 6598, RFC 3927, RFC 4193 and link-local IPv6. */
const PRIVATE =
  /^\/ip4\/(?:10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|169\.254\.|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.)|^\/ip6\/(?:f[cd]|fe[89ab])/i
