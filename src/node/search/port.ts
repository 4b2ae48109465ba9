import type { DatasetBody } from '../../protocols/model/dataset.ts'
import type { DatasetFilter } from '../../protocols/model/views.ts'

/** Names one claim of the catalog. */
export interface ClaimKey {
  publisher: string
  id: string
}

/** What is put into the index. */
export interface IndexEntry extends ClaimKey {
  body: DatasetBody
  /** Milliseconds since 1970 of the record. */
  recordedAt: number
  /** Island ids. */
  holders?: string[]
}

/** What the index keeps of a claim besides what it searches. */
export interface IndexedClaim extends ClaimKey {
  body: Pick<DatasetBody, 'name' | 'version' | 'aliases'>
  recordedAt: number
}

export interface SearchResult {
  /** Best first: by words where there are any, else the newest first. */
  items: ClaimKey[]
  /** Claims that match, on all pages. */
  total: number
  /** Cursor of the page after; none on the last. */
  next?: string
}

/** A change to the index, in the order in which the catalog told of it. */
export type IndexChange =
  | { type: 'put'; entries: IndexEntry[] }
  | { type: 'remove'; key: ClaimKey }
  | { type: 'removePublisher'; publisher: string }
  | { type: 'holders'; key: ClaimKey; islands: string[] }

/** What the thread that writes says after each message. */
export interface WriterReply {
  written: number
  /** Why it ends. */
  failed?: string
}

export interface SearchPort {
  /**
   * Whether the index was begun anew (first start, another schema, broken file, `invalidate`) and not yet filled:
   * until `rebuilt()` says so.
   */
  readonly needsRebuild: boolean
  rebuilt(): void
  /** Begins anew: drops everything. */
  invalidate(): void

  put(entry: IndexEntry): void
  /** In a few transactions. An entry replaces the one of its key; its holders stay when it names none. */
  putMany(entries: IndexEntry[]): void
  remove(key: ClaimKey): void
  removePublisher(publisher: string): void
  /** Nothing happens when the claim is not in the index. */
  setHolders(key: ClaimKey, islands: string[]): void

  /**
   * Follows the catalog: a few changes at once, many by a thread of their own, and whatever comes while that one works
   * after it. A failure of the thread is told to `onBehind`: the index then has to be compared. @throws as the single calls
   */
  follow(changes: IndexChange[]): void
  onBehind(listener: () => void): void
  /** When everything that was to be followed is in the index. */
  settled(): Promise<void>

  /**
   * `filter.island` is an island id; names are the caller's to resolve. Keywords all have to be there.
   *
   * @throws BAD_INPUT a limit, size, cone or cursor out of range, or a cursor of another search
   */
  search(filter: DatasetFilter): SearchResult
  /** Claims with this id, then claims that give it as an alias. The id has to be normalised. */
  byId(id: string): IndexedClaim[]
  /** Claims with this short name: as written where there is one, else without regard to case. */
  byName(name: string): IndexedClaim[]
  /** Every claim with the time of its record. */
  versions(): (ClaimKey & { recordedAt: number })[]
  count(): number
  /** Claims of each publisher. */
  countByPublisher(): Map<string, number>
  close(): Promise<void>
}
