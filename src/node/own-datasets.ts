/** The datasets that an island publishes and holds, put together. */
import type { Logger } from 'pino'
import type { CatalogPort } from './catalog/port.ts'
import type { Config } from './config/schema.ts'
import { type DatasetsPort, datasets, type HeldReplicas } from './datasets/datasets.ts'
import { levelPublications } from './datasets/level-publications.ts'
import { duckdbInspector } from './engines/inspect.ts'
import { pathIn } from './identity/data-dir.ts'
import type { JournalPort } from './journal/journal.ts'
import type { PolicyPort } from './policy/policy.ts'
import { type Publisher, publisher } from './publish/publisher.ts'
import type { StorePort } from './store/port.ts'

const WATCH_SOURCES_MS = 60_000
const INSPECT_CPU_MS = 4 * 3_600_000

/** Publishing is started, holding is not: `start` it when others can be told. */
export async function ownDatasets(
  components: {
    config: Config
    self: string
    store: StorePort
    catalog: CatalogPort
    policy: PolicyPort
    journal: JournalPort
    /** Datasets of others that are here. */
    replicas(publishing: Publisher): HeldReplicas
    /** What this island serves is another set now. */
    onChange(): void
    logger: (component: string) => Logger
  },
  undo: (() => unknown)[],
): Promise<{ held: DatasetsPort; publishing: Publisher; tables: TableStore }> {
  const { config, self, catalog, logger } = components
  const bucket = components.store.bucket('tables')
  const tables: TableStore = {
    get: (hash) => bucket.getBytes(hash),
    put: (hash, table) => components.store.batch([{ bucket: 'tables', key: hash, value: table }]),
  }
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
      tables.put(name, table).catch((error: unknown) => logger('publish').warn({ err: error }, 'a table was not kept'))
    },
    logger: logger('publish'),
  })
  undo.push(() => publishing.stop())
  await publishing.start()
  const held = datasets(
    { self, watchMs: WATCH_SOURCES_MS },
    {
      publisher: publishing,
      store: levelPublications(components.store),
      ownReplicas: () => catalog.own('replica'),
      own: async (kind, id) => (await catalog.get(kind, id, self))?.body,
      append: async (records) => {
        await catalog.appendMany(records)
      },
      policy: components.policy,
      journal: components.journal,
      replicas: components.replicas(publishing),
      onChange: components.onChange,
      logger: logger('datasets'),
    },
  )
  undo.push(() => held.stop())
  return { held, publishing, tables }
}

/** Piece tables by their hash. */
export interface TableStore {
  get(hash: string): Promise<Uint8Array | undefined>
  put(hash: string, table: Uint8Array): Promise<void>
}
