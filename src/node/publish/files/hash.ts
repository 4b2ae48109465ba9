import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { HASH_BYTES, pieceCount, pieceRange, pieceSize } from '../../../protocols/manifest/pieces.ts'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import type { SourceFile } from '../port.ts'
import { sameFile, sourceFile } from './scan.ts'
import { noPlainFile, unreadable } from './unreadable.ts'

export interface HashOptions {
  signal?: AbortSignal
  /** Piece hashes known already, a whole number of them, from the first piece on. */
  known?: Uint8Array
  /** Pieces read and hashed at once. */
  concurrency: number
  /** Bytes just read and hashed. */
  onBytes?: (bytes: number) => void
  /** The first `count` entries of the table are final. Called in order. */
  onPieces?: (table: Buffer, count: number) => void
}

/** Up to this size a piece is read whole and hashed on a thread of the pool; larger ones in chunks, in between other work. */
const WHOLE_PIECE_BYTES = 4 * 1024 * 1024
const CHUNK_BYTES = 1024 * 1024
/** A kernel stamps files by its tick; a file written within the last one could change again under the same stamp. */
const TICK_MS = 20

/**
 * The piece table of a file, from a descriptor that is known to be the file scanned, before and after.
 *
 * @throws STALE when the file is not the one scanned any more; UNREADABLE when it cannot be read, or has no end; CANCELLED
 */
export async function hashFile(file: SourceFile, options: HashOptions): Promise<Buffer> {
  const age = Date.now() - Number(BigInt(file.ctimeNs) / 1_000_000n)
  if (age >= 0 && age < TICK_MS) await delay(TICK_MS - age)
  const handle = await openSource(file)
  try {
    await assertSame(file, handle)
    const table = Buffer.alloc(pieceCount(file.size) * HASH_BYTES)
    if (options.known !== undefined) table.set(options.known)
    const whole = await hashPieces(file, handle, table, options)
    const more = whole && !(await endsThere(handle, file.size))
    await assertSame(file, handle)
    if (!whole || more)
      throw noPlainFile(JSON.stringify(file.path), `its bytes do not end where its size of ${file.size} says`)
    return table
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === 'read') throw unreadable(JSON.stringify(file.path), error)
    throw error
  } finally {
    await handle.close()
  }
}

/** @returns false when the file ends before its size says */
async function hashPieces(file: SourceFile, handle: FileHandle, table: Buffer, options: HashOptions): Promise<boolean> {
  const total = pieceCount(file.size)
  let next = (options.known?.length ?? 0) / HASH_BYTES
  let final = next
  let failed = false
  let short = false
  const early = new Set<number>()
  const read = pieceSize(file.size) <= WHOLE_PIECE_BYTES ? wholePiece : chunkedPiece

  async function worker(): Promise<void> {
    const buffer = Buffer.allocUnsafe(
      Math.min(pieceSize(file.size) <= WHOLE_PIECE_BYTES ? pieceSize(file.size) : CHUNK_BYTES, file.size),
    )
    while (next < total && !failed) {
      options.signal?.throwIfAborted()
      const index = next++
      const { offset, length } = pieceRange(file.size, index)
      const hash = await read(handle, buffer, offset, length, options)
      if (hash === undefined) {
        short = failed = true
        return
      }
      table.set(hash, index * HASH_BYTES)
      early.add(index)
      while (early.delete(final)) final++
      options.onPieces?.(table, final)
    }
  }

  const workers = Array.from({ length: Math.min(Math.max(1, options.concurrency), total) }, () =>
    worker().catch((error: unknown) => {
      failed = true
      throw error
    }),
  )
  const failure = (await Promise.allSettled(workers)).find((result) => result.status === 'rejected')
  if (failure !== undefined) throw failure.reason
  return !short
}

async function endsThere(handle: FileHandle, size: number): Promise<boolean> {
  return (await handle.read(Buffer.alloc(1), 0, 1, size)).bytesRead === 0
}

type PieceReader = (
  handle: FileHandle,
  buffer: Buffer,
  offset: number,
  length: number,
  options: HashOptions,
) => Promise<Uint8Array | undefined>

/** Undefined when the file ends before the piece does. */
const wholePiece: PieceReader = async (handle, buffer, offset, length, options) => {
  if (!(await fill(handle, buffer, offset, length))) return undefined
  const hash = new Uint8Array(
    await crypto.subtle.digest('SHA-256', buffer.subarray(0, length) as Uint8Array<ArrayBuffer>),
  )
  options.onBytes?.(length)
  return hash
}

const chunkedPiece: PieceReader = async (handle, buffer, offset, length, options) => {
  const hash = createHash('sha256')
  for (let done = 0; done < length; ) {
    options.signal?.throwIfAborted()
    const size = Math.min(buffer.length, length - done)
    if (!(await fill(handle, buffer, offset + done, size))) return undefined
    hash.update(buffer.subarray(0, size))
    done += size
    options.onBytes?.(size)
  }
  return hash.digest()
}

async function fill(handle: FileHandle, buffer: Buffer, position: number, length: number): Promise<boolean> {
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(buffer, done, length - done, position + done)
    if (bytesRead === 0) return false
    done += bytesRead
  }
  return true
}

/** Opens what was scanned and nothing else: no symlink in its place, and no waiting for the other end of a pipe. */
async function openSource(file: SourceFile): Promise<FileHandle> {
  try {
    return await open(file.local, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ELOOP' || code === 'ENOTDIR') throw changed(file)
    throw unreadable(JSON.stringify(file.path), error)
  }
}

async function assertSame(file: SourceFile, handle: FileHandle): Promise<void> {
  const info = await handle.stat({ bigint: true })
  if (!info.isFile() || !sameFile(file, sourceFile(file.path, file.local, info))) throw changed(file)
}

export function changed(file: SourceFile): ArchipelError {
  return new ArchipelError('STALE', `${JSON.stringify(file.path)} changed while it was read`, {
    hint: 'Wait until the file is complete, then publish it again.',
  })
}
