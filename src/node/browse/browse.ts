import type { Logger } from 'pino'
import { type DatasetBody, datasetBody, lossOf } from '../../protocols/model/dataset.ts'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { parseUntrusted } from '../../protocols/model/parse.ts'
import type { DatasetFilter, DatasetPage, DatasetView } from '../../protocols/model/views.ts'
import type { SignedRecord } from '../../protocols/record/envelope.ts'
import type { CatalogChange, CatalogPort } from '../catalog/port.ts'
import type { Claim, ClaimLookup } from '../resolve/port.ts'
import type { SearchPort } from '../search/port.ts'
import { feed } from './feed.ts'
import { replicaTable } from './replicas.ts'

export interface BrowseComponents {
  catalog: CatalogPort
  search: SearchPort
  nameOf: (island: string) => string
  islandNamed: (text: string) => string
  isMember: (island: string) => boolean
  logger: Logger
}

export interface BrowsePort extends ClaimLookup {
  /** Reads the catalog into the index where that is needed, then follows it. */
  start(): Promise<void>
  stop(): Promise<void>
  datasets(filter: DatasetFilter): Promise<DatasetPage>
  view(publisher: string, id: string): Promise<DatasetView | undefined>
  viewOf(record: SignedRecord): DatasetView | undefined
  /** Datasets that went at once, because their publisher is a member no more. */
  onDropped(listener: (publisher: string, ids: string[]) => void): void
  heldBy(island: string): number
  /** Datasets known; the last count while the index is built again. */
  count(): number
}

/** Datasets as people ask for them: the search index and the table of replicas, kept equal to the catalog. */
export function browse(components: BrowseComponents): BrowsePort {
  const { catalog, search, logger } = components
  const replicas = replicaTable()
  let off: (() => void) | undefined
  let lastCount = 0
  let onDropped: (publisher: string, ids: string[]) => void = () => {}

  const holderIds = (publisher: string, id: string) => replicas.holders(publisher, id).map((h) => h.island)

  /** The catalog tells of records only whose bodies fit their kind: the index takes what it knows of them. */
  function entryOf(record: SignedRecord) {
    return {
      publisher: record.origin,
      id: record.id,
      body: record.body as DatasetBody,
      recordedAt: record.time,
      holders: holderIds(record.origin, record.id),
    }
  }

  const index = feed({ catalog, search, entryOf, holdersOf: holderIds, logger })

  function apply(changes: CatalogChange[]): void {
    const touched = replicas.apply(changes)
    for (const change of changes) if (change.type === 'dropped') tellDropped(change.origin)
    index.apply(changes, touched)
  }

  /** Before they go from the index: it knows what they were. */
  function tellDropped(publisher: string): void {
    try {
      const all = index.look(() => search.versions())
      onDropped(
        publisher,
        all.flatMap((v) => (v.publisher === publisher ? v.id : [])),
      )
    } catch (error) {
      logger.warn({ err: error, publisher }, 'the datasets of a former member are not told one by one')
    }
  }

  function viewOf(record: SignedRecord): DatasetView | undefined {
    const body = parseUntrusted(datasetBody, record.body)
    if (!body.success) return undefined
    const held = replicas.holders(record.origin, record.id)
    const lost = lossOf(body.data.version, held)
    return {
      id: record.id,
      publisher: { id: record.origin, name: components.nameOf(record.origin) },
      body: body.data,
      holders: held.map((h) => ({
        island: h.island,
        name: components.nameOf(h.island),
        state: h.state,
        version: h.version,
      })),
      ...(lost === undefined ? {} : { lost }),
      recordedAt: new Date(record.time).toISOString(),
    }
  }

  async function view(publisher: string, id: string): Promise<DatasetView | undefined> {
    const record = await catalog.get('dataset', id, publisher)
    return record === undefined ? undefined : viewOf(record)
  }

  const claimOf = (entry: {
    publisher: string
    id: string
    body: Pick<DatasetBody, 'name' | 'version' | 'aliases'>
  }): Claim => ({
    id: entry.id,
    publisher: entry.publisher,
    name: entry.body.name,
    version: entry.body.version,
    aliases: entry.body.aliases,
  })

  return {
    async start() {
      off = catalog.on('change', apply)
      await replicas.load(catalog)
      await index.start()
    },
    async stop() {
      off?.()
      await index.stop()
    },
    async datasets(filter) {
      const wanted = {
        ...filter,
        ...(filter.island === undefined ? {} : { island: components.islandNamed(filter.island) }),
      }
      const found = await index.whenWhole(() => search.search(wanted))
      const items = await Promise.all(found.items.map(async ({ publisher, id }) => view(publisher, id)))
      const page: DatasetPage = { items: items.filter((i) => i !== undefined), total: found.total }
      if (found.next !== undefined) page.next = found.next
      return page
    },
    view,
    viewOf,
    byId: (id) => index.look(() => search.byId(id)).map(claimOf),
    byName: (name) => index.look(() => search.byName(name)).map(claimOf),
    holders: (publisher, id) => replicas.holders(publisher, id),
    onDropped(listener) {
      onDropped = listener
    },
    heldBy: (island) => replicas.heldBy(island),
    count() {
      try {
        lastCount = index.look(() => search.count())
      } catch (error) {
        logger.debug({ err: error }, 'the datasets could not be counted')
      }
      return lastCount
    },
  }
}

/** @throws NOT_FOUND, AMBIGUOUS */
export function oneIsland(text: string, found: string[]): string {
  if (found.length === 1) return found[0]!
  if (found.length === 0)
    throw new ArchipelError('NOT_FOUND', `no member is called ${JSON.stringify(text.slice(0, 100))}`, {
      hint: '`archipel islands` lists the names and ids.',
    })
  throw new ArchipelError('AMBIGUOUS', `several islands are called ${JSON.stringify(text.slice(0, 100))}`, {
    details: { candidates: found },
    hint: 'Use the id: `archipel islands --json` shows it.',
  })
}
