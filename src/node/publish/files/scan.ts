import type { BigIntStats, Dirent } from 'node:fs'
import { lstat, readdir, realpath, stat } from 'node:fs/promises'
import { basename, join, sep } from 'node:path'
import { comparePaths, pathProblem } from '../../../protocols/manifest/paths.ts'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import type { SourceFile } from '../port.ts'
import { type OwnFiles, ownNodes, refuseOwn, refuseOwnNode } from './own.ts'
import { noPlainFile, refuseKernelFiles, specialKind, unreadable } from './unreadable.ts'

export interface ScanOptions {
  signal?: AbortSignal
  /** Called now and then with the number of files found so far. */
  onFiles?: (count: number) => void
  /** Default 1,000,000. */
  maxFiles?: number
  /** Of these nothing is published. */
  own?: OwnFiles
}

export const MAX_FILES = 1_000_000
const MAX_DEPTH = 64
const STATS_AT_ONCE = 32
/** Marks that table writers leave beside their data. */
const MARKS = /^_(SUCCESS|metadata|common_metadata|committed_.*|started_.*)$/

/**
 * The files of a dataset, sorted by path. The path given may be a symlink; it is resolved first. In a folder:
 * - names that begin with `.`, and the marks of table writers (`_SUCCESS`, `_metadata`, ...), are skipped;
 * - sockets, pipes and devices are skipped;
 * - a symlink to a file inside the folder is a file under the link's name; one to a folder inside is skipped, since its
 *   files are found at their own place; one that leads outside, or nowhere, is refused: what it shows is not the folder's.
 *
 * @throws BAD_INPUT no such file, nothing in it, a symlink that leads outside, a name that no dataset path
 *   can have, two names that are equal in NFC; UNREADABLE not a file or folder, made up by the kernel, or the system refuses;
 *   TOO_LARGE too many files; FORBIDDEN what the island keeps for itself; CANCELLED
 */
export async function scan(path: string, options: ScanOptions = {}): Promise<SourceFile[]> {
  const found = await scanAll(path, options)
  const nodes = options.own === undefined ? new Set<string>() : await ownNodes(options.own)
  for (const file of found) refuseOwnNode(nodes, file)
  return found
}

async function scanAll(path: string, options: ScanOptions): Promise<SourceFile[]> {
  const root = await resolveRoot(path)
  if (options.own !== undefined) await refuseOwn(root, options.own)
  const info = await stat(root, { bigint: true }).catch(refuse('it'))
  await refuseKernelFiles(root)
  if (info.isFile()) return [sourceFile(checkedPath(basename(root)), root, info)]
  if (!info.isDirectory()) throw noPlainFile(JSON.stringify(basename(root)), specialKind(info))
  const found = await walk(root, options)
  if (found.length === 0) throw new ArchipelError('BAD_INPUT', 'the folder has no file to publish')
  found.sort((a, b) => comparePaths(a.path, b.path))
  refuseDoubles(found)
  return found
}

/** @param found in the order of their paths @throws BAD_INPUT */
export function refuseDoubles(found: readonly SourceFile[]): void {
  for (let i = 1; i < found.length; i++) {
    if (found[i]!.path === found[i - 1]!.path) {
      throw new ArchipelError(
        'BAD_INPUT',
        `two files have the path ${JSON.stringify(found[i]!.path)} once their names are in Unicode form NFC`,
      )
    }
  }
}

async function resolveRoot(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES') throw unreadable('the path', error)
    throw new ArchipelError('BAD_INPUT', 'there is no such file or folder', { cause: error })
  }
}

