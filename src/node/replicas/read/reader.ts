/** Any file of any dataset, a range at a time: what is here is read, what is not is fetched piece by piece. */
import type { Logger } from 'pino'
import type { FileEntry } from '../../../protocols/manifest/messages.ts'
import { pieceCount, pieceRange, pieceSize } from '../../../protocols/manifest/pieces.ts'
import type { DatasetBody } from '../../../protocols/model/dataset.ts'
import { ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import type { PolicyPort } from '../../policy/policy.ts'
import type { LocatedHolder } from '../../resolve/port.ts'
import { type Block, entriesOf } from '../entries.ts'
import type { Find, Found } from '../find.ts'
import { type OutsideFiles, readSource } from '../identity.ts'
import { folderOf } from '../names.ts'
import { count } from '../plan.ts'
import type { Replica, ReplicaStore } from '../port.ts'
import type { HeldFiles } from '../serve/port.ts'
import type { ReplicaShelf } from '../shelf.ts'
import type { Pieces, ReadFile } from './pieces.ts'
import { shared, type Taken } from './shared.ts'

export interface ReaderInit {
  self: string
}

export interface ReaderComponents {
  find: Find
  store: ReplicaStore
  shelf: Pick<ReplicaShelf, 'alone' | 'block' | 'change' | 'get'>
  pieces: Pieces
  held: Pick<HeldFiles, 'file' | 'look'>
  /** A block of a manifest, from here or from these islands. */
  block(dataset: string, version: string, holders: readonly string[], signal: AbortSignal): Block
  bodyOf(publisher: string, id: string): Promise<DatasetBody | undefined>
  rttMs(island: string): number | undefined
  policy: PolicyPort
  /** Files that this island publishes and that lie elsewhere. */
  outside?: OutsideFiles
  /** Bytes of that file are wanted. */
  onUse(use: VersionUse): void
  logger: Logger
}

/** Somebody wants bytes of a version: of that file, or of any. */
export interface VersionUse {
  dataset: string
  publisher: string
  version: string
  path?: string
}

/** A file with what is known of it before it is read. */
export interface FileReading {
  dataset: string
  publisher: string
  version: string
  path: string
  bytes: number
  /** Its hash by the manifest, hex. */
  pieces: string
  /** From this byte on, before that one. @throws NO_HOLDER, BAD_DATA, STALE, DISK_FULL, QUOTA_EXCEEDED, CANCELLED */
  open(range: { from: number; to: number }): AsyncIterable<Uint8Array>
}

export interface Reader {
  /** Whether somebody reads from that replica now. */
  isRead(folder: string): boolean
  /** What that version consists of is here from then on, no byte of its files. @throws as `open` */
  keepManifest(request: { ref: string; version: string }, options: { signal: AbortSignal }): Promise<void>
  /** @throws DATASET_NOT_FOUND, AMBIGUOUS, BAD_ID, NOT_FOUND (no such file or version), NO_HOLDER, RECORD_INVALID, FORBIDDEN */
  open(
    request: { ref: string; path: string; version?: string | undefined },
    options: { signal: AbortSignal; user: string },
  ): Promise<FileReading>
}

/** Milliseconds for which it is remembered who holds what, and how many of these. */
const KNOWN_MS = 10_000
const MAX_KNOWN = 256
const MAX_ENTRIES = 4096
/** Bytes of pieces that are fetched before the reader has taken those before them; of larger pieces one at a time. */
const AHEAD_BYTES = 8 * 1024 * 1024
/** Bytes that a reader gets at once. */
const CHUNK_BYTES = 256 * 1024

export function reader({ self }: ReaderInit, components: ReaderComponents): Reader {
  const { find, shelf, store, held, pieces, outside } = components
  const known = new Map<string, { at: number; found: Found }>()
  const entries = new Map<string, FileEntry>()
  const making = shared<Replica>()
  /** Readings under way, by folder. */
  const readings = new Map<string, number>()

  /** From the catalog, where it knows it: holders are asked when they are needed. */
  async function meant(ref: string, version: string | undefined, signal: AbortSignal): Promise<Found> {
    const key = `${version ?? ''} ${ref}`
    const before = known.get(key)
    if (before !== undefined && performance.now() - before.at < KNOWN_MS) return before.found
    const found = await find(ref, version, { signal, known: true }).catch(async (cause: unknown) => {
      const { code } = toArchipelError(cause)
      if (code !== 'DATASET_NOT_FOUND' && code !== 'NOT_FOUND') throw cause
      return await find(ref, version, { signal })
    })
    known.delete(key)
    known.set(key, { at: performance.now(), found })
    if (known.size > MAX_KNOWN) known.delete(known.keys().next().value!)
    return found
  }

  function blocksOf({ claim, version, holders }: Found, signal: AbortSignal): Block {
    const local = shelf.block(folderOf(claim.publisher, claim.id, version))
    const remote = components.block(claim.id, version, ranked(holders), signal)
    return async (hash) => (await local(hash).catch(() => undefined)) ?? (await remote(hash))
  }

  async function entryOf(found: Found, path: string, signal: AbortSignal): Promise<FileEntry> {
    const key = `${found.version} ${path}`
    const before = entries.get(key)
    if (before !== undefined) return before
    const entry = (await entriesOf(found.version, blocksOf(found, signal), [path])).get(path)
    if (entry === undefined)
      throw new ArchipelError('NOT_FOUND', `${found.claim.name} has no file ${JSON.stringify(path.slice(0, 500))}`, {
        hint: '`archipel files <dataset>` lists them.',
      })
    entries.set(key, entry)
    if (entries.size > MAX_ENTRIES) entries.delete(entries.keys().next().value!)
    return entry
  }

  /** Whole ones and near ones first. */
  function ranked(holders: readonly LocatedHolder[]): string[] {
    const rank = (h: LocatedHolder) => (h.state === 'available' ? 0 : 1)
    const far = (h: LocatedHolder) => components.rttMs(h.island) ?? Number.MAX_SAFE_INTEGER
    return [...holders].sort((a, b) => rank(a) - rank(b) || far(a) - far(b)).map((h) => h.island)
  }

  /** What is read of others' datasets is a replica that nobody asked for, which grows. */
  async function replicaOf(found: Found, folder: string, signal: AbortSignal): Promise<Replica> {
    const before = shelf.get(folder)
    if (before !== undefined) return before
    const { claim, version } = found
    // Its paths have to lie beside each other, and who has a part of it has its whole manifest.
    const { total } = await count(
      { version, globs: [] },
      blocksOf(found, signal),
      async () => undefined,
      (hash, bytes) => store.commit({ blocks: [{ folder, hash, bytes }] }),
      signal,
    )
    const body = await components.bodyOf(claim.publisher, claim.id)
    return await shelf.alone(folder, async () => {
      const meanwhile = shelf.get(folder)
      if (meanwhile !== undefined) return meanwhile
      const replica: Replica = {
        folder,
        id: claim.id,
        publisher: claim.publisher,
        version,
        name: claim.name,
        state: 'partial',
        total,
        held: { files: 0, bytes: 0 },
        globs: [],
        read: true,
        ...(body?.version === version ? { body } : {}),
        added: Date.now(),
      }
      await shelf.change(folder, () => replica)
      return shelf.get(folder) ?? replica
    })
  }

  function fileOf(found: Found, entry: FileEntry): ReadFile {
    const { claim, version } = found
    const folder = folderOf(claim.publisher, claim.id, version)
    return {
      dataset: claim.id,
      version,
      entry,
      folder,
      holders: () => ranked(found.holders),
      again: async (signal) => ranked((await find(`${claim.id}@${claim.publisher}`, version, { signal })).holders),
      async replica(signal) {
        const taken = making.take(folder, async (during) => {
          const value = await replicaOf(found, folder, during)
          return { value, settled: Promise.resolve() }
        })
        signal.addEventListener('abort', taken.leave, { once: true })
        try {
          return await taken.result
        } finally {
          signal.removeEventListener('abort', taken.leave)
          taken.leave()
        }
      },
    }
  }

  async function* stream(file: ReadFile, from: number, to: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    let at = from
    for (let tries = 0; tries < 2; tries++) {
      const whole = await held.file(file, file.entry.path)
      if (whole === undefined) break
      try {
        const range = { offset: at, length: to - at }
        for await (const bytes of readSource(outside, whole, range, { signal })) {
          at += bytes.length
          yield bytes
        }
        return
      } catch (cause) {
        if (toArchipelError(cause).code !== 'STALE' || tries > 0) throw cause
        await held.look(file)
      }
    }
    yield* byPieces(file, at, to, signal)
  }

  async function* noted(folder: string, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    readings.set(folder, (readings.get(folder) ?? 0) + 1)
    try {
      yield* bytes
    } finally {
      const left = readings.get(folder)! - 1
      if (left > 0) readings.set(folder, left)
      else readings.delete(folder)
    }
  }

  async function* byPieces(file: ReadFile, from: number, to: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const { size } = file.entry
    if (pieceCount(size) === 0) return
    const last = Math.floor((to - 1) / pieceSize(size))
    const taken = new Map<number, Taken<Buffer>>()
    const leaveAll = () => {
      for (const { leave } of taken.values()) leave()
    }
    signal.addEventListener('abort', leaveAll, { once: true })
    let added: number | undefined
    try {
      for (let index = Math.floor(from / pieceSize(size)); index <= last; index++) {
        signal.throwIfAborted()
        let ahead = 0
        for (let next = index; next <= last; next++) {
          ahead += pieceRange(size, next).length
          if (next > index && ahead > AHEAD_BYTES) break
          if (!taken.has(next)) taken.set(next, pieces.take(file, next))
        }
        const mine = taken.get(index)!
        const bytes = await mine.result
        // Whoever drops it from now on means this, too.
        added ??= shelf.get(file.folder)?.added
        const { offset } = pieceRange(size, index)
        const end = Math.min(to - offset, bytes.length)
        for (let at = Math.max(0, from - offset); at < end; at += CHUNK_BYTES) {
          signal.throwIfAborted()
          yield bytes.subarray(at, Math.min(end, at + CHUNK_BYTES))
        }
        mine.leave()
        taken.delete(index)
        if (shelf.get(file.folder)?.added !== added)
          throw new ArchipelError('CANCELLED', 'the replica was dropped while it was read')
      }
    } finally {
      signal.removeEventListener('abort', leaveAll)
      leaveAll()
    }
  }

  return {
    isRead: (folder) => readings.has(folder),
    async open({ ref, path, version }, { signal, user }) {
      const found = await meant(ref, version, signal)
      components.policy.check({ island: self, user, action: 'dataset:fetch', datasets: [found.claim.id] })
      const entry = await entryOf(found, path, signal)
      const file = fileOf(found, entry)
      return {
        dataset: file.dataset,
        publisher: found.claim.publisher,
        version: file.version,
        path,
        bytes: entry.size,
        pieces: Buffer.from(entry.pieces).toString('hex'),
        open({ from, to }) {
          components.onUse({ dataset: file.dataset, publisher: found.claim.publisher, version: file.version, path })
          return noted(file.folder, stream(file, from, Math.min(to, entry.size), signal))
        },
      }
    },
    async keepManifest({ ref, version }, { signal }) {
      const found = await find(ref, version, { signal })
      await replicaOf(found, folderOf(found.claim.publisher, found.claim.id, found.version), signal)
    },
  }
}
