import { join } from 'node:path'
import { pino } from 'pino'
import { replicaTable } from '../../src/node/browse/replicas.ts'
import type { CatalogChange } from '../../src/node/catalog/port.ts'
import { newKeyPair } from '../../src/node/identity/keys.ts'
import { network } from '../../src/node/network/network.ts'
import { peerIdOf } from '../../src/node/network/peer-id.ts'
import type { NetworkPort } from '../../src/node/network/port.ts'
import { type Placing, placing } from '../../src/node/placement/placing.ts'
import type { PlacementData, PlacementRequest } from '../../src/node/placement/port.ts'
import type { Claim, IslandLookup } from '../../src/node/resolve/port.ts'
import { resolver } from '../../src/node/resolve/resolver.ts'
import type { IndexEntry } from '../../src/node/search/port.ts'
import { searchIndex } from '../../src/node/search/search-index.ts'
import { type DatasetBody, replicaRecordId } from '../../src/protocols/model/dataset.ts'
import { confirmSpec } from '../../src/protocols/placement/messages.ts'
import { call } from '../../src/protocols/wire/client.ts'
import { type BenchContext, type Benchmark, type Figure, median, spread, timed } from './bench.ts'
import { datasetId, datasetRecord, random } from './bodies.ts'
import { until } from './daemon.ts'

const ISLANDS = 100
const DATASETS = 10_000
/** Islands with a network of their own; the first one asks, the others hold what is confirmed. */
const REAL = 4
const ESTIMATE_MS = 1
const QUIET = pino({ level: 'silent' })

/** How fast the cheapest of many islands is found. */
export const placementBench: Benchmark = {
  name: 'placement',
  about: 'the choice of an island for a task: by what is known, and confirmed by the holders over loopback',
  async run(context) {
    const { scale } = context
    const count = scale.quick ? 10 : ISLANDS
    const world = await worldOf(context, count, scale.quick ? 200 : DATASETS)
    const what = `${count} islands, ${world.datasets} datasets`
    const runs = scale.runs * 25
    const next = random(3)
    const pick = () => datasetId(Math.floor(next() * world.datasets))
    const estimate = { confirm: false, signal: context.signal }
    const place = async (data: PlacementData[], options: { confirm: boolean; signal: AbortSignal }) =>
      await world.placing.place(requestOf(data), options)

    const found: number[] = []
    const known: number[] = []
    const three: number[] = []
    let bytes = 0
    for (let i = 0; i < runs; i++) {
      const id = pick()
      found.push(await timed(async () => place([await world.locate(id)], estimate)))
      const one = await world.locate(pick())
      known.push(
        await timed(async () => {
          bytes = JSON.stringify((await place([one], estimate)).explain).length
        }),
      )
      const all = await Promise.all(['held.0', 'held.1', 'held.2'].map((held) => world.locate(`doi:10.5072/${held}`)))
      three.push(await timed(() => place(all, estimate)))
    }

    const confirmed: number[] = []
    const bare: number[] = []
    const held = await world.locate('doi:10.5072/held.0')
    const asked = { user: 'owner', kind: 'sql' as const, datasets: [] }
    for (let i = 0; i < runs; i++) {
      const confirm = async () =>
        void confirmed.push(await timed(() => place([held], { confirm: true, signal: context.signal })))
      const exchange = async () =>
        void bare.push(
          await timed(() => Promise.all(world.holders.map((holder) => call(world.asker, holder, confirmSpec, asked)))),
        )
      // In turns, so that a busy moment of the machine meets both.
      await (i % 2 === 0 ? confirm().then(exchange) : exchange().then(confirm))
    }
    const against = (value: number) => ({
      what: 'bare exchanges with the three',
      value: median(bare),
      unit: 'ms',
      ratio: value / median(bare),
    })
    const usual = (what: string, times: number[]): Figure[] => {
      const [p50, p99] = spread(what, times)
      return [{ ...p50!, target: { below: ESTIMATE_MS } }, p99!]
    }
    return [
      ...usual(`located and placed by what is known, ${what}`, found),
      ...usual('placed by what is known, located before', known),
      ...usual('placed over three datasets', three),
      ...spread('confirmed by the best of three holders', confirmed).map(
        (figure, i): Figure => (i === 0 ? { ...figure, baseline: against(figure.value) } : figure),
      ),
      { what: 'the explanation, as JSON', value: bytes / 1000, unit: 'kB' },
    ]
  },
}

function requestOf(datasets: PlacementData[]): PlacementRequest {
  return { user: 'owner', kind: 'sql', datasets, codeBytes: 200 }
}

interface World {
  datasets: number
  placing: Placing
  asker: NetworkPort
  /** Islands that answer. */
  holders: string[]
  locate(id: string): Promise<PlacementData>
}

