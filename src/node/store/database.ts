import { mkdir, realpath } from 'node:fs/promises'
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
  const db: Database = new Level(path, { ...BYTES, cacheSize: CACHE_BYTES, writeBufferSize: WRITE_BUFFER_BYTES })
  try {
    await db.open()
  } catch (error) {
    open.delete(path)
    throw openFailure(error)
  }
  db.once('closed', () => open.delete(path))
  const parts = Object.fromEntries(Object.entries(BUCKETS).map(([name, n]) => [name, sublevelOf(db, n)])) as Sublevels
  try {
    await checkVersion(db, parts.meta)
  } catch (error) {
    await db.close()
    throw error
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
    throw storeFailure(error)
  }
  if (open.has(path)) throw new ArchipelError('DATA_DIR_LOCKED', 'the database is open in this process already')
  open.add(path)
  return path
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

function openFailure(error: unknown): ArchipelError {
  const cause = (error as { cause?: { code?: string; message?: string } }).cause
  if (cause?.code === 'LEVEL_LOCKED') {
    return new ArchipelError('DATA_DIR_LOCKED', 'the database is open in another process', { cause: error })
  }
  return storeFailure(error)
}

/** What LevelDB throws, as an error with a code. */
export function storeFailure(error: unknown): ArchipelError {
  if (error instanceof ArchipelError) return error
  const e = error as { code?: string; message?: string; cause?: { message?: string } }
  const text = `${e.message} ${e.cause?.message}`
  if (e.code === 'ENOSPC' || /no space left/i.test(text)) {
    return new ArchipelError('DISK_FULL', 'the disk of the data directory is full', { cause: error })
  }
  return new ArchipelError('DATA_DIR_BROKEN', 'the database of the data directory cannot be read or written', {
    cause: error,
  })
}
