/** Requests to hold data, put together: those of this island, and those of others. */
import type { Logger } from 'pino'
import { replicaBody } from '../protocols/model/dataset.ts'
import type { CatalogPort } from './catalog/port.ts'
import type { Config } from './config/schema.ts'
import type { JournalPort } from './journal/journal.ts'
import type { NetworkPort } from './network/port.ts'
import { newId } from './new-id.ts'
import type { PolicyPort } from './policy/policy.ts'
import { finder } from './replicas/find.ts'
import { matches } from './replicas/names.ts'
import type { ReplicasPort } from './replicas/replicas.ts'
import { levelRequests } from './requests/level-requests.ts'
import type { RequestsComponents, RequestsPort } from './requests/port.ts'
import { requests } from './requests/requests.ts'
import { remoteRequests, serveRequests } from './requests/wire.ts'
import type { IslandLookup } from './resolve/port.ts'
import type { ResolverPort } from './resolve/resolver.ts'
import type { StorePort } from './store/port.ts'

export interface Requesting {
  port: RequestsPort
  /** Answers others from then on. */
  serve(options: { stopping: AbortSignal }): Promise<void>
  /** When others can be reached. */
  start(): Promise<void>
  stop(): Promise<void>
}

export function requesting(components: {
  config: Config
  self: string
  store: StorePort
  catalog: CatalogPort
  network: NetworkPort
  connect(island: string, options: { signal: AbortSignal }): Promise<string>
  resolver: ResolverPort
  lookup: IslandLookup
  islandNamed(text: string): string
  replicas: ReplicasPort
  heldState: RequestsComponents['heldState']
  policy: PolicyPort
  journal: JournalPort
  logger: Logger
}): Requesting {
  const { config, self, store, catalog, network, connect, resolver, lookup, logger, ...rest } = components
  const find = finder({
    self,
    locate: (ref, options) => resolver.locate(ref, { via: 'both', confirm: false, ...options }),
    one: (ref, located) => resolver.one(ref, located),
  })
  const port = requests(
    { self, ...config.policy.replicate, kept: config.transfers.kept },
    {
      ...rest,
      store: levelRequests(store, (key) =>
        logger.error({ key }, 'an entry of the store cannot be read, and is left out'),
      ),
      remote: remoteRequests(network, connect),
      async pin(ref, version, signal) {
        const found = await find(ref, version, { signal })
        return { dataset: found.claim.id, publisher: found.claim.publisher, version: found.version }
      },
      nameOf: lookup.nameOf,
      isMember: lookup.isMember,
      matches,
      newId: () => newId('req'),
      logger,
    },
  )
  const off: (() => void)[] = []
  return {
    port,
    serve: (options) => serveRequests(network, port, options),
    async start() {
      await port.start()
      rest.replicas.onUse(port.used)
      off.push(
        catalog.on('membership', () => port.news()),
        catalog.on('change', (changes) => {
          const told = new Set<string>()
          for (const change of changes)
            if (change.type === 'put' && change.record.kind === 'replica' && change.record.origin !== self)
              if (replicaBody.safeParse(change.record.body).success) told.add(change.record.origin)
          for (const island of told) port.news(island)
        }),
      )
    },
    async stop() {
      for (const each of off) each()
      await port.stop()
    },
  }
}
