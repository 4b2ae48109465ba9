/** Where replicas lie, and which paths of a manifest are taken. */
import { createHash } from 'node:crypto'
import { dirname, join } from 'node:path'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { matchesGlob } from './globs.ts'

/** The folder of a replica: nothing in its name is chosen by others. */
export function folderOf(publisher: string, id: string, version: string): string {
  return createHash('sha256').update(`${publisher}\0${id}\0${version}`).digest('hex').slice(0, 32)
}

/** The places of a replica. Only what is verified whole is in `files`; `parts` has what is being fetched, `bad` what was found broken. */
export function placesOf(dir: string, folder: string) {
  const root = join(dir, folder)
  return {
    root,
    files: join(root, 'files'),
    parts: join(root, 'parts'),
    bad: join(root, 'bad'),
    /** A path of the manifest, which has passed `pathProblem`, cannot leave the folder. */
    file: (path: string) => join(root, 'files', ...path.split('/')),
    part: (path: string) => join(root, 'parts', createHash('sha256').update(path).digest('hex').slice(0, 40)),
  }
}
export type Places = ReturnType<typeof placesOf>

/** Whether a file is asked for; no pattern asks for all. */
export function matches(globs: readonly string[], path: string): boolean {
  return globs.length === 0 || globs.some((glob) => path === glob || matchesGlob(path, glob))
}

/**
 * Paths of one version that cannot lie beside each other: a name that is a file and a folder, or names that differ by case
 * only, which are one file on many systems. (`..`, absolute paths and the like do not get as far as this.)
 *
 * @returns to be called for each path. @throws RECORD_INVALID
 */
export function pathCheck(): (path: string) => void {
  const files = new Map<string, string>()
  const folders = new Map<string, string>()
  const fold = (text: string) => text.toLowerCase().normalize('NFC')
  const refuse = (a: string, b: string) => {
    throw new ArchipelError(
      'RECORD_INVALID',
      `not a valid manifest: ${JSON.stringify(a)} and ${JSON.stringify(b)} cannot lie beside each other`,
      { hint: 'The publisher has to rename one of them and publish again.' },
    )
  }
  return (path) => {
    const key = fold(path)
    const other = files.get(key) ?? folders.get(key)
    if (other !== undefined) refuse(other, path)
    files.set(key, path)
    for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) {
      const name = fold(folder)
      const file = files.get(name)
      if (file !== undefined) refuse(file, path)
      if (folders.has(name)) break
      folders.set(name, folder)
    }
  }
}
