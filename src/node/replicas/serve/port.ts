import type { SourceFile } from '../../publish/port.ts'

export interface Pinned {
  dataset: string
  version: string
}

/** What this island holds of a version. */
export interface HeldVersion {
  /** Files that the version has. */
  files: number
  /** Which of them are held, in the order of the manifest; absent when all are. */
  bits?: Uint8Array
  file(path: string): SourceFile | undefined
}

/** The files of this island that others may fetch: of its own datasets and of replicas. */
export interface HeldFiles {
  /** Undefined when nothing is held of it. Remembered for a while: each file is looked at anyway when it is read. */
  open(pinned: Pinned): Promise<HeldVersion | undefined>
  /** One whole file of it, without opening all of a replica. */
  file(pinned: Pinned, path: string): Promise<SourceFile | undefined>
  /** Looks at the files of a version anew, after one was not what it should be. */
  look(pinned: Pinned): Promise<void>
  /** After what this island holds became something else. */
  forget(): void
  /** The piece table of a file, hashed when it is not known. @throws NOT_FOUND, STALE */
  table(pinned: Pinned, path: string): Promise<Uint8Array>
}
