import type { ComponentLogger, Connection, PeerId, Stream } from '@libp2p/interface'
import { MessageType } from '@libp2p/kad-dht'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { create as createDigest } from 'multiformats/hashes/digest'
import type { Logger } from 'pino'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { dialer } from './dialer.ts'
import { emitter } from './emitter.ts'
import { GOSSIP_TOPICS, topicName } from './gossip.ts'
import { gossipKeeper } from './gossip-keeper.ts'
import { guardedHandler } from './guard.ts'
import { createNode, type IslandNode, type Libp2pInit } from './libp2p.ts'
import { libp2pLogger } from './logger.ts'
import type {
  DialTarget,
  GossipTopic,
  NetworkAdmission,
  NetworkEvents,
  NetworkPort,
  PeerConnection,
  Provider,
} from './port.ts'
import { needsRelay, relayClient } from './relay-client.ts'
import { forgetRoutes } from './routes.ts'
import { cut, MAX_STRANGERS, visitors } from './visitors.ts'
import { grantByHalves } from './window.ts'

export interface NetworkInit extends Omit<Libp2pInit, 'privateKey'> {
  /** Ed25519 seed and public key, 32 bytes each. */
  seed: Uint8Array
  publicKey: Uint8Array
  bootstrap: string[]
  /** Connected members to aim for. */
  wantedPeers: number
  /** Milliseconds a stranger may stay connected: joining takes less. Default 30,000. */
  strangerMs?: number
}

export interface NetworkComponents {
  admission: NetworkAdmission
  logger: Logger
}

/** How often what is connected is compared with what is known to be ready. */
const RECONCILE_MS = 1_000
/** A connection this old whose identify has not come through gets another. */
const IDENTIFY_AGAIN_MS = 3_000
const MDNS_DIAL_MS = 10_000
const STRANGER_MS = 30_000
const SHA2_256 = 0x12

