import type { Logger } from 'pino'
import {
  type DatasetBody,
  datasetBody,
  type ReplicaBody,
  replicaBody,
  replicaRecordId,
} from '../../protocols/model/dataset.ts'
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { DatasetUpdate } from '../../protocols/model/versions.ts'
import type { PublishRequest, UpdateRequest } from '../../protocols/model/views.ts'
import { withJournal } from '../../protocols/model/with-journal.ts'
import type { Holding } from '../../protocols/resolve/messages.ts'
import type { BoundDataset } from '../engines/port.ts'
import type { JournalPort } from '../journal/journal.ts'
import type { PolicyPort } from '../policy/policy.ts'
import type { PublisherPort, SourceFile } from '../publish/port.ts'
import { type BindOptions, binder } from './bind.ts'
import { type CopiesComponents, localCopies } from './copies.ts'
import type { OwnRecord, Publication, PublicationStore } from './port.ts'
import { type PublishOptions, publishing } from './publishing.ts'

export interface DatasetsInit {
  self: string
  /** Milliseconds between two looks at all source files. */
  watchMs: number
}

export interface DatasetsComponents {
  publisher: PublisherPort
  store: PublicationStore
  /** Own live replica records. */
  ownReplicas: () => AsyncIterable<{ id: string; body?: unknown }>
  /** The own live record. */
  own: (kind: string, id: string) => Promise<unknown>
  /** Durable when it resolves; all or none. */
  append: (records: OwnRecord[]) => Promise<void>
  policy: PolicyPort
  journal: JournalPort
  /** Where files may be that are not here. */
  outside?: CopiesComponents['outside']
  sparkReads?: CopiesComponents['sparkReads']
  /** Datasets of others that are here: served and read as those published here are. */
  replicas?: HeldReplicas
  /** After the set of published ids changed. */
  onChange: () => void
  logger: Logger
}

/** What is here of other islands' datasets. */
export interface HeldReplicas {
  holdings(ids: readonly string[]): Promise<Holding[]>
  /** The files of a whole one. */
  find(pinned: { id: string; version: string }): Promise<{ source: SourceFile[]; body: DatasetBody } | undefined>
  manifestBlock(pinned: { id: string; version: string }, hash: string): Promise<Uint8Array | undefined>
  served(): string[]
}

export interface PublishedOptions {
  /** Looked at just now. */
  look?: boolean
  /** Those that changed, too. */
  changed?: boolean
}

export interface DatasetsPort {
  start(): Promise<void>
  stop(): void
  /** @returns the normalised id */
  publish(request: PublishRequest, options: PublishOptions): Promise<string>
  /**
   * Publishes a dataset again: a new version where its files or its words changed, nothing where not.
   * @param id as it is published here @throws DATASET_NOT_FOUND, BAD_INPUT, and as `publish`
   */
  update(id: string, request: UpdateRequest, options: PublishOptions): Promise<DatasetUpdate>
  unpublish(id: string, options?: { user?: string }): Promise<void>
  /** Absolute paths of all files that datasets of this island consist of. */
  sources(): Promise<string[]>
  /** Ids under which this island can be asked: those it publishes, with their aliases. */
  served(): Promise<string[]>
  /** Ids that the own log says are here while nothing is known of their files: the store was lost. Says so in the catalog, too. */
  findLost(): Promise<string[]>
  lost(): Promise<string[]>
  /** Ids whose source files changed after publishing. */
  stale(): Promise<string[]>
  /** Own truth about these ids, aliases included; source files looked at just now. */
  holdings(ids: string[]): Promise<Holding[]>
  /** A block of the manifest of a dataset that this island publishes, or did, in that version. */
  block(pinned: { id: string; version: string }, hash: string): Promise<Uint8Array | undefined>
  /** The files that this island publishes of that version; undefined where it does not, or they changed. */
  published(pinned: { id: string; version: string }, options?: PublishedOptions): Promise<SourceFile[] | undefined>
  /** Files of this island for the work of that kind; `sql` by default. @throws DATASET_NOT_FOUND, STALE, NOT_READY, SQL_INVALID */
  bind(tables: { table: string; id: string; version: string }[], options?: BindOptions): Promise<BoundDataset[]>
  /** Looks at them again. @throws STALE, NOT_READY, CANCELLED */
  recheck(tables: { id: string; version: string }[]): Promise<void>
}

