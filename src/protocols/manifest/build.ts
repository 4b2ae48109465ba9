import { encode, rfc8949EncodeOptions } from 'cborg'
import { ArchipelError } from '../model/errors.ts'
import {
  blockHash,
  type FileEntry,
  FORMAT_VERSION,
  MAX_PAGE_FILES,
  MAX_PAGES,
  type Manifest,
  type PageRef,
  type Root,
  startsPage,
} from './messages.ts'
import { comparePaths, pathProblem } from './paths.ts'
import { HASH_BYTES } from './pieces.ts'

/**
 * The manifest of a set of files, in any order. Equal sets give equal bytes.
 *
 * @throws BAD_INPUT no file, a path or size or hash that breaks the rules, or a path that occurs twice; TOO_LARGE
 *   more than 16,384 pages (about 16 million files) or more than 2^53 - 1 bytes.
 */
export function buildManifest(files: Iterable<FileEntry>): Manifest {
  const sorted = [...files].sort((a, b) => comparePaths(a.path, b.path))
  if (sorted.length === 0) throw new ArchipelError('BAD_INPUT', 'a dataset needs at least one file')
  let size = 0
  for (const [i, file] of sorted.entries()) {
    checkEntry(file)
    if (i > 0 && sorted[i - 1]!.path === file.path)
      throw new ArchipelError('BAD_INPUT', `two files have the path ${JSON.stringify(file.path)}`)
    size += file.size
  }
  if (!Number.isSafeInteger(size)) throw new ArchipelError('TOO_LARGE', 'a dataset has at most 2^53 - 1 bytes')

  const blocks = new Map<string, Uint8Array>()
  const pages: PageRef[] = []
  for (const page of cut(sorted)) {
    const bytes = encodePage(page)
    const hash = blockHash(bytes)
    blocks.set(hash, bytes)
    pages.push({ hash, files: page.length, bytes: bytes.length, first: page[0]!.path })
  }
  if (pages.length > MAX_PAGES)
    throw new ArchipelError('TOO_LARGE', `a dataset has at most ${MAX_PAGES} manifest pages`)
  const root: Root = { files: sorted.length, size, pages }
  const bytes = encodeRoot(root)
  const version = blockHash(bytes)
  blocks.set(version, bytes)
  return { version, root, blocks }
}

export function encodePage(files: FileEntry[]): Uint8Array {
  const entries = files.map((f) =>
    f.sha256 === undefined ? [f.path, f.size, f.pieces] : [f.path, f.size, f.pieces, f.sha256],
  )
  return encode({ v: FORMAT_VERSION, files: entries }, rfc8949EncodeOptions)
}

export function encodeRoot(root: Root): Uint8Array {
  const pages = root.pages.map((p) => [Buffer.from(p.hash, 'hex'), p.files, p.bytes, p.first])
  return encode({ v: FORMAT_VERSION, files: root.files, size: root.size, pages }, rfc8949EncodeOptions)
}

function* cut(sorted: FileEntry[]): Generator<FileEntry[]> {
  let page: FileEntry[] = []
  for (const file of sorted) {
    if (page.length > 0 && (page.length >= MAX_PAGE_FILES || startsPage(file.path))) {
      yield page
      page = []
    }
    page.push(file)
  }
  yield page
}

function checkEntry(file: FileEntry): void {
  const problem = pathProblem(file.path)
  if (problem !== undefined)
    throw new ArchipelError(
      'BAD_INPUT',
      `not a path inside a dataset: ${JSON.stringify(file.path.slice(0, 200))}: ${problem}`,
    )
  if (!Number.isSafeInteger(file.size) || file.size < 0)
    throw new ArchipelError('BAD_INPUT', `not a file size: ${file.size}`)
  if (file.pieces.length !== HASH_BYTES || (file.sha256 !== undefined && file.sha256.length !== HASH_BYTES)) {
    throw new ArchipelError('BAD_INPUT', `a hash of ${JSON.stringify(file.path)} is not ${HASH_BYTES} bytes`)
  }
}
