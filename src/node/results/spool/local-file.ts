import { constants } from 'node:fs'
import { type FileHandle, open, readlink, realpath } from 'node:fs/promises'
import { ArchipelError } from '../../../protocols/model/errors.ts'

/**
 * Opens a file that a program left. The program may still be there and change names while we look, so what counts is what
 * was opened: a regular file, not reached by a link as its last part, and (where `within` is given) really in that folder.
 *
 * @throws BAD_INPUT
 */
export async function openItem(path: string, within?: string): Promise<FileHandle> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  const file = await open(path, flags).catch((cause) => {
    throw new ArchipelError('BAD_INPUT', 'a file of the result cannot be opened, or is a link', { cause })
  })
  try {
    if (!(await file.stat()).isFile()) throw new ArchipelError('BAD_INPUT', 'a file of the result is not a plain file')
    if (within !== undefined && !(await isWithin(file, path, within)))
      throw new ArchipelError('BAD_INPUT', 'a file of the result lies outside the folder of the work')
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}

async function isWithin(file: FileHandle, path: string, within: string): Promise<boolean> {
  const folder = await realpath(within)
  // Where there is no /proc, the name is looked at again: a moment later than the file.
  const real = await readlink(`/proc/self/fd/${file.fd}`).catch(() => realpath(path))
  return real.startsWith(folder.endsWith('/') ? folder : `${folder}/`)
}
