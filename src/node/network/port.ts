import type { StreamOpener } from '../../protocols/wire/client.ts'
import type { StreamAcceptor } from '../../protocols/wire/server.ts'
import type { Admission } from './guard.ts'

/** What the network asks of membership. */
export interface NetworkAdmission extends Admission {
  islandOf(peerId: string): string | undefined
  isRevoked(peerId: string): boolean
  /** The name of its island, where it is known. */
  nameOf?(peerId: string): string | undefined
}

export interface PeerConnection {
  peerId: string
  relayed: boolean
  address: string
  direction: 'inbound' | 'outbound'
}

export interface DialTarget {
  /** Undefined for a bootstrap address without `/p2p/...`. */
  peerId: string | undefined
  /** Multiaddrs, best first. */
  addresses: string[]
}

export interface NetworkEvents {
  /** A member is connected and its protocols are known. */
  'peer:ready': (peerId: string) => void
  'peer:gone': (peerId: string) => void
  /** Own addresses changed (a relay reservation came or went). */
  'addresses:changed': () => void
}

export interface Provider {
  peerId: string
  addresses: string[]
}

export interface NetworkPort extends StreamOpener, StreamAcceptor {
  readonly peerId: string
  start(options?: { signal?: AbortSignal }): Promise<void>
  stop(): Promise<void>
  /** Open connections to members, one entry a peer, the direct one where there are two. */
  connections(): PeerConnection[]
  /** Addresses it listens on, and those that others may dial (announced, or relayed). */
  addresses(): { listening: string[]; announced: string[] }
  /** Tells the network whom to keep connected; called again whenever the catalog changes that. */
  setTargets(targets: DialTarget[]): void
  /** After membership changed: lets new members' protocols start, ends connections of those who are none any more. */
  membershipChanged(): void
  /** One connection now. Strangers only with `stranger: true` (joining). @throws UNREACHABLE */
  connect(target: DialTarget, options?: { signal?: AbortSignal; stranger?: boolean }): Promise<string>
  /** Cuts the connections to a peer that does not answer any more; the dial loop tries anew. */
  drop(peerId: string): void
  publish(topic: GossipTopic, bytes: Uint8Array): Promise<void>
  onGossip(topic: GossipTopic, listener: (bytes: Uint8Array, from: string) => void): void
  /** Tells the DHT that this island provides the key. Slow (0.1-2 s): call in the background. @throws UNREACHABLE when no other island took it */
  provide(key: Uint8Array, options?: { signal?: AbortSignal }): Promise<void>
  findProviders(key: Uint8Array, options?: { signal?: AbortSignal }): AsyncIterable<Provider>
  on<E extends keyof NetworkEvents>(event: E, listener: NetworkEvents[E]): () => void
}

export type GossipTopic = 'heads' | 'heartbeats'
