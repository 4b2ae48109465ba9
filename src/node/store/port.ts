import type { LogStore } from '../catalog/port.ts'
import type { BucketName } from './buckets.ts'

/** The buckets that parts other than the catalog may use. */
export type OpenBucket = Exclude<BucketName, 'meta' | 'logs' | 'records' | 'current' | 'facts' | 'orphans'>

export interface RangeOptions {
  /** Keys from here, and below there. */
  from?: string
  below?: string
  /** Last key first. */
  reverse?: boolean
  limit?: number
}

/** Text keys in the order of their bytes; values as text. */
export interface Bucket {
  get(key: string): Promise<string | undefined>
  /** Durable when it resolves. */
  put(key: string, value: string): Promise<void>
  delete(key: string): Promise<void>
  entries(options?: RangeOptions): AsyncIterable<[key: string, value: string]>
  /** Bytes instead of text, in the same bucket. */
  getBytes(key: string): Promise<Uint8Array | undefined>
  entriesBytes(options?: RangeOptions): AsyncIterable<[key: string, value: Uint8Array]>
}

export type BucketChange = { bucket: OpenBucket; key: string; value: string | Uint8Array | null }

export interface StorePort {
  readonly logs: LogStore
  bucket(name: OpenBucket): Bucket
  /** Over any buckets, all or nothing, durable when it resolves; null deletes. @throws DISK_FULL, DATA_DIR_BROKEN */
  batch(changes: BucketChange[]): Promise<void>
  close(): Promise<void>
}
