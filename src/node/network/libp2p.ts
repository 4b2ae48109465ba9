import { type GossipSub, gossipsub } from '@chainsafe/libp2p-gossipsub'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { circuitRelayServer, circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import { type Identify, identify } from '@libp2p/identify'
import type { ComponentLogger, ConnectionGater, Libp2p, ServiceMap } from '@libp2p/interface'
import { type KadDHT, kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { mdns } from '@libp2p/mdns'
import { type Ping, ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import { membersOnly } from './guard.ts'
import type { NetworkAdmission } from './port.ts'

export interface Libp2pInit {
  archipelagoId: string
  /** Raw Ed25519 private key as libp2p wants it: seed and public key, 64 bytes. */
  privateKey: Uint8Array
  /** Multiaddrs; empty for an island that only dials out. */
  listen: string[]
  announce: string[]
  mdns: boolean
  dht: boolean
  gossip: boolean
  relay: { serve: boolean; use: 'auto' | 'always' | 'never'; maxReservations: number }
  maxConnections: number
}

export interface Services extends ServiceMap {
  identify: Identify
  ping: Ping
  dht?: KadDHT
  pubsub?: GossipSub
}

export type IslandNode = Libp2p<Services>

/** Gossip carries heads and one small record: see `protocols/sync`. */
const MAX_GOSSIP_BYTES = 64 * 1024

/** Strangers connected at a time: enough for a burst of joins, too few to hurt. */
export const MAX_STRANGERS = 64

/** The one place that makes a libp2p node. Every service but identify is wrapped so that it knows members only. */
export async function createNode(
  init: Libp2pInit,
  admission: NetworkAdmission,
  logger: ComponentLogger,
  strangers: () => number,
): Promise<IslandNode> {
  const prefix = `archipel/${init.archipelagoId}`
  const services: Record<string, unknown> = {
    identify: identify({ runOnLimitedConnection: true }),
    ping: membersOnly(ping({ protocolPrefix: prefix, runOnLimitedConnection: true }) as never, admission),
  }
  if (init.dht) {
    services.dht = membersOnly(
      // Defaults drop private addresses and never serve on a LAN or a VPN.
      kadDHT({ protocol: `/${prefix}/kad/1.0.0`, clientMode: false, peerInfoMapper: passthroughMapper }) as never,
      admission,
    )
  }
  if (init.gossip) services.pubsub = membersOnly(gossip(prefix) as never, admission)
  if (init.relay.serve) {
    services.relay = membersOnly(
      circuitRelayServer({
        reservations: { maxReservations: init.relay.maxReservations, applyDefaultLimit: false },
      }) as never,
      admission,
    )
  }
  const options: Libp2pOptions<Services> = {
    privateKey: privateKeyFromRaw(init.privateKey),
    addresses: { listen: init.listen, ...(init.announce.length > 0 ? { announce: init.announce } : {}) },
    transports: [
      tcp({ dialOpts: { noDelay: true } }),
      membersOnly(circuitRelayTransport({ reservationCompletionTimeout: 5000 }) as never, admission) as never,
    ],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({ streamOptions: { initialStreamWindowSize: 1024 * 1024 } } as never)],
    connectionManager: {
      maxConnections: init.maxConnections,
      // The defaults refuse bursts of joins; our own quotas stand behind this.
      inboundConnectionThreshold: Number.POSITIVE_INFINITY,
      maxIncomingPendingConnections: 1000,
      reconnectRetries: 0,
    },
    // Its pings go to strangers, too; heartbeats find dead connections instead.
    connectionMonitor: { enabled: false },
    connectionGater: gater(admission, strangers),
    peerDiscovery: init.mdns
      ? [mdns({ serviceTag: `_${init.archipelagoId.slice(0, 20)}._udp.local`, interval: 20_000 })]
      : [],
    logger,
    nodeInfo: { name: 'archipel', version: '1', userAgent: 'archipel' },
    services: services as never,
    start: false,
  } as Libp2pOptions<Services>
  return await createLibp2p(options)
}

function gossip(prefix: string): ReturnType<typeof gossipsub> {
  const factory = gossipsub({
    allowPublishToZeroTopicPeers: true,
    emitSelf: false,
    maxInboundDataLength: MAX_GOSSIP_BYTES * 4,
    runOnLimitedConnection: true,
    // Membership is our admission; many islands behind one address must not silence each other.
    scoreParams: { IPColocationFactorWeight: 0 },
  })
  return (components) => {
    const service = factory(components)
    // The archipelago's id in the protocol id keeps two archipelagos apart; this is a property of the service, not an option.
    Object.assign(service, { protocols: [`/${prefix}/meshsub/1.1.0`] })
    return service
  }
}

function gater(admission: NetworkAdmission, strangers: () => number): ConnectionGater {
  return {
    // The default gater refuses private addresses in browsers only; sites live on private networks.
    denyDialMultiaddr: () => false,
    denyInboundEncryptedConnection: (peerId) => !admission.isMember(peerId.toString()) && strangers() >= MAX_STRANGERS,
    denyInboundRelayReservation: (source) => !admission.isMember(source.toString()),
    denyOutboundRelayedConnection: (source, destination) =>
      !admission.isMember(source.toString()) || !admission.isMember(destination.toString()),
    denyInboundRelayedConnection: (relay, remote) =>
      !admission.isMember(relay.toString()) || !admission.isMember(remote.toString()),
  }
}
