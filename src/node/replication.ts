/** Bytes of datasets that come and go: giving them to others, and getting those of others. */
import { availableParallelism, loadavg } from 'node:os'
import type { Logger } from 'pino'
import { datasetBody } from '../protocols/model/dataset.ts'
import type { Signer } from '../protocols/record/keys.ts'
import type { CatalogChange, CatalogPort } from './catalog/port.ts'
import type { Config } from './config/schema.ts'
import { blocks } from './contents/blocks.ts'
import { type HttpsGiving, httpsGiving } from './https-giving.ts'
import type { JournalPort } from './journal/journal.ts'
import type { Roster } from './members/roster.ts'
import type { NetworkPort } from './network/port.ts'
import { youngBuffers } from './network/young.ts'
import { newId } from './new-id.ts'
import { type OwnData, replicasDir } from './own-datasets.ts'
import type { PolicyPort } from './policy/policy.ts'
import type { PromisesPort } from './promises/port.ts'
import type { Needs } from './replicas/evicting.ts'
import { heldFiles } from './replicas/held.ts'
import { isOrigin, origins } from './replicas/origin.ts'
import { type ReplicasPort, replicas } from './replicas/replicas.ts'
import { remotes } from './replicas/run/remotes.ts'
import { type Provider, provider } from './replicas/serve/provider.ts'
import type { IslandLookup } from './resolve/port.ts'
import type { ResolverPort } from './resolve/resolver.ts'

export interface ReplicationComponents {
  config: Config
  self: string
  own: OwnData
  catalog: Pick<CatalogPort, 'get' | 'on'>
  network: NetworkPort
  lookup: IslandLookup
  resolver: ResolverPort
  connect(island: string, options: { signal: AbortSignal }): Promise<string>
  dropCopy: PromisesPort['drop']
  needs: Needs
  /** Own key. */
  signer: Signer
  roster: Pick<Roster, 'isMember' | 'member' | 'card'>
  policy: PolicyPort
  journal: JournalPort
  logger: (component: string) => Logger
}

export interface Replication {
  provider: Provider
  https: HttpsGiving
  /** Bytes by HTTPS since the start. */
  httpsBytes(): { received: number; sent: number }
  replicas: ReplicasPort
  /** After what this island holds became something else. */
  forget(): void
}

export function replication(components: ReplicationComponents): Replication {
  const { config, self, own, catalog, network, lookup, resolver, connect, dropCopy, needs, policy, journal, logger } =
    components
  const { signer, roster } = components
  const { held, publishing, away, replicaShelf, replicaStore } = own
  const published: typeof held.published = (pinned, options) => held.published(pinned, options)
  const blocksOf = blocks({
    self,
    network,
    own: ({ dataset, version, block }) => held.block({ id: dataset, version }, block),
    connect,
    nameOf: lookup.nameOf,
  })
  const files = heldFiles({
    store: replicaStore,
    shelf: replicaShelf,
    publisher: publishing,
    published,
    block: (pinned, hash) => held.block(pinned, hash),
  })
  const passed = youngBuffers()
  const sources = remotes({
    network,
    connect,
    offerOf: (island) => roster.card(island)?.https,
    signer,
    passed,
    logger: logger('replicas'),
  })
  const giving = provider(
    {
      upBytesPerSecond: config.transfers.upBytesPerSecond,
      upBytesPerSecondPerIsland: config.transfers.upBytesPerSecondPerIsland,
    },
    { network, held: files, policy, outside: away, logger: logger('provider') },
  )
  const https = httpsGiving({
    config,
    self,
    network,
    provider: giving,
    signer,
    passed,
    roster,
    logger: logger('provider'),
  })
  const bodyOf = async (publisher: string, id: string) =>
    datasetBody.safeParse((await catalog.get('dataset', id, publisher))?.body).data
  const beside = origins({ outside: away, publisher: publishing, bodyOf })
  const getting = replicas(
    {
      self,
      dir: replicasDir(config),
      quotaBytes: config.replicas.quotaBytes,
      evict: config.replicas.evict,
      scrub: { bytesPerSecond: config.replicas.scrubBytesPerSecond, periodMs: config.replicas.scrubPeriodMs },
      active: config.transfers.active,
      kept: config.transfers.kept,
      downBytesPerSecond: config.transfers.downBytesPerSecond,
      downBytesPerSecondPerIsland: config.transfers.downBytesPerSecondPerIsland,
    },
    {
      store: replicaStore,
      shelf: replicaShelf,
      publisher: publishing,
      locate: (ref, { known = false, ...options }) =>
        resolver.locate(ref, { via: known ? 'catalog' : 'both', confirm: !known, ...options }),
      one: (ref, located) => resolver.one(ref, located),
      bodyOf,
      origin: beside.holderOf,
      block(dataset, version, holders, signal) {
        const asked = holders.filter((holder) => !isOrigin(holder))
        return beside.block(dataset, version, holders, blocksOf(dataset, version, asked, signal), signal)
      },
      published,
      remote: (holder) => beside.remote(holder) ?? sources.of(holder),
      held: files,
      outside: away,
      nameOf: (holder) => (isOrigin(holder) ? 'its origin' : lookup.nameOf(holder)),
      rttMs: lookup.rttMs,
      dropCopy,
      needs,
      policy,
      journal,
      busy: () => loadavg()[0]! > availableParallelism(),
      newId: () => newId('tr'),
      logger: logger('replicas'),
    },
  )
  let off: (() => void) | undefined
  const follow = (changes: CatalogChange[]) => {
    for (const change of changes)
      if (change.type === 'put' && change.record.kind === 'dataset')
        getting.look(change.record.origin, change.record.id)
  }
  return {
    forget: () => files.forget(),
    provider: giving,
    https,
    httpsBytes: () => ({ received: sources.receivedBytes(), sent: https.sentBytes() }),
    replicas: {
      ...getting,
      async start() {
        off = catalog.on('change', follow)
        await getting.start()
      },
      async stop() {
        off?.()
        await getting.stop()
        await sources.stop()
      },
    },
  }
}
