import { constants } from 'node:fs'
import { type FileHandle, open, rename, rm, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ArchipelError } from '../../../protocols/model/errors.ts'

export const FILE_MODE = 0o600
export const FOLDER_MODE = 0o700

/** Codes of a full disk or quota. */
const FULL = new Set(['ENOSPC', 'EDQUOT'])

/** An error of the file system as one of ours, without its path. */
export function diskError(error: unknown, what: string): ArchipelError {
  if (error instanceof ArchipelError) return error
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  if (code !== undefined && FULL.has(code))
    return new ArchipelError('DISK_FULL', `${what}: the disk is full`, { cause: error })
  if (code === undefined) return new ArchipelError('INTERNAL', `${what} failed`, { cause: error })
  return new ArchipelError('DATA_DIR_BROKEN', `${what} failed (${code})`, { cause: error })
}

export function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  return code === 'ENOENT' || code === 'ENOTDIR'
}

/** All bytes, however many calls it takes: a disk that fills up takes a part and says nothing. */
export async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let done = 0
  while (done < bytes.length) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}

/** Makes the names in a folder durable. Some file systems cannot, and need not. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY)
  try {
    await folder.sync()
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code !== 'EINVAL' && code !== 'ENOTSUP' && code !== 'EPERM') throw error
  } finally {
    await folder.close()
  }
}

/**
 * Writes a file under a temporary name, renames it, then makes it and the names in `folders` durable together: one wait for
 * the disk. After a loss of power in between it may be there and torn: its reader has to notice.
 */
export async function placeFile(path: string, bytes: Uint8Array, folders: string[]): Promise<void> {
  const temporary = `${path}.tmp`
  try {
    const file = await open(temporary, constants.O_CREAT | constants.O_WRONLY | constants.O_TRUNC, FILE_MODE)
    try {
      await writeAll(file, bytes, 0)
      await rename(temporary, path)
      await Promise.all([file.datasync(), ...folders.map(syncFolder)])
    } finally {
      await file.close()
    }
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
    throw error
  }
}

/** Bytes that may still be written beside the reserve; infinite where the file system does not say. */
export async function freeBytes(path: string): Promise<number> {
  for (let at = path; ; at = dirname(at)) {
    try {
      const { bavail, bsize, blocks } = await statfs(at)
      return blocks === 0 ? Number.POSITIVE_INFINITY : bavail * bsize
    } catch (error) {
      if (!isMissing(error) || at === dirname(at)) return Number.POSITIVE_INFINITY
    }
  }
}
