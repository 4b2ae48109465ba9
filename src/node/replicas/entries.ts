/** Reading a manifest block by block, where blocks are fetched or read when they are needed. */
import type { FileEntry, PageRef } from '../../protocols/manifest/messages.ts'
import { comparePaths } from '../../protocols/manifest/paths.ts'
import { decodePage, decodeRoot, pageOf } from '../../protocols/manifest/read.ts'
import { ArchipelError } from '../../protocols/model/errors.ts'

/** A block by its hash. @throws where there is none */
export type Block = (hash: string) => Promise<Uint8Array>

/** A file with its number in the order of the manifest. */
export interface NumberedEntry {
  entry: FileEntry
  number: number
}

/** All files of a version, page by page. @throws as `readFiles` of the manifest */
export async function* pages(version: string, block: Block): AsyncGenerator<NumberedEntry[]> {
  const root = decodeRoot(version, await block(version))
  let size = 0
  let number = 0
  let last: string | undefined
  for (const ref of root.pages) {
    const files = decodePage(ref, await block(ref.hash))
    if (last !== undefined && comparePaths(last, files[0]!.path) >= 0) throw invalid('pages overlap')
    last = files.at(-1)!.path
    size += files.reduce((sum, file) => sum + file.size, 0)
    yield files.map((entry) => ({ entry, number: number++ }))
  }
  if (size !== root.size) throw invalid('the size is not that of the files')
}

/** Some files of a version by their paths; those it does not have are left out. Only the pages needed are read. */
export async function entriesOf(
  version: string,
  block: Block,
  paths: readonly string[],
): Promise<Map<string, FileEntry>> {
  const root = decodeRoot(version, await block(version))
  const wanted = new Map<PageRef, Set<string>>()
  for (const path of paths) {
    const ref = pageOf(root, path)
    if (ref !== undefined) wanted.set(ref, (wanted.get(ref) ?? new Set()).add(path))
  }
  const found = new Map<string, FileEntry>()
  for (const [ref, names] of wanted)
    for (const entry of decodePage(ref, await block(ref.hash))) if (names.has(entry.path)) found.set(entry.path, entry)
  return found
}

function invalid(why: string): ArchipelError {
  return new ArchipelError('RECORD_INVALID', `not a valid manifest: ${why}`)
}
