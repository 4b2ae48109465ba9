import type { Logger } from 'pino'
import { type DatasetBody, datasetBody } from '../../protocols/model/dataset.ts'
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { DatasetFilter, DatasetPage, DatasetView } from '../../protocols/model/views.ts'
import type { SignedRecord } from '../../protocols/record/envelope.ts'
import type { CatalogChange, CatalogPort } from '../catalog/port.ts'
import type { Claim, ClaimLookup } from '../resolve/port.ts'
import type { SearchPort } from '../search/port.ts'
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
  stop(): void
  datasets(filter: DatasetFilter): Promise<DatasetPage>
  view(publisher: string, id: string): Promise<DatasetView | undefined>
  viewOf(record: SignedRecord): DatasetView | undefined
  /** Datasets that went at once, because their publisher is a member no more. */
  onDropped(listener: (publisher: string, ids: string[]) => void): void
  heldBy(island: string): number
  count(): number
}

/** Records read into the index at a time: each batch is one breath of the event loop, some 40 ms. */
const BATCH = 200

/** Datasets as people ask for them: the search index and the table of replicas, kept equal to the catalog. */
export function browse(components: BrowseComponents): BrowsePort {
  const { catalog, search, logger } = components
  const replicas = replicaTable()
  let off: (() => void) | undefined
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

  function apply(changes: CatalogChange[]): void {
    try {
      const touched = replicas.apply(changes)
      const entries = changes.flatMap((c) => (c.type === 'put' && c.record.kind === 'dataset' ? entryOf(c.record) : []))
      for (const change of changes) {
        if (change.type === 'dropped') {
          onDropped(
            change.origin,
            search.versions().flatMap((v) => (v.publisher === change.origin ? v.id : [])),
          )
          search.removePublisher(change.origin)
        } else if (change.type === 'withdrawn' && change.kind === 'dataset')
          search.remove({ publisher: change.origin, id: change.id })
      }
      for (let i = 0; i < entries.length; i += BATCH) search.putMany(entries.slice(i, i + BATCH))
      for (const { publisher, id } of touched) search.setHolders({ publisher, id }, holderIds(publisher, id))
    } catch (error) {
      logger.error({ err: error }, 'the search index could not follow the catalog; it is rebuilt at the next start')
      search.invalidate()
    }
  }

  function viewOf(record: SignedRecord): DatasetView | undefined {
    const body = datasetBody.safeParse(record.body)
    if (!body.success) return undefined
    return {
      id: record.id,
      publisher: { id: record.origin, name: components.nameOf(record.origin) },
      body: body.data,
      holders: replicas
        .holders(record.origin, record.id)
        .map((h) => ({ island: h.island, name: components.nameOf(h.island), state: h.state, version: h.version })),
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
      // The index is derived; a crash may have left it behind the catalog, so it is compared, not trusted.
      const known = new Map(search.versions().map((v) => [`${v.publisher} ${v.id}`, v.recordedAt]))
      let batch: ReturnType<typeof entryOf>[] = []
      for await (const record of catalog.list('dataset')) {
        const key = `${record.origin} ${record.id}`
        const same = known.get(key) === record.time
        known.delete(key)
        const entry = entryOf(record)
        if (same) search.setHolders(entry, entry.holders)
        else batch.push(entry)
        if (batch.length < BATCH) continue
        search.putMany(batch)
        batch = []
      }
      if (batch.length > 0) search.putMany(batch)
      for (const key of known.keys()) {
        const at = key.indexOf(' ')
        search.remove({ publisher: key.slice(0, at), id: key.slice(at + 1) })
      }
    },
    stop() {
      off?.()
    },
    async datasets(filter) {
      const found = search.search({
        ...filter,
        ...(filter.island === undefined ? {} : { island: components.islandNamed(filter.island) }),
      })
      const items = await Promise.all(found.items.map(async ({ publisher, id }) => view(publisher, id)))
      const page: DatasetPage = { items: items.filter((i) => i !== undefined), total: found.total }
      if (found.next !== undefined) page.next = found.next
      return page
    },
    view,
    viewOf,
    byId: (id) => search.byId(id).map(claimOf),
    byName: (name) => search.byName(name).map(claimOf),
    holders: (publisher, id) => replicas.holders(publisher, id),
    onDropped(listener) {
      onDropped = listener
    },
    heldBy: (island) => replicas.heldBy(island),
    count: () => search.count(),
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
