import type { SourceFile } from '../publish/port.ts'

/** What this island remembers of a dataset it publishes: where the bytes are. Never leaves the island. */
export interface Publication {
  id: string
  version: string
  source: SourceFile[]
  /** Whether the files were the published ones when they were last looked at. */
  state: 'available' | 'stale'
}

/** Durable; one writer. */
export interface PublicationStore {
  get(id: string): Promise<Publication | undefined>
  /** The publication and the pages of its manifest, in one batch. */
  put(publication: Publication, manifest?: Map<string, Uint8Array>): Promise<void>
  delete(id: string): Promise<void>
  ids(): Promise<string[]>
  /** Pages of the manifest of a version, by hash. */
  manifest(id: string): Promise<Map<string, Uint8Array>>
  /** One of them. */
  block(id: string, hash: string): Promise<Uint8Array | undefined>
}
