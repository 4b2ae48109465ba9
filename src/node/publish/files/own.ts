import { realpath } from 'node:fs/promises'
import { sep } from 'node:path'
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

function within(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep)
}

async function real(path: string): Promise<string> {
  return await realpath(path).catch(() => path)
}
