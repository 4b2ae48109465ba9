/** Verified pieces to the disk, and files into their places. */
import { hash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { chmod, mkdir, open, rename, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { FileEntry } from '../../../protocols/manifest/messages.ts'
import { HASH_BYTES, pieceCount } from '../../../protocols/manifest/pieces.ts'
import { ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import { noBits, setBit } from '../../../protocols/transfer/messages.ts'
import { identityOf } from '../identity.ts'
import type { Places } from '../names.ts'
import type { StoredFile } from '../port.ts'
import type { FileWork, Piece } from './work.ts'

export interface WriterInit {
  folder: string
  places: Places
  /** What a commit may lose at most. */
  batchBytes: number
  batchPieces: number
}

export interface WriterComponents {
  /** Remembers, durably, what is on the disk now. */
  save(files: StoredFile[], done: { files: number; bytes: number }): Promise<void>
  /** Whether there is room for more, asked after each commit. @throws DISK_FULL */
  checkSpace(): Promise<void>
  /** A piece is durable. @returns whether its file is whole */
  durable(piece: Piece): boolean
}

export interface Writer {
  /** Of a file of one piece the manifest says what it is, of others their table does. */
  verify(piece: Piece, bytes: Uint8Array): Promise<boolean>
  /** Takes a verified piece. Durable after the next commit. @throws DISK_FULL */
  write(piece: Piece, bytes: Uint8Array): Promise<void>
  /** Files of no bytes. */
  empty(files: FileWork[]): Promise<void>
  commit(): Promise<void>
  close(): Promise<void>
}

/** Files synced at once. */
const SYNCS = 8

/** Bytes that are hashed sooner than another thread has heard of them. */
const SHORT_BYTES = 16 * 1024

/** Whether these are the bytes of that piece: of a file of one piece the manifest says it, of others their table. */
export async function isPiece(
  entry: FileEntry,
  table: Uint8Array | undefined,
  index: number,
  bytes: Uint8Array,
): Promise<boolean> {
  const found = await sha256(bytes)
  if (pieceCount(entry.size) === 1) return Buffer.compare(await sha256(found), entry.pieces) === 0
  const expected = table?.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES)
  return expected !== undefined && Buffer.compare(found, expected) === 0
}

async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  if (bytes.length <= SHORT_BYTES) return hash('sha256', bytes, 'buffer')
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>))
}

function diskError(cause: unknown): ArchipelError {
  const { code } = cause as NodeJS.ErrnoException
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new ArchipelError('DISK_FULL', 'the disk with the replicas is full', {
      hint: 'Free some space, then: archipel transfers resume <id>.',
      cause,
    })
  if (code === 'ENAMETOOLONG') return new ArchipelError('BAD_INPUT', 'a path is too long for this disk', { cause })
  return toArchipelError(cause)
}

