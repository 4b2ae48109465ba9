/** What a transfer would move, before anything moves. */
import { decodeRoot } from '../../protocols/manifest/read.ts'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { type Block, pages } from './entries.ts'
import { matches, pathCheck } from './names.ts'
import type { Amount, FileState } from './port.ts'
import { remembered } from './run/loader.ts'

export interface Counted {
  /** The version. */
  total: Amount
  /** What of it is asked for, and what of that is here already. */
  wanted: Amount
  here: Amount
}

/**
 * Reads the whole manifest, each block once, and counts.
 *
 * @param keep takes each block, the root first
 * @throws RECORD_INVALID for a manifest whose paths cannot lie beside each other; NOT_FOUND when nothing matches; as `pages`
 */
export async function count(
  request: { version: string; globs: readonly string[] },
  block: Block,
  state: (path: string) => Promise<FileState | undefined>,
  keep: (hash: string, bytes: Uint8Array) => Promise<void>,
  signal: AbortSignal,
): Promise<Counted> {
  const kept: Block = async (hash) => {
    signal.throwIfAborted()
    const bytes = await block(hash)
    await keep(hash, bytes)
    return bytes
  }
  const check = pathCheck()
  const root = decodeRoot(request.version, await block(request.version))
  const wanted = { files: 0, bytes: 0 }
  const here = { files: 0, bytes: 0 }
  for await (const page of pages(request.version, kept)) {
    for (const { entry } of page) {
      check(entry.path)
      if (!matches(request.globs, entry.path)) continue
      wanted.files++
      wanted.bytes += entry.size
      const has = remembered(entry, await state(entry.path))
      here.files += has.files
      here.bytes += has.bytes
    }
  }
  if (wanted.files === 0)
    throw new ArchipelError('NOT_FOUND', 'no file of the dataset matches', {
      hint: '`archipel files <dataset>` lists them; `**` stands for any folders, `*` for a part of a name.',
    })
  return { total: { files: root.files, bytes: root.size }, wanted, here }
}
