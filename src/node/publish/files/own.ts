import { lstat, readdir, realpath } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { ArchipelError } from '../../../protocols/model/errors.ts'

/** What the island keeps for itself: its keys, its token, its store. */
export interface OwnFiles {
  /** The data directory. */
  dir: string
  /** A folder in it that holds data to be published. */
  except: string
}

const HINT = 'Keys, tokens and the store are kept there. Put the data into another folder and publish that.'

/**
 * Whoever fetched the key or the token of an island could act as it.
 *
 * @param root with its symlinks resolved: a file or folder that is to be published
 * @throws FORBIDDEN when it is of the data directory, or a folder around it
 */
export async function refuseOwn(root: string, own: OwnFiles): Promise<void> {
  const dir = await real(own.dir)
  if (within(root, dir) && !within(root, await real(own.except)))
    throw new ArchipelError('FORBIDDEN', 'files of the data directory of this island cannot be published', {
      hint: HINT,
    })
  if (within(dir, root))
    throw new ArchipelError('FORBIDDEN', 'the folder has the data directory of this island in it', { hint: HINT })
}

/**
 * What `stat` says of the files at the top of the data directory, keys and tokens among them: a hard link elsewhere is
 * the same file under another name.
 */
export async function ownNodes({ dir }: OwnFiles): Promise<Set<string>> {
  const names = await readdir(dir).catch(() => [])
  const infos = await Promise.all(names.map((name) => lstat(join(dir, name), { bigint: true }).catch(() => undefined)))
  return new Set(infos.flatMap((info) => (info?.isFile() ? nodeOf(info) : [])))
}

/** The same for all names of one file. */
export function nodeOf({ ino, ctimeNs }: { ino: bigint | string; ctimeNs: bigint | string }): string {
  return `${ino} ${ctimeNs}`
}

/** @throws FORBIDDEN */
export function refuseOwnNode(nodes: ReadonlySet<string>, file: { ino: string; ctimeNs: string }): void {
  if (nodes.has(nodeOf(file)))
    throw new ArchipelError('FORBIDDEN', 'a file is a link to one of the data directory of this island', { hint: HINT })
}

function within(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep)
}

async function real(path: string): Promise<string> {
  return await realpath(path).catch(() => path)
}
