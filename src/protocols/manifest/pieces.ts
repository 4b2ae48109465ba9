import { createHash } from 'node:crypto'
import { ArchipelError } from '../model/errors.ts'

/** Bytes of the smallest piece. */
export const MIN_PIECE_BYTES = 1024 * 1024
/** A file has at most this many pieces, so that its piece table is at most 128 KiB. */
export const MAX_PIECES = 4096
/** Bytes of one piece hash (SHA-256). */
export const HASH_BYTES = 32

/**
 * Bytes of every piece but the last: the smallest power of two, 1 MiB or more, that cuts the file into at most
 * 4,096 pieces. A pure function of the size, so that equal files have equal piece tables everywhere.
 *
 * @throws BAD_INPUT when `size` is not a safe non-negative integer.
 */
export function pieceSize(size: number): number {
  if (!Number.isSafeInteger(size) || size < 0) throw new ArchipelError('BAD_INPUT', `not a file size: ${size}`)
  let piece = MIN_PIECE_BYTES
  while (piece * MAX_PIECES < size) piece *= 2
  return piece
}

/** Pieces of a file; none for an empty file. */
export function pieceCount(size: number): number {
  return Math.ceil(size / pieceSize(size))
}

/** Where piece `index` lies in a file of `size` bytes. @throws BAD_INPUT when there is no such piece. */
export function pieceRange(size: number, index: number): { offset: number; length: number } {
  if (!Number.isSafeInteger(index) || index < 0 || index >= pieceCount(size)) {
    throw new ArchipelError('BAD_INPUT', `a file of ${size} bytes has no piece ${index}`)
  }
  const piece = pieceSize(size)
  const offset = index * piece
  return { offset, length: Math.min(piece, size - offset) }
}

/**
 * The hash that stands for a file's content: SHA-256 over the SHA-256 of its pieces, in order. The hash of nothing
 * for an empty file.
 *
 * @throws BAD_INPUT when the table does not have exactly the pieces of a file of `size` bytes.
 */
export function pieceTableHash(size: number, table: Uint8Array): Uint8Array {
  if (table.length !== pieceCount(size) * HASH_BYTES) {
    throw new ArchipelError(
      'BAD_INPUT',
      `a file of ${size} bytes has ${pieceCount(size)} pieces, not ${table.length / HASH_BYTES}`,
    )
  }
  return createHash('sha256').update(table).digest()
}
