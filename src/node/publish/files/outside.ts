/** Files of outside sources on their way to a dataset. */
import { fileURLToPath } from 'node:url'
import { comparePaths } from '../../../protocols/manifest/paths.ts'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import type { PublishRequest } from '../../../protocols/model/views.ts'
import type { OutsidePort } from '../../outside/outside.ts'
import type { SourceFile } from '../port.ts'
import { changed } from './hash.ts'
import { checkedPath, isSkipped, MAX_FILES, refuseDoubles, sourceFileAt } from './scan.ts'

export type Outside = Pick<OutsidePort, 'isOutside' | 'publicPlace' | 'list' | 'look' | 'hash' | 'copies' | 'fits'>

export interface Amount {
  files: number
  bytes: number
}

export interface GatherOptions {
  signal?: AbortSignal
  maxFiles?: number
  onFiles: (count: number) => void
  onCopied: (done: Amount, total: Amount) => void
}

export interface Gathered {
  /** What is hashed: local copies, or, of what is too large for these, the files where they are. */
  files: SourceFile[]
  /** The files where they are, in the same order. */
  source: SourceFile[]
  /** Whether `files` are local, so that they can be described. */
  local: boolean
}

const NEVER = new AbortController().signal

/** `file:///data/stars.csv` is `/data/stars.csv`. @throws BAD_INPUT */
export function localPath(path: string): string {
  if (!/^file:/i.test(path)) return path
  try {
    return fileURLToPath(path)
  } catch (cause) {
    throw new ArchipelError('BAD_INPUT', 'that is not the URL of a file on this machine', { cause })
  }
}

/**
 * The files of a place in an outside source, copied here where they are to be described and there is room for it.
 *
 * @throws as `OutsidePort.list`; BAD_INPUT nothing there, names that no dataset can have; QUOTA_EXCEEDED where a format
 *   is asked for that needs copies
 */
export async function gather(
  outside: Outside,
  { path, as }: Pick<PublishRequest, 'path' | 'as'>,
  { signal = NEVER, maxFiles = MAX_FILES, onFiles, onCopied }: GatherOptions,
): Promise<Gathered> {
  const source: SourceFile[] = []
  for await (const { path: name, url, size, tag } of outside.list(path, signal)) {
    signal.throwIfAborted()
    if (name.split('/').some(isSkipped)) continue
    // The place and the tag stand where path and time of a local file do.
    source.push({ path: checkedPath(name), local: url, size, mtimeNs: tag, ctimeNs: '', ino: '' })
    if (source.length > maxFiles) throw new ArchipelError('TOO_LARGE', `there are more than ${maxFiles} files`)
    onFiles(source.length)
  }
  if (source.length === 0) throw new ArchipelError('BAD_INPUT', 'there is no file to publish at that place')
  source.sort((a, b) => comparePaths(a.path, b.path))
  refuseDoubles(source)
  const total = { files: source.length, bytes: source.reduce((sum, { size }) => sum + size, 0) }
  if (as === 'files' || (as === undefined && !outside.fits(total.bytes))) return { files: source, source, local: false }
  const done = { files: 0, bytes: 0 }
  const copies = await outside.copies(source, {
    signal,
    onBytes(bytes) {
      done.bytes += bytes
      onCopied(done, total)
    },
  })
  const files = await Promise.all(copies.map((local, index) => sourceFileAt(source[index]!.path, local)))
  return { files, source, local: true }
}

/** @throws STALE */
export async function stillThere(outside: Outside, source: readonly SourceFile[], signal?: AbortSignal): Promise<void> {
  for (const file of source) if ((await outside.look(file, signal)) === undefined) throw changed(file)
}

/** As it is now; where nobody can tell just now, as it was: no byte of another file is ever given. */
export async function lookOutside(
  outside: Outside,
  file: SourceFile,
  signal?: AbortSignal,
): Promise<SourceFile | undefined> {
  try {
    return await outside.look(file, signal)
  } catch (error) {
    if (error instanceof ArchipelError && error.code.startsWith('SOURCE_')) return file
    throw error
  }
}
