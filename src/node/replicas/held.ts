/** All files of this island that others may fetch: those it publishes, and those of replicas. */
import { pieceTableHash } from '../../protocols/manifest/pieces.ts'
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { PublisherPort, SourceFile } from '../publish/port.ts'
import { type Block, entriesOf } from './entries.ts'
import { changed } from './identity.ts'
import type { ReplicaStore } from './port.ts'
import type { HeldFiles, HeldVersion, Pinned } from './serve/port.ts'
import type { ReplicaShelf } from './shelf.ts'

export interface HeldFilesComponents {
  store: Pick<ReplicaStore, 'table' | 'putTable'>
  shelf: Pick<ReplicaShelf, 'open' | 'fileOf' | 'all' | 'look'>
  publisher: Pick<PublisherPort, 'pieceTable'>
  /** Files that this island publishes itself; `look`: looked at now. */
  published(pinned: { id: string; version: string }, options?: { look?: boolean }): Promise<SourceFile[] | undefined>
  /** A block of a manifest that is here. */
  block(pinned: { id: string; version: string }, hash: string): Promise<Uint8Array | undefined>
}

/** Versions whose list of files is remembered, and for how long. */
const KEPT_VERSIONS = 8
const KEPT_MS = 10_000

export function heldFiles({ store, shelf, publisher, published, block }: HeldFilesComponents): HeldFiles {
  const kept = new Map<string, { at: number; version: Promise<HeldVersion | undefined> }>()

  const keyOf = ({ dataset, version }: Pinned) => `${version} ${dataset}`

  function remembered(pinned: Pinned): Promise<HeldVersion | undefined> | undefined {
    const found = kept.get(keyOf(pinned))
    return found !== undefined && performance.now() - found.at <= KEPT_MS ? found.version : undefined
  }

  function remember(pinned: Pinned, version: Promise<HeldVersion | undefined>): typeof version {
    const key = keyOf(pinned)
    version.catch(() => kept.delete(key))
    kept.delete(key)
    kept.set(key, { at: performance.now(), version })
    for (const oldest of kept.keys()) {
      if (kept.size <= KEPT_VERSIONS) break
      kept.delete(oldest)
    }
    return version
  }

  const open = (pinned: Pinned) => remembered(pinned) ?? remember(pinned, openNow(pinned))

  async function openNow(pinned: Pinned): Promise<HeldVersion | undefined> {
    return (await ownVersion(pinned)) ?? (await shelf.open(pinned))
  }

  async function ownVersion({ dataset, version }: Pinned): Promise<HeldVersion | undefined> {
    const own = await published({ id: dataset, version })
    const files = own && new Map(own.map((file) => [file.path, file]))
    return files && { files: files.size, file: (path) => files.get(path) }
  }

  async function file(pinned: Pinned, path: string): Promise<SourceFile | undefined> {
    const before = remembered(pinned)
    if (before !== undefined) return (await before)?.file(path)
    const own = await ownVersion(pinned)
    if (own === undefined) return await shelf.fileOf(pinned, path)
    remember(pinned, Promise.resolve(own))
    return own.file(path)
  }

  const blockOf =
    ({ dataset, version }: Pinned): Block =>
    async (hash) => {
      const bytes = await block({ id: dataset, version }, hash)
      if (bytes === undefined) throw new ArchipelError('DATASET_NOT_FOUND', `this island does not hold ${dataset}`)
      return bytes
    }

  return {
    open,
    file,
    forget: () => kept.clear(),
    async look({ dataset, version }) {
      kept.clear()
      await published({ id: dataset, version }, { look: true })
      for (const replica of shelf.all())
        if (replica.version === version && replica.id === dataset) await shelf.look(replica.folder)
      kept.clear()
    },
    async table(pinned, path) {
      const entry = (await entriesOf(pinned.version, blockOf(pinned), [path])).get(path)
      const held = await file(pinned, path)
      if (entry === undefined || held === undefined)
        throw new ArchipelError('NOT_FOUND', `this island does not hold ${JSON.stringify(path)}`, { details: { path } })
      const name = Buffer.from(entry.pieces).toString('hex')
      const known = await store.table(name)
      if (known !== undefined) return known
      const table = await publisher.pieceTable(held)
      if (Buffer.compare(pieceTableHash(entry.size, table), entry.pieces) !== 0) throw changed(path)
      await store.putTable(name, table)
      return table
    },
  }
}
