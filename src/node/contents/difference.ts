import { addChange, differences, fileChange, noChanges } from '../../protocols/manifest/diff.ts'
import { comparePaths } from '../../protocols/manifest/paths.ts'
import { decodePage, decodeRoot } from '../../protocols/manifest/read.ts'
import { readCursor, writeCursor } from '../../protocols/model/paging.ts'
import type { FileChange, VersionDiff } from '../../protocols/model/versions.ts'
import { type Block, DEFAULT_FILES, MAX_FILES } from './files.ts'

export interface SideOfDiff {
  version: string
  block: Block
}

/**
 * What differs between two versions: the sums over all files, and a page of these. Pages of the manifests that both have
 * are not read.
 *
 * @throws BAD_INPUT for a cursor that is none; NO_HOLDER; PROTOCOL, RECORD_INVALID for blocks that are not those of the versions
 */
export async function diffVersions(
  from: SideOfDiff,
  to: SideOfDiff,
  { limit = DEFAULT_FILES, cursor }: { limit?: number | undefined; cursor?: string | undefined },
): Promise<Pick<VersionDiff, 'same' | 'changes' | 'items' | 'next'>> {
  const after = cursor === undefined ? undefined : readCursor(cursor, 1, 'files')[0]
  const most = Math.min(Math.max(1, limit), MAX_FILES)
  const before = decodeRoot(from.version, await from.block(from.version))
  const now = decodeRoot(to.version, await to.block(to.version))
  const olds = new Set(before.pages.map((page) => page.hash))
  const changes = noChanges()
  const items: FileChange[] = []
  let more = false
  const read = async (ref: (typeof now.pages)[number]) =>
    decodePage(ref, await (olds.has(ref.hash) ? from : to).block(ref.hash))
  for await (const each of differences(before, now, read)) {
    const change = fileChange(each)
    addChange(changes, change)
    if (after !== undefined && comparePaths(change.path, after) <= 0) continue
    if (items.length < most) items.push(change)
    else more = true
  }
  const same = changes.added.files + changes.changed.files + changes.removed.files === 0
  return { same, changes, items, ...(more ? { next: writeCursor([items.at(-1)!.path]) } : {}) }
}
