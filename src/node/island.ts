/** The composition root: builds the parts in order, hands each its ports, starts them, and stops them in reverse. */
import { rm } from 'node:fs/promises'
import type { Logger } from 'pino'
import type { Card } from '../protocols/model/island.ts'
import { decodeGenesis } from '../protocols/record/genesis.ts'
import { signerFromSeed } from '../protocols/record/keys.ts'
import type { IslandPort } from '../web/ports.ts'
import { webServer } from '../web/server/web-server.ts'
import type { Named } from './archipelago.ts'
import { browse, oneIsland } from './browse/browse.ts'
import type { Config } from './config/schema.ts'
import type { OwnBlock } from './contents/blocks.ts'
import { contents } from './contents/contents.ts'
import { copies } from './copies.ts'
import { engineOf, livyOf, withLivy } from './engines/choose.ts'
import { islandEvents } from './events.ts'
import { embeddedSite } from './gateway/embedded-site.ts'
import { openHome } from './home.ts'
import { pathIn, writeSecret } from './identity/data-dir.ts'
import { levelTickets } from './identity/level-tickets.ts'
import { ticketBook } from './identity/tickets.ts'
import { interactiveSessions } from './interactive.ts'
import { type IslandParts, islandPort, viewOfIsland } from './island-port.ts'
import { livyGateway } from './livy-gateway.ts'
import { ownCard } from './members/own-card.ts'
import { ownServices } from './members/own-services.ts'
import { islandHealth } from './numbers.ts'
import { ownDatasets } from './own-datasets.ts'
import { ownNetwork } from './own-network.ts'
import { presence } from './presence/presence.ts'
import { reach } from './presence/reach.ts'
import { announcer } from './resolve/announcer.ts'
import type { IslandLookup } from './resolve/port.ts'
import { reaching } from './resolve/reaching.ts'
import { resolver } from './resolve/resolver.ts'
import { searchIndex } from './search/search-index.ts'
import { followMembers, serveOthers } from './serving.ts'
import { places } from './sessions/places.ts'
import { syncRemote } from './spread/catalog-protocol.ts'
import { syncer } from './spread/syncer.ts'
import { journalled } from './token-port.ts'
import { SOFTWARE } from './version.ts'
import { islandWork } from './work.ts'

export interface StartedIsland {
  port: IslandPort
  name: string
  id: string
  archipelago: Named
  /** Of the web service; undefined when `web.enabled` is false. */
  url: string | undefined
  peerId: string
  /** Multiaddrs it listens on. */
  addresses: string[]
  /** Settles when the island has stopped, by `stop` or by itself (after `leave`). */
  stopped: Promise<void>
  stop(): Promise<void>
}

const offered = (https: Card['https']) => (https === undefined ? {} : { https })

/** Datasets that come at once and are indexed at once; more by a thread beside. */
const INDEXED_AT_ONCE = 100

/** The whole daemon, with web service and `daemon.json`. @throws NO_ARCHIPELAGO, DATA_DIR_LOCKED, ADDRESS_IN_USE, CONFIG_INVALID */
export async function startIsland(init: {
  config: Config
  signal: AbortSignal
  logger: Logger
}): Promise<StartedIsland> {
  const undo: (() => unknown)[] = []
  const unwind = async () => {
    for (const stop of undo.splice(0).reverse()) {
      try {
        await stop()
      } catch (error) {
        init.logger.error({ err: error }, 'a part did not stop cleanly')
      }
    }
  }
  try {
    return await compose(init, undo, unwind)
  } catch (error) {
    await unwind()
    throw error
  }
}