/** A catalog of datasets held by one to five islands each, in the real index, and networks for a few of the islands. */
async function worldOf(context: BenchContext, count: number, datasets: number): Promise<World> {
  const keys = Array.from({ length: count }, () => newKeyPair())
  const islands = keys.map((k) => peerIdOf(k.publicKey))
  const members = new Set(islands)
  const nets: NetworkPort[] = []
  for (const key of keys.slice(0, REAL)) {
    const net = await network(
      {
        ...key,
        archipelagoId: `arc${'a'.repeat(32)}`,
        listen: ['/ip4/127.0.0.1/tcp/0'],
        announce: [],
        bootstrap: [],
        mdns: false,
        dht: false,
        gossip: false,
        relay: {
          serve: false,
          use: 'never',
          limits: { islands: 0, connectionBytes: 2 ** 30, connectionMs: 3_600_000 },
        },
        maxConnections: 20,
        wantedPeers: 0,
      },
      {
        admission: { isMember: (p) => members.has(p), islandOf: (p) => p, isRevoked: () => false },
        logger: QUIET,
      },
    )
    context.cleanup(() => net.stop())
    nets.push(net)
  }
  const lookup: IslandLookup = {
    self: islands[0]!,
    nameOf: (island) => `island-${island.slice(-6)}`,
    peerOf: (island) => island,
    islandOf: (peerId) => peerId,
    isMember: (island) => members.has(island),
    liveness: () => 'live',
    rttMs: () => 1,
    addressesOf: () => [],
  }
  const { locate, versions } = await catalogOf(context, lookup, islands, datasets)
  const parts: Placing[] = []
  for (const net of nets) parts.push(placingOf(net, lookup, islands, versions))
  for (const part of parts) await part.start()
  context.cleanup(() => Promise.all(parts.map((part) => part.stop())))
  for (const net of nets) await net.start()
  const [asker, ...others] = nets
  for (const other of others) await asker!.connect({ peerId: other.peerId, addresses: other.addresses().listening })
  await until('the holders connected', context, () => asker!.connections().length === others.length)
  // What an island that has been up for a while has measured.
  const next = random(5)
  for (const island of islands) {
    parts[0]!.links.heard(island, 1 + next() * 100)
    parts[0]!.links.observe(island, 1e6, 5 + next() * 500)
  }
  for (let i = 0; i < 20; i++) parts[0]!.results.observe('sql', [datasetId(i)], next() * 1e6)
  return { datasets, placing: parts[0]!, asker: asker!, holders: others.map((o) => o.peerId), locate }
}

async function catalogOf(context: BenchContext, lookup: IslandLookup, islands: string[], datasets: number) {
  const search = searchIndex({ path: join(context.dir, 'search') })({ logger: QUIET })
  context.cleanup(() => search.close())
  const replicas = replicaTable()
  const versions = new Map<string, string>()
  const entries: IndexEntry[] = []
  const next = random(7)
  const add = (n: number, id: string, holders: string[]) => {
    const body = datasetRecord(n).body as DatasetBody
    const publisher = holders[0]!
    versions.set(id, body.version)
    entries.push({ publisher, id, body: { ...body, name: id.replaceAll(/[^a-z0-9]/g, '_') }, recordedAt: n, holders })
    replicas.apply(
      holders.map((origin) => {
        const record = {
          kind: 'replica',
          id: replicaRecordId(publisher, id),
          origin,
          time: n,
          body: { dataset: id, publisher, version: body.version, state: 'available', bytes: body.size },
        }
        return { type: 'put', record } as unknown as CatalogChange
      }),
    )
  }
  for (let n = 0; n < datasets; n++) {
    context.signal.throwIfAborted()
    const holders = Array.from({ length: 1 + Math.floor(next() * 5) }, () => Math.floor(next() * islands.length))
    add(
      n,
      datasetId(n),
      [...new Set(holders)].map((i) => islands[i]!),
    )
  }
  for (let n = 0; n < 3; n++) add(datasets + n, `doi:10.5072/held.${n}`, islands.slice(1, REAL))
  search.putMany(entries)
  search.rebuilt()

  const claimOf = (c: ReturnType<typeof search.byId>[number]): Claim => ({
    ...c.body,
    id: c.id,
    publisher: c.publisher,
  })
  const resolving = resolver({
    catalog: {
      byId: (id) => search.byId(id).map(claimOf),
      byName: (name) => search.byName(name).map(claimOf),
      holders: (publisher, id) => replicas.holders(publisher, id),
    },
    islands: lookup,
    network: { archipelagoId: 'arc', async *findProviders() {} },
    ask: async () => [],
    logger: QUIET,
  })
  return {
    versions,
    async locate(id: string): Promise<PlacementData> {
      const { publisher, version, holders } = resolving.one(
        id,
        await resolving.locate(id, { via: 'catalog', confirm: false }),
      )
      return { table: id, id, publisher, version, bytes: 1e9, holders }
    },
  }
}

function placingOf(net: NetworkPort, lookup: IslandLookup, islands: string[], versions: Map<string, string>): Placing {
  const next = random(11)
  const load = new Map(
    islands.map((island) => {
      const running = Math.floor(next() * 4)
      return [island, { running, waiting: 0, slots: 4, queueWaitMs: 0, cpu: next(), memory: next() }]
    }),
  )
  const engine = { kind: 'embedded' as const, languages: ['sql', 'python'], version: '1' }
  return placing({
    self: net.peerId,
    network: net,
    nameOf: lookup.nameOf,
    isMember: lookup.isMember,
    members: () => islands,
    liveness: () => 'live',
    card: () => ({ engines: [engine] }),
    load: (island) => load.get(island),
    connect: async (island) => island,
    policy: { check() {} },
    journal: { write() {}, read: async () => ({ items: [] }) },
    engine: {
      engines: () => [{ info: engine, status: { state: 'ready', sandbox: true, running: 0, waiting: 0 } }],
    },
    holdings: async (ids) =>
      ids.flatMap((id) => {
        const version = versions.get(id)
        return version === undefined
          ? []
          : { id, publisher: '', name: 'x', version, state: 'available' as const, aliases: [] }
      }),
    localLoad: () => ({ running: 0, waiting: 0, slots: 4 }),
    store: { get: async () => undefined, put: async () => {} },
    logger: QUIET,
  })
}
