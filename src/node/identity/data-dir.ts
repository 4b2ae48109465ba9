import { constants } from 'node:fs'
import { chmod, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ArchipelError } from '../../protocols/model/errors.ts'

/**
 * The files of an island's data directory. Everything that is a secret has mode 0600, the directory 0700.
 * `store/` is the level database, to be backed up with the keys and `published/`; `search.db` and `publish/` are derived.
 */
export const FILES = {
  key: 'island.key',
  adminKey: 'admin.key',
  membership: 'archipelago.json',
  /** Only while a join is under way. */
  joining: 'joining.card',
  token: 'owner.token',
  /** Hashes of the tokens that were given out. */
  tokens: 'tokens.json',
  /** The key of the HTTPS server that gives bytes to other islands. */
  transferKey: 'transfer.key',
  daemon: 'daemon.json',
  store: 'store',
  search: 'search.db',
  publish: 'publish',
  /** Results and logs of tasks. */
  results: 'results',
  /** Data of datasets that were made from results: theirs alone, so to be kept. */
  published: 'published',
  /** Main files of batches, by their hashes. */
  mains: 'mains',
  /** Other islands' datasets that were fetched, where `replicas.dir` does not say otherwise. */
  replicas: 'replicas',
  /** Copies of files of outside sources. */
  outside: 'outside',
  scratch: 'scratch',
  /** Large outputs of statements of the Livy endpoint. */
  livyOutputs: 'livy-outputs',
  staging: 'livy-staging',
} as const

export function pathIn(dataDir: string, file: keyof typeof FILES): string {
  return join(dataDir, FILES[file])
}

/** @throws DATA_DIR_BROKEN, DISK_FULL */
export async function ensureDataDir(dataDir: string): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    await chmod(dataDir, 0o700)
  } catch (error) {
    throw broken('the data directory cannot be made', error)
  }
}

/** What is made anew when it is missing. */
const DERIVED = new Set<string>([
  FILES.search,
  FILES.publish,
  FILES.results,
  FILES.outside,
  FILES.scratch,
  FILES.staging,
  FILES.livyOutputs,
  FILES.daemon,
  FILES.joining,
  FILES.transferKey,
])
const FOLDERS = new Set<string>([
  FILES.store,
  FILES.publish,
  FILES.results,
  FILES.published,
  FILES.mains,
  FILES.replicas,
  FILES.outside,
  FILES.scratch,
  FILES.staging,
  FILES.livyOutputs,
])

/** Whether everything that is there is of the kind it has to be. @throws DATA_DIR_BROKEN naming the part that is not */
export async function checkParts(dataDir: string): Promise<void> {
  for (const name of Object.values(FILES)) {
    const info = await stat(join(dataDir, name)).catch(() => undefined)
    const folder = FOLDERS.has(name)
    if (info === undefined || (folder ? info.isDirectory() : info.isFile())) continue
    const found = info.isDirectory() ? 'a directory' : info.isFile() ? 'a file' : 'a special file'
    throw new ArchipelError(
      'DATA_DIR_BROKEN',
      `${name} in the data directory is ${found}, it has to be a ${folder ? 'directory' : 'file'}`,
      {
        hint: DERIVED.has(name)
          ? `Move ${name} out of the data directory and start again: the island makes it anew.`
          : `Move ${name} out of the data directory and restore it from a backup.`,
      },
    )
  }
}

/** Writes whole or not at all, durable before it returns. @throws DATA_DIR_BROKEN, DISK_FULL */
export async function writeSecret(
  path: string,
  text: string,
  options: { replace: boolean } = { replace: true },
): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`
  try {
    if (!options.replace && (await exists(path)))
      throw new ArchipelError('DATA_DIR_BROKEN', `${basename(path)} exists already`)
    const file = await open(temporary, constants.O_CREAT | constants.O_WRONLY | constants.O_TRUNC, 0o600)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
    await syncFolder(dirname(path))
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
    if (error instanceof ArchipelError) throw error
    throw broken(`${basename(path)} cannot be written`, error)
  }
}

/** So that names in a folder outlive a power failure. Some file systems cannot; then nothing is lost that was not before. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await folder.sync()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error
  } finally {
    await folder.close()
  }
}

/** @returns undefined when there is no such file. @throws DATA_DIR_BROKEN when others may read a secret, or it cannot be read */
export async function readSecret(path: string): Promise<string | undefined> {
  try {
    const info = await stat(path)
    if ((info.mode & 0o077) !== 0) {
      throw new ArchipelError('DATA_DIR_BROKEN', `${basename(path)} can be read by others`, {
        hint: seenHint(basename(path)),
      })
    }
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return undefined
    if (error instanceof ArchipelError) throw error
    throw broken(`${basename(path)} cannot be read`, error)
  }
}

/** What to do when others could read a file that is the owner's alone. */
function seenHint(name: string): string {
  const mode = `Set the mode of ${name} to 0600.`
  if (name === FILES.token)
    return `Delete ${name} and start again: a new token is made. Or, if nobody has read it: ${mode}`
  if (name === FILES.transferKey)
    return `Delete ${name} and start again: a new key is made, and told to the other islands.`
  if (name === FILES.tokens) return `${mode} Others learned names and scopes of tokens, no token itself.`
  if (name === FILES.key)
    return `${mode} If others may have read it, they can act as this island: have it revoked, and join again as a new one.`
  if (name === FILES.adminKey)
    return `${mode} If others may have read it, they can revoke and admit anybody; an admin key cannot be exchanged yet.`
  return mode
}

export async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  )
}

function broken(what: string, cause: unknown): ArchipelError {
  const code = (cause as { code?: string }).code
  return new ArchipelError(
    code === 'ENOSPC' ? 'DISK_FULL' : 'DATA_DIR_BROKEN',
    `${what}${code === undefined ? '' : ` (${code})`}`,
    { cause },
  )
}