/** What this island publishes: the files behind it, and the promise that a changed file is never served as the old version. */
export function datasets(init: DatasetsInit, components: DatasetsComponents): DatasetsPort {
  const { publisher, store, logger } = components
  const busy = new Set<string>()
  /** Alias -> the own ids it leads to. */
  const aliases = new Map<string, Set<string>>()
  const staleIds = new Set<string>()
  const lostIds = new Set<string>()
  const stopping = new AbortController()
  let timer: NodeJS.Timeout | undefined

  async function bodyOf(id: string): Promise<DatasetBody | undefined> {
    const parsed = datasetBody.safeParse(await components.own('dataset', id))
    return parsed.success ? parsed.data : undefined
  }

  function remember(id: string, body: DatasetBody | undefined): void {
    for (const ids of aliases.values()) ids.delete(id)
    for (const alias of body?.aliases ?? []) aliases.set(alias, (aliases.get(alias) ?? new Set()).add(id))
    for (const [alias, ids] of aliases) if (ids.size === 0) aliases.delete(alias)
    if (body === undefined) {
      staleIds.delete(id)
      lostIds.delete(id)
    }
  }

  const ownIds = (id: string) => [...new Set([id, ...(aliases.get(id) ?? [])])]
  const { replicas } = components
  const { outside, sparkReads } = components
  const bound = binder({
    look,
    bodyOf,
    ownIds,
    ...(outside && {
      localPaths: localCopies({ outside, store, publisher, ...(sparkReads && { sparkReads }) }, stopping.signal),
    }),
    ...(replicas && { replica: (pinned) => replicas.find(pinned) }),
  })

  async function writeReplica(publication: Publication, bytes: number): Promise<void> {
    const body: ReplicaBody = {
      dataset: publication.id,
      publisher: init.self,
      version: publication.version,
      state: publication.state,
      bytes,
    }
    await components.append([{ kind: 'replica', id: replicaRecordId(init.self, publication.id), body }])
  }

  /** Looks at the files; records and spreads a change of state. Files that cannot be read count as stale until they can. */
  async function look(id: string): Promise<(Publication & { unsure?: true }) | undefined> {
    const publication = await store.get(id)
    if (publication === undefined) return undefined
    const result = await publisher.check(
      publication.source,
      await store.manifest(id, publication.version),
      publication.version,
      {
        signal: stopping.signal,
      },
    )
    const state = result.state === 'same' ? 'available' : 'stale'
    if (state === 'stale') staleIds.add(id)
    else staleIds.delete(id)
    const refreshed = result.state === 'same' && result.source !== publication.source
    const unsure = result.state === 'changed' && result.unsure === true
    const told = (now: Publication) => (unsure ? { ...now, unsure } : now)
    if (state === publication.state && !refreshed) return told(publication)
    const next: Publication = {
      ...publication,
      state,
      source: result.state === 'same' ? result.source : publication.source,
    }
    await store.put(next)
    if (state !== publication.state) {
      logger.warn(
        { dataset: id, state },
        unsure
          ? 'a source file cannot be read'
          : state === 'stale'
            ? 'a source file changed after publishing'
            : 'the source files are the published ones again',
      )
      await writeReplica(
        next,
        next.source.reduce((sum, f) => sum + f.size, 0),
      )
    }
    return told(next)
  }

  async function findLost(): Promise<string[]> {
    lostIds.clear()
    for await (const record of components.ownReplicas()) {
      const replica = replicaBody.safeParse(record.body)
      if (!replica.success || replica.data.publisher !== init.self || busy.has(replica.data.dataset)) continue
      if ((await store.get(replica.data.dataset)) !== undefined) continue
      lostIds.add(replica.data.dataset)
      if (replica.data.state === 'failed') continue
      await components.append([{ kind: 'replica', id: record.id, body: { ...replica.data, state: 'failed' } }])
      logger.warn({ dataset: replica.data.dataset }, 'published, but its files are not known here any more')
    }
    return [...lostIds]
  }

  async function watch(): Promise<void> {
    await findLost()
    for (const id of await store.ids()) {
      if (stopping.signal.aborted) return
      await look(id).catch((error: Error) =>
        logger.error({ dataset: id, err: error }, 'a source could not be looked at'),
      )
    }
  }

  function again(): void {
    timer = setTimeout(
      () =>
        void watch()
          .catch((error: Error) => logger.error({ err: error }, 'watching the sources failed'))
          .finally(() => !stopping.signal.aborted && again()),
      init.watchMs,
    )
  }

  async function once<T>(id: string, work: () => Promise<T>): Promise<T> {
    if (busy.has(id)) throw new ArchipelError('TOO_MANY', `${id} is being published or unpublished right now`)
    busy.add(id)
    try {
      return await work()
    } finally {
      busy.delete(id)
    }
  }

  const { publish, update } = publishing({
    self: init.self,
    publisher,
    store,
    policy: components.policy,
    stopping: stopping.signal,
    bodyOf,
    append: components.append,
    once,
    look,
    onPublished(id, body) {
      staleIds.delete(id)
      lostIds.delete(id)
      remember(id, body)
      components.onChange()
    },
  })

  /** Writes into the journal what became of it. */
  async function journalled<T>(
    subject: string,
    user: string | undefined,
    work: () => Promise<T>,
    name: (done: T) => string,
  ) {
    const entry = { actor: `${user ?? 'owner'}@${init.self}`, action: 'dataset:publish', subject }
    return await withJournal(components.journal, entry, work, { subject: name })
  }

  return {
    async start() {
      for (const id of await store.ids()) {
        const body = await bodyOf(id)
        if (body === undefined) await store.delete(id)
        else remember(id, body)
      }
      again()
    },
    stop() {
      clearTimeout(timer)
      stopping.abort()
    },
    publish: (request, options) =>
      journalled(
        request.id ?? request.name ?? '',
        options.user,
        () => publish(request, options),
        (id) => id,
      ),
    update(id, request, options) {
      if (request.dryRun === true) return update(id, request, options)
      return journalled(
        id,
        options.user,
        () => update(id, request, options),
        () => id,
      )
    },
    async unpublish(id, { user = 'owner' } = {}) {
      components.policy.check({ island: init.self, user, action: 'dataset:unpublish', datasets: [id] })
      await once(id, async () => {
        if ((await bodyOf(id)) === undefined)
          throw new ArchipelError('DATASET_NOT_FOUND', `this island does not publish ${id}`)
        await components.append([
          { kind: 'replica', id: replicaRecordId(init.self, id) },
          { kind: 'dataset', id },
        ])
        await store.delete(id)
        remember(id, undefined)
        components.onChange()
      })
      components.journal.write({
        actor: `${user}@${init.self}`,
        action: 'dataset:unpublish',
        subject: id,
        outcome: 'ok',
      })
    },
    async served() {
      return [...new Set([...(await store.ids()), ...aliases.keys(), ...(replicas?.served() ?? [])])]
    },
    async sources() {
      const publications = await Promise.all((await store.ids()).map((id) => store.get(id)))
      return publications.flatMap((p) => p?.source.map((file) => file.local) ?? [])
    },
    findLost,
    lost: async () => [...lostIds],
    stale: async () => [...staleIds],
    async holdings(ids) {
      const wanted = new Set(ids.flatMap((id) => [id, ...(aliases.get(id) ?? [])]))
      const found: Holding[] = []
      for (const id of wanted) {
        const publication = await look(id)
        const body = publication === undefined ? undefined : await bodyOf(id)
        if (publication === undefined || body === undefined) continue
        found.push({
          id,
          publisher: init.self,
          name: body.name,
          version: publication.version,
          state: publication.state,
          aliases: body.aliases,
        })
      }
      return [...found, ...((await replicas?.holdings(ids)) ?? [])]
    },
    async block({ id, version }, hash) {
      for (const own of ownIds(id)) {
        const publication = await store.get(own)
        if (publication?.version === version || publication?.previous?.includes(version)) {
          const bytes = await store.block(own, hash)
          if (bytes !== undefined) return bytes
        }
      }
      return await replicas?.manifestBlock({ id, version }, hash)
    },
    async published({ id, version }, options = {}) {
      for (const own of ownIds(id)) {
        const publication = options.look === true ? await look(own) : await store.get(own)
        if (publication?.version !== version) continue
        if (publication.state === 'available' || options.changed === true) return publication.source
      }
      return undefined
    },
    ...bound,
  }
}
