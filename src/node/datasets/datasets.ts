import type { Logger } from 'pino'
import {
  type DatasetBody,
  datasetBody,
  type ReplicaBody,
  replicaBody,
  replicaRecordId,
} from '../../protocols/model/dataset.ts'
import { ArchipelError, toArchipelError } from '../../protocols/model/errors.ts'
import { defaultDatasetId, mayClaim } from '../../protocols/model/ids.ts'
import type { PublishProgress, PublishRequest } from '../../protocols/model/views.ts'
import type { Holding } from '../../protocols/resolve/messages.ts'
import type { BoundDataset } from '../engines/port.ts'
import type { JournalPort } from '../journal/journal.ts'
import type { PolicyPort } from '../policy/policy.ts'
import type { PublisherPort, SourceFile } from '../publish/port.ts'
import { binder } from './bind.ts'
import type { Publication, PublicationStore } from './port.ts'

export interface DatasetsInit {
  self: string
  /** Milliseconds between two looks at all source files. */
  watchMs: number
}

/** One record to write into the own log. */
export interface OwnRecord {
  kind: 'dataset' | 'replica'
  id: string
  /** Absent: a withdrawal. */
  body?: DatasetBody | ReplicaBody
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

export interface DatasetsPort {
  start(): Promise<void>
  stop(): void
  /** @returns the normalised id */
  publish(
    request: PublishRequest,
    options: { signal?: AbortSignal; user?: string; onProgress?: (p: PublishProgress) => void },
  ): Promise<string>
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
  /** A block of the manifest of a dataset that this island publishes in that version. */
  block(pinned: { id: string; version: string }, hash: string): Promise<Uint8Array | undefined>
  /** The files that this island publishes of that version; undefined where it does not, or they changed. `look`: looked at now. */
  published(pinned: { id: string; version: string }, options?: { look?: boolean }): Promise<SourceFile[] | undefined>
  /** Files of this island for the work of that kind; `sql` by default. @throws DATASET_NOT_FOUND, STALE, SQL_INVALID */
  bind(tables: { table: string; id: string; version: string }[], options?: { kind?: string }): Promise<BoundDataset[]>
  /** Looks at them again. @throws STALE */
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
  const bound = binder({ look, bodyOf, ownIds, ...(replicas && { replica: (pinned) => replicas.find(pinned) }) })

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

  /** Looks at the files; records and spreads a change of state. */
  async function look(id: string): Promise<Publication | undefined> {
    const publication = await store.get(id)
    if (publication === undefined) return undefined
    const result = await publisher.check(publication.source, await store.manifest(id), publication.version, {
      signal: stopping.signal,
    })
    const state = result.state === 'same' ? 'available' : 'stale'
    if (state === 'stale') staleIds.add(id)
    else staleIds.delete(id)
    const refreshed = result.state === 'same' && result.source !== publication.source
    if (state === publication.state && !refreshed) return publication
    const next: Publication = {
      ...publication,
      state,
      source: result.state === 'same' ? result.source : publication.source,
    }
    await store.put(next)
    if (state !== publication.state) {
      logger.warn(
        { dataset: id, state },
        state === 'stale' ? 'a source file changed after publishing' : 'the source files are the published ones again',
      )
      await writeReplica(
        next,
        next.source.reduce((sum, f) => sum + f.size, 0),
      )
    }
    return next
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

  /** One id, other files: more likely a slip than a new version. @throws DATASET_EXISTS */
  async function refuseOther(id: string, source: Publication['source']): Promise<void> {
    const known = await store.get(id)
    if (known === undefined) return
    const paths = new Set(known.source.map((f) => f.local))
    if (source.some((f) => paths.has(f.local))) return
    throw new ArchipelError('DATASET_EXISTS', `${id} is published from other files already`)
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

  async function publish(
    request: PublishRequest,
    options: { signal?: AbortSignal; user?: string; onProgress?: (p: PublishProgress) => void },
  ): Promise<string> {
    components.policy.check({ island: init.self, user: options.user ?? 'owner', action: 'dataset:publish' })
    const signal = AbortSignal.any([stopping.signal, ...(options.signal ? [options.signal] : [])])
    const prepared = await publisher.prepare(request, {
      defaultId: (name) => defaultDatasetId(init.self, name),
      signal,
      onProgress: options.onProgress,
    })
    const foreign = [prepared.id, ...prepared.body.aliases].find((id) => !mayClaim(init.self, id))
    if (foreign !== undefined)
      throw new ArchipelError('BAD_ID', `${foreign} is a name that another island gives`, {
        hint: foreign === prepared.id ? 'Choose another --id, or none.' : 'Leave this --alias out.',
      })
    return await once(prepared.id, async () => {
      const before = await bodyOf(prepared.id)
      await refuseOther(prepared.id, prepared.source)
      const body = before === undefined ? prepared.body : keepGiven(request, prepared.body, before)
      const publication: Publication = {
        id: prepared.id,
        version: body.version,
        source: prepared.source,
        state: 'available',
      }
      signal.throwIfAborted()
      await store.put(publication, prepared.manifest)
      const replica: ReplicaBody = {
        dataset: prepared.id,
        publisher: init.self,
        version: body.version,
        state: 'available',
        bytes: body.size,
      }
      try {
        await components.append([
          { kind: 'dataset', id: prepared.id, body },
          { kind: 'replica', id: replicaRecordId(init.self, prepared.id), body: replica },
        ])
      } catch (error) {
        if (before === undefined) await store.delete(prepared.id).catch(() => {})
        throw error
      }
      staleIds.delete(prepared.id)
      lostIds.delete(prepared.id)
      remember(prepared.id, body)
      components.onChange()
      return prepared.id
    })
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
    async publish(request, options) {
      const entry = { actor: `${options.user ?? 'owner'}@${init.self}`, action: 'dataset:publish' }
      try {
        const id = await publish(request, options)
        components.journal.write({ ...entry, subject: id, outcome: 'ok' })
        return id
      } catch (cause) {
        components.journal.write({
          ...entry,
          subject: request.id ?? request.name ?? '',
          outcome: 'failed',
          code: toArchipelError(cause).code,
        })
        throw cause
      }
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
        if (publication?.version === version) return await store.block(own, hash)
      }
      return await replicas?.manifestBlock({ id, version }, hash)
    },
    async published({ id, version }, options = {}) {
      for (const own of ownIds(id)) {
        const publication = options.look === true ? await look(own) : await store.get(own)
        if (publication?.version === version && publication.state === 'available') return publication.source
      }
      return undefined
    },
    ...bound,
  }
}

/** Publishing again changes what is given and what is read from the files; words given before stay. */
function keepGiven(request: PublishRequest, next: DatasetBody, before: DatasetBody): DatasetBody {
  const kept: DatasetBody = { ...next, created: before.created }
  if (request.title === undefined) kept.title = before.title
  if (request.description === undefined && before.description !== undefined) kept.description = before.description
  if (request.keywords === undefined || request.keywords.length === 0) kept.keywords = before.keywords
  if (request.licence === undefined && before.licence !== undefined) kept.licence = before.licence
  if (request.creators === undefined || request.creators.length === 0) kept.creators = before.creators
  if (request.aliases === undefined || request.aliases.length === 0) kept.aliases = before.aliases
  if (before.provenance !== undefined && next.provenance === undefined && next.version === before.version)
    kept.provenance = before.provenance
  return kept
}
