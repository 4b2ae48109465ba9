/** From the manifest to work: files that are not here yet, page by page, so that a large version needs little memory. */
import { mkdir, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { FileEntry } from '../../../protocols/manifest/messages.ts'
import { pieceCount, pieceRange, pieceTableHash } from '../../../protocols/manifest/pieces.ts'
import { hasBit } from '../../../protocols/transfer/messages.ts'
import type { SourceFile } from '../../publish/port.ts'
import type { NumberedEntry } from '../entries.ts'
import { type Identity, identityOf, sameIdentity } from '../identity.ts'
import { matches, type Places } from '../names.ts'
import type { Amount, FileState, StoredFile } from '../port.ts'
import { type FileWork, fileWork, type Work } from './work.ts'
import type { Writer } from './writer.ts'

export interface LoaderComponents {
  folder: string
  places: Places
  globs: readonly string[]
  pages: AsyncGenerator<NumberedEntry[]>
  state(path: string): Promise<FileState | undefined>
  pieceTable(file: SourceFile): Promise<Uint8Array>
  save(files: StoredFile[], done: Amount): Promise<void>
  work: Work
  writer: Writer
}

/** Pieces that are ready to be asked for; below, the next page is read. */
const AHEAD_PIECES = 4096

/** @returns says whether there was more; one page at a time whoever asks */
export function loader(components: LoaderComponents): () => Promise<boolean> {
  const { folder, places, work } = components
  let loading: Promise<boolean> | undefined
  let ended = false

  async function load(): Promise<boolean> {
    const page = await components.pages.next()
    if (page.done === true) {
      ended = true
      return false
    }
    const files: FileWork[] = []
    const empty: FileWork[] = []
    for (const { entry, number } of page.value) {
      if (!matches(components.globs, entry.path)) continue
      const state = await standing(entry)
      if (state === 'whole') continue
      const file = fileWork(entry, number, state)
      if (entry.size === 0) empty.push(file)
      else files.push(file)
    }
    await components.writer.empty(empty)
    work.add(files)
    return true
  }

  /** What of a file is really here. What is remembered of it, and what a crash in between left, is looked at. */
  async function standing(entry: FileEntry): Promise<'whole' | Uint8Array | undefined> {
    const state = await components.state(entry.path)
    const local = places.file(entry.path)
    const seen = await look(local)
    if (state !== undefined && 'done' in state && seen !== undefined && sameIdentity(state.done, seen)) return 'whole'
    const before = remembered(entry, state)
    if (seen !== undefined) {
      if (await sameBytes(entry, local, seen)) {
        const more = { files: before.files === 0 ? 1 : 0, bytes: entry.size - before.bytes }
        await components.save([{ folder, path: entry.path, state: { done: seen } }], more)
        return 'whole'
      }
      await setAside(places, local)
    }
    if (state !== undefined && 'pieces' in state && (await partHolds(places, entry, state.pieces))) return state.pieces
    if (state !== undefined)
      await components.save([{ folder, path: entry.path, state: null }], {
        files: -before.files,
        bytes: -before.bytes,
      })
    return undefined
  }

  async function sameBytes(entry: FileEntry, local: string, seen: Identity): Promise<boolean> {
    if (seen.size !== entry.size) return false
    const table = await components.pieceTable({ path: entry.path, local, ...seen }).catch(() => undefined)
    return table !== undefined && Buffer.compare(pieceTableHash(entry.size, table), entry.pieces) === 0
  }

  return async () => {
    if (ended) return false
    if (work.wanted() >= AHEAD_PIECES) return false
    loading ??= load().finally(() => {
      loading = undefined
    })
    return await loading
  }
}

/** Whether the file of its pieces can have them. */
export async function partHolds(places: Places, entry: FileEntry, pieces: Uint8Array): Promise<boolean> {
  let end = 0
  for (let i = 0; i < pieceCount(entry.size); i++) {
    const { offset, length } = pieceRange(entry.size, i)
    if (hasBit(pieces, i)) end = offset + length
  }
  const seen = await look(places.part(entry.path))
  return seen !== undefined && seen.size >= end && seen.size <= entry.size
}

/** What is counted of a file as being here. */
export function remembered({ size }: FileEntry, state: FileState | undefined): Amount {
  if (state === undefined) return { files: 0, bytes: 0 }
  if ('done' in state) return { files: 1, bytes: size }
  let bytes = 0
  for (let i = 0; i < pieceCount(size); i++) if (hasBit(state.pieces, i)) bytes += pieceRange(size, i).length
  return { files: 0, bytes }
}

/** Undefined where no plain file is. */
export async function look(path: string): Promise<Identity | undefined> {
  const info = await stat(path, { bigint: true }).catch(() => undefined)
  return info?.isFile() ? identityOf(info) : undefined
}

/** A file that is not what it should be goes out of the way, for whoever wants to look at it. */
export async function setAside({ bad }: Places, local: string): Promise<void> {
  await mkdir(bad, { recursive: true, mode: 0o700 })
  await rename(local, join(bad, `${Date.now()}-${local.slice(local.lastIndexOf('/') + 1)}`.slice(0, 200)))
}
