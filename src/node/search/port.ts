import type { DatasetBody } from '../../protocols/model/dataset.ts'
import type { DatasetFilter } from '../../protocols/model/views.ts'

/** A claim `(publisher, id)`: what the index is keyed by. */
export interface ClaimKey {
  publisher: string
  id: string
}

export interface SearchEntry extends ClaimKey {
  body: DatasetBody
  /** Milliseconds since 1970 of the record. */
  recordedAt: number
  /** Island ids that hold a replica. */
  holders: string[]
}

/** A derived index over dataset records: may be deleted at any time and is then filled again. */
export interface SearchPort {
  putMany(entries: SearchEntry[]): void
  remove(key: ClaimKey): void
  removePublisher(publisher: string): void
  setHolders(key: ClaimKey, holders: string[]): void
  /** What the index holds, so that it can be compared with the catalog at start. */
  versions(): (ClaimKey & { recordedAt: number })[]
  /** `filter.island` is an island id: publisher or holder. Ranked; a page. @throws BAD_INPUT for a broken cursor */
  search(filter: DatasetFilter): { items: ClaimKey[]; total: number; next?: string }
  /** Claims whose id or one of whose aliases is this (normalised). */
  byId(id: string): (ClaimKey & { body: DatasetBody })[]
  byName(name: string): (ClaimKey & { body: DatasetBody })[]
  count(): number
  /** Marks the index as broken: it is filled anew at the next start. */
  invalidate(): void
  close(): void
}
