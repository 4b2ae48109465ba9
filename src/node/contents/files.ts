import type { FileEntry, Root } from '../../protocols/manifest/messages.ts'
import { comparePaths } from '../../protocols/manifest/paths.ts'
import { decodePage, decodeRoot, pageOf } from '../../protocols/manifest/read.ts'
import { readCursor, writeCursor } from '../../protocols/model/paging.ts'
import type { FilePage, FileView } from '../../protocols/model/views.ts'
import { mediaTypeOf } from './media-type.ts'

/** A block of a manifest by its hash. @throws where there is none */
export type Block = (hash: string) => Promise<Uint8Array>

export const DEFAULT_FILES = 100
export const MAX_FILES = 1000

function viewOf({ path, size, pieces, sha256 }: FileEntry): FileView {
  return {
    path,
    bytes: size,
    mediaType: mediaTypeOf(path),
    pieces: Buffer.from(pieces).toString('hex'),
    ...(sha256 === undefined ? {} : { sha256: Buffer.from(sha256).toString('hex') }),
  }
}

/** The number of the page where files after `path` begin. */
function startOf(root: Root, path: string | undefined): number {
  const ref = path === undefined ? undefined : pageOf(root, path)
  return ref === undefined ? 0 : root.pages.indexOf(ref)
}

/**
 * A page of the files of a version, in the order of their paths. Only the blocks that it needs are read.
 * @throws BAD_INPUT for a cursor that is none; PROTOCOL, RECORD_INVALID for blocks that are not those of the version
 */
export async function listFiles(
  version: string,
  block: Block,
  { limit = DEFAULT_FILES, cursor }: { limit?: number | undefined; cursor?: string | undefined },
): Promise<FilePage> {
  const after = cursor === undefined ? undefined : readCursor(cursor, 1, 'files')[0]
  const root = decodeRoot(version, await block(version))
  const most = Math.min(Math.max(1, limit), MAX_FILES)
  const items: FileView[] = []
  for (const ref of root.pages.slice(startOf(root, after))) {
    for (const file of decodePage(ref, await block(ref.hash))) {
      if (after !== undefined && comparePaths(file.path, after) <= 0) continue
      if (items.length === most) return { items, total: root.files, version, next: writeCursor([items.at(-1)!.path]) }
      items.push(viewOf(file))
    }
  }
  return { items, total: root.files, version }
}
