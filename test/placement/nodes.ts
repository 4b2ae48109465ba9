/** Small islands on real libp2p: network, heartbeats and placement, with data and a queue by hand. */
import { pino } from 'pino'
import { type KeyPair, newKeyPair } from '../../src/node/identity/keys.ts'
import { peerIdOf } from '../../src/node/network/peer-id.ts'
import type { NetworkPort } from '../../src/node/network/port.ts'
import { type Placing, placing } from '../../src/node/placement/placing.ts'
import type { LocalLoad } from '../../src/node/placement/port.ts'
import { type PresencePort, presence } from '../../src/node/presence/presence.ts'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import type { Card } from '../../src/protocols/model/island.ts'
import type { JournalEntry } from '../../src/protocols/model/views.ts'
import type { Holding } from '../../src/protocols/resolve/messages.ts'
import type { Context } from '../hostile/islands.ts'
import { islandNet, type Node } from '../hostile/pair.ts'
import { eventually } from '../kit/index.ts'
import { type Line, slowLine } from './proxy.ts'
import { V1 } from './world.ts'

export interface PlacedNode {
  /** Its peer id stands for its island id. */
  id: string
  net: NetworkPort
  line: Line
  placing: Placing
  presence: PresencePort
  holdings: Holding[]
  load: LocalLoad
  /** Of others, as far as they are known here. */
  cards: Map<string, Pick<Card, 'engines'>>
  engine: { languages: string[]; sandbox: boolean; state: 'ready' | 'down'; memoryBytes?: number; spark?: string[] }
  /** Reason why its policy refuses everybody else. */
  forbids: string | undefined
  journal: Omit<JournalEntry, 'time'>[]
}

export function holding(id: string, more: Partial<Holding> = {}): Holding {
  return { id, publisher: 'p', name: 'x', version: V1, state: 'available', aliases: [], ...more }
}

/** So many members; each reaches the others through their lines. */
export async function placedNodes(t: Context, count: number, heartbeatMs = 60_000): Promise<PlacedNode[]> {
  const keys: KeyPair[] = Array.from({ length: count }, () => newKeyPair())
  const members = new Set(keys.map((k) => peerIdOf(k.publicKey)))
  const nodes: PlacedNode[] = []
  for (const key of keys) {
    const node = await islandNet(t, members, { key })
    nodes.push(await placedNode(t, node, members, nodes, heartbeatMs))
  }
  return nodes
}

async function placedNode(
  t: Context,
  { net, at }: Node,
  members: Set<string>,
  all: PlacedNode[],
  heartbeatMs: number,
): Promise<PlacedNode> {
  const logger = pino({ level: 'silent' })
  const line = await slowLine(t, Number(/\/tcp\/(\d+)/.exec(at[0]!)![1]))
  const values = new Map<string, string>()
  const self = net.peerId
  const node: PlacedNode = {
    id: self,
    net,
    line,
    holdings: [],
    load: { running: 0, waiting: 0, slots: 2 },
    cards: new Map(),
    engine: { languages: ['sql'], sandbox: false, state: 'ready' },
    forbids: undefined,
    journal: [],
    presence: presence(
      { heartbeatMs },
      {
        network: net,
        position: () => ({ epoch: 0, seq: 0 }),
        work: () => node.placing.work(),
        members: () => members.size,
        islandOf: (peerId) => peerId,
        onRoundTrip: (island, rttMs) => node.placing.links.heard(island, rttMs),
        logger,
      },
    ),
    placing: placing({
      self,
      network: net,
      nameOf: (island) => island.slice(-4),
      isMember: (island) => members.has(island),
      members: () => [...members],
      liveness: (island) => node.presence.of(island).liveness,
      card: (island) => node.cards.get(island),
      load: (island) => node.presence.of(island).load,
      connect: async (island, { signal }) => {
        if (net.connections().some((c) => c.peerId === island)) return island
        const port = all.find((n) => n.id === island)!.line.port
        return await net.connect({ peerId: island, addresses: [`/ip4/127.0.0.1/tcp/${port}`] }, { signal })
      },
      policy: {
        check({ island }) {
          if (island !== self && node.forbids !== undefined) throw new ArchipelError('FORBIDDEN', node.forbids)
        },
      },
      journal: { write: (entry) => void node.journal.push(entry), read: async () => ({ items: [] }) },
      engine: {
        engines: () => {
          const { languages, memoryBytes, state, sandbox, spark } = node.engine
          const status = { state, sandbox, running: 0, waiting: 0 }
          const info = { kind: 'embedded' as const, languages, version: '1', ...(memoryBytes && { memoryBytes }) }
          const livy = { kind: 'livy' as const, languages: spark ?? [], version: '0.9.0' }
          return [
            { info, status },
            ...(spark === undefined ? [] : [{ info: livy, status: { ...status, sandbox: false } }]),
          ]
        },
      },
      holdings: async (ids) => node.holdings.filter((h) => ids.some((id) => h.id === id || h.aliases.includes(id))),
      localLoad: () => node.load,
      store: { get: async (key) => values.get(key), put: async (key, value) => void values.set(key, value) },
      logger,
    }),
  }
  await node.placing.start()
  t.cleanup(async () => node.placing.stop())
  await node.presence.start()
  t.cleanup(() => node.presence.stop())
  return node
}

/** The first is connected to all others, through their lines. */
export async function connected(t: Context, [first, ...others]: PlacedNode[]): Promise<void> {
  for (const other of others)
    await first!.net.connect({ peerId: other.id, addresses: [`/ip4/127.0.0.1/tcp/${other.line.port}`] })
  await eventually(() => first!.net.connections().length === others.length, { signal: t.signal })
}
