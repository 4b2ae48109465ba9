import { rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'

/** Raised with every change of tables or of what is put into them; an index of another version is dropped. */
export const SCHEMA_VERSION = 2

const SCHEMA = `
  CREATE TABLE dataset (
    row INTEGER PRIMARY KEY, publisher TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, format TEXT NOT NULL,
    size INTEGER NOT NULL, version TEXT NOT NULL, aliases TEXT NOT NULL, recorded INTEGER NOT NULL, moc BLOB,
    UNIQUE (id, publisher));
  CREATE INDEX dataset_publisher ON dataset (publisher);
  CREATE INDEX dataset_name ON dataset (name COLLATE NOCASE);
  CREATE INDEX dataset_recorded ON dataset (recorded, row);
  CREATE INDEX dataset_format ON dataset (format, recorded, row);
  CREATE TABLE alias (alias TEXT NOT NULL, row INTEGER NOT NULL, PRIMARY KEY (alias, row)) WITHOUT ROWID;
  CREATE INDEX alias_row ON alias (row);
  CREATE TABLE keyword (keyword TEXT NOT NULL, row INTEGER NOT NULL, PRIMARY KEY (keyword, row)) WITHOUT ROWID;
  CREATE INDEX keyword_row ON keyword (row);
  CREATE TABLE holder (island TEXT NOT NULL, row INTEGER NOT NULL, PRIMARY KEY (island, row)) WITHOUT ROWID;
  CREATE INDEX holder_row ON holder (row);
  CREATE VIRTUAL TABLE box USING rtree (part, ra0, ra1, dec0, dec1);
  CREATE VIRTUAL TABLE words USING fts5 (name, title, keywords, id, creators, columns, description,
    content = '', contentless_delete = 1, prefix = '1', tokenize = "unicode61 remove_diacritics 2");
  CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
`

/** Weights of the columns of `words`, in their order. */
export const WEIGHTS = '10, 8, 5, 4, 3, 2, 1'

/** Opens the file, or begins it anew when it is missing, of another version or broken; `onBroken` hears of the last. */
export function openIndex(path: string, onBroken: (error: unknown) => void = () => {}): DatabaseSync {
  try {
    return attempt(path)
  } catch (error) {
    onBroken(error)
    dropIndex(path)
    return attempt(path)
  }
}

export function dropIndex(path: string): void {
  if (path === ':memory:') return
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(path + suffix, { force: true })
}

function attempt(path: string): DatabaseSync {
  const db = new DatabaseSync(path)
  try {
    // Derived data: what a power failure takes is put in again when the catalog is compared.
    db.exec(
      'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -32768; PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 8000; PRAGMA busy_timeout = 10000',
    )
    const { user_version } = db.prepare('PRAGMA user_version').get() as { user_version: number }
    if (user_version === SCHEMA_VERSION) {
      // Fails here, not later, where a table is missing or its pages are broken.
      for (const table of ['dataset', 'alias', 'keyword', 'holder', 'box', 'state'])
        db.prepare(`SELECT 1 FROM ${table} LIMIT 1`).get()
      db.prepare("SELECT 1 FROM words WHERE words MATCH 'x' LIMIT 1").get()
      return db
    }
    const { n } = db.prepare('SELECT count(*) AS n FROM sqlite_schema').get() as { n: number }
    if (n > 0) {
      db.close()
      dropIndex(path)
      return attempt(path)
    }
    db.exec(`BEGIN; ${SCHEMA} PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT`)
    return db
  } catch (error) {
    if (db.isOpen) db.close()
    throw error
  }
}
