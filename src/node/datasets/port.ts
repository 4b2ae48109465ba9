import type { DatasetBody, ReplicaBody } from '../../protocols/model/dataset.ts'
import type { SourceFile } from '../publish/port.ts'

/** What this island remembers of a dataset it publishes: where the bytes are. Never leaves the island. */
export interface Publication {
  id: string
  version: string
  source: SourceFile[]
  /** Whether the files were the published ones when they were last looked at. */
  state: 'available' | 'stale'
  /** The path that was published; unknown of what earlier releases published. */
  root?: string
  /** Earlier versions whose manifests are kept, the newest first. */
  previous?: string[]
}

/** Durable; one writer. */
export interface PublicationStore {
  get(id: string): Promise<Publication | undefined>
  /** The publication and the pages of its manifest, in one batch. Pages of no version that it names go. */
  put(publication: Publication, manifest?: Map<string, Uint8Array>): Promise<void>
  delete(id: string): Promise<void>
  ids(): Promise<string[]>
  /** The blocks of the manifest of a version, by hash; those that are not here are left out. */
  manifest(id: string, version: string): Promise<Map<string, Uint8Array>>
  /** One of them. */
  block(id: string, hash: string): Promise<Uint8Array | undefined>
}

/** One record to write into the own log. */
export interface OwnRecord {
  kind: 'dataset' | 'replica'
  id: string
  /** Absent: a withdrawal. */
  body?: DatasetBody | ReplicaBody
}
