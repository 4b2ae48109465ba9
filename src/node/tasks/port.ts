import type { BoundDataset } from '../engines/port.ts'

/** Local data for an attempt, looked at just now. */
export interface DataBinder {
  /**
   * The datasets of an attempt as files of this island.
   * @throws DATASET_NOT_FOUND (not held here), STALE (version or files changed)
   */
  bind(
    tables: { table: string; id: string; publisher: string; version: string }[],
    options?: { signal?: AbortSignal },
  ): Promise<BoundDataset[]>
  /** Looks at the same files again after the work. @throws STALE when one changed meanwhile */
  recheck(tables: { id: string; publisher: string }[]): Promise<void>
}