export function writer({ folder, places, batchBytes, batchPieces }: WriterInit, components: WriterComponents): Writer {
  const handles = new Map<FileWork, Promise<FileHandle>>()
  /** What is durable of files that are not whole. */
  const bits = new Map<FileWork, Uint8Array>()
  const made = new Set<string>()
  let pending: Piece[] = []
  let pendingBytes = 0
  let committing: Promise<void> = Promise.resolve()
  /** The last commit that nobody waits for, and what failed of those and was not told yet. */
  let behind: Promise<void> = Promise.resolve()
  let untold: { cause: unknown } | undefined

  function handleOf(file: FileWork): Promise<FileHandle> {
    const known = handles.get(file)
    if (known !== undefined) return known
    const opened = (async () => {
      const path = places.part(file.entry.path)
      return await open(path, 'r+').catch(async () => open(path, 'wx+', 0o600))
    })()
    handles.set(file, opened)
    return opened
  }

  function bitsOf(file: FileWork): Uint8Array {
    const known = bits.get(file)
    if (known !== undefined) return known
    const all = noBits(pieceCount(file.entry.size))
    const missing = new Set(file.pieces.map((p) => p.index))
    for (let i = 0; i < pieceCount(file.entry.size); i++) if (!missing.has(i)) setBit(all, i)
    bits.set(file, all)
    return all
  }

  async function closeHandle(file: FileWork): Promise<void> {
    const handle = handles.get(file)
    handles.delete(file)
    await (await handle)?.close()
  }

  /** Its bytes are verified and durable; now they get their name. */
  async function place(file: FileWork): Promise<StoredFile> {
    await closeHandle(file)
    bits.delete(file)
    const target = places.file(file.entry.path)
    const parent = dirname(target)
    if (!made.has(parent)) {
      await mkdir(parent, { recursive: true, mode: 0o700 })
      made.add(parent)
    }
    const part = places.part(file.entry.path)
    await chmod(part, 0o444)
    if ((await stat(part)).size !== file.entry.size)
      throw new ArchipelError('INTERNAL', `${JSON.stringify(file.entry.path)} has another size than its pieces`)
    await rename(part, target)
    return { folder, path: file.entry.path, state: { done: identityOf(await stat(target, { bigint: true })) } }
  }

  async function syncFolders(files: readonly StoredFile[]): Promise<void> {
    const parents = new Set(files.map(({ path }) => dirname(places.file(path))))
    for (const parent of [places.parts, ...parents]) {
      const handle = await open(parent, 'r')
      try {
        await handle.sync()
      } finally {
        await handle.close()
      }
    }
  }

  async function commitNow(): Promise<void> {
    const batch = pending
    pending = []
    pendingBytes = 0
    if (batch.length === 0) return
    try {
      const files = [...new Set(batch.map((p) => p.file))]
      await each(files, SYNCS, async (file) => {
        await (await handleOf(file)).datasync()
      })
      const whole: FileWork[] = []
      for (const piece of batch) {
        setBit(bitsOf(piece.file), piece.index)
        if (components.durable(piece)) whole.push(piece.file)
      }
      const stored: StoredFile[] = []
      await each(whole, SYNCS, async (file) => {
        stored.push(await place(file))
      })
      await syncFolders(stored)
      for (const file of files)
        if (!whole.includes(file)) stored.push({ folder, path: file.entry.path, state: { pieces: bitsOf(file) } })
      await components.save(stored, {
        files: whole.length,
        bytes: batch.reduce((sum, piece) => sum + piece.length, 0),
      })
      // Afterwards: what has its place on the disk is kept.
      await components.checkSpace()
    } catch (cause) {
      throw diskError(cause)
    }
  }

  function commit(): Promise<void> {
    // One that failed said so to who asked for it.
    committing = committing.catch(() => {}).then(commitNow)
    return committing.then(tell)
  }

  /** @throws what failed where nobody was waiting, once */
  function tell(): void {
    if (untold === undefined) return
    const { cause } = untold
    untold = undefined
    throw cause
  }

  /** Half of what may be lost is made durable while the other half comes in. */
  async function commitBehind(): Promise<void> {
    const earlier = behind
    behind = commit().catch((cause: unknown) => {
      untold ??= { cause }
    })
    await earlier
    tell()
  }

  return {
    verify: ({ file, index }, bytes) => isPiece(file.entry, file.table, index, bytes),
    async write(piece, bytes) {
      try {
        const handle = await handleOf(piece.file)
        for (let done = 0; done < bytes.length; ) {
          const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, piece.offset + done)
          done += bytesWritten
        }
      } catch (cause) {
        throw diskError(cause)
      }
      pending.push(piece)
      pendingBytes += piece.length
      if (pendingBytes * 2 >= batchBytes || pending.length * 2 >= batchPieces) await commitBehind()
    },
    async empty(files) {
      const stored: StoredFile[] = []
      try {
        for (const file of files) {
          await (await handleOf(file)).truncate(0)
          stored.push(await place(file))
        }
        if (stored.length > 0) await syncFolders(stored)
      } catch (cause) {
        throw diskError(cause)
      }
      if (stored.length > 0) await components.save(stored, { files: stored.length, bytes: 0 })
    },
    commit,
    async close() {
      await committing.catch(() => {})
      for (const file of [...handles.keys()]) await closeHandle(file).catch(() => {})
    },
  }
}

/** @returns once all are through; the first failure is thrown after the others have ended */
async function each<T>(items: readonly T[], atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async () => {
    while (next < items.length) await work(items[next++]!)
  }
  const results = await Promise.allSettled(Array.from({ length: Math.min(atOnce, items.length) }, worker))
  const failed = results.find((r) => r.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}
