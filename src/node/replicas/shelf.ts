/** The replicas that are here: what they consist of, and that it is still so. */
import { createHash } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Logger } from 'pino'
import { type DatasetBody, type ReplicaBody, replicaBody, replicaRecordId } from '../../protocols/model/dataset.ts'
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { Holding } from '../../protocols/resolve/messages.ts'
import { noBits, setBit } from '../../protocols/transfer/messages.ts'
import type { PublisherPort, SourceFile } from '../publish/port.ts'
import { type Block, pages } from './entries.ts'
import { type FolderQueue, folderQueue } from './folder-queue.ts'
import { sameIdentity } from './identity.ts'
import { knownReplicas } from './known.ts'
import { type Places, placesOf } from './names.ts'
import type { Amount, Replica, ReplicaStore, StoredFile, Transfer } from './port.ts'
import { look as lookAt, setAside } from './run/loader.ts'
import type { HeldVersion, Pinned } from './serve/port.ts'

export interface ShelfInit {
  self: string
  /** Folder of all replicas. */
  dir: string
}

export interface ShelfComponents {
  store: ReplicaStore
  publisher: Pick<PublisherPort, 'pieceTable' | 'check'>
  /** Writes into the own log, all under one head; without a body: a withdrawal. */
  append(records: { id: string; body?: ReplicaBody }[]): Promise<void>
  /** Own live replica records. */
  ownReplicas(): AsyncIterable<{ id: string; body?: unknown }>
  /** The set of what is served is another one. */
  onChange(): void
  logger: Logger
}

/** A version that is going to be brought. */
export interface Claimed {
  publisher: string
  id: string
  version: string
}

/** What a change brings with it. */
interface More {
  files?: StoredFile[]
  transfer?: Transfer
}

/** Replicas for those who read them: as good as published here. Whoever writes into a folder is `alone` with it, or the transfer that runs. */
export interface ReplicaShelf extends FolderQueue {
  start(): Promise<void>
  /** Says anew what the own log does not say as it is: after a crash, or with a store of before. */
  reconcile(): Promise<void>
  all(): Replica[]
  get(folder: string): Replica | undefined
  /** The same, but not what is here only since somebody read in it. */
  asked(folder: string): Replica | undefined
  /** The one of that claim that has most. */
  ofClaim(publisher: string, id: string): Replica | undefined
  places(folder: string): Places
  block(folder: string): Block
  /** Own truth about these ids, files of whole ones looked at just now. */
  holdings(ids: readonly string[]): Promise<Holding[]>
  /** The files of a whole replica, for work. */
  find(pinned: { id: string; version: string }): Promise<{ source: SourceFile[]; body: DatasetBody } | undefined>
  manifestBlock(pinned: { id: string; version: string }, hash: string): Promise<Uint8Array | undefined>
  served(): string[]
  /** Everything that is held of a version, for those who fetch it. */
  open(pinned: Pinned): Promise<HeldVersion | undefined>
  /** A whole file of that version that is here, for those who read it. */
  fileOf(pinned: Pinned, path: string): Promise<SourceFile | undefined>
  /** Looks at all files. Those that are not what they were go out of the way. @returns the replica as it is now */
  look(folder: string): Promise<Replica | undefined>
  files(folder: string): AsyncIterable<SourceFile>
  /** A whole file that is here. */
  file(folder: string, path: string): Promise<SourceFile | undefined>
  /**
   * Durable, and told to others where they see it; one change of a replica after the other.
   *
   * @param next gets what it is by then; undefined: nothing is changed, and nothing of `more` kept
   */
  change(folder: string, next: (now: Replica | undefined) => Replica | undefined, more?: More): Promise<void>
  /** Tells others at once that all of these will be brought, before anything of them is here. Durable there, not here. */
  claim(versions: readonly Claimed[]): Promise<void>
  /** Takes that back; what is here by then is told as it is. */
  unclaim(version: Claimed): Promise<void>
  /** Forgets it, then deletes its files. For who is alone with it. */
  remove(folder: string): Promise<void>
  /** Takes files away that were found broken, alone with the folder. */
  lose(folder: string, paths: readonly string[]): Promise<Replica | undefined>
  /** Called after files were taken away, with how many. */
  onLost(listener: (folder: string, files: number) => void): void
  /** How far its files have been read anew. Durable; told to nobody. */
  note(folder: string, progress: { scrubbed: number } | { scrubAt: number }): Promise<void>
}

