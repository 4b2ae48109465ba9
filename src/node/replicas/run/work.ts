/** What is still to be fetched, and who fetches what: pure bookkeeping, no I/O. */
import type { FileEntry } from '../../../protocols/manifest/messages.ts'
import { pieceCount, pieceRange } from '../../../protocols/manifest/pieces.ts'
import { hasBit } from '../../../protocols/transfer/messages.ts'

/** A file that is not whole yet. */
export interface FileWork {
  entry: FileEntry
  /** Its place in the manifest. */
  number: number
  pieces: Piece[]
  /** Pieces that are not durable yet. */
  left: number
  /** Hashes of its pieces, of a file that has several; fetched before the first piece is. */
  table?: Uint8Array
  /** Sources that sent a bad piece of it: not asked again. */
  refused: Set<string>
  /** Sources that say that they do not have it, or not as it was: not asked for a while. */
  absent: Set<string>
}

export interface Piece {
  file: FileWork
  index: number
  offset: number
  length: number
  /** `written`: verified and on its way to the disk. */
  state: 'wanted' | 'written'
  /** Sources that are asked for it now. */
  asked: Set<string>
}

/** Who a piece may be asked of. */
export interface Holder {
  island: string
  /** Bits of the files it holds; absent when it holds all. */
  bits: Uint8Array | undefined
}

export interface Work {
  add(files: FileWork[]): void
  /** Pieces nobody is asked for, at least one where there is one, at most so many bytes. */
  take(holder: Holder, most: { bytes: number; pieces: number }): Piece[]
  /** For the end: pieces that others are asked for, last ones first, at most one more time. */
  again(holder: Holder, most: { bytes: number; pieces: number }): Piece[]
  /** A piece that is still wanted. */
  find(path: string, index: number): Piece | undefined
  /** Nobody fetches them for this source any more. */
  giveBack(island: string, pieces: readonly Piece[]): void
  written(piece: Piece): void
  /** It is durable. @returns whether its file is whole now */
  durable(piece: Piece): boolean
  /** Pieces that are neither written nor durable. */
  wanted(): number
  /** None of these could be asked for anything that is left. */
  stuck(holders: readonly Holder[]): boolean
  /** Who did not have a file may have it now. */
  retry(): void
}

/** Sources that are asked for one piece at a time. */
const MAX_ASKED = 2

export function fileWork(entry: FileEntry, number: number, have: Uint8Array | undefined): FileWork {
  const file: FileWork = { entry, number, pieces: [], left: 0, refused: new Set(), absent: new Set() }
  for (let index = 0; index < pieceCount(entry.size); index++) {
    if (have !== undefined && hasBit(have, index)) continue
    file.pieces.push({ file, index, ...pieceRange(entry.size, index), state: 'wanted', asked: new Set() })
  }
  file.left = file.pieces.length
  return file
}

export function mayAsk({ island, bits }: Holder, file: FileWork): boolean {
  return !file.refused.has(island) && !file.absent.has(island) && (bits === undefined || hasBit(bits, file.number))
}

export function workList(): Work {
  const open = new Set<Piece>()

  function collect(pieces: Iterable<Piece>, holder: Holder, most: { bytes: number; pieces: number }): Piece[] {
    const taken: Piece[] = []
    let bytes = 0
    for (const piece of pieces) {
      if (!mayAsk(holder, piece.file)) continue
      if (taken.length > 0 && bytes + piece.length > most.bytes) break
      piece.asked.add(holder.island)
      taken.push(piece)
      bytes += piece.length
      if (taken.length >= most.pieces) break
    }
    return taken
  }

  return {
    add(files) {
      for (const file of files) for (const piece of file.pieces) open.add(piece)
    },
    take(holder, most) {
      function* free(): Generator<Piece> {
        for (const piece of open) if (piece.asked.size === 0) yield piece
      }
      return collect(free(), holder, most)
    },
    again(holder, most) {
      const asked = [...open].filter((p) => p.asked.size < MAX_ASKED && !p.asked.has(holder.island)).reverse()
      return collect(asked, holder, most)
    },
    find(path, index) {
      for (const piece of open) if (piece.index === index && piece.file.entry.path === path) return piece
      return undefined
    },
    giveBack(island, pieces) {
      for (const piece of pieces) piece.asked.delete(island)
    },
    written(piece) {
      piece.state = 'written'
      open.delete(piece)
    },
    durable(piece) {
      piece.file.left--
      return piece.file.left === 0
    },
    wanted: () => open.size,
    stuck(holders) {
      for (const { file } of open) if (holders.some((h) => mayAsk(h, file))) return false
      return true
    },
    retry() {
      for (const { file } of open) file.absent.clear()
    },
  }
}