async function compose(
  init: { config: Config; signal: AbortSignal; logger: Logger },
  undo: (() => unknown)[],
  unwind: () => Promise<void>,
): Promise<StartedIsland> {
  const { config, logger, signal } = init
  const log = (component: string) => logger.child({ component })
  const startedAt = Date.now()
  const stopping = new AbortController()
  undo.push(() => stopping.abort())

  // Who this island is, and what it remembers.
  const home = await openHome({ config, signal, logger: log }, undo)
  const { self, archipelago, key, store, catalog, journal: diary, policy, tokens, roster: who } = home
  const island = (text: string) => oneIsland(text, who.named(text))

  // What can run here.
  const livy = livyOf(config.livy, {
    self,
    store: store.bucket('livySite'),
    stagingDir: pathIn(config.dataDir, 'staging'),
    resultBytes: config.engine.resultBytes,
    logger: log('livy'),
  })
  undo.push(() => livy?.site.stop())
  await livy?.site.start()
  const builtIn = engineOf(config.engine, { scratchDir: pathIn(config.dataDir, 'scratch'), logger: log('engine') })
  const engine = withLivy(builtIn, livy?.engine)
  undo.push(() => engine.stop())
  await engine.start({ signal })
  // Tasks need a place in the engine, too.
  const forSessions = places(Math.max(1, config.engine.sessions - 1))
  const plain = embeddedSite({ version: SOFTWARE, idleMs: config.sessions.idleMs })({
    engine: builtIn,
    places: forSessions,
  })
  undo.push(() => plain.stop())

  // What is in the catalog, for people.
  const search = searchIndex({ path: pathIn(config.dataDir, 'search'), atOnce: INDEXED_AT_ONCE })({
    logger: log('search'),
  })
  undo.push(() => search.close())
  const shelf = browse({
    catalog,
    search,
    nameOf: who.nameOf,
    islandNamed: island,
    isMember: who.isMember,
    logger: log('browse'),
  })
  await shelf.start()
  undo.push(() => shelf.stop())

  // The network.
  const net = await ownNetwork(config.network, {
    archipelagoId: archipelago.id,
    key,
    admission: who.admission,
    logger: log('network'),
  })
  undo.push(() => net.stop())

  // What this island publishes.
  let onServedChange = () => {}
  const own = await ownDatasets(
    { config, self, store, catalog, policy, journal: diary, onChange: () => onServedChange(), logger: log },
    undo,
  )
  const { held } = own

  // Presence: who is there.
  const present = presence(
    { heartbeatMs: config.catalog.heartbeatMs },
    {
      network: net,
      position: () => catalog.status().own ?? { epoch: 0, seq: 0 },
      work: () => work.placing.work(),
      members: () => who.all().length,
      islandOf: who.admission.islandOf,
      onChange: (id) => events.islandChanged(id),
      onRoundTrip: (id, ms) => work.placing.links.heard(id, ms),
      onAhead: (id, position, peerId) => {
        const known = catalog.heads().find((h) => h.origin === id)
        if (
          known === undefined ||
          known.epoch < position.epoch ||
          (known.epoch === position.epoch && known.seq < position.seq)
        )
          sync.nudge(peerId)
      },
      logger: log('presence'),
    },
  )
  const reachable = reach({ network: net, cardAddresses: (id) => who.card(id)?.addresses ?? [] })
  const events = islandEvents({
    catalog,
    browse: shelf,
    roster: who,
    viewOf: (id) => viewOfIsland(id, { self, roster: who, presence: present, network: net, browse: shelf, catalog }),
  })
  undo.push(() => events.stop())

  // Catalog rounds.
  const sync = syncer(
    { intervalMs: config.catalog.syncIntervalMs },
    {
      catalog,
      network: net,
      islandOf: who.admission.islandOf,
      peerOf: who.peerOf,
      remote: (peerId, id) => syncRemote(net, peerId, id),
      logger: log('sync'),
    },
  )

  // Finding data.
  const lookup: IslandLookup = {
    self,
    nameOf: who.nameOf,
    peerOf: who.peerOf,
    islandOf: who.admission.islandOf,
    isMember: who.isMember,
    liveness: (id) => (id === self ? 'live' : present.of(id).liveness),
    rttMs: (id) => (id === self ? 0 : present.of(id).rttMs),
    addressesOf: (id) => who.card(id)?.addresses ?? [],
  }
  const { connect, ask } = reaching({ self, roster: who, network: net, holdings: (ids) => held.holdings(ids) })
  const resolving = resolver({ catalog: shelf, islands: lookup, network: net, ask, logger: log('resolve') })
  const dht = announcer({ network: net, ids: () => held.served(), logger: log('dht') })

  /** What most of the following needs. */
  const base = {
    config,
    self,
    store,
    catalog,
    network: net,
    datasets: held,
    browse: shelf,
    roster: who,
    presence: present,
    lookup,
    resolver: resolving,
    policy,
    journal: diary,
    islandNamed: island,
    connect,
    logger: log,
  }

  // Bytes of datasets, to others and from them.
  const copied = await copies(
    {
      ...base,
      startedAt,
      own,
      signer: signerFromSeed(key.seed),
      running: () => [...work.tasks.provider.datasets(), ...interactive.datasets(), ...livyPort.datasets()],
      onForget(forget) {
        onServedChange = () => {
          forget()
          dht.changed()
        }
      },
    },
    undo,
  )

  const ownBlock: OwnBlock = ({ dataset, version, block }) => held.block({ id: dataset, version }, block)

  // Work.
  const work = islandWork({ ...base, engine, onTask: (task) => events.taskChanged(task) })

  const inside = contents({
    self,
    nameOf: who.nameOf,
    network: net,
    own: ownBlock,
    connect,
    engine,
    data: held,
    policy,
    sql: work.sql,
  })

  const interactive = interactiveSessions({ ...base, engine, places: forSessions })
  undo.push(() => interactive.stop())

  const livyPort = livyGateway({ ...base, sites: [...(livy === undefined ? [] : [livy.site]), plain] })
  undo.push(() => livyPort.stop())

  const tickets = ticketBook({ store: levelTickets(store) })

  // From here on others can hear us.
  const card = ownCard({ catalog, self, describe: () => describe(), logger: log('card') })
  undo.push(() => card.stop())
  const webUrl = () => (web === undefined ? undefined : web.url)
  const describe = (): Card => ({
    name: config.name,
    ...(config.site === undefined ? {} : { site: config.site }),
    ...(config.place === undefined ? {} : { place: config.place }),
    peerId: net.peerId,
    addresses: net.addresses().announced.slice(0, 16),
    engines: engine.engines().flatMap(({ info }) => (info.kind === 'disabled' ? [] : [info])),
    services: ownServices(config.web),
    ...offered(copied.moving.https.offer(net.addresses().announced)),
    software: SOFTWARE,
    ...(config.labels.length === 0 ? {} : { labels: config.labels }),
    ...(config.rules.accept.length === 0 ? {} : { rulesFrom: config.rules.accept }),
  })

  const serving = { config, home, network: net, datasets: held, ownBlock, tickets, logger: log }
  await serveOthers(serving, { stopping: stopping.signal })
  await copied.serve({ stopping: stopping.signal })
  await present.start()
  undo.push(() => present.stop())
  await reachable.start()
  undo.push(() => reachable.stop())
  let forGood = false
  undo.push(() => work.stop({ forGood }))
  await work.start({ stopping: stopping.signal })
  await livyPort.start({ stopping: stopping.signal })

  const retarget = followMembers(serving, { stopping: stopping.signal })
  net.on('addresses:changed', () => card.changed())

  if (config.catalog.enabled) sync.start()
  undo.push(() => sync.stop())
  await net.start({ signal })
  retarget()
  await card.write()
  await held.start()
  dht.start()
  undo.push(() => dht.stop())
  await work.resume()
  await livyPort.resume()
  await copied.resume()

  const settled = Promise.withResolvers<void>()
  let stopOnce: Promise<void> | undefined
  const stop = (options: { forGood?: boolean } = {}): Promise<void> => {
    forGood ||= options.forGood === true
    stopOnce ??= unwind().then(() => settled.resolve())
    return stopOnce
  }
  const parts: IslandParts = {
    ...base,
    archipelago,
    startedAt,
    logger: log('island'),
    signal: stopping.signal,
    reach: reachable,
    work,
    moving: copied.moving,
    subscriptions: copied.subscriptions,
    rules: copied.rules,
    requests: copied.requests,
    contents: inside,
    sessions: interactive,
    livy: livyPort.shown,
    engine,
    tickets,
    tokens,
    sync,
    events,
    webUrl,
    key,
    admins: decodeGenesis(home.membership.archipelago.genesis).admins,
    adminKey: home.adminKey,
    stop,
  }
  const port = islandPort(parts)

  // The web service, last: what answers there works.
  const web = config.web.enabled
    ? webServer({ id: self, ...config.web, version: SOFTWARE })({
        island: port,
        access: journalled(tokens, diary, self),
        health: islandHealth(parts),
        livy: config.web.livy.enabled ? livyPort : undefined,
        answerStore: store.bucket('answers'),
        logger: log('web'),
      })
    : undefined
  if (web !== undefined) {
    await web.start({ signal })
    undo.push(() => web.stop())
  }
  await writeSecret(
    pathIn(config.dataDir, 'daemon'),
    `${JSON.stringify({ pid: process.pid, url: web?.url ?? null })}\n`,
  )
  undo.push(() => rm(pathIn(config.dataDir, 'daemon'), { force: true }))
  logger.info({ island: self, peer: net.peerId, archipelago: archipelago.name }, 'the island is up')
  return {
    port,
    name: config.name,
    id: self,
    archipelago,
    url: web?.url,
    peerId: net.peerId,
    addresses: net.addresses().listening,
    stopped: settled.promise,
    stop,
  }
}
