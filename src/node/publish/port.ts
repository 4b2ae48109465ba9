import type { DatasetBody } from '../../protocols/model/dataset.ts'
import type { Amount } from '../../protocols/model/versions.ts'
import type { PublishProgress, PublishRequest } from '../../protocols/model/views.ts'

/** A file of a published dataset as this island sees it: identity of the bytes that were hashed. */
export interface SourceFile {
  /** Path inside the dataset, `/`-separated, NFC, never absolute, never with `..`. */
  path: string
  /** Absolute local path, or the place in an outside source. Never leaves this island. */
  local: string
  size: number
  /**
   * Decimal strings of nanoseconds and the inode: what `stat` said when the bytes were hashed. Of an outside file
   * `mtimeNs` is the tag by which its service names that state of it, the others are empty.
   */
  mtimeNs: string
  ctimeNs: string
  ino: string
}

export interface Prepared {
  body: DatasetBody
  source: SourceFile[]
  /** Encoded manifest pages by their hash (hex), the root under the version. */
  manifest: Map<string, Uint8Array>
  /** What was read for it, and what was not, since it was known already. */
  hashed: Amount
  reused: Amount
}

/** What the files of a version say of themselves. */
export type Description = Pick<
  DatasetBody,
  'format' | 'rows' | 'columns' | 'dialect' | 'position' | 'timeColumn' | 'coverage' | 'headers'
>

/** What is known of an earlier version of the same dataset: it saves work, and changes no answer. */
export interface Earlier {
  /** The hash of the piece table of a file that is still the one hashed then. */
  pieces(file: SourceFile): Uint8Array | undefined
  /** What the files of that version say of themselves, where that need not be read again. */
  description(version: string): Description | undefined
}

export interface PublisherPort {
  /**
   * Hashes and describes a file or folder; writes nothing but its own resume state.
   * @throws BAD_INPUT (no such file, empty folder, not readable), UNREADABLE, BAD_ID, STALE (changed while it was read), FORBIDDEN (the island's own files), CANCELLED
   */
  prepare(
    request: PublishRequest,
    options: {
      defaultId: (name: string) => string
      earlier?: Earlier
      signal?: AbortSignal
      onProgress?: (p: PublishProgress) => void
    },
  ): Promise<{ id: string } & Prepared>
  /**
   * 'same' when every file is still the one hashed; re-hashes where only times changed. `source` may be refreshed by it.
   * `unsure`: it is there, or its folder is, but cannot be read just now, so nobody knows.
   */
  check(
    source: SourceFile[],
    manifest: Map<string, Uint8Array>,
    version: string,
    options?: { signal?: AbortSignal },
  ): Promise<{ state: 'same'; source: SourceFile[] } | { state: 'changed'; path: string; unsure?: true }>
  /** The SHA-256 of each piece of a file, read whole on the thread pool. @throws STALE, UNREADABLE, CANCELLED */
  pieceTable(
    file: SourceFile,
    options?: { signal?: AbortSignal; onBytes?: (bytes: number) => void },
  ): Promise<Uint8Array>
}
