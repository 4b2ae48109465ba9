import type { DatasetBody } from '../../protocols/model/dataset.ts'
import type { ErrorInfo } from '../../protocols/model/errors.ts'
import type { ReplicaMode } from '../../protocols/model/replica.ts'
import type { EvictedReplica, TransferPriority, TransferState } from '../../protocols/model/transfer.ts'
import type { Amount } from '../../protocols/model/versions.ts'
import type { Identity } from './identity.ts'

export type { Amount }

/** A version of another island's dataset, or a part of it, that is here. */
export interface Replica {
  /** Its name among the folders of replicas: made from publisher, id and version. */
  folder: string
  id: string
  publisher: string
  version: string
  /** Short name, where the catalog had it. */
  name: string
  state: 'requested' | 'transferring' | 'verifying' | 'available' | 'partial' | 'failed'
  /** The version as a whole, and the files of it that are here. */
  total: Amount
  held: Amount
  /** Bytes that are here of files that are not whole. */
  parts?: number
  /** SHA-256, hex, over the bits of the files held, in the order of the manifest; of a part only. */
  heldHash?: string
  /** What was asked for; empty: all of it. */
  globs: string[]
  /** Nobody asked for it: it is here since somebody read in it. */
  read?: true
  /** As published, where the catalog had it: what work needs to read the files. */
  body?: DatasetBody
  /** Milliseconds since 1970. */
  added: number
  /** Files that were found bad, taken out of the way, and are to be fetched again. */
  damaged?: number
  /** When all files had been read anew, in milliseconds since 1970, and the number in the manifest to go on with. */
  scrubbed?: number
  scrubAt?: number
  /** The same, of the last time that work or another island read it. */
  used?: number
  /**
   * `follow`: when the publisher has a new version, that is fetched and takes its place. `pin`: no other version takes its
   * place. Absent: it stays until somebody fetches another version.
   */
  mode?: ReplicaMode
  /** What asked for it, where that was no person: `rule <id>`, `subscription <id>`, ... */
  by?: string
  /** Bytes of it that lie in another version's folder, too. */
  shared?: number
}

/** One asking for a replica. Durable. */
export interface Transfer {
  id: string
  dataset: string
  name: string
  publisher: string
  version: string
  folder: string
  globs: string[]
  /** Folder on the machine of this island where the files shall be, too. */
  to?: string
  user: string
  priority: TransferPriority
  state: TransferState
  /** What it is about, and what of it is here, verified and durable. */
  wanted: Amount
  done: Amount
  /** Why it does not go on, or ended. */
  problem?: ErrorInfo
  /** Replicas that made room for it. */
  evicted?: EvictedReplica[]
  created: number
  updated: number
  ended?: number
  /** By island: bytes that counted, and files for which it is not asked any more since a piece was bad. */
  sources: Record<string, { bytes: number; bad: number }>
}

/** A file of a replica: whole and in its place, or the pieces of it that are verified and durable. */
export type FileState = { done: Identity } | { pieces: Uint8Array }

/** After files became what they are now, by which so much more of it is here. */
export function grown(replica: Replica, files: readonly StoredFile[], done: Amount): Replica {
  const sizes = files.flatMap((f) => (f.state !== null && 'done' in f.state ? f.state.done.size : []))
  // A file found here again counts as none; one that is given up counts as what it had.
  const bytes = done.files > 0 ? sizes.reduce((sum, size) => sum + size, 0) : done.files < 0 ? done.bytes : 0
  const held = { files: replica.held.files + done.files, bytes: replica.held.bytes + bytes }
  return { ...replica, held, parts: Math.max(0, (replica.parts ?? 0) + done.bytes - bytes) }
}

export interface StoredFile {
  folder: string
  path: string
  /** Null: nothing of it is here any more. */
  state: FileState | null
}

/** Durable; one writer. */
export interface ReplicaStore {
  replicas(): Promise<Replica[]>
  transfers(): Promise<Transfer[]>
  file(folder: string, path: string): Promise<FileState | undefined>
  /** In the order of paths. */
  files(folder: string): AsyncIterable<[path: string, state: FileState]>
  block(folder: string, hash: string): Promise<Uint8Array | undefined>
  /** All or nothing, durable when it resolves. @throws DISK_FULL */
  commit(changes: {
    replica?: Replica
    transfer?: Transfer
    files?: StoredFile[]
    blocks?: { folder: string; hash: string; bytes: Uint8Array }[]
  }): Promise<void>
  /** Everything about a folder. */
  forget(folder: string): Promise<void>
  forgetTransfer(id: string): Promise<void>
  table(hash: string): Promise<Uint8Array | undefined>
  putTable(hash: string, table: Uint8Array): Promise<void>
}
