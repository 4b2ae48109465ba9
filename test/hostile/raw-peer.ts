/** A libp2p node made by hand: it has our protocol ids and nothing of our manners, and notes every byte it is sent. */
import { type GossipSub, gossipsub } from '@chainsafe/libp2p-gossipsub'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { generateKeyPair, privateKeyFromRaw } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import type { Connection, Libp2p, MultiaddrConnection, ServiceMap, Stream, StreamMuxerFactory } from '@libp2p/interface'
import { type KadDHT, kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { type Ping, ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import { Uint8ArrayList } from 'uint8arraylist'
import { encodeCanonical } from '../../src/protocols/record/cbor.ts'

/** What came in on one stream of one connection, decrypted. */
export interface Heard {
  connection: number
  stream: number
  openedBy: 'island' | 'us'
  /** Undefined while nothing was agreed on. */
  protocol: string | undefined
  /** What followed the negotiation. */
  payload: Uint8Array
}

export interface RawServices extends ServiceMap {
  ping?: Ping
  dht?: KadDHT
  pubsub?: GossipSub
}

export interface RawPeer {
  node: Libp2p<RawServices>
  peerId: string
  /** Everything received so far, stream by stream. */
  heard(): Heard[]
  /** Who is, or was, at the other end of a connection of `heard`. */
  peerOf(connection: number): string | undefined
  /** `force`: another connection, even where there is one. */
  connect(addresses: string[], options?: { force?: boolean }): Promise<Connection>
  stop(): Promise<void>
}

export interface RawInit {
  archipelagoId: string
  /** Ed25519 seed and public key; a fresh key when undefined. */
  key?: { seed: Uint8Array; publicKey: Uint8Array }
  /** Our services under our protocol ids. Default: none of them. */
  services?: boolean | 'gossip'
  /** Answers heartbeats, as a member has to who wants to stay connected. Default: as `key` is given or not. */
  alive?: boolean
  listen?: boolean
  /** Whether to note what comes in. Default: yes. */
  record?: boolean
}

/** The same as islands have: the two sides of a stream have to agree on the first window. */
const STREAM_OPTIONS = {
  initialStreamWindowSize: 1024 * 1024,
  maxStreamWindowSize: 4 * 1024 * 1024,
  maxReadBufferLength: 64 * 1024 * 1024,
}

export async function rawPeer(init: RawInit): Promise<RawPeer> {
  const prefix = `archipel/${init.archipelagoId}`
  const privateKey = init.key === undefined ? await generateKeyPair('Ed25519') : privateKeyFromRaw(rawKey(init.key))
  const tap = new Tap(init.record ?? true)
  const services: Record<string, unknown> = { identify: identify() }
  if (init.services === 'gossip') services.pubsub = gossip(prefix)
  else if (init.services === true) {
    services.ping = ping({ protocolPrefix: prefix })
    services.dht = kadDHT({ protocol: `/${prefix}/kad/1.0.0`, clientMode: false, peerInfoMapper: passthroughMapper })
    services.pubsub = gossip(prefix)
  }
  const options: Libp2pOptions<RawServices> = {
    privateKey,
    addresses: { listen: init.listen === true ? ['/ip4/127.0.0.1/tcp/0'] : [] },
    transports: [tcp(), circuitRelayTransport()],
    connectionEncrypters: [noise()],
    streamMuxers: [tap.muxer],
    connectionManager: { inboundConnectionThreshold: Number.POSITIVE_INFINITY, reconnectRetries: 0 },
    connectionMonitor: { enabled: false },
    connectionGater: { denyDialMultiaddr: () => false },
    services: services as never,
  } as Libp2pOptions<RawServices>
  const node = await createLibp2p(options)
  node.addEventListener('connection:open', ({ detail }) => tap.opened(detail))
  if (init.alive ?? init.key !== undefined) await node.handle(`/${prefix}/heartbeat/1`, answerBeat)
  return {
    node,
    peerId: node.peerId.toString(),
    heard: () => tap.heard(),
    peerOf: (index) => tap.peers.get(index),
    async connect(addresses, options = {}) {
      return await node.dial(
        addresses.map((a) => multiaddr(a)),
        { signal: AbortSignal.timeout(10_000), ...options },
      )
    },
    async stop() {
      await node.stop()
    },
  }
}

function answerBeat(stream: Stream): void {
  stream.send(framed(encodeCanonical({ item: BEAT() })))
  void stream.close().catch(() => {})
}

export const BEAT = () => ({
  epoch: 0,
  seq: 0,
  time: Date.now(),
  load: { running: 0, waiting: 0, cpu: 0.5, memory: 0.25 },
})

function rawKey(key: { seed: Uint8Array; publicKey: Uint8Array }): Uint8Array {
  return Buffer.concat([key.seed, key.publicKey])
}

function gossip(prefix: string) {
  const factory = gossipsub({
    allowPublishToZeroTopicPeers: true,
    emitSelf: false,
    scoreParams: { IPColocationFactorWeight: 0 },
  })
  return (components: Parameters<typeof factory>[0]) =>
    Object.assign(factory(components), { protocols: [`/${prefix}/meshsub/1.1.0`] })
}

/** Notes the plain bytes of each connection beside the multiplexer, before anybody can drop them. */
class Tap {
  readonly #connections: { carrier: object; us: 'client' | 'server'; bytes: Uint8Array[] }[] = []
  readonly peers = new Map<number, string>()
  readonly #record: boolean

  constructor(record: boolean) {
    this.#record = record
  }

  readonly muxer = (): StreamMuxerFactory => {
    const inner = (yamux({ streamOptions: STREAM_OPTIONS } as never) as () => StreamMuxerFactory)()
    return {
      protocol: inner.protocol,
      createStreamMuxer: (connection) => {
        if (!this.#record) return inner.createStreamMuxer(connection)
        const us = (connection as MultiaddrConnection).direction === 'outbound' ? 'client' : 'server'
        const bytes: Uint8Array[] = []
        this.#connections.push({ carrier: connection, us, bytes })
        connection.addEventListener('message', (event) => bytes.push(flat(event.data)))
        return inner.createStreamMuxer(connection)
      },
    }
  }

  opened(connection: Connection): void {
    const { muxer } = connection as unknown as { muxer: { maConn: object } }
    const index = this.#connections.findIndex((c) => c.carrier === muxer.maConn)
    if (index >= 0) this.peers.set(index, connection.remotePeer.toString())
  }

  heard(): Heard[] {
    return this.#connections.flatMap(({ us, bytes }, connection) =>
      [...streamsOf(Buffer.concat(bytes))].map(([stream, data]) => ({
        connection,
        stream,
        // The side that dialled takes the odd numbers.
        openedBy: (stream % 2 === 1) === (us === 'client') ? ('us' as const) : ('island' as const),
        ...negotiated(data),
      })),
    )
  }
}

/** Yamux frames: version, type, flags (2 bytes), stream, length (4 bytes each); only type 0 has a body. */
function streamsOf(bytes: Buffer): Map<number, Buffer> {
  const streams = new Map<number, Buffer[]>()
  for (let at = 0; at + 12 <= bytes.length; ) {
    const type = bytes[at + 1]!
    const stream = bytes.readUInt32BE(at + 4)
    const length = type === 0 ? bytes.readUInt32BE(at + 8) : 0
    if (type <= 1) {
      const parts = streams.get(stream) ?? []
      streams.set(stream, parts)
      parts.push(bytes.subarray(at + 12, at + 12 + length))
    }
    at += 12 + length
  }
  return new Map([...streams].map(([stream, parts]) => [stream, Buffer.concat(parts)]))
}

/** Takes the lines of multistream-select off: the header, refusals ("na"), and the protocol. */
function negotiated(data: Buffer): { protocol: string | undefined; payload: Uint8Array } {
  let at = 0
  while (at < data.length) {
    const { value, next } = varint(data, at)
    const line = data.toString('utf8', next, next + value)
    at = next + value
    if (line === '/multistream/1.0.0\n' || line === 'na\n') continue
    if (line.startsWith('/') && line.endsWith('\n')) return { protocol: line.trimEnd(), payload: data.subarray(at) }
    return { protocol: undefined, payload: data }
  }
  return { protocol: undefined, payload: new Uint8Array() }
}

function varint(data: Buffer, start: number): { value: number; next: number } {
  let value = 0
  let at = start
  for (let shift = 0; at < data.length; shift += 7) {
    const byte = data[at++]!
    value += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) break
  }
  return { value, next: at }
}

export function flat(data: Uint8Array | Uint8ArrayList): Uint8Array {
  return data instanceof Uint8Array ? data : data.subarray()
}

/** Puts a length before a frame, as the wire wants it. */
export function framed(bytes: Uint8Array, declared = bytes.length): Uint8Array {
  const length: number[] = []
  for (let rest = declared; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) {
      length.push(rest)
      break
    }
    length.push((rest % 128) | 0x80)
  }
  return Buffer.concat([Buffer.from(length), bytes])
}

