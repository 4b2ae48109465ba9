/** Files of a replica into a folder of their user: linked where that can be, else copied. */
import { randomUUID } from 'node:crypto'
import { constants, createReadStream } from 'node:fs'
import { chmod, copyFile, link, lstat, mkdir, realpath, rm, stat } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { SourceFile } from '../publish/port.ts'
import { changed, identityOf, sameIdentity } from './identity.ts'

const COMPARED_BYTES = 256 * 1024

export interface Delivered {
  /** Files by the way they took; `there`: they had been delivered before. */
  reflinked: number
  linked: number
  copied: number
  there: number
}

/**
 * Nothing is replaced. Where the disk can share blocks, it does; else a hard link (of a replica only: a publisher's own file is
 * copied, never shared), else a copy.
 *
 * @param onLinked what the system says of a file changes by a link to it
 * @throws FORBIDDEN a path that leaves the folder by a symlink; DATASET_EXISTS another file is there; STALE; DISK_FULL
 */
export async function deliver(
  files: AsyncIterable<SourceFile>,
  to: string,
  options: { mayLink: boolean; onLinked(file: SourceFile): Promise<void>; signal: AbortSignal },
): Promise<Delivered> {
  const done: Delivered = { reflinked: 0, linked: 0, copied: 0, there: 0 }
  await mkdir(to, { recursive: true }).catch(refused)
  const root = await realpath(to)
  for await (const file of files) {
    options.signal.throwIfAborted()
    const seen = await stat(file.local, { bigint: true }).catch(() => undefined)
    if (seen === undefined || !sameIdentity(identityOf(seen), file)) throw changed(file.path)
    const target = join(root, ...file.path.split('/'))
    await mkdir(dirname(target), { recursive: true }).catch(refused)
    const parent = await realpath(dirname(target))
    if (parent !== root && !parent.startsWith(root + sep))
      throw new ArchipelError('FORBIDDEN', `${JSON.stringify(file.path)} would leave the folder by a symlink`)
    const way = await bring(file, target, options.mayLink)
    done[way]++
    if (way === 'linked') await options.onLinked(file)
  }
  return done
}

async function bring(file: SourceFile, target: string, mayLink: boolean): Promise<keyof Delivered> {
  if (await exists(target)) return await isThere(file, target)
  const part = join(dirname(target), `.${randomUUID()}.part`)
  try {
    const way = await make(file, part, mayLink)
    // A link fails where there is something by now; a rename would replace it.
    await link(part, target)
    return way
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return await isThere(file, target)
    return refused(cause)
  } finally {
    await rm(part, { force: true })
  }
}

async function make(file: SourceFile, part: string, mayLink: boolean): Promise<'reflinked' | 'linked' | 'copied'> {
  try {
    await copyFile(file.local, part, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE)
    await chmod(part, 0o644)
    return 'reflinked'
  } catch {
    // This disk does not share blocks.
  }
  if (mayLink) {
    try {
      await link(file.local, part)
      return 'linked'
    } catch {
      // Another disk.
    }
  }
  await copyFile(file.local, part, constants.COPYFILE_EXCL)
  await chmod(part, 0o644)
  return 'copied'
}

async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined
}

/** @throws DATASET_EXISTS unless it has the same bytes */
async function isThere(file: SourceFile, target: string): Promise<'there'> {
  const [a, b] = await Promise.all([lstat(file.local), lstat(target)])
  if (
    b.isFile() &&
    a.size === b.size &&
    ((a.ino === b.ino && a.dev === b.dev) || (await sameBytes(file.local, target)))
  )
    return 'there'
  throw new ArchipelError('DATASET_EXISTS', `another file lies at ${JSON.stringify(file.path)} in that folder`, {
    hint: 'Choose another folder, or take the file away.',
  })
}

async function sameBytes(a: string, b: string): Promise<boolean> {
  const other = createReadStream(b, { highWaterMark: COMPARED_BYTES })[Symbol.asyncIterator]()
  for await (const chunk of createReadStream(a, { highWaterMark: COMPARED_BYTES })) {
    const { value } = (await other.next()) as { value?: Buffer }
    if (value === undefined || Buffer.compare(chunk as Buffer, value) !== 0) {
      await other.return?.()
      return false
    }
  }
  await other.return?.()
  return true
}

function refused(cause: unknown): never {
  const { code } = cause as NodeJS.ErrnoException
  if (code === 'ENOSPC') throw new ArchipelError('DISK_FULL', 'the disk of that folder is full', { cause })
  throw new ArchipelError('BAD_INPUT', `the folder cannot be written to (${code ?? 'unknown'})`, { cause })
}
