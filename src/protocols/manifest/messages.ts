import { hash } from 'node:crypto'

/** One file of a version. */
export interface FileEntry {
  path: string
  /** Bytes. */
  size: number
  /** SHA-256 of the piece table, 32 bytes. */
  pieces: Uint8Array
  /**
   * SHA-256 of the whole file, where a source states it. It is part of the version; what archipel hashes itself
   * leaves it out, so that equal files give equal versions.
   */
  sha256?: Uint8Array
}

/** A page as the root names it. */
export interface PageRef {
  /** SHA-256 of the page's bytes, hex. */
  hash: string
  /** Files in it and bytes of the encoded page. */
  files: number
  bytes: number
  /** Its first path; pages are sorted by it. */
  first: string
}

export interface Root {
  /** Totals over all pages. */
  files: number
  size: number
  pages: PageRef[]
}

export interface Manifest {
  /** SHA-256 of the root's bytes, hex. */
  version: string
  root: Root
  /** Encoded root and pages by hash (hex). */
  blocks: Map<string, Uint8Array>
}

export const FORMAT_VERSION = 1
/** One path in so many starts a page. */
export const PAGE_MEAN_FILES = 1024
/** A page that found no boundary is cut here: keeps a page below 5 MiB. */
export const MAX_PAGE_FILES = 4096
export const MAX_PAGE_BYTES = 5 * 1024 * 1024
export const MAX_PAGES = 16_384
export const MAX_ROOT_BYTES = 18 * 1024 * 1024

/** Whether a path starts a page wherever it occurs: decided by its hash alone, so that neighbours do not matter. */
export function startsPage(path: string): boolean {
  return hash('sha256', `archipel page\0${path}`, 'buffer').readUInt32BE(0) % PAGE_MEAN_FILES === 0
}

/** SHA-256, hex: the name of a block. */
export function blockHash(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'hex')
}
