import type { GossipSub } from '@chainsafe/libp2p-gossipsub'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { circuitRelayServer, circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import { type Identify, identify } from '@libp2p/identify'
import type {
  ComponentLogger,
  ConnectionGater,
  Libp2p,
  MultiaddrConnection,
  PeerDiscovery,
  PeerInfo,
  ServiceMap,
  Transport,
  UpgraderOptions,
} from '@libp2p/interface'
import { type KadDHT, kadDHT } from '@libp2p/kad-dht'
import { mdns } from '@libp2p/mdns'
import { type Ping, ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import { gossip } from './gossip.ts'
import { membersOnly, overlay } from './guard.ts'
import { inOnePiece } from './in-one-piece.ts'
import { openingSafely } from './opening.ts'
import type { NetworkAdmission } from './port.ts'
import { youngBuffers } from './young.ts'

/** What a member that relays for others carries. */
export interface RelayLimits {
  /** Islands that are reached through it at a time. */
  islands: number
  /** Of one connection, both ways together; then it is cut, and made again. */
  connectionBytes: number
  connectionMs: number
}

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
  relay: { serve: boolean; use: 'auto' | 'always' | 'never'; limits: RelayLimits }
  maxConnections: number
}

export interface Services extends ServiceMap {
  identify: Identify
  ping: Ping
  dht?: KadDHT
  pubsub?: GossipSub
  mdns?: PeerDiscovery
}

export type IslandNode = Libp2p<Services>

/** How often the local network is asked who is there. */
const MDNS_INTERVAL_MS = 10_000

/** Yamux windows of a stream: bytes that the other side may send ahead, at first and at most. */
const FIRST_WINDOW_BYTES = 1024 * 1024
const MAX_WINDOW_BYTES = 4 * 1024 * 1024
const STREAM_OPTIONS = {
  initialStreamWindowSize: FIRST_WINDOW_BYTES,
  maxStreamWindowSize: MAX_WINDOW_BYTES,
  // A stream that is paused takes in what its window allows, and must not be reset for it.
  maxReadBufferLength: MAX_WINDOW_BYTES + FIRST_WINDOW_BYTES,
}

/**
 * The one place that makes a libp2p node. Every service but identify is wrapped so that it knows members only.
 * `mayEnter` is asked for each stranger that connects.
 */
export async function createNode(
  init: Libp2pInit,
  admission: NetworkAdmission,
  logger: ComponentLogger,
  mayEnter: () => boolean,
): Promise<IslandNode> {
  const prefix = `archipel/${init.archipelagoId}`
  const services: Record<string, unknown> = {
    identify: identify({ runOnLimitedConnection: true }),
    ping: membersOnly(ping({ protocolPrefix: prefix, runOnLimitedConnection: true }) as never, admission),
  }
  if (init.dht) {
    services.dht = membersOnly(
      // Defaults drop private addresses and never serve on a LAN or a VPN.
      kadDHT({ protocol: `/${prefix}/kad/1.0.0`, clientMode: false, peerInfoMapper: members(admission) }) as never,
      admission,
    )
  }
  if (init.gossip) services.pubsub = membersOnly(gossip(init.archipelagoId, admission) as never, admission)
  if (init.relay.serve) {
    services.relay = membersOnly(
      circuitRelayServer({
        reservations: {
          maxReservations: init.relay.limits.islands,
          defaultDataLimit: BigInt(init.relay.limits.connectionBytes),
          defaultDurationLimit: init.relay.limits.connectionMs,
        },
      }) as never,
      admission,
    )
  }
  if (init.mdns)
    services.mdns = mdns({ serviceTag: `_${init.archipelagoId.slice(0, 20)}._udp.local`, interval: MDNS_INTERVAL_MS })
  const options: Libp2pOptions<Services> = {
    privateKey: privateKeyFromRaw(init.privateKey),
    addresses: { listen: init.listen, ...(init.announce.length > 0 ? { announce: init.announce } : {}) },
    transports: [
      tcp({ dialOpts: { noDelay: true } }),
      membersOnly(allProtocols(circuitRelayTransport({ reservationCompletionTimeout: 5000 })), admission) as never,
    ],
    connectionEncrypters: [inOnePiece(noise(), youngBuffers())],
    streamMuxers: [openingSafely(yamux({ streamOptions: STREAM_OPTIONS } as never))],
    connectionManager: {
      maxConnections: init.maxConnections,
      // The defaults refuse bursts of joins; our own quotas stand behind this.
      inboundConnectionThreshold: Number.POSITIVE_INFINITY,
      maxIncomingPendingConnections: 1000,
      reconnectRetries: 0,
    },
    // Its pings go to strangers, too; heartbeats find dead connections instead.
    connectionMonitor: { enabled: false },
    connectionGater: gater(admission, mayEnter),
    logger,
    nodeInfo: { name: 'archipel', version: '1', userAgent: 'archipel' },
    services: services as never,
    start: false,
  } as Libp2pOptions<Services>
  return await createLibp2p(options)
}

/** What a relay allows bounds a connection; libp2p would keep the DHT and others off it altogether. */
function allProtocols(transport: ReturnType<typeof circuitRelayTransport>): (components: never) => Transport {
  return (components: Parameters<typeof transport>[0]) => {
    const { upgrader } = components
    return transport(
      overlay(components, {
        upgrader: overlay(upgrader, {
          upgradeOutbound: (raw: MultiaddrConnection, { limits: _, ...options }: UpgraderOptions) =>
            upgrader.upgradeOutbound(raw, options as never),
          upgradeInbound: (raw: MultiaddrConnection, { limits: _, ...options }: UpgraderOptions) =>
            upgrader.upgradeInbound(raw, options as never),
        }),
      }),
    )
  }
}

/** What the DHT may know and tell of others: addresses of members. A peer without addresses is passed over. */
function members(admission: NetworkAdmission): (peer: PeerInfo) => PeerInfo {
  return (peer) => (admission.isMember(peer.id.toString()) ? peer : { ...peer, multiaddrs: [] })
}

function gater(admission: NetworkAdmission, mayEnter: () => boolean): ConnectionGater {
  return {
    // The default gater refuses private addresses in browsers only; sites live on private networks.
    denyDialMultiaddr: () => false,
    denyInboundEncryptedConnection: (peerId) => !admission.isMember(peerId.toString()) && !mayEnter(),
    denyInboundRelayReservation: (source) => !admission.isMember(source.toString()),
    denyOutboundRelayedConnection: (source, destination) =>
      !admission.isMember(source.toString()) || !admission.isMember(destination.toString()),
    denyInboundRelayedConnection: (relay, remote) =>
      !admission.isMember(relay.toString()) || !admission.isMember(remote.toString()),
  }
}
