import type { FileChange, VersionChanges } from '../model/versions.ts'
import type { FileEntry, PageRef, Root } from './messages.ts'
import { comparePaths } from './paths.ts'

/** The files of a page that a root names. */
export type PageReader = (ref: PageRef) => FileEntry[] | Promise<FileEntry[]>

export interface EntryChange {
  before?: FileEntry
  after?: FileEntry
}

/**
 * Files that differ between two versions, in the order of their paths. Pages that both have are not read: a page is named by
 * its content. Files of equal bytes are equal, whatever else is stated of them.
 */
export async function* differences(before: Root, after: Root, read: PageReader): AsyncGenerator<EntryChange> {
  const old = files(before, after, read)
  const young = files(after, before, read)
  let a = await old.next()
  let b = await young.next()
  while (!a.done || !b.done) {
    const order = a.done ? 1 : b.done ? -1 : comparePaths(a.value.path, b.value.path)
    if (order < 0) yield { before: a.value! }
    else if (order > 0) yield { after: b.value! }
    else if (!sameBytes(a.value!, b.value!)) yield { before: a.value!, after: b.value! }
    if (order <= 0) a = await old.next()
    if (order >= 0) b = await young.next()
  }
}

/** The files of pages that the other does not have. */
async function* files(of: Root, other: Root, read: PageReader): AsyncGenerator<FileEntry, undefined> {
  const shared = new Set(other.pages.map((page) => page.hash))
  for (const page of of.pages) if (!shared.has(page.hash)) yield* await read(page)
  return undefined
}

export function sameBytes(a: FileEntry, b: FileEntry): boolean {
  return a.size === b.size && Buffer.compare(a.pieces, b.pieces) === 0
}

/** One difference as it is shown. */
export function fileChange({ before, after }: EntryChange): FileChange {
  return {
    path: (after ?? before)!.path,
    change: before === undefined ? 'added' : after === undefined ? 'removed' : 'changed',
    ...(before === undefined ? {} : { bytesBefore: before.size }),
    ...(after === undefined ? {} : { bytesAfter: after.size }),
  }
}

/** Adds one to the sums. */
export function addChange(sums: VersionChanges, { change, bytesBefore = 0, bytesAfter = 0 }: FileChange): void {
  sums[change].files++
  sums[change].bytes += change === 'removed' ? bytesBefore : bytesAfter
}

export function noChanges(): VersionChanges {
  return { added: { files: 0, bytes: 0 }, changed: { files: 0, bytes: 0 }, removed: { files: 0, bytes: 0 } }
}
