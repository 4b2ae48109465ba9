/** What is asked for when one publishes, and how far it is. */
import type { Provenance } from './dataset.ts'

export interface PublishRequest {
  /** Absolute path of a file or folder on the island's machine, `file:` URL of one, or place in an outside source. */
  path: string
  id?: string
  name?: string
  title?: string
  description?: string
  keywords?: string[]
  licence?: string
  creators?: { name: string; orcid?: string; affiliation?: string }[]
  aliases?: string[]
  /** A public place of the same files (http(s), S3), which is told to all islands. */
  origin?: string
  /** Overrides detection. */
  as?: 'csv' | 'parquet' | 'jsonl' | 'fits' | 'files'
  /** Given by the island itself for results of tasks; no input of people. */
  provenance?: Provenance
}

/** Words of a publisher that an update may change; all of them stay that are not given. `path`: that of before when absent. */
export interface UpdateRequest extends Partial<Omit<PublishRequest, 'id' | 'provenance'>> {
  /** Say what would change, and write nothing. */
  dryRun?: boolean
}

export interface PublishProgress {
  phase: 'scan' | 'fetch' | 'hash' | 'inspect' | 'record'
  files: { done: number; total: number }
  bytes: { done: number; total: number }
}
