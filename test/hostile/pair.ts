/** Networks of islands without islands: real libp2p, a membership by hand, and a protocol made for the test. */
import { pino } from 'pino'
import { z } from 'zod'
import { type KeyPair, newKeyPair } from '../../src/node/identity/keys.ts'
import { type NetworkInit, network } from '../../src/node/network/network.ts'
import { peerIdOf } from '../../src/node/network/peer-id.ts'
import type { NetworkPort } from '../../src/node/network/port.ts'
import type { ProtocolSpec } from '../../src/protocols/wire/spec.ts'
import { eventually } from '../kit/index.ts'
import type { Context } from './islands.ts'

export const ARCHIPELAGO = `arc${'a'.repeat(32)}`

export function networkInit(key: KeyPair = newKeyPair()): NetworkInit {
  return {
    archipelagoId: ARCHIPELAGO,
    ...key,
    listen: ['/ip4/127.0.0.1/tcp/0'],
    announce: [],
    bootstrap: [],
    mdns: false,
    dht: true,
    gossip: true,
    relay: { serve: true, use: 'never', limits: { islands: 10, connectionBytes: 2 ** 30, connectionMs: 3_600_000 } },
    maxConnections: 300,
    wantedPeers: 1,
  }
}

export interface Node {
  net: NetworkPort
  key: KeyPair
  at: string[]
}

/** The network of an island with these members (peer ids). */
export async function islandNet(
  t: Context,
  members: ReadonlySet<string>,
  options: { strangerMs?: number; key?: KeyPair } = {},
): Promise<Node> {
  const { key = newKeyPair(), ...rest } = options
  const admission = {
    isMember: (peerId: string) => members.has(peerId),
    islandOf: (peerId: string) => (members.has(peerId) ? peerId : undefined),
    isRevoked: () => false,
  }
  const net = await network({ ...networkInit(key), ...rest }, { admission, logger: pino({ level: 'silent' }) })
  t.cleanup(async () => net.stop())
  await net.start()
  return { net, key, at: net.addresses().listening }
}

/** Two members, connected; `asker` calls, `answerer` serves. More members by their keys. */
export async function pair(t: Context, ...others: KeyPair[]): Promise<{ asker: Node; answerer: Node }> {
  const keys = [newKeyPair(), newKeyPair()]
  const members = new Set([...keys, ...others].map((k) => peerIdOf(k.publicKey)))
  const answerer = await islandNet(t, members, { key: keys[0]! })
  const asker = await islandNet(t, members, { key: keys[1]! })
  await asker.net.connect({ peerId: answerer.net.peerId, addresses: answerer.at })
  await eventually(() => answerer.net.connections().length === 1 && asker.net.connections().length === 1, {
    signal: t.signal,
  })
  return { asker, answerer }
}

export type Sample = ProtocolSpec<{ n: number; pad?: Uint8Array }, { i: number; pad?: Uint8Array }>

const bytes = z.instanceof(Uint8Array) as z.ZodType<Uint8Array>

export function sample(fields: Partial<Sample> = {}): Sample {
  return {
    name: 'sample',
    version: 1,
    request: z.object({ n: z.number(), pad: bytes.optional() }) as never,
    item: z.object({ i: z.number(), pad: bytes.optional() }) as never,
    answer: 'series',
    maxRequestBytes: 4 * 1024 * 1024,
    maxItemBytes: 256 * 1024,
    maxItems: 1000,
    timeoutMs: 10_000,
    quota: { concurrent: 4, perMinute: 10_000 },
    strangers: false,
    ...fields,
  }
}
