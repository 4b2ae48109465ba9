import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { plainBoxes } from '../../protocols/sky/cone.ts'
import { parseMoc } from '../../protocols/sky/moc.ts'
import type { ClaimKey, IndexChange, IndexEntry, IndexedClaim, SearchPort } from './port.ts'
import { searchPage } from './query.ts'
import { dropIndex, openIndex } from './schema.ts'
import { indexWriter } from './writer.ts'

export interface SearchInit {
  /** File of the index, or `:memory:`. */
  path: string
  /** Changes followed at once; more go to a thread of their own. Default: all at once. */
  atOnce?: number
  /** Entries of one transaction. Default: 200, some 40 ms; larger ones make fewer parts of the words to merge. */
  batch?: number
}

export interface SearchComponents {
  logger?: { warn(details: object, message: string): void }
}

/** SQLITE_CORRUPT, SQLITE_NOTADB, and a virtual table's own SQLITE_CORRUPT_VTAB. */
const BROKEN = new Set([11, 26, 267])
const CLAIM = 'publisher, id, name, version, aliases, recorded'

/** Primary result codes that speak of the file, not of the statement: PERM, BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN. */
const UNUSABLE = new Set([3, 5, 6, 8, 10, 13, 14])
const FULL = 13
const BATCH = 200

/** @see SearchPort. Opened by the first call; a file that turns out broken is dropped and begun anew. */
export function searchIndex(init: SearchInit) {
  return (components: SearchComponents = {}): SearchPort => {
    let open: { db: DatabaseSync; run: Statements } | undefined

    const batch = init.batch ?? BATCH
    let onBehind = () => {}
    const writer =
      init.atOnce === undefined
        ? undefined
        : indexWriter(init.path, (reason) => {
            components.logger?.warn({ reason }, 'the search index fell behind')
            onBehind()
          })

    function opened() {
      if (open === undefined) {
        const db = openIndex(init.path, (error) =>
          components.logger?.warn({ err: error }, 'the search index could not be opened and begins anew'),
        )
        open = { db, run: prepareAll(db) }
      }
      return open
    }

    function invalidate(): void {
      void writer?.close()
      if (open?.db.isOpen) open.db.close()
      open = undefined
      try {
        dropIndex(init.path)
      } catch (error) {
        throw unusable((error as NodeJS.ErrnoException).code ?? 'unknown', error)
      }
    }

    function guarded<T>(work: (db: DatabaseSync, run: Statements) => T): T {
      try {
        const { db, run } = opened()
        return work(db, run)
      } catch (error) {
        const { errcode, code } = error as { errcode?: number; code?: string }
        if (errcode !== undefined && BROKEN.has(errcode)) {
          components.logger?.warn({ errcode }, 'the search index is broken and begins anew')
          invalidate()
          throw new ArchipelError('RECOVERING', 'the search index was broken and is built again from the catalog', {
            cause: error,
            hint: 'Try again in a moment.',
          })
        }
        if (errcode !== undefined && UNUSABLE.has(errcode & 0xff)) throw unusable(errcode & 0xff, error)
        // The broken file could not be dropped.
        if (code !== undefined && /^(E[A-Z]+|ERR_FS_\w+)$/.test(code)) throw unusable(code, error)
        throw error
      }
    }

    function transaction(work: (run: Statements) => void): void {
      guarded((db, run) => {
        db.exec('BEGIN IMMEDIATE')
        try {
          work(run)
          db.exec('COMMIT')
        } catch (error) {
          if (db.isTransaction) db.exec('ROLLBACK')
          throw error
        }
      })
    }

    function putMany(entries: IndexEntry[]): void {
      for (let i = 0; i < entries.length; i += batch)
        transaction((run) => {
          for (const entry of entries.slice(i, i + batch)) putEntry(run, entry)
        })
    }

    function remove(key: ClaimKey): void {
      transaction((run) => {
        const row = rowOf(run, key)
        if (row !== undefined) removeRow(run, row)
      })
    }

    function removePublisher(publisher: string): void {
      transaction((run) => {
        for (const found of run.rowsOfPublisher.all(publisher)) removeRow(run, (found as { row: number }).row)
      })
    }

    function setHolders(key: ClaimKey, islands: string[]): void {
      guarded((_, run) => {
        const row = rowOf(run, key)
        if (row === undefined) return
        const held = (run.holders.all(row) as { island: string }[]).map((h) => h.island)
        const wanted = [...new Set(islands)].sort()
        // Mostly nothing changed: then nothing is written.
        if (held.length === wanted.length && held.every((island, i) => island === wanted[i])) return
        transaction((inner) => putHolders(inner, row, wanted))
      })
    }

    function follow(changes: IndexChange[]): void {
      const many = changes.reduce((sum, c) => sum + (c.type === 'put' ? c.entries.length : 1), 0)
      if (writer !== undefined && (writer.behind > 0 || many > init.atOnce!)) {
        writer.write(changes)
        return
      }
      let entries: IndexEntry[] = []
      const flush = () => {
        putMany(entries)
        entries = []
      }
      for (const change of changes) {
        if (change.type === 'put') {
          entries = entries.length === 0 ? change.entries : entries.concat(change.entries)
          continue
        }
        flush()
        if (change.type === 'remove') remove(change.key)
        else if (change.type === 'removePublisher') removePublisher(change.publisher)
        else setHolders(change.key, change.islands)
      }
      flush()
    }

    return {
      get needsRebuild() {
        return guarded((db) => db.prepare("SELECT 1 FROM state WHERE key = 'rebuilt'").get() === undefined)
      },
      rebuilt: () => guarded((db) => db.exec("INSERT OR REPLACE INTO state VALUES ('rebuilt', '1')")),
      invalidate,
      put: (entry) => transaction((run) => putEntry(run, entry)),
      putMany,
      remove,
      removePublisher,
      setHolders,
      follow,
      onBehind: (listener) => {
        onBehind = listener
      },
      settled: async () => writer?.settled(),
      search: (filter) => guarded((db) => searchPage(db, filter)),
      byId: (id) => guarded((_, run) => [...run.byId.all(id), ...run.byAlias.all(id, id)].map(claimOf)),
      byName: (name) =>
        guarded((_, run) => {
          const found = run.byName.all(name).map(claimOf)
          const exact = found.filter((claim) => claim.body.name === name)
          return exact.length > 0 ? exact : found
        }),
      versions: () =>
        guarded((db) => {
          const rows = db.prepare('SELECT publisher, id, recorded AS recordedAt FROM dataset').all()
          return rows.map((row) => ({ ...(row as unknown as ClaimKey & { recordedAt: number }) }))
        }),
      count: () => guarded((db) => (db.prepare('SELECT count(*) AS n FROM dataset').get() as { n: number }).n),
      countByPublisher: () =>
        guarded(
          (db) =>
            new Map(
              (
                db.prepare('SELECT publisher, count(*) AS n FROM dataset GROUP BY publisher').all() as {
                  publisher: string
                  n: number
                }[]
              ).map((r) => [r.publisher, r.n]),
            ),
        ),
      async close() {
        if (open?.db.isOpen) open.db.close()
        open = undefined
        await writer?.close()
      },
    }
  }
}

