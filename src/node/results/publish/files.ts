import { constants } from 'node:fs'
import { chmod, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import type { ResultMeta } from '../../../protocols/model/task.ts'
import { diskError, FILE_MODE, FOLDER_MODE, syncFolder, writeAll } from '../spool/disk.ts'

type Bytes = AsyncIterable<Uint8Array>

/** Writes a file that was not there, durable but for its name. */
export async function writeNew(path: string, body: Bytes): Promise<void> {
  const file = await open(
    path,
    constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW,
    FILE_MODE,
  )
  try {
    let size = 0
    for await (const chunk of body) {
      await writeAll(file, chunk, size)
      size += chunk.length
    }
    await file.datasync()
  } finally {
    await file.close()
  }
}

/** The items of a result under their names. @throws BAD_INPUT when one name is a folder of another */
export async function writeItems(folder: string, meta: ResultMeta, read: (item: string) => Bytes): Promise<void> {
  const folders = new Set<string>([folder])
  for (const { name } of meta.items) {
    const path = join(folder, name)
    try {
      await mkdir(dirname(path), { recursive: true, mode: FOLDER_MODE })
      for (let at = dirname(path); at.length > folder.length; at = dirname(at)) folders.add(at)
      await writeNew(path, read(name))
    } catch (cause) {
      const code = (cause as NodeJS.ErrnoException).code
      if (code !== 'EEXIST' && code !== 'ENOTDIR' && code !== 'EISDIR') throw cause
      throw new ArchipelError('BAD_INPUT', 'two files of the result cannot be in one folder', {
        cause,
        details: { name },
      })
    }
  }
  for (const at of folders) await syncFolder(at)
}

/** Makes `target` by `write`, whole or not at all, durable when it resolves. What was there goes. @throws DISK_FULL, DATA_DIR_BROKEN */
export async function place(target: string, write: (temporary: string) => Promise<void>): Promise<void> {
  const folder = dirname(target)
  const temporary = `${target}.tmp`
  try {
    await mkdir(folder, { recursive: true, mode: FOLDER_MODE })
    await chmod(folder, FOLDER_MODE)
    await rm(temporary, { recursive: true, force: true })
    await write(temporary)
    await rm(target, { recursive: true, force: true })
    await rename(temporary, target)
    await syncFolder(folder)
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => {})
    throw diskError(error, 'keeping the data of the dataset')
  }
}