/** The island's only link to libp2p: connections, streams, gossip and the DHT, for members. */
export async function network(init: NetworkInit, components: NetworkComponents): Promise<NetworkPort> {
  const { admission, logger } = components
  const events = emitter<NetworkEvents>((error) => logger.error({ err: error }, 'a network listener failed'))
  const privateKey = new Uint8Array(64)
  privateKey.set(init.seed)
  privateKey.set(init.publicKey, 32)
  const node: IslandNode = await createNode(
    { ...init, privateKey },
    admission,
    libp2pLogger(logger) as ComponentLogger,
    () => guests.count() < MAX_STRANGERS,
  )
  const guests = visitors({ strangerMs: init.strangerMs ?? STRANGER_MS }, { node, admission })
  const self = node.peerId.toString()
  const ready = new Set<string>()
  const identifying = new Set<string>()
  const gossipListeners = new Map<string, (bytes: Uint8Array, from: string) => void>()
  const topicOf = (topic: GossipTopic) => topicName(init.archipelagoId, topic)
  let sweep: NodeJS.Timeout | undefined
  let started = false

  const isConnected = (peerId: string) => node.getConnections(peerIdFromString(peerId)).some((c) => c.status === 'open')
  const keeper = gossipKeeper(node, { isMember: admission.isMember, logger })
  const relays = relayClient(node, {
    wanted: () => init.relay.use === 'always' || (init.relay.use === 'auto' && needsRelay(announced())),
    candidates: () =>
      [...ready].filter((id) =>
        node.getConnections(peerIdFromString(id)).some((c) => c.status === 'open' && !isRelayed(c)),
      ),
    listen: async (address) => transports(node).listen([address]),
    logger,
  })
  const bootstrap: DialTarget[] = init.bootstrap.map((address) => ({
    peerId: peerIdOfAddress(address),
    addresses: [address],
  }))
  const dials = dialer(
    { self, wanted: init.wantedPeers, dialable: () => announced().length > 0 },
    {
      isConnected,
      connectedCount: () => ready.size,
      dial: async (target, signal) => dialTarget(target, signal),
      logger,
    },
  )

  /** Loopback addresses only where there are no others: elsewhere they would lead the dialler to itself. */
  function announced(): string[] {
    const own = node.getMultiaddrs().map((a) => a.toString())
    const outside = own.filter((a) => !/^\/ip4\/127\.|^\/ip6\/::1\//.test(a))
    return outside.length > 0 ? outside : own
  }

  /** For messages: the island's name, else the end of the peer's id. */
  const nameOf = (peerId: string) => admission.nameOf?.(peerId) ?? peerId.slice(-8)
  const called = ({ peerId, addresses }: DialTarget) => (peerId === undefined ? addresses[0] : nameOf(peerId))

  async function dialTarget(target: DialTarget, signal: AbortSignal): Promise<Connection> {
    const addresses = target.addresses.flatMap((text) => dialable(text, target.peerId))
    if (addresses.length === 0) throw new ArchipelError('UNREACHABLE', 'no usable address is known')
    try {
      return await node.dial(addresses, { signal })
    } catch (error) {
      throw new ArchipelError('UNREACHABLE', `no connection to ${called(target)}`, {
        cause: error,
      })
    }
  }

  function onIdentify(peerId: PeerId): void {
    const id = peerId.toString()
    // The event may come after the connection it is about has closed.
    if (!admission.isMember(id) || ready.has(id) || !isConnected(id)) return
    ready.add(id)
    events.emit('peer:ready', id)
    void relays.check()
  }

  function onDisconnect(peerId: PeerId): void {
    const id = peerId.toString()
    if (isConnected(id)) return
    dials.lost(id)
    if (ready.delete(id)) events.emit('peer:gone', id)
  }

  /** Events get lost when connections come and go at once; this finds what they should have told. */
  function reconcile(): void {
    for (const id of ready) if (!isConnected(id)) onDisconnect(peerIdFromString(id))
    for (const connection of node.getConnections()) {
      const id = connection.remotePeer.toString()
      if (connection.status !== 'open' || ready.has(id) || identifying.has(id) || !admission.isMember(id)) continue
      if (Date.now() - connection.timeline.open > IDENTIFY_AGAIN_MS) identify(connection)
    }
  }

  function identify(connection: Connection): void {
    const id = connection.remotePeer.toString()
    identifying.add(id)
    node.services.identify
      .identify(connection, { signal: AbortSignal.timeout(IDENTIFY_AGAIN_MS) })
      .catch((error: Error) => logger.debug({ peer: id, error: error.message }, 'identify failed'))
      .finally(() => identifying.delete(id))
  }

  return {
    archipelagoId: init.archipelagoId,
    peerId: self,
    async start() {
      guests.start()
      node.addEventListener('peer:identify', (event) => onIdentify(event.detail.peerId))
      node.addEventListener('peer:disconnect', (event) => onDisconnect(event.detail))
      node.addEventListener('self:peer:update', () => events.emit('addresses:changed'))
      // Each answer counts: libp2p's own event comes once per peer, and a first dial may fail.
      node.services.mdns?.addEventListener('peer', (event) => {
        const id = event.detail.id.toString()
        if (!admission.isMember(id) || isConnected(id)) return
        const addresses = event.detail.multiaddrs.map((a) => a.toString())
        dialTarget({ peerId: id, addresses }, AbortSignal.timeout(MDNS_DIAL_MS)).catch((error: Error) =>
          logger.debug({ peer: id, error: error.message }, 'a member that multicast found does not answer'),
        )
      })
      try {
        await node.start()
      } catch (error) {
        throw startFailure(error, init.listen)
      }
      started = true
      const pubsub = node.services.pubsub
      if (pubsub !== undefined) {
        for (const topic of GOSSIP_TOPICS) pubsub.subscribe(topicOf(topic))
        pubsub.addEventListener('message', (event) => {
          const message = event.detail
          const from = message.type === 'signed' ? message.from.toString() : ''
          if (admission.isMember(from)) gossipListeners.get(message.topic)?.(message.data, from)
        })
      }
      dials.set(bootstrap)
      dials.start()
      keeper.start()
      relays.start()
      sweep = setInterval(() => {
        reconcile()
        guests.sweep()
      }, RECONCILE_MS)
    },
    async stop() {
      clearInterval(sweep)
      guests.stop()
      dials.stop()
      keeper.stop()
      relays.stop()
      if (started) await node.stop()
      started = false
    },
    connections() {
      const best = new Map<string, PeerConnection>()
      for (const connection of node.getConnections()) {
        const peerId = connection.remotePeer.toString()
        if (connection.status !== 'open' || !ready.has(peerId)) continue
        const address = connection.remoteAddr.toString()
        const relayed = isRelayed(connection)
        if (best.get(peerId)?.relayed === false) continue
        best.set(peerId, { peerId, relayed, address, direction: connection.direction })
      }
      return [...best.values()]
    },
    addresses() {
      return {
        listening: transports(node)
          .getAddrs()
          .map((a) => a.toString()),
        announced: announced(),
      }
    },
    setTargets(targets) {
      const known = new Set(targets.map((t) => t.peerId))
      dials.set([...targets, ...bootstrap.filter((b) => b.peerId === undefined || !known.has(b.peerId))])
    },
    membershipChanged() {
      for (const connection of node.getConnections()) {
        const id = connection.remotePeer.toString()
        if (admission.isMember(id)) {
          if (!ready.has(id)) identify(connection)
          continue
        }
        const was = ready.delete(id)
        if (was) events.emit('peer:gone', id)
        // One that left may finish what it is doing; nothing more goes to one that was revoked.
        if (admission.isRevoked(id)) cut(connection, 'revoked')
        else if (was) void node.hangUp(connection.remotePeer).catch(() => {})
      }
      forgetRoutes(node, admission).catch((error: Error) =>
        logger.debug({ error: error.message }, 'routes not forgotten'),
      )
    },
    async connect(target, options = {}) {
      const signal = options.signal ?? AbortSignal.timeout(10_000)
      if (options.stranger !== true && (target.peerId === undefined || !admission.isMember(target.peerId)))
        throw new ArchipelError('NOT_A_MEMBER', `${called(target)} is no member`)
      const connection = await dialTarget(target, signal)
      return connection.remotePeer.toString()
    },
    nameOf,
    async openStream(peerId, protocol, { signal, strangers }): Promise<Stream> {
      if (!strangers && !admission.isMember(peerId))
        throw new ArchipelError('NOT_A_MEMBER', `${nameOf(peerId)} is no member`)
      const id = peerIdFromString(peerId)
      const all = node.getConnections(id).filter((c) => c.status === 'open')
      const open = all.find((c) => !isRelayed(c)) ?? all[0]
      if (open === undefined) throw new ArchipelError('UNREACHABLE', `not connected to ${nameOf(peerId)}`)
      const stream = await open.newStream(protocol, { signal, runOnLimitedConnection: true })
      grantByHalves(stream)
      return stream
    },
    async handleStream(protocol, handler, { strangers: forStrangers, maxInboundStreams }) {
      const plain = (stream: Stream, connection: Connection) => {
        grantByHalves(stream)
        const peerId = connection.remotePeer.toString()
        return handler(stream, {
          peerId,
          island: admission.islandOf(peerId),
          address: connection.remoteAddr.toString(),
        })
      }
      await node.handle(protocol, forStrangers ? plain : guardedHandler(plain, admission), {
        maxInboundStreams,
        runOnLimitedConnection: true,
      })
    },
    drop(peerId) {
      for (const connection of node.getConnections(peerIdFromString(peerId))) {
        cut(connection, 'no answer to heartbeats')
      }
    },
    async publish(topic, bytes) {
      await node.services.pubsub?.publish(topicOf(topic), bytes)
    },
    onGossip(topic, listener) {
      gossipListeners.set(topicOf(topic), listener)
    },
    async provide(key, options = {}) {
      if (node.services.dht === undefined) return
      let told = 0
      for await (const event of node.services.dht.provide(cidOf(key), options))
        if (event.name === 'PEER_RESPONSE' && event.messageType === MessageType.ADD_PROVIDER) told += 1
      if (told === 0) throw new ArchipelError('UNREACHABLE', 'no island took the provider record')
    },
    async *findProviders(key, options = {}): AsyncGenerator<Provider> {
      if (node.services.dht === undefined) return
      for await (const provider of node.contentRouting.findProviders(cidOf(key), options)) {
        const peerId = provider.id.toString()
        if (admission.isMember(peerId)) yield { peerId, addresses: provider.multiaddrs.map((a) => a.toString()) }
      }
    },
    on: events.on,
  }
}

/** The addresses really listened on; `getMultiaddrs()` answers with the announced ones where there are any. */
function transports(node: IslandNode): TransportManager {
  return (node as unknown as { components: { transportManager: TransportManager } }).components.transportManager
}

interface TransportManager {
  getAddrs(): Multiaddr[]
  listen(addresses: Multiaddr[]): Promise<void>
}

function isRelayed(connection: Connection): boolean {
  return connection.remoteAddr.toString().includes('/p2p-circuit')
}

function cidOf(sha256: Uint8Array): CID {
  return CID.createV1(raw.code, createDigest(SHA2_256, sha256))
}

/** The `/p2p/<id>` at the end of a multiaddr, if it has one. */
export function peerIdOfAddress(address: string): string | undefined {
  return /\/p2p\/([A-Za-z0-9]+)$/.exec(address)?.[1]
}

function dialable(text: string, peerId: string | undefined): Multiaddr[] {
  try {
    const full = peerId !== undefined && peerIdOfAddress(text) !== peerId ? `${text}/p2p/${peerId}` : text
    return [multiaddr(full)]
  } catch {
    return []
  }
}

function startFailure(error: unknown, listen: string[]): ArchipelError {
  const text = `${(error as Error).message} ${((error as { errors?: Error[] }).errors ?? []).map((e) => e.message).join(' ')}`
  if (/EADDRINUSE|already in use/i.test(text)) {
    return new ArchipelError('ADDRESS_IN_USE', `cannot listen on ${listen.join(', ')}`, { cause: error })
  }
  return new ArchipelError('UNREACHABLE', `cannot listen on ${listen.join(', ')}`, {
    cause: error,
    hint: 'Check network.listen: it has to name addresses of this machine.',
  })
}