function unusable(reason: number | string, cause: unknown): ArchipelError {
  if (reason === FULL)
    return new ArchipelError('DISK_FULL', 'the disk is full: the search index cannot be written', { cause })
  const why = typeof reason === 'string' ? reason : (cause as Error).message
  return new ArchipelError('DATA_DIR_BROKEN', `the search index search.db cannot be used (${why})`, {
    cause,
    hint: 'Make search.db in the data directory readable and writable, or move it away and start again: the island makes it anew.',
  })
}

type Statements = ReturnType<typeof prepareAll>

function prepareAll(db: DatabaseSync) {
  const sql = {
    row: 'SELECT row FROM dataset WHERE id = ? AND publisher = ?',
    rowsOfPublisher: 'SELECT row FROM dataset WHERE publisher = ?',
    insert:
      'INSERT INTO dataset (publisher, id, name, format, size, version, aliases, recorded, moc) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    update:
      'UPDATE dataset SET name = ?, format = ?, size = ?, version = ?, aliases = ?, recorded = ?, moc = ? WHERE row = ?',
    insertWords:
      'INSERT INTO words (rowid, name, title, keywords, id, creators, columns, description) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    insertAlias: 'INSERT OR IGNORE INTO alias VALUES (?, ?)',
    insertKeyword: 'INSERT OR IGNORE INTO keyword VALUES (?, ?)',
    insertHolder: 'INSERT OR IGNORE INTO holder VALUES (?, ?)',
    insertBox: 'INSERT INTO box VALUES (?, ?, ?, ?, ?)',
    holders: 'SELECT island FROM holder WHERE row = ? ORDER BY island',
    deleteDataset: 'DELETE FROM dataset WHERE row = ?',
    deleteWords: 'DELETE FROM words WHERE rowid = ?',
    deleteAliases: 'DELETE FROM alias WHERE row = ?',
    deleteKeywords: 'DELETE FROM keyword WHERE row = ?',
    deleteHolders: 'DELETE FROM holder WHERE row = ?',
    deleteBox: 'DELETE FROM box WHERE part = ?',
    byId: `SELECT ${CLAIM} FROM dataset WHERE id = ? ORDER BY publisher`,
    byAlias: `SELECT ${CLAIM} FROM dataset WHERE row IN (SELECT row FROM alias WHERE alias = ?) AND id <> ? ORDER BY id, publisher`,
    byName: `SELECT ${CLAIM} FROM dataset WHERE name = ? COLLATE NOCASE ORDER BY id, publisher`,
  } as const
  return Object.fromEntries(Object.entries(sql).map(([key, text]) => [key, db.prepare(text)])) as Record<
    keyof typeof sql,
    StatementSync
  >
}

