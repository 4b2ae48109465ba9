import { mkdir, readdir, realpath } from 'node:fs/promises'
import { basename } from 'node:path'
import { Level } from 'level'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { BUCKETS, type BucketName, STORE_VERSION } from './buckets.ts'

export type Database = Level<Uint8Array, Uint8Array>
export type Sublevel = ReturnType<typeof sublevelOf>
export type Sublevels = Record<BucketName, Sublevel>

/** What LevelDB keeps of the files in memory; the rest is the system's page cache. */
const CACHE_BYTES = 16 * 1024 * 1024
/** Memory that collects writes before they go to a sorted file: fewer, larger files in a cold join. */
const WRITE_BUFFER_BYTES = 16 * 1024 * 1024

const BYTES = { keyEncoding: 'view', valueEncoding: 'view' } as const

function sublevelOf(db: Database, number: string) {
  return db.sublevel<Uint8Array, Uint8Array>(number, BYTES)
}

/**
 * Opens the database of a data directory, or makes it.
 *
 * @throws DATA_DIR_LOCKED when another process has it open; STORE_VERSION; DATA_DIR_BROKEN
 */
export async function openDatabase(directory: string): Promise<{ db: Database; parts: Sublevels }> {
  const path = await claim(directory)
  try {
    await refuseHeadless(path)
  } catch (error) {
    open.delete(path)
    throw error
  }
  const db: Database = new Level(path, { ...BYTES, cacheSize: CACHE_BYTES, writeBufferSize: WRITE_BUFFER_BYTES })
  try {
    await db.open()
  } catch (error) {
    open.delete(path)
    throw openFailure(error, basename(path))
  }
  db.once('closed', () => open.delete(path))
  const parts = Object.fromEntries(Object.entries(BUCKETS).map(([name, n]) => [name, sublevelOf(db, n)])) as Sublevels
  try {
    await checkVersion(db, parts.meta)
  } catch (error) {
    await db.close()
    throw storeFailure(error)
  }
  return { db, parts }
}

/**
 * Directories open in this process. LevelDB's lock is one of POSIX, which a process loses as soon as it closes any
 * descriptor of the lock file: a second attempt to open, refused as it is, would let other processes in.
 */
const open = new Set<string>()

async function claim(directory: string): Promise<string> {
  let path: string
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    path = await realpath(directory)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' || code === 'ENOTDIR') throw broken(basename(directory), 'it is not a directory', error)
    throw storeFailure(error)
  }
  if (open.has(path)) throw new ArchipelError('DATA_DIR_LOCKED', 'the database is open in this process already')
  open.add(path)
  return path
}

/**
 * Without CURRENT, LevelDB takes a full directory for a new one and deletes what is in it. A crash while a database is made
 * leaves a MANIFEST without CURRENT, but no data.
 *
 * @throws DATA_DIR_BROKEN
 */
async function refuseHeadless(path: string): Promise<void> {
  const files = await readdir(path).catch((error: unknown) => {
    throw storeFailure(error)
  })
  if (!files.includes('CURRENT') && files.some((file) => /^\d+\.(ldb|sst|log)$/.test(file)))
    throw broken(basename(path), 'its file CURRENT is missing')
}

async function checkVersion(db: Database, meta: Sublevel): Promise<void> {
  const key = Buffer.from('version')
  const found = await meta.get(key)
  if (found === undefined) {
    for await (const _ of db.keys({ limit: 1 })) {
      throw new ArchipelError('STORE_VERSION', 'the database of the data directory is not one of archipel')
    }
    await db.batch([{ type: 'put', sublevel: meta, key, value: Buffer.from(String(STORE_VERSION)) }], { sync: true })
    return
  }
  const version = Buffer.from(found).toString()
  if (version !== String(STORE_VERSION)) {
    throw new ArchipelError(
      'STORE_VERSION',
      `the data directory has version ${version}, this program writes ${STORE_VERSION}`,
    )
  }
}

function openFailure(error: unknown, name: string): ArchipelError {
  const cause = (error as { cause?: { code?: string; message?: string } }).cause
  if (cause?.code === 'LEVEL_LOCKED') {
    return new ArchipelError('DATA_DIR_LOCKED', 'the database is open in another process', { cause: error })
  }
  const part = damagedPart(cause?.code, cause?.message ?? '')
  return part === undefined ? storeFailure(error) : broken(name, part, error)
}

/** A file of LevelDB, as its messages name it with the whole path. */
const LEVEL_FILE = /\/(CURRENT|MANIFEST-\d+|\d+\.(?:ldb|sst|log))(?![\w.])/

/** What LevelDB found wrong, without the path. Undefined when it is no damage of the files: no room, no permission. */
function damagedPart(code: string | undefined, message: string): string | undefined {
  if (/no space left|permission denied|read-only|too many open files/i.test(message)) return undefined
  const file = LEVEL_FILE.exec(message)?.[1]
  const missing = /missing files|no such file/i.test(message)
  if (code === 'LEVEL_IO_ERROR') {
    // What CURRENT names is a MANIFEST, or CURRENT is garbage.
    if (file === undefined) return missing ? 'its file CURRENT is damaged' : undefined
    return `its file ${file} ${missing ? 'is missing' : 'is damaged'}`
  }
  if (code !== 'LEVEL_CORRUPTION') return undefined
  if (file !== undefined) return `its file ${file} ${missing ? 'is missing' : 'is damaged'}`
  return `its file ${/CURRENT/.test(message) ? 'CURRENT' : 'MANIFEST'} is damaged`
}

function broken(name: string, what: string, cause?: unknown): ArchipelError {
  return new ArchipelError('DATA_DIR_BROKEN', `the database ${name}/ of the data directory is damaged: ${what}`, {
    cause,
    hint:
      `Restore ${name}/ from a backup. If there is none, move ${name} out of the data directory and start again: the island ` +
      'takes its own records back from the others, and the datasets have to be published again.',
  })
}

/** What LevelDB throws, as an error with a code. */
export function storeFailure(error: unknown): ArchipelError {
  if (error instanceof ArchipelError) return error
  const e = error as { code?: string; message?: string; cause?: { code?: string; message?: string } }
  const text = `${e.message} ${e.cause?.message}`
  if (e.code === 'ENOSPC' || /no space left/i.test(text)) {
    return new ArchipelError('DISK_FULL', 'the disk of the data directory is full', { cause: error })
  }
  const part = damagedPart(e.code, e.message ?? '')
  if (part !== undefined) return broken('store', part, error)
  const reason = /permission denied|read-only file system|too many open files/i.exec(text)?.[0]
  return new ArchipelError(
    'DATA_DIR_BROKEN',
    `the database of the data directory cannot be read or written${reason === undefined ? '' : ` (${reason.toLowerCase()})`}`,
    { cause: error },
  )
}

/** Entries of the database, its failures as errors with a code. */
export async function* shielded<T>(entries: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* entries
  } catch (error) {
    throw storeFailure(error)
  }
}
