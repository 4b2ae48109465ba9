import { decode } from 'cborg'
import { ArchipelError } from '../model/errors.ts'
import { encodePage, encodeRoot } from './build.ts'
import {
  blockHash,
  type FileEntry,
  FORMAT_VERSION,
  MAX_PAGE_BYTES,
  MAX_PAGE_FILES,
  MAX_PAGES,
  MAX_ROOT_BYTES,
  type PageRef,
  type Root,
  startsPage,
} from './messages.ts'
import { comparePaths, pathProblem } from './paths.ts'
import { HASH_BYTES } from './pieces.ts'

/**
 * The root of a version, from anybody's bytes.
 *
 * @throws PROTOCOL when the bytes are not those that `version` names; RECORD_INVALID when they break a rule of the format.
 */
export function decodeRoot(version: string, bytes: Uint8Array): Root {
  if (bytes.length > MAX_ROOT_BYTES) throw invalid(`a root of ${bytes.length} bytes`)
  if (blockHash(bytes) !== version)
    throw new ArchipelError('PROTOCOL', 'these bytes are not the manifest root asked for')
  return parseRoot(bytes)
}

/** As `decodeRoot`, without a name to check against. @throws RECORD_INVALID */
export function parseRoot(bytes: Uint8Array): Root {
  if (bytes.length > MAX_ROOT_BYTES) throw invalid(`a root of ${bytes.length} bytes`)
  const value = decodeMap(bytes, ['v', 'files', 'size', 'pages'])
  if (!Array.isArray(value.pages) || value.pages.length === 0 || value.pages.length > MAX_PAGES)
    throw invalid('the root has no list of pages')
  const root: Root = {
    files: natural(value.files, 'files'),
    size: natural(value.size, 'size'),
    pages: value.pages.map(pageRef),
  }
  let files = 0
  for (const [i, page] of root.pages.entries()) {
    files += page.files
    if (i === 0) continue
    const before = root.pages[i - 1]!
    if (comparePaths(before.first, page.first) >= 0) throw invalid('the pages are not sorted')
    if (!startsPage(page.first) && before.files !== MAX_PAGE_FILES) throw invalid('a page starts where none may start')
  }
  if (files !== root.files) throw invalid('the number of files is not that of the pages')
  if (!same(encodeRoot(root), bytes)) throw invalid('the encoding is not canonical')
  return root
}

/**
 * One page named by a root.
 *
 * @throws PROTOCOL when the bytes are not those that `ref` names; RECORD_INVALID when they break a rule of the format.
 */
export function decodePage(ref: PageRef, bytes: Uint8Array): FileEntry[] {
  if (bytes.length !== ref.bytes || blockHash(bytes) !== ref.hash)
    throw new ArchipelError('PROTOCOL', 'these bytes are not the manifest page asked for')
  const files = parsePage(bytes)
  if (files.length !== ref.files || files[0]!.path !== ref.first) throw invalid('the page is not what its root says')
  return files
}

/** As `decodePage`, without a root to check against. @throws RECORD_INVALID */
export function parsePage(bytes: Uint8Array): FileEntry[] {
  if (bytes.length > MAX_PAGE_BYTES) throw invalid(`a page of ${bytes.length} bytes`)
  const value = decodeMap(bytes, ['v', 'files'])
  if (!Array.isArray(value.files) || value.files.length === 0 || value.files.length > MAX_PAGE_FILES)
    throw invalid('the page has no list of files')
  const files = value.files.map(fileEntry)
  for (let i = 1; i < files.length; i++) {
    const path = files[i]!.path
    if (comparePaths(files[i - 1]!.path, path) >= 0) throw invalid('the files are not sorted, or one occurs twice')
    if (startsPage(path)) throw invalid('a page runs past the start of another')
  }
  if (!same(encodePage(files), bytes)) throw invalid('the encoding is not canonical')
  return files
}

/** Where blocks come from: a local map, a store, another island. Undefined when it has none of that name. */
export type BlockSource = (hash: string) => Uint8Array | undefined

/**
 * All files of a version, in order, page by page.
 *
 * @throws NOT_FOUND when a block is missing; PROTOCOL, RECORD_INVALID as the parts; RECORD_INVALID when pages overlap
 *   or the total size is not the root's.
 */