async function walk(root: string, options: ScanOptions): Promise<SourceFile[]> {
  const max = options.maxFiles ?? MAX_FILES
  const found: SourceFile[] = []
  const folders: { local: string; path: string; depth: number }[] = [{ local: root, path: '', depth: 0 }]
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    options.signal?.throwIfAborted()
    if (folder.depth > MAX_DEPTH) throw new ArchipelError('BAD_INPUT', `folders are nested more than ${MAX_DEPTH} deep`)
    const entries = await listFolder(folder.local, folder.path)
    for (let i = 0; i < entries.length; i += STATS_AT_ONCE) {
      const batch = await Promise.all(entries.slice(i, i + STATS_AT_ONCE).map((entry) => look(entry, folder, root)))
      for (const seen of batch) {
        if (seen === undefined) continue
        if ('file' in seen) found.push(seen.file)
        else folders.push(seen)
      }
      if (found.length > max) throw new ArchipelError('TOO_LARGE', `the folder has more than ${max} files`)
      options.signal?.throwIfAborted()
      options.onFiles?.(found.length)
    }
  }
  return found
}

async function listFolder(local: string, path: string): Promise<Dirent<Buffer>[]> {
  const entries = await readdir(local, { withFileTypes: true, encoding: 'buffer' }).catch(
    refuse(`the folder ${JSON.stringify(path)}`),
  )
  return entries.filter((entry) => !isSkipped(entry.name.toString('latin1')))
}

/** Hidden names, and marks. */
export const isSkipped = (name: string) => name.startsWith('.') || MARKS.test(name)

type Seen = { file: SourceFile } | { local: string; path: string; depth: number } | undefined

async function look(
  entry: Dirent<Buffer>,
  folder: { local: string; path: string; depth: number },
  root: string,
): Promise<Seen> {
  const name = entry.name.toString('utf8')
  const where = folder.path === '' ? name : `${folder.path}/${name}`
  if (!Buffer.from(name).equals(entry.name))
    throw new ArchipelError('BAD_INPUT', `a file name in ${JSON.stringify(folder.path)} is not UTF-8`)
  const path = checkedPath(where.normalize('NFC'))
  const local = join(folder.local, name)
  const info = await lstat(local, { bigint: true }).catch(refuse(JSON.stringify(where)))
  if (info.isFile()) return { file: sourceFile(path, local, info) }
  if (info.isDirectory()) return { local, path, depth: folder.depth + 1 }
  if (!info.isSymbolicLink()) return undefined
  const target = await realpath(local).catch(() => undefined)
  if (target === undefined || !(target === root || target.startsWith(root + sep))) {
    throw new ArchipelError(
      'BAD_INPUT',
      `the symlink ${JSON.stringify(where)} leads ${target === undefined ? 'nowhere' : 'out of the folder'}`,
      {
        hint: 'Take the symlink away, or put the file itself there.',
      },
    )
  }
  const behind = await stat(target, { bigint: true }).catch(refuse(JSON.stringify(where)))
  return behind.isFile() ? { file: sourceFile(path, target, behind) } : undefined
}

export function checkedPath(path: string): string {
  const nfc = path.normalize('NFC')
  const problem = pathProblem(nfc)
  if (problem !== undefined) {
    throw new ArchipelError(
      'BAD_INPUT',
      `the name ${JSON.stringify(path.slice(0, 200))} cannot be published: ${problem}`,
      { hint: 'Rename the file and try again.' },
    )
  }
  return nfc
}

/** What `stat` says, as it is kept. */
export function sourceFile(path: string, local: string, info: BigIntStats): SourceFile {
  return {
    path,
    local,
    size: Number(info.size),
    mtimeNs: String(info.mtimeNs),
    ctimeNs: String(info.ctimeNs),
    ino: String(info.ino),
  }
}

/** A file that is known to be one, as `stat` sees it now. */
export async function sourceFileAt(path: string, local: string): Promise<SourceFile> {
  return sourceFile(path, local, await stat(local, { bigint: true }).catch(refuse(JSON.stringify(path))))
}

/** Whether two looks at one file saw the same bytes, as far as `stat` can tell. */
export function sameFile(a: SourceFile, b: SourceFile): boolean {
  return a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs && a.ino === b.ino
}

function refuse(what: string): (error: NodeJS.ErrnoException) => never {
  return (error) => {
    if (error.code === 'ENOENT')
      throw new ArchipelError('STALE', `${what} went away while it was read`, { cause: error })
    throw unreadable(what, error)
  }
}
