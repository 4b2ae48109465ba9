/** The Livy gateway of an island, put together. */
import type { Logger } from 'pino'
import type { Config } from './config/schema.ts'
import type { DatasetsPort } from './datasets/datasets.ts'
import { type Gateway, gateway } from './gateway/gateway.ts'
import type { LivySite } from './gateway/site.ts'
import { pathIn } from './identity/data-dir.ts'
import type { JournalPort } from './journal/journal.ts'
import type { Roster } from './members/roster.ts'
import type { NetworkPort } from './network/port.ts'
import type { PolicyPort } from './policy/policy.ts'
import type { IslandLookup } from './resolve/port.ts'
import type { ResolverPort } from './resolve/resolver.ts'
import type { StorePort } from './store/port.ts'
import { SOFTWARE } from './version.ts'

/** As Livy: `livy.server.session.state-retain.sec`, and its look at heartbeats more often than once a minute. */
const KEPT_MS = 600_000
const SWEEP_MS = 1_000
const MAX_ENTRIES = 5_000

export function livyGateway(components: {
  config: Config
  self: string
  store: StorePort
  /** Best first. */
  sites: LivySite[]
  network: NetworkPort
  datasets: DatasetsPort
  roster: Roster
  lookup: IslandLookup
  resolver: ResolverPort
  policy: PolicyPort
  journal: JournalPort
  islandNamed: (text: string) => string
  connect(island: string, options: { signal: AbortSignal }): Promise<string>
  logger: (component: string) => Logger
}): Gateway {
  const { config, self, lookup, resolver, roster } = components
  const { holdMs, lostMs, batchLostMs, spoolBytes, perIsland, abandonedMs } = config.web.livy
  return gateway(
    {
      self,
      ...(config.web.livy.enabled ? { endpoint: '/livy' } : {}),
      holdMs,
      lostMs,
      batchLostMs,
      spoolBytes,
      perIsland,
      abandonedMs,
      keptMs: KEPT_MS,
      sweepMs: SWEEP_MS,
      maxEntries: MAX_ENTRIES,
      outputDir: pathIn(config.dataDir, 'livyOutputs'),
      software: SOFTWARE,
    },
    {
      store: components.store,
      sites: components.sites,
      data: components.datasets,
      policy: components.policy,
      journal: components.journal,
      network: components.network,
      connect: components.connect,
      islandOf: lookup.islandOf,
      routing: {
        self,
        nameOf: lookup.nameOf,
        islandNamed: components.islandNamed,
        async locate(ref, { signal }) {
          return resolver.one(ref, await resolver.locate(ref, { via: 'both', confirm: false, signal }))
        },
        liveness: lookup.liveness,
        rttMs: lookup.rttMs,
        members: () => roster.all().map((m) => m.id),
        card: (island) => roster.card(island),
      },
      logger: components.logger('livy-gateway'),
    },
  )
}
