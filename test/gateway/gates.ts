/** Islands with nothing but a network and a gateway, on real libp2p and real stores, before Livys in memory. */
import { join } from 'node:path'
import { pino } from 'pino'
import { type Gateway, type GatewayInit, gateway } from '../../src/node/gateway/gateway.ts'
import type { Who } from '../../src/node/gateway/requester/access.ts'
import type { LivySite } from '../../src/node/gateway/site.ts'
import { type KeyPair, newKeyPair } from '../../src/node/identity/keys.ts'
import { peerIdOf } from '../../src/node/network/peer-id.ts'
import type { NetworkPort } from '../../src/node/network/port.ts'
import type { PolicyRequest } from '../../src/node/policy/policy.ts'
import { openStore } from '../../src/node/store/store.ts'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import type { JournalEntry } from '../../src/protocols/model/views.ts'
import { islandNet } from '../hostile/pair.ts'
import type { TestContext } from '../kit/index.ts'
import { ScriptedLivy } from './scripted-livy.ts'

export interface Gate {
  /** Its peer id stands for its island id. */
  readonly id: string
  readonly livy: ScriptedLivy
  /** Datasets that it holds. */
  readonly holds: Set<string>
  /** Datasets whose files are not those that were published any more. */
  readonly changed: Set<string>
  /** How many looks at data nobody can answer yet. */
  away: number
  /** What its policy is asked by others, and says no to. */
  readonly asked: PolicyRequest[]
  forbids: ((request: PolicyRequest) => boolean) | undefined
  readonly journal: Omit<JournalEntry, 'time'>[]
  gateway: Gateway
  net: NetworkPort
  /** Engines that its card names. */
  languages: string[]
  /** Ends it without a word to anybody. */
  kill(): Promise<void>
  start(): Promise<void>
}

export interface World {
  gates: Gate[]
  a: Gate
  b: Gate
  who: Who
}

export interface GateOptions extends Partial<GatewayInit> {
  sites?: (livy: ScriptedLivy, index: number) => LivySite[]
}

export async function gates(t: TestContext, count: number, options: GateOptions = {}): Promise<World> {
  const keys = Array.from({ length: count }, () => newKeyPair())
  const members = new Set(keys.map((k) => peerIdOf(k.publicKey)))
  const all: Gate[] = []
  for (const [i, key] of keys.entries()) all.push(await gate(t, key, i, members, all, options))
  return { gates: all, a: all[0]!, b: all[1] ?? all[0]!, who: by(t, 'ana') }
}

export const by = (t: TestContext, user: string, admin = false): Who => ({ user, admin, signal: t.signal })

async function gate(
  t: TestContext,
  key: KeyPair,
  index: number,
  members: Set<string>,
  all: Gate[],
  { sites = (livy) => [livy.site()], ...init }: GateOptions,
): Promise<Gate> {
  const dir = await t.tmpdir()
  const livy = new ScriptedLivy()
  const logger = pino({ level: process.env.ARCHIPEL_TEST_LOG ?? 'silent' })
  let stop: (() => Promise<void>) | undefined
  const self: Gate = {
    id: peerIdOf(key.publicKey),
    livy,
    holds: new Set(),
    changed: new Set(),
    away: 0,
    asked: [],
    forbids: undefined,
    journal: [],
    languages: ['sql', 'python', 'scala'],
    gateway: undefined as never,
    net: undefined as never,
    kill: async () => await stop?.(),
    async start() {
      const { net } = await islandNet(t, members, { key })
      const store = await openStore({ directory: join(dir, 'store') })
      const stopping = new AbortController()
      const made = gateway(
        {
          self: self.id,
          holdMs: 1000,
          lostMs: 60_000,
          batchLostMs: 60_000,
          keptMs: 600_000,
          sweepMs: 50,
          maxEntries: 100,
          outputDir: join(dir, 'outputs'),
          spoolBytes: 1024 * 1024,
          software: 'test',
          perIsland: 4,
          abandonedMs: 60_000,
          ...init,
        },
        {
          store,
          sites: sites(livy, index),
          data: {
            async bind(tables) {
              return tables.map(({ table, id }) => {
                if (!self.holds.has(id)) throw new ArchipelError('DATASET_NOT_FOUND', `not held: ${id}`)
                return { id, names: [table], format: 'csv', columns: [], paths: [] }
              })
            },
            async recheck(tables) {
              if (tables.length > 0 && self.away > 0) {
                self.away -= 1
                throw new ArchipelError('NOT_READY', 'nobody can tell')
              }
              const other = tables.find(({ id }) => self.changed.has(id))
              if (other !== undefined) throw new ArchipelError('STALE', `the files of ${other.id} changed`)
            },
          },
          policy: {
            check(request) {
              if (request.island === self.id) return
              self.asked.push(request)
              if (self.forbids?.(request)) throw new ArchipelError('FORBIDDEN', 'not for you')
            },
          },
          journal: { write: (entry) => void self.journal.push(entry), read: async () => ({ items: [] }) },
          network: net,
          async connect(island, { signal }) {
            if (net.connections().some((c) => c.peerId === island)) return island
            const other = all.find((g) => g.id === island)!
            return await net.connect({ peerId: island, addresses: other.net.addresses().listening }, { signal })
          },
          islandOf: (peerId) => peerId,
          routing: {
            self: self.id,
            nameOf: (island) => `island-${all.findIndex((g) => g.id === island)}`,
            islandNamed(text) {
              const found = all[Number(text.replace('island-', ''))]
              if (found === undefined) throw new ArchipelError('NOT_FOUND', `no island ${text}`)
              return found.id
            },
            async locate(ref) {
              const holders = all.filter((g) => g.holds.has(ref)).map((g) => g.id)
              if (holders.length === 0) throw new ArchipelError('DATASET_NOT_FOUND', `${ref} is not known`)
              const more = { state: 'available', via: [], freshness: 0, confirmed: false } as const
              return {
                id: ref,
                publisher: holders[0]!,
                name: ref,
                version: 'v1',
                aliases: [],
                holders: holders.map((island) => ({ island, version: 'v1', ...more, via: [] })),
              }
            },
            liveness: () => 'live',
            rttMs: () => 3,
            members: () => [...members],
            card: (island) => {
              const languages = all.find((g) => g.id === island)?.languages
              if (languages === undefined) return undefined
              const engines = [{ kind: 'livy' as const, languages, version: '0.9.0' }]
              return { name: island, peerId: island, addresses: [], engines, services: [], software: '' }
            },
          },
          logger,
        },
      )
      let over = false
      stop = async () => {
        if (over) return
        over = true
        made.stop()
        stopping.abort()
        await net.stop()
        await store.close()
      }
      t.cleanup(async () => await stop?.())
      await made.start({ stopping: stopping.signal })
      self.gateway = made
      self.net = net
      await made.resume()
    },
  }
  await self.start()
  return self
}