export function* readFiles(version: string, blocks: BlockSource): Generator<FileEntry> {
  const root = decodeRoot(version, block(blocks, version))
  let size = 0
  let last: string | undefined
  for (const ref of root.pages) {
    const files = decodePage(ref, block(blocks, ref.hash))
    if (last !== undefined && comparePaths(last, files[0]!.path) >= 0) throw invalid('pages overlap')
    last = files.at(-1)!.path
    for (const file of files) {
      size += file.size
      yield file
    }
  }
  if (size !== root.size) throw invalid('the size is not that of the files')
}

/** The page that holds `path` if any does: one binary search in the root. */
export function pageOf(root: Root, path: string): PageRef | undefined {
  let low = 0
  let high = root.pages.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (comparePaths(root.pages[middle]!.first, path) <= 0) low = middle + 1
    else high = middle
  }
  return root.pages[low - 1]
}

/** One file by its path, reading one page only. @throws as `readFiles` */
export function lookup(version: string, blocks: BlockSource, path: string): FileEntry | undefined {
  const ref = pageOf(decodeRoot(version, block(blocks, version)), path)
  if (ref === undefined) return undefined
  return decodePage(ref, block(blocks, ref.hash)).find((file) => file.path === path)
}

function block(blocks: BlockSource, hash: string): Uint8Array {
  const bytes = blocks(hash)
  if (bytes === undefined) throw new ArchipelError('NOT_FOUND', `the manifest block ${hash.slice(0, 16)}… is not here`)
  return bytes
}

function decodeMap(bytes: Uint8Array, keys: string[]): Record<string, unknown> {
  let value: unknown
  try {
    value = decode(bytes, {
      strict: true,
      allowIndefinite: false,
      allowUndefined: false,
      allowBigInt: false,
      allowNaN: false,
      allowInfinity: false,
      rejectDuplicateMapKeys: true,
    })
  } catch (error) {
    throw new ArchipelError('RECORD_INVALID', 'the manifest is not CBOR', { cause: error })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    throw invalid('it is not a map')
  const map = value as Record<string, unknown>
  if (map.v !== FORMAT_VERSION) throw invalid(`its version is not ${FORMAT_VERSION}`)
  if (Object.keys(map).length !== keys.length || !keys.every((key) => Object.hasOwn(map, key)))
    throw invalid('it has other fields')
  return map
}

function pageRef(value: unknown): PageRef {
  if (!Array.isArray(value) || value.length !== 4) throw invalid('a page entry has four parts')
  const [hash, files, bytes, first] = value as unknown[]
  const ref = {
    hash: Buffer.from(hashBytes(hash)).toString('hex'),
    files: natural(files, 'files'),
    bytes: natural(bytes, 'bytes'),
    first: checkedPath(first),
  }
  if (ref.files === 0 || ref.files > MAX_PAGE_FILES || ref.bytes > MAX_PAGE_BYTES)
    throw invalid('a page entry is out of bounds')
  return ref
}

function fileEntry(value: unknown): FileEntry {
  if (!Array.isArray(value) || value.length < 3 || value.length > 4)
    throw invalid('a file entry has three or four parts')
  const [path, size, pieces, sha256] = value as unknown[]
  const entry: FileEntry = { path: checkedPath(path), size: natural(size, 'size'), pieces: hashBytes(pieces) }
  if (value.length === 4) entry.sha256 = hashBytes(sha256)
  return entry
}

function checkedPath(value: unknown): string {
  if (typeof value !== 'string') throw invalid('a path is not text')
  const problem = pathProblem(value)
  if (problem !== undefined) throw invalid(`a path is refused: ${problem}`)
  return value
}

function natural(value: unknown, name: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || Object.is(value, -0))
    throw invalid(`${name} is not a natural number`)
  return value
}

function hashBytes(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length !== HASH_BYTES) throw invalid('a hash is not 32 bytes')
  return value
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

function invalid(why: string): ArchipelError {
  return new ArchipelError('RECORD_INVALID', `not a valid manifest: ${why}`)
}