export interface Exchange {
  /** Everything the island sent on the stream after negotiation. */
  bytes: Uint8Array
  /** How it ended: both sides closed, the island reset it, negotiation refused, or nothing happened until the time was over. */
  end: 'closed' | 'reset' | 'refused' | 'open'
  /** Where it was refused. */
  why?: string
}

/** Opens a stream, writes bytes as they are, ends the own side unless told not to, and listens until the stream ends. */
export async function exchange(
  connection: Connection,
  protocol: string,
  bytes: Uint8Array | Uint8Array[],
  options: { timeoutMs: number; keepOpen?: boolean } = { timeoutMs: 5_000 },
): Promise<Exchange> {
  let stream: Stream
  try {
    stream = await connection.newStream(protocol, { signal: AbortSignal.timeout(options.timeoutMs) })
  } catch (error) {
    return { bytes: new Uint8Array(), end: 'refused', why: String(error) }
  }
  const got = new Uint8ArrayList()
  stream.addEventListener('message', (event) => got.append(event.data))
  const ended = new Promise<'closed' | 'reset'>((resolve) => {
    const settle = () => resolve(stream.status === 'closed' ? 'closed' : 'reset')
    if (stream.status !== 'open') settle()
    stream.addEventListener('close', settle)
  })
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'open'>((resolve) => {
    timer = setTimeout(() => resolve('open'), options.timeoutMs)
  })
  try {
    for (const part of Array.isArray(bytes) ? bytes : [bytes]) if (part.length > 0) stream.send(part)
    if (options.keepOpen !== true) void stream.close().catch(() => {})
  } catch {
    // The island closed it already.
  }
  const end = await Promise.race([ended, late])
  clearTimeout(timer)
  if (end === 'open') stream.abort(new Error('waited long enough'))
  return { bytes: got.subarray(), end }
}
