import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { SourceFile } from '../port.ts'

/** What is known of a file's hashes: all of it, or the first pieces of its table. */
export type Known = { done: Uint8Array } | { partial: Uint8Array }

export interface ResumeInit {
  /** Folder of the state file; made if missing. */
  dir: string
  /** Files kept; the least recently used go first. Default 1,000,000 (about 300 MB). */
  maxFiles?: number
  /** Milliseconds without use after which an entry goes. Default 30 days. */
  maxAgeMs?: number
}

export interface ResumeState {
  /** What was hashed of this very file: same place, size, times and inode. */
  get(file: SourceFile): Known | undefined
  /** `done` is the hash of the whole piece table, `partial` its beginning. Written in batches; see `flush`. */
  put(file: SourceFile, known: Known): void
  flush(): void
  /** Drops what is old or too much. */
  clean(): void
  close(): void
}

const VERSION = 1
const BATCH = 256
const FLUSH_MS = 500
const DEFAULT_MAX_FILES = 1_000_000
const DEFAULT_MAX_AGE_MS = 30 * 24 * 3600_000
/** Beginnings of piece tables are up to 128 KiB each, so far fewer are kept. */
const MAX_PARTIALS = 1000
/** Entries written between two cleanings. */
const CLEAN_EVERY = 20_000

/**
 * The memory of hashing, in one SQLite file of mode 0600. It only saves work: a file that is lost or broken is begun
 * anew. An entry counts only while `stat` says that the file is the one hashed.
 */
export function resumeState(init: ResumeInit, now: () => number = Date.now): ResumeState {
  mkdirSync(init.dir, { recursive: true, mode: 0o700 })
  const path = join(init.dir, 'hashes.sqlite')
  let db = openState(path)
  let statements = prepare(db)
  const waiting = new Map<string, { file: SourceFile; known: Known }>()
  let lastFlush = performance.now()

  /** A broken state file is replaced; the call counts as having found nothing. */
  function guarded<T>(work: () => T, otherwise: T): T {
    try {
      return work()
    } catch {
      try {
        db.close()
      } catch {
        // It is closed already.
      }
      for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
      db = openState(path)
      statements = prepare(db)
      return otherwise
    }
  }

  let written = 0

  function flush(): void {
    if (waiting.size === 0) return
    written += waiting.size
    const batch = [...waiting.values()]
    waiting.clear()
    lastFlush = performance.now()
    guarded(() => {
      db.exec('BEGIN')
      for (const { file, known } of batch) {
        const done = 'done' in known
        statements.put.run(
          file.local,
          file.size,
          file.mtimeNs,
          file.ctimeNs,
          file.ino,
          done ? 1 : 0,
          done ? known.done : known.partial,
          now(),
        )
      }
      db.exec('COMMIT')
    }, undefined)
    if (written >= CLEAN_EVERY) clean()
  }

  function clean(): void {
    written = 0
    guarded(() => {
      db.prepare('DELETE FROM hashed WHERE used < ?').run(now() - (init.maxAgeMs ?? DEFAULT_MAX_AGE_MS))
      const keep =
        'DELETE FROM hashed WHERE rowid IN (SELECT rowid FROM hashed WHERE done <= ? ORDER BY used DESC, rowid DESC LIMIT -1 OFFSET ?)'
      db.prepare(keep).run(0, MAX_PARTIALS)
      db.prepare(keep).run(1, init.maxFiles ?? DEFAULT_MAX_FILES)
    }, undefined)
  }

  return {
    get(file) {
      const held = waiting.get(file.local)
      if (held !== undefined) return held.known
      return guarded(() => {
        const row = statements.get.get(file.local, file.size, file.mtimeNs, file.ctimeNs, file.ino) as
          | { done: number; hashes: Uint8Array }
          | undefined
        if (row === undefined) return undefined
        return row.done === 1 ? { done: row.hashes } : { partial: row.hashes }
      }, undefined)
    },
    put(file, known) {
      waiting.set(file.local, { file, known })
      if (waiting.size >= BATCH || performance.now() - lastFlush > FLUSH_MS) flush()
    },
    flush,
    clean() {
      flush()
      clean()
    },
    close() {
      flush()
      db.close()
    },
  }
}

function openState(path: string): DatabaseSync {
  const open = () => {
    const db = new DatabaseSync(path)
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 2000')
    const { user_version } = db.prepare('PRAGMA user_version').get() as { user_version: number }
    if (user_version !== VERSION) {
      db.exec(`DROP TABLE IF EXISTS hashed;
        CREATE TABLE hashed (local TEXT NOT NULL PRIMARY KEY, size INTEGER NOT NULL, mtime TEXT NOT NULL, ctime TEXT NOT NULL,
          ino TEXT NOT NULL, done INTEGER NOT NULL, hashes BLOB NOT NULL, used INTEGER NOT NULL);
        CREATE INDEX hashed_used ON hashed (used);
        PRAGMA user_version = ${VERSION}`)
    }
    return db
  }
  let db: DatabaseSync
  try {
    db = open()
  } catch {
    for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
    db = open()
  }
  chmodSync(path, 0o600)
  return db
}

function prepare(db: DatabaseSync): { get: StatementSync; put: StatementSync } {
  return {
    get: db.prepare(
      'SELECT done, hashes FROM hashed WHERE local = ? AND size = ? AND mtime = ? AND ctime = ? AND ino = ?',
    ),
    put: db.prepare(`INSERT INTO hashed VALUES (?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (local) DO UPDATE SET size = excluded.size, mtime = excluded.mtime, ctime = excluded.ctime, ino = excluded.ino,
        done = excluded.done, hashes = excluded.hashes, used = excluded.used`),
  }
}