const COMING = new Set(['requested', 'transferring', 'verifying'])
/** Claims under one head. */
const CLAIMS_AT_ONCE = 500
/** Milliseconds between two notes that a replica is read. */
const USED_MS = 60_000

const ORDER = ['available', 'partial', 'verifying', 'transferring', 'requested', 'failed']

export function shelf(init: ShelfInit, components: ShelfComponents): ReplicaShelf {
  const { store, publisher, logger } = components
  const known = knownReplicas()
  /** Versions that are claimed, by the id of the record that says so. */
  const claimed = new Map<string, string>()
  const writers = folderQueue()
  const changes = folderQueue()
  const lostListeners: ((folder: string, files: number) => void)[] = []
  const placesFor = (folder: string) => placesOf(init.dir, folder)

  const blockOf =
    (folder: string): Block =>
    async (hash) => {
      const bytes = await store.block(folder, hash)
      if (bytes === undefined)
        throw new ArchipelError('NOT_FOUND', `the manifest block ${hash.slice(0, 16)}… is not here`)
      return bytes
    }

  const matching = (id: string, version?: string) =>
    known.under(id).filter((r) => version === undefined || r.version === version)

  function ofClaim(publisherId: string, id: string, counts = (_: Replica) => true): Replica | undefined {
    return known
      .ofClaim(publisherId, id)
      .filter(counts)
      .sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state) || b.added - a.added)[0]
  }

  /** What is said of a claim: of the replica that has most of it. Single pieces are nothing that others could use. */
  function recordOf(publisherId: string, id: string): ReplicaBody | undefined {
    const best = ofClaim(publisherId, id, (r) => r.state !== 'partial' || r.held.files > 0)
    const next = claimed.get(replicaRecordId(publisherId, id))
    if (best === undefined)
      return next === undefined
        ? undefined
        : { dataset: id, publisher: publisherId, version: next, state: 'requested', bytes: 0 }
    const { version, state, held, total, heldHash } = best
    const other = known.ofClaim(publisherId, id).find((r) => r.version !== version && COMING.has(r.state))?.version
    // A part that grows to the whole is coming, too.
    const coming = other ?? (next !== version || state === 'partial' ? next : undefined)
    const body = {
      dataset: id,
      publisher: publisherId,
      version,
      state,
      bytes: held.bytes,
      ...(coming === undefined ? {} : { coming }),
    }
    if (state === 'available') return body
    // While it grows, its number of files would be a record each time.
    if (state !== 'partial') return { ...body, bytes: 0 }
    return { ...body, part: { files: held.files, of: total.files, ...(heldHash ? { hash: heldHash } : {}) } }
  }

  async function tell(publisherId: string, id: string): Promise<void> {
    await components.append([entryOf(publisherId, id)])
  }

  function entryOf(publisherId: string, id: string): { id: string; body?: ReplicaBody } {
    const body = recordOf(publisherId, id)
    return { id: replicaRecordId(publisherId, id), ...(body === undefined ? {} : { body }) }
  }

  /** Those of them of which something else is said now. */
  async function say(versions: readonly Claimed[], change: () => void): Promise<void> {
    const before = versions.map(({ publisher: of, id }) => recordOf(of, id))
    change()
    const other = versions.filter(({ publisher: of, id }, i) => !isDeepStrictEqual(before[i], recordOf(of, id)))
    for (let at = 0; at < other.length; at += CLAIMS_AT_ONCE)
      await components.append(other.slice(at, at + CLAIMS_AT_ONCE).map(({ publisher: of, id }) => entryOf(of, id)))
  }

  async function* files(folder: string): AsyncGenerator<SourceFile> {
    const places = placesFor(folder)
    for await (const [path, state] of store.files(folder))
      if ('done' in state) yield { path, local: places.file(path), ...state.done }
  }

  async function bitsOf(replica: Replica, paths: { has(path: string): boolean }): Promise<Uint8Array> {
    const bits = noBits(replica.total.files)
    for await (const page of pages(replica.version, blockOf(replica.folder)))
      for (const { entry, number } of page) if (paths.has(entry.path)) setBit(bits, number)
    return bits
  }

  const change = (folder: string, next: (now: Replica | undefined) => Replica | undefined, more: More = {}) =>
    changes.alone(folder, async () => {
      const before = known.get(folder)
      const replica = next(before)
      if (replica !== undefined) await put(before, replica, more)
    })

  async function put(before: Replica | undefined, replica: Replica, more: More): Promise<void> {
    const next = { ...replica }
    const whole = (more.files ?? []).some(({ state }) => state === null || 'done' in state)
    const asBefore = !whole && before?.state === 'partial' && before.held.files === next.held.files
    if (next.state === 'partial' && next.held.files > 0 && !asBefore) {
      const held = new Map<string, true>()
      for await (const { path } of files(next.folder)) held.set(path, true)
      next.heldHash = createHash('sha256')
        .update(await bitsOf(next, held))
        .digest('hex')
    } else if (!asBefore) delete next.heldHash
    await store.commit({ replica: next, ...more })
    const said = recordOf(next.publisher, next.id)
    known.set(next)
    if (before?.state === next.state && before.heldHash === next.heldHash) return
    const says = recordOf(next.publisher, next.id)
    if (said === undefined && says === undefined) return
    // What was claimed is said already.
    if (!isDeepStrictEqual(said, says)) await tell(next.publisher, next.id)
    components.onChange()
  }

  async function loseNow(folder: string, paths: readonly string[]): Promise<Replica | undefined> {
    const replica = known.get(folder)
    if (replica === undefined) return undefined
    const lost: StoredFile[] = []
    let bytes = 0
    for (const path of new Set(paths)) {
      const state = await store.file(folder, path)
      if (state === undefined || !('done' in state)) continue
      lost.push({ folder, path, state: null })
      bytes += state.done.size
      await setAside(placesFor(folder), placesFor(folder).file(path)).catch(() => {})
    }
    if (lost.length === 0) return replica
    logger.error({ dataset: replica.id, files: lost.length }, 'files of a replica are not what they were')
    await store.commit({ files: lost })
    await change(folder, (now) => now && without(now, { files: lost.length, bytes }))
    for (const listener of lostListeners) listener(folder, lost.length)
    return known.get(folder)
  }

  /** One after the other: two that look at the same time find the same files. */
  const lose = (folder: string, paths: readonly string[]) => writers.alone(folder, () => loseNow(folder, paths))

  /** Kept, and told to nobody. */
  const remember = (folder: string, next: (now: Replica) => Replica | undefined) =>
    changes.alone(folder, async () => {
      const before = known.get(folder)
      const replica = before && next(before)
      if (replica === undefined) return
      known.set(replica)
      await store.commit({ replica })
    })

  /** Remembers that somebody reads it, to the minute. */
  async function used(folder: string): Promise<void> {
    const lately = (replica: Replica | undefined) => Date.now() - (replica?.used ?? 0) < USED_MS
    // Who reads does not wait for changes under way only to find that it is noted.
    if (lately(known.get(folder))) return
    await remember(folder, (now) => (lately(now) ? undefined : { ...now, used: Date.now() }))
  }

  const byState = (id: string, version: string) =>
    matching(id, version).sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state))

  async function file(folder: string, path: string): Promise<SourceFile | undefined> {
    const state = await store.file(folder, path)
    if (state === undefined || !('done' in state)) return undefined
    return { path, local: placesFor(folder).file(path), ...state.done }
  }

  /** The same by `stat`, or by its bytes where only times changed. */
  async function stillSame(file: SourceFile, table: (path: string) => Promise<Uint8Array | undefined>) {
    const seen = await lookAt(file.local)
    if (seen === undefined || seen.size !== file.size) return undefined
    if (sameIdentity(seen, file)) return file
    const pieces = await table(file.path)
    const hashed = await publisher.pieceTable({ ...file, ...seen }).catch(() => undefined)
    if (pieces === undefined || hashed === undefined) return undefined
    const same = Buffer.compare(createHash('sha256').update(hashed).digest(), pieces) === 0
    return same ? { ...file, ...seen } : undefined
  }

  /** What the system says of files by now, as far as they are still here. */
  async function refresh(folder: string, fresh: readonly StoredFile[]): Promise<void> {
    const files: StoredFile[] = []
    for (const file of fresh) {
      const state = await store.file(folder, file.path)
      if (state !== undefined && 'done' in state) files.push(file)
    }
    if (files.length > 0) await store.commit({ files })
  }

  async function look(folder: string): Promise<Replica | undefined> {
    const replica = known.get(folder)
    if (replica === undefined) return undefined
    const lost: string[] = []
    const fresh: StoredFile[] = []
    let pieces: Map<string, Uint8Array> | undefined
    const piecesOf = async (path: string) => {
      if (pieces === undefined) {
        pieces = new Map()
        for await (const page of pages(replica.version, blockOf(folder)))
          for (const { entry } of page) pieces.set(entry.path, entry.pieces)
      }
      return pieces.get(path)
    }
    for await (const file of files(folder)) {
      const seen = await stillSame(file, piecesOf)
      if (seen === undefined) lost.push(file.path)
      else if (seen !== file) {
        const { size, mtimeNs, ctimeNs, ino } = seen
        fresh.push({ folder, path: file.path, state: { done: { size, mtimeNs, ctimeNs, ino } } })
      }
    }
    if (fresh.length > 0) await writers.alone(folder, () => refresh(folder, fresh))
    return lost.length === 0 ? known.get(folder) : await lose(folder, lost)
  }

  return {
    async start() {
      await mkdir(init.dir, { recursive: true, mode: 0o700 })
      for (const replica of await store.replicas()) known.set(replica)
    },
    async reconcile() {
      const wrong = new Map<string, { publisher: string; id: string }>()
      for (const { publisher: of, id } of known.all())
        if (recordOf(of, id) !== undefined) wrong.set(replicaRecordId(of, id), { publisher: of, id })
      for await (const record of components.ownReplicas()) {
        const said = replicaBody.safeParse(record.body)
        if (!said.success || said.data.publisher === init.self) continue
        const { publisher: of, dataset: id } = said.data
        if (isDeepStrictEqual(said.data, recordOf(of, id))) wrong.delete(record.id)
        else wrong.set(record.id, { publisher: of, id })
      }
      for (const { publisher: of, id } of wrong.values()) await tell(of, id)
    },
    all: known.all,
    get: (folder) => known.get(folder),
    asked(folder) {
      const replica = known.get(folder)
      return replica?.read ? undefined : replica
    },
    ofClaim: (publisherId, id) => ofClaim(publisherId, id),
    places: placesFor,
    block: blockOf,
    async holdings(ids) {
      const found = new Map<string, Replica>()
      for (const id of ids) for (const replica of matching(id)) found.set(replica.folder, replica)
      const holdings: Holding[] = []
      for (const { folder, state } of found.values()) {
        if (state !== 'available' && state !== 'partial') continue
        if (known.get(folder)?.held.files === 0) continue
        const replica = state === 'available' ? await look(folder) : known.get(folder)
        if (replica === undefined || replica.state === 'failed') continue
        holdings.push({
          id: replica.id,
          publisher: replica.publisher,
          name: replica.name,
          version: replica.version,
          state: replica.state,
          aliases: replica.body?.aliases ?? [],
        })
      }
      return holdings
    },
    async find({ id, version }) {
      for (const { folder, state } of matching(id, version)) {
        if (state !== 'available') continue
        const replica = await look(folder)
        if (replica?.state !== 'available' || replica.body === undefined) continue
        const source: SourceFile[] = []
        for await (const file of files(folder)) source.push(file)
        await used(folder)
        return { source, body: replica.body }
      }
      return undefined
    },
    async manifestBlock({ id, version }, hash) {
      for (const { folder } of matching(id, version)) {
        const bytes = await store.block(folder, hash)
        if (bytes !== undefined) return bytes
      }
      return undefined
    },
    served: () => [
      ...new Set(
        known
          .all()
          .filter((r) => r.state === 'available' || (r.state === 'partial' && r.held.files > 0))
          .flatMap((r) => [r.id, ...(r.body?.aliases ?? [])]),
      ),
    ],
    async open({ dataset, version }) {
      const [replica] = byState(dataset, version)
      if (replica === undefined) return undefined
      await used(replica.folder)
      if (replica.held.files === 0) return undefined
      const held = new Map<string, SourceFile>()
      for await (const file of files(replica.folder)) held.set(file.path, file)
      const all = held.size === replica.total.files
      return {
        files: replica.total.files,
        ...(all ? {} : { bits: await bitsOf(replica, held) }),
        file: (path) => held.get(path),
      }
    },
    async fileOf({ dataset, version }, path) {
      for (const { folder } of byState(dataset, version)) {
        // Pieces of it may be read where it is not whole.
        await used(folder)
        const found = await file(folder, path)
        if (found !== undefined) return found
      }
      return undefined
    },
    look,
    files,
    file,
    alone: writers.alone,
    change,
    lose,
    onLost: (listener) => void lostListeners.push(listener),
    note: (folder, progress) => remember(folder, ({ scrubAt: _, ...rest }) => ({ ...rest, ...progress })),
    claim: (versions) =>
      say(versions, () => {
        for (const { publisher: of, id, version } of versions) claimed.set(replicaRecordId(of, id), version)
      }),
    unclaim: (version) => say([version], () => claimed.delete(replicaRecordId(version.publisher, version.id))),
    async remove(folder) {
      const replica = known.get(folder)
      await changes.alone(folder, async () => {
        const said = replica && recordOf(replica.publisher, replica.id)
        known.delete(folder)
        if (replica !== undefined && said !== undefined) await tell(replica.publisher, replica.id)
        await store.forget(folder)
        await rm(placesFor(folder).root, { recursive: true, force: true })
      })
      // What others shared with it is theirs alone now.
      for (const other of replica === undefined ? [] : known.ofClaim(replica.publisher, replica.id))
        if (other.shared !== undefined) await change(other.folder, (now) => now && unshared(now))
      components.onChange()
    },
  }
}

/** After files of it were taken away. */
function without(replica: Replica, lost: Amount): Replica {
  const held = { files: replica.held.files - lost.files, bytes: replica.held.bytes - lost.bytes }
  const ended = replica.state === 'available' || replica.state === 'partial'
  const state = !ended ? replica.state : held.files > 0 ? 'partial' : 'failed'
  // Nobody asked for what was only read: it is fetched again by who reads it again.
  const damaged = replica.read ? {} : { damaged: (replica.damaged ?? 0) + lost.files }
  return { ...replica, held, state, ...damaged }
}

const unshared = ({ shared: _, ...alone }: Replica): Replica => alone
