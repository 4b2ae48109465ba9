/** Publishing files as a dataset, and publishing a dataset again. */
import { isDeepStrictEqual } from 'node:util'
import { addChange, differences, fileChange, noChanges } from '../../protocols/manifest/diff.ts'
import { decodePage, decodeRoot, readFiles } from '../../protocols/manifest/read.ts'
import { type DatasetBody, type ReplicaBody, replicaRecordId } from '../../protocols/model/dataset.ts'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { defaultDatasetId, mayClaim } from '../../protocols/model/ids.ts'
import { type DatasetUpdate, MAX_UPDATE_FILES, type VersionChanges } from '../../protocols/model/versions.ts'
import type { PublishProgress, PublishRequest, UpdateRequest } from '../../protocols/model/views.ts'
import type { PolicyPort } from '../policy/policy.ts'
import type { Earlier, Prepared, PublisherPort, SourceFile } from '../publish/port.ts'
import type { OwnRecord, Publication, PublicationStore } from './port.ts'
import { keepGiven, withPrevious } from './words.ts'

export interface PublishingComponents {
  self: string
  publisher: PublisherPort
  store: PublicationStore
  policy: PolicyPort
  /** Aborts when the island stops. */
  stopping: AbortSignal
  bodyOf(id: string): Promise<DatasetBody | undefined>
  /** Durable when it resolves; all or none. */
  append(records: OwnRecord[]): Promise<void>
  /** One caller at a time for an id. @throws TOO_MANY */
  once<T>(id: string, work: () => Promise<T>): Promise<T>
  /** Looks at the files anew, and says in the catalog what they are. */
  look(id: string): Promise<unknown>
  /** After its records are written. */
  onPublished(id: string, body: DatasetBody): void
}

export interface PublishOptions {
  signal?: AbortSignal
  user?: string
  onProgress?: (p: PublishProgress) => void
}

type Ready = Prepared & { id: string }
type Blocks = Map<string, Uint8Array>

const sameStat = (a: SourceFile, b: SourceFile) =>
  a.local === b.local && a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs && a.ino === b.ino

export function publishing(components: PublishingComponents) {
  const { self, publisher, store, policy, bodyOf, once } = components

  async function prepare(request: PublishRequest, options: PublishOptions, earlier?: Earlier): Promise<Ready> {
    const signal = signalOf(options)
    const prepared = await publisher.prepare(request, {
      defaultId: (name) => defaultDatasetId(self, name),
      ...(earlier && { earlier }),
      signal,
      ...(options.onProgress && { onProgress: options.onProgress }),
    })
    const foreign = [prepared.id, ...prepared.body.aliases].find((id) => !mayClaim(self, id))
    if (foreign === undefined) return prepared
    throw new ArchipelError('BAD_ID', `${foreign} is a name that another island gives`, {
      hint: foreign === prepared.id ? 'Choose another --id, or none.' : 'Leave this --alias out.',
    })
  }

  const signalOf = ({ signal }: PublishOptions) =>
    signal === undefined ? components.stopping : AbortSignal.any([components.stopping, signal])

  /** One id, other files: more likely a slip than a new version. @throws DATASET_EXISTS */
  async function refuseOther(id: string, source: Publication['source']): Promise<void> {
    const known = await store.get(id)
    if (known === undefined) return
    const paths = new Set(known.source.map((f) => f.local))
    if (source.some((f) => paths.has(f.local))) return
    throw new ArchipelError('DATASET_EXISTS', `${id} is published from other files already`, {
      hint: `A new version from another place: archipel publish --update ${id} <path>. Another dataset: choose another --id.`,
    })
  }

  async function record(prepared: Ready, body: DatasetBody, root: string, isNew: boolean): Promise<void> {
    const { id, source, manifest } = prepared
    const previous = (body.previous ?? []).map((each) => each.version)
    await store.put({ id, version: body.version, source, state: 'available', root, previous }, manifest)
    const replica: ReplicaBody = {
      dataset: id,
      publisher: self,
      version: body.version,
      state: 'available',
      bytes: body.size,
    }
    try {
      await components.append([
        { kind: 'dataset', id, body },
        { kind: 'replica', id: replicaRecordId(self, id), body: replica },
      ])
    } catch (error) {
      if (isNew) await store.delete(id).catch(() => {})
      throw error
    }
    components.onPublished(id, body)
  }

  async function publish(request: PublishRequest, options: PublishOptions): Promise<string> {
    policy.check({ island: self, user: options.user ?? 'owner', action: 'dataset:publish' })
    const prepared = await prepare(request, options)
    return await once(prepared.id, async () => {
      const before = await bodyOf(prepared.id)
      await refuseOther(prepared.id, prepared.source)
      const body =
        before === undefined ? prepared.body : withPrevious(keepGiven(request, prepared.body, before), before)
      signalOf(options).throwIfAborted()
      await record(prepared, body, request.path, before === undefined)
      return prepared.id
    })
  }

  async function update(id: string, request: UpdateRequest, options: PublishOptions): Promise<DatasetUpdate> {
    policy.check({ island: self, user: options.user ?? 'owner', action: 'dataset:publish', datasets: [id] })
    return await once(id, async () => {
      const before = await bodyOf(id)
      if (before === undefined) throw new ArchipelError('DATASET_NOT_FOUND', `this island does not publish ${id}`)
      const known = await store.get(id)
      const path = request.path ?? known?.root
      if (path === undefined)
        throw new ArchipelError('BAD_INPUT', `where the files of ${id} lie is not remembered`, {
          hint: `Name the path once more: archipel publish --update ${id} <path>.`,
        })
      const blocks: Blocks = known === undefined ? new Map() : await store.manifest(id, known.version)
      const { dryRun = false, ...words } = request
      const wanted: PublishRequest = { ...words, path, id, name: request.name ?? before.name }
      const prepared = await prepare(wanted, options, earlierOf(known, blocks, before, request))
      const body = withPrevious(keepGiven(wanted, prepared.body, before), before)
      const changed = !isDeepStrictEqual({ ...body, modified: before.modified }, before)
      signalOf(options).throwIfAborted()
      if (changed && !dryRun) await record(prepared, body, path, false)
      else if (!changed && !dryRun) await refresh(prepared, path, known)
      return {
        id,
        from: before.version,
        version: body.version,
        changed,
        recorded: changed && !dryRun,
        ...(await fileChanges(before.version, blocks, body.version, prepared.manifest)),
        hashed: prepared.hashed,
        reused: prepared.reused,
      }
    })
  }

  /** The files are those published, but lie elsewhere, or have other times. */
  async function refresh({ id, source, manifest, body }: Ready, root: string, known: Publication | undefined) {
    const { previous = [], state = 'stale' } = known ?? {}
    await store.put({ id, version: body.version, source, state, root, previous }, manifest)
    await components.look(id)
  }

  return { publish, update }
}

