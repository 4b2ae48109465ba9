/** The datasets that an island publishes and holds, put together. */
import type { Logger } from 'pino'
import type { CatalogPort } from './catalog/port.ts'
import type { Config } from './config/schema.ts'
import { type DatasetsPort, datasets } from './datasets/datasets.ts'
import { levelPublications } from './datasets/level-publications.ts'
import { duckdbInspector } from './engines/inspect.ts'
import { mapsPlace } from './engines/livy/locations.ts'
import { pathIn } from './identity/data-dir.ts'
import type { JournalPort } from './journal/journal.ts'
import { type OutsidePort, outside } from './outside/outside.ts'
import type { PolicyPort } from './policy/policy.ts'
import { type Publisher, publisher } from './publish/publisher.ts'
import type { ReplicaStore } from './replicas/port.ts'
import { type ReplicaShelf, shelf } from './replicas/shelf.ts'
import { levelReplicas } from './replicas/store/level-replicas.ts'
import type { StorePort } from './store/port.ts'

const WATCH_SOURCES_MS = 60_000
const INSPECT_CPU_MS = 4 * 3_600_000

export interface OwnData {
  held: DatasetsPort
  publishing: Publisher
  /** What this island may read outside of all islands. */
  away: OutsidePort
  /** Datasets of others that are here. */
  replicaShelf: ReplicaShelf
  replicaStore: ReplicaStore
}

/** Publishing is started, holding is not: `start` it when others can be told. */
export async function ownDatasets(
  components: {
    config: Config
    self: string
    store: StorePort
    catalog: CatalogPort
    policy: PolicyPort
    journal: JournalPort
    /** What this island serves is another set now. */
    onChange(): void
    logger: (component: string) => Logger
  },
  undo: (() => unknown)[],
): Promise<OwnData> {
  const { config, self, catalog, logger } = components
  const replicaStore = levelReplicas(components.store, (key) =>
    logger('replicas').error({ key }, 'an entry of the store cannot be read, and is left out'),
  )
  const away = outside({
    sources: config.outside.sources,
    cacheBytes: config.outside.cacheBytes,
    dir: pathIn(config.dataDir, 'outside'),
  })
  undo.push(() => away.stop())
  const publishing = publisher({
    stateDir: pathIn(config.dataDir, 'publish'),
    own: { dir: config.dataDir, except: pathIn(config.dataDir, 'published') },
  })({
    inspectorFor: (files) =>
      duckdbInspector({
        files,
        sandbox: config.engine.sandbox,
        scratchDir: pathIn(config.dataDir, 'scratch'),
        // The owner's own file, however large: the wall clock of each question bounds it.
        limits: { cpuMs: INSPECT_CPU_MS },
      }),
    keepTable: (hash, table) => {
      const name = Buffer.from(hash).toString('hex')
      // It can be hashed again.
      replicaStore
        .putTable(name, table)
        .catch((error: unknown) => logger('publish').warn({ err: error }, 'a table was not kept'))
    },
    outside: away,
    logger: logger('publish'),
  })
  undo.push(() => publishing.stop())
  await publishing.start()
  const replicaShelf = shelf(
    { self, dir: replicasDir(config) },
    {
      store: replicaStore,
      publisher: publishing,
      async append(records) {
        await catalog.appendMany(records.map((record) => ({ kind: 'replica', ...record })))
      },
      ownReplicas: () => catalog.own('replica'),
      onChange: components.onChange,
      logger: logger('replicas'),
    },
  )
  await replicaShelf.start()
  const held = datasets(
    { self, watchMs: WATCH_SOURCES_MS },
    {
      publisher: publishing,
      outside: away,
      sparkReads: mapsPlace(config.livy.locations),
      store: levelPublications(components.store),
      ownReplicas: () => catalog.own('replica'),
      own: async (kind, id) => (await catalog.get(kind, id, self))?.body,
      append: async (records) => {
        await catalog.appendMany(records)
      },
      policy: components.policy,
      journal: components.journal,
      replicas: replicaShelf,
      onChange: components.onChange,
      logger: logger('datasets'),
    },
  )
  undo.push(() => held.stop())
  return { held, publishing, away, replicaShelf, replicaStore }
}

export function replicasDir(config: Config): string {
  return config.replicas.dir === '' ? pathIn(config.dataDir, 'replicas') : config.replicas.dir
}