function rowOf(run: Statements, key: ClaimKey): number | undefined {
  return (run.row.get(key.id, key.publisher) as { row: number } | undefined)?.row
}

function putEntry(run: Statements, { publisher, id, body, recordedAt, holders }: IndexEntry): void {
  const aliases = JSON.stringify(body.aliases)
  const moc = mocBlob(body.coverage?.spatial?.moc)
  let row = rowOf(run, { publisher, id })
  if (row === undefined) {
    row = Number(
      run.insert.run(publisher, id, body.name, body.format, body.size, body.version, aliases, recordedAt, moc)
        .lastInsertRowid,
    )
  } else {
    clearParts(run, row)
    run.update.run(body.name, body.format, body.size, body.version, aliases, recordedAt, moc, row)
  }
  const creators = body.creators.map((c) => [c.name, c.affiliation].join(' ')).join(' ')
  const columns = (body.columns ?? []).map((c) => [c.name, c.description].join(' ')).join(' ')
  run.insertWords.run(
    row,
    body.name,
    body.title,
    body.keywords.join(' '),
    [id, ...body.aliases].join(' '),
    creators,
    columns,
    body.description ?? '',
  )
  for (const alias of body.aliases) run.insertAlias.run(alias, row)
  for (const keyword of body.keywords) run.insertKeyword.run(keyword.toLowerCase(), row)
  const box = body.coverage?.spatial?.box
  // A box upside down is nobody's part of the sky, and an R-tree refuses it.
  if (box !== undefined && box.decMin <= box.decMax) {
    for (const [i, part] of plainBoxes(box).entries())
      if (part.raMin <= part.raMax) run.insertBox.run(row * 2 + i, part.raMin, part.raMax, part.decMin, part.decMax)
  }
  if (holders !== undefined) putHolders(run, row, holders)
}

function putHolders(run: Statements, row: number, islands: string[]): void {
  run.deleteHolders.run(row)
  for (const island of islands) run.insertHolder.run(island, row)
}

/** All that hangs on a row but its holders, which are facts of other records. */
function clearParts(run: Statements, row: number): void {
  run.deleteWords.run(row)
  run.deleteAliases.run(row)
  run.deleteKeywords.run(row)
  run.deleteBox.run(row * 2)
  run.deleteBox.run(row * 2 + 1)
}

function removeRow(run: Statements, row: number): void {
  clearParts(run, row)
  run.deleteHolders.run(row)
  run.deleteDataset.run(row)
}

/** Ranges as bytes; null where a publisher's MOC says nothing or cannot be read: then the box alone counts. */
function mocBlob(text: string | undefined): Uint8Array | null {
  if (text === undefined) return null
  try {
    const moc = parseMoc(text)
    return moc.length === 0 ? null : new Uint8Array(moc.buffer)
  } catch {
    return null
  }
}

function claimOf(found: unknown): IndexedClaim {
  const row = found as {
    publisher: string
    id: string
    name: string
    version: string
    aliases: string
    recorded: number
  }
  return {
    publisher: row.publisher,
    id: row.id,
    body: { name: row.name, version: row.version, aliases: JSON.parse(row.aliases) },
    recordedAt: row.recorded,
  }
}
