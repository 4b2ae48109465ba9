/** Files that two versions have in common, taken over from the one that is here: nothing is fetched for them. */
import { constants } from 'node:fs'
import { chmod, copyFile, link, mkdir, open, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { sameBytes } from '../../protocols/manifest/diff.ts'
import type { FileEntry } from '../../protocols/manifest/messages.ts'
import { entriesOf, pages } from './entries.ts'
import { identityOf, sameIdentity } from './identity.ts'
import { matches } from './names.ts'
import type { Amount, Replica, ReplicaStore, StoredFile } from './port.ts'
import { look } from './run/loader.ts'
import type { ReplicaShelf } from './shelf.ts'

export interface ReuseComponents {
  shelf: Pick<ReplicaShelf, 'all' | 'alone' | 'block' | 'places'>
  store: Pick<ReplicaStore, 'file' | 'commit'>
}

type Wanted = Pick<Replica, 'publisher' | 'id' | 'version' | 'folder' | 'globs'>

interface Common {
  entry: FileEntry
  /** Folder of the version that has it. */
  from: string
}

/** Page by page, whole files of other versions that are here and that this one lacks. */
async function* common({ shelf, store }: ReuseComponents, wanted: Wanted): AsyncGenerator<Common[]> {
  const others = shelf
    .all()
    .filter((r) => r.publisher === wanted.publisher && r.id === wanted.id && r.folder !== wanted.folder)
    // What was only read is not said to be damaged when it is: what shares its bytes would not be looked at.
    .filter((r) => r.held.files > 0 && r.read === undefined)
  if (others.length === 0) return
  for await (const page of pages(wanted.version, shelf.block(wanted.folder))) {
    const open = new Map<string, FileEntry>()
    for (const { entry } of page)
      if (matches(wanted.globs, entry.path) && (await store.file(wanted.folder, entry.path)) === undefined)
        open.set(entry.path, entry)
    const found: Common[] = []
    for (const other of others) {
      const theirs = await entriesOf(other.version, shelf.block(other.folder), [...open.keys()])
      for (const [path, entry] of open) {
        const same = theirs.get(path)
        if (same === undefined || !sameBytes(same, entry)) continue
        const state = await store.file(other.folder, path)
        if (state === undefined || !('done' in state)) continue
        found.push({ entry, from: other.folder })
        open.delete(path)
      }
    }
    yield found
  }
}

/** What would not have to be fetched. */
export async function reusable(components: ReuseComponents, wanted: Wanted): Promise<Amount> {
  const sum = { files: 0, bytes: 0 }
  for await (const found of common(components, wanted))
    for (const { entry } of found) {
      sum.files++
      sum.bytes += entry.size
    }
  return sum
}

/**
 * Takes them over: blocks are shared where the disk can do that, else the file has two names. What cannot be taken over is
 * left to be fetched.
 *
 * @param save makes what was taken over count; called after it is durable
 */
export async function reuse(
  components: ReuseComponents,
  wanted: Wanted,
  save: (files: StoredFile[], done: Amount) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  for await (const found of common(components, wanted))
    for (const [from, files] of Map.groupBy(found, (each) => each.from)) {
      const entries = files.map(({ entry }) => entry)
      const { taken, done } = await components.shelf.alone(from, () =>
        takeOver(components, wanted, from, entries, signal),
      )
      if (taken.length > 0) await save(taken, done)
    }
}

/** For who is alone with the folder they are in. */
async function takeOver(
  { shelf, store }: ReuseComponents,
  wanted: Wanted,
  from: string,
  entries: readonly FileEntry[],
  signal: AbortSignal,
): Promise<{ taken: StoredFile[]; done: Amount }> {
  const places = shelf.places(wanted.folder)
  const taken: StoredFile[] = []
  const old: StoredFile[] = []
  const done = { files: 0, bytes: 0 }
  const folders = new Set<string>()
  for (const { path, size } of entries) {
    signal.throwIfAborted()
    const state = await store.file(from, path)
    const local = shelf.places(from).file(path)
    const seen = await look(local)
    if (state === undefined || !('done' in state) || seen === undefined || !sameIdentity(seen, state.done)) continue
    const target = places.file(path)
    const way = await take(local, target)
    if (way === undefined) continue
    const [now, then] = [await look(target), await look(local)]
    // Nobody but the island writes here; where somebody did, the file is fetched, and what is there is looked at.
    if (now === undefined || then?.ino !== seen.ino || then.mtimeNs !== seen.mtimeNs || now.size !== size) continue
    folders.add(dirname(target))
    taken.push({ folder: wanted.folder, path, state: { done: now } })
    // A second name changes what the system says of a file, and nothing of its bytes.
    if (way === 'linked') old.push({ folder: from, path, state: { done: then } })
    done.files++
    done.bytes += size
  }
  for (const folder of folders) await sync(folder)
  if (old.length > 0) await store.commit({ files: old })
  return { taken, done }
}

async function take(local: string, target: string): Promise<'shared' | 'linked' | undefined> {
  await mkdir(dirname(target), { recursive: true, mode: 0o700 })
  try {
    await copyFile(local, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE)
    await chmod(target, 0o444)
    await sync(target)
    return 'shared'
  } catch (cause) {
    // What is there already is looked at by whoever fetches.
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return undefined
  }
  await removeEmpty(target)
  return await link(local, target).then(
    () => 'linked' as const,
    () => undefined,
  )
}

/** A copy that was refused may have left a file without bytes. */
async function removeEmpty(target: string): Promise<void> {
  const info = await stat(target, { bigint: true }).catch(() => undefined)
  if (info !== undefined && identityOf(info).size === 0) await rm(target, { force: true })
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
