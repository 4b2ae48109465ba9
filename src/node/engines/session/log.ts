import type { LogChunk } from '../port.ts'

/** Bytes of its log that a session keeps. */
const KEPT_BYTES = 1024 ** 2

export interface SessionLog {
  readonly total: number
  append(chunk: Uint8Array): void
  read(range: { offset: number; limit: number }): LogChunk
}

/** The last bytes that were printed, by their offset from the very first one. */
export function sessionLog(keptBytes = KEPT_BYTES): SessionLog {
  let chunks: Uint8Array[] = []
  let first = 0
  let total = 0
  return {
    get total() {
      return total
    },
    append(chunk) {
      if (chunk.length === 0) return
      chunks.push(chunk)
      total += chunk.length
      while (total - first > keptBytes) {
        const excess = total - first - keptBytes
        const oldest = chunks[0]!
        // Whole chunks go, and once in a while the beginning of a long one.
        if (oldest.length > excess && oldest.length < keptBytes / 4) break
        const cut = Math.min(oldest.length, excess)
        if (cut === oldest.length) chunks.shift()
        else chunks[0] = oldest.subarray(cut)
        first += cut
      }
      if (chunks.length > 4096) chunks = [Buffer.concat(chunks)]
    },
    read({ offset, limit }) {
      const from = Math.min(Math.max(offset, first), total)
      const all = chunks.length === 1 ? Buffer.from(chunks[0]!) : Buffer.concat(chunks)
      return { bytes: all.subarray(from - first, from - first + Math.max(0, limit)), offset: from, total }
    },
  }
}
