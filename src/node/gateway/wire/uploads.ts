import { MAX_UPLOAD_BYTES, type UploadPiece } from '../../../protocols/livy/messages.ts'
import { ArchipelError } from '../../../protocols/model/errors.ts'

interface Arriving {
  pieces: Uint8Array[]
  bytes: number
  at: number
}

/** Bytes of all files that arrive at a time, and milliseconds without a next piece after which one is given up. */
const TOTAL_BYTES = 3 * MAX_UPLOAD_BYTES
const STALE_MS = 60_000

/** Puts files together from their pieces. */
export function uploads(now: () => number = Date.now) {
  const arriving = new Map<string, Arriving>()

  function sweep(): void {
    for (const [id, { at }] of arriving) if (at + STALE_MS < now()) arriving.delete(id)
  }

  return {
    /** @returns the file when it is whole. @throws BAD_INPUT, TOO_LARGE, TOO_MANY */
    take(island: string, piece: UploadPiece): Uint8Array | undefined {
      sweep()
      const id = `${island}/${piece.key}/${piece.upload}`
      const known = arriving.get(id) ?? { pieces: [], bytes: 0, at: now() }
      if (piece.offset !== known.bytes) {
        arriving.delete(id)
        throw new ArchipelError('BAD_INPUT', 'a piece of a file that is not the next one')
      }
      known.bytes += piece.bytes.length
      if (known.bytes > piece.total) throw new ArchipelError('TOO_LARGE', 'a file that is larger than was said')
      const all = [...arriving.values()].reduce((sum, a) => sum + a.bytes, 0)
      if (all + piece.bytes.length > TOTAL_BYTES) {
        arriving.delete(id)
        throw new ArchipelError('TOO_MANY', 'too many files arrive at this island just now')
      }
      known.pieces.push(piece.bytes)
      known.at = now()
      arriving.set(id, known)
      if (known.bytes < piece.total) return undefined
      arriving.delete(id)
      return Buffer.concat(known.pieces)
    },
  }
}
