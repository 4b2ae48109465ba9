import type { DatasetBody } from '../../protocols/model/dataset.ts'
import type { PublishProgress, PublishRequest } from '../../protocols/model/views.ts'

/** A file of a published dataset as this island sees it: identity of the bytes that were hashed. */
export interface SourceFile {
  /** Path inside the dataset, `/`-separated, NFC, never absolute, never with `..`. */
  path: string
  /** Absolute local path. Never leaves this island. */
  local: string
  size: number
  /** Decimal strings of nanoseconds and the inode: what `stat` said when the bytes were hashed. */
  mtimeNs: string
  ctimeNs: string
  ino: string
}

export interface Prepared {
  body: DatasetBody
  source: SourceFile[]
  /** Encoded manifest pages by their hash (hex), the root under the version. */
  manifest: Map<string, Uint8Array>
}

export interface PublisherPort {
  /**
   * Hashes and describes a file or folder; writes nothing but its own resume state.
   * @throws BAD_INPUT (no such file, empty folder, not readable), UNREADABLE, BAD_ID, STALE (changed while it was read), FORBIDDEN (the island's own files), CANCELLED
   */
  prepare(
    request: PublishRequest,
    options: { defaultId: (name: string) => string; signal?: AbortSignal; onProgress?: (p: PublishProgress) => void },
  ): Promise<{ id: string } & Prepared>
  /** 'same' when every file is still the one hashed; re-hashes where only times changed. `source` may be refreshed by it. */
  check(
    source: SourceFile[],
    manifest: Map<string, Uint8Array>,
    version: string,
    options?: { signal?: AbortSignal },
  ): Promise<{ state: 'same'; source: SourceFile[] } | { state: 'changed'; path: string }>
  /** The SHA-256 of each piece of a file, read whole on the thread pool. @throws STALE, UNREADABLE, CANCELLED */
  pieceTable(
    file: SourceFile,
    options?: { signal?: AbortSignal; onBytes?: (bytes: number) => void },
  ): Promise<Uint8Array>
}