/** What need not be hashed, and, where no file changed and nobody asks for it, not be described again. */
function earlierOf(
  known: Publication | undefined,
  blocks: Blocks,
  before: DatasetBody,
  { as, dryRun }: UpdateRequest,
): Earlier {
  const sources = new Map(known?.source.map((file) => [file.path, file]))
  const pieces = new Map<string, Uint8Array>()
  if (known !== undefined && blocks.has(known.version))
    for (const entry of readFiles(known.version, (hash) => blocks.get(hash))) pieces.set(entry.path, entry.pieces)
  return {
    pieces(file) {
      const was = sources.get(file.path)
      return was !== undefined && sameStat(was, file) ? pieces.get(file.path) : undefined
    },
    // Of a dry run nobody sees it.
    description: (version) =>
      dryRun || (version === before.version && as === undefined) ? describedAs(before) : undefined,
  }
}

const DESCRIBED = ['format', 'rows', 'columns', 'dialect', 'position', 'timeColumn', 'coverage', 'headers'] as const

/** What the files of a version said of themselves. */
function describedAs(body: DatasetBody) {
  const there = DESCRIBED.filter((key) => body[key] !== undefined).map((key) => [key, body[key]])
  return Object.fromEntries(there) as Pick<DatasetBody, (typeof DESCRIBED)[number]>
}

/** @throws NOT_FOUND where the manifest of the earlier version is not here */
async function fileChanges(
  from: string,
  old: Blocks,
  version: string,
  young: Blocks,
): Promise<{ changes: VersionChanges; files: DatasetUpdate['files'] }> {
  const changes = noChanges()
  const files: DatasetUpdate['files'] = []
  if (from === version) return { changes, files }
  const block = (hash: string) => old.get(hash) ?? young.get(hash) ?? missing()
  const [before, after] = [decodeRoot(from, block(from)), decodeRoot(version, block(version))]
  for await (const each of differences(before, after, (ref) => decodePage(ref, block(ref.hash)))) {
    const change = fileChange(each)
    addChange(changes, change)
    if (files.length < MAX_UPDATE_FILES) files.push(change)
  }
  return { changes, files }
}

function missing(): never {
  throw new ArchipelError('NOT_FOUND', 'the list of files of the earlier version is not here any more')
}
