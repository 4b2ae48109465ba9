import { constants } from 'node:fs'
import { mkdir, open, readdir, readFile, rm, rmdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { type Cell, TABLE_ITEM } from '../../protocols/model/task.ts'
import type { SpoolKey, SpoolPort } from './port.ts'
import { diskError, FOLDER_MODE, isMissing, placeFile } from './spool/disk.ts'
import {
  decodeStored,
  encodeStored,
  INDEX_FILE,
  INDEX_ROWS,
  itemFile,
  keyOf,
  keyText,
  LOG_FILE,
  META_FILE,
  type Stored,
} from './spool/layout.ts'
import { fitToLog, type LogFile, logFile, readRange, sizeOf } from './spool/log-file.ts'
import { checkMeta, receive } from './spool/receive.ts'
import { decodeEntry, indexPosition, linesOf, parseRow } from './spool/table.ts'
import { usage } from './spool/usage.ts'
import { spoolWriter } from './spool/writer.ts'

export interface SpoolInit {
  /** Folder of the results; made when it is first needed. */
  dir: string
  /** Bytes of one result. Default 1 GiB. */
  resultBytes?: number
  /** Bytes of one log, the note of its cut not counted. Default 16 MiB. */
  logBytes?: number
  /** Items of one result. Default 1,000. */
  items?: number
  /** Bytes of all results and logs together. Default 20 GiB. */
  totalBytes?: number
  /** Bytes of the disk that results leave free, for the store of the island. Default 256 MiB; 0 does not look. */
  reserveBytes?: number
  /** Bytes of a result that need no files of their own. Default 64 KiB. */
  inlineBytes?: number
  /** Bytes of one page of rows, and of one row. Default 16 MiB. */
  pageBytes?: number
}

export interface SpoolComponents {
  logger: { warn(details: object, message: string): void }
}

const MiB = 2 ** 20
const READ_BYTES = 256 * 1024
const AGAIN = Buffer.from('\n[the work begins again here: its island was interrupted]\n')

/** @see SpoolPort. One process, one spool per folder. */
export function spool(init: SpoolInit, { logger }: SpoolComponents): SpoolPort {
  const limits = {
    maxBytes: init.resultBytes ?? 1024 * MiB,
    maxItems: init.items ?? 1000,
    inlineBytes: init.inlineBytes ?? 64 * 1024,
  }
  const logBytes = init.logBytes ?? 16 * MiB
  const pageBytes = init.pageBytes ?? 16 * MiB
  const used = usage({
    dir: init.dir,
    totalBytes: init.totalBytes ?? 20 * 1024 * MiB,
    reserveBytes: init.reserveBytes ?? 256 * MiB,
  })
  /** What is being written here, by key. */
  const writing = new Map<string, { log: LogFile; discard(): Promise<void> }>()
  const turns = new Map<string, Promise<unknown>>()

  const folderOf = (key: SpoolKey) => join(init.dir, keyText(key))

  /** One change of an attempt at a time. */
  function inTurn<T>(key: SpoolKey, work: (text: string) => Promise<T>): Promise<T> {
    const text = keyText(key)
    const result = (turns.get(text) ?? Promise.resolve()).then(() => work(text))
    const settled = result.then(
      () => {},
      () => {},
    )
    turns.set(text, settled)
    void settled.then(() => turns.get(text) === settled && turns.delete(text))
    return result.catch((error) => {
      throw diskError(error, 'keeping the result')
    })
  }

  async function makeFolder(folder: string): Promise<void> {
    await mkdir(folder, { recursive: true, mode: FOLDER_MODE })
  }

  /** Everything of the attempt but its log. The description goes first: half of a result never counts. */
  async function clear(folder: string, text: string): Promise<void> {
    await rm(join(folder, META_FILE), { force: true })
    const names = await readdir(folder).catch((error) => {
      if (isMissing(error)) return []
      throw error
    })
    for (const name of names) if (name !== LOG_FILE) await rm(join(folder, name), { recursive: true, force: true })
    used.set(text, await sizeOf(join(folder, LOG_FILE)))
  }

  async function commit(key: SpoolKey, stored: Stored): Promise<void> {
    const folder = folderOf(key)
    const bytes = encodeStored(stored)
    await makeFolder(folder)
    await used.take(keyText(key), bytes.length)
    // The attempt in the task, the task in the spool: a new name is durable when the folder above it is.
    await placeFile(join(folder, META_FILE), bytes, [folder, join(folder, '..'), init.dir])
  }

  async function stored(key: SpoolKey): Promise<Stored | undefined> {
    const bytes = await readFile(join(folderOf(key), META_FILE)).catch((error) => {
      if (isMissing(error)) return undefined
      throw diskError(error, 'reading the result')
    })
    if (bytes === undefined) return undefined
    const found = decodeStored(bytes)
    if (found === undefined) logger.warn({ key: keyText(key) }, 'the description of a result is broken')
    return found
  }

  async function found(key: SpoolKey): Promise<Stored> {
    const result = await stored(key)
    if (result !== undefined) return result
    throw new ArchipelError('NOT_FOUND', 'there is no result here', {
      hint: 'The task has not ended, or its result is no longer kept.',
    })
  }

  async function* itemBytes(
    key: SpoolKey,
    { meta, inline }: Stored,
    name: string,
    range: { offset: number; limit?: number },
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const position = meta.items.findIndex((item) => item.name === name)
    const item = meta.items[position]
    if (item === undefined) throw new ArchipelError('NOT_FOUND', 'the result has no such item')
    const end = Math.min(item.bytes, range.offset + (range.limit ?? Number.POSITIVE_INFINITY))
    const memory = inline.get(name)
    if (memory !== undefined) {
      if (end > range.offset) yield memory.subarray(range.offset, end)
      return
    }
    if (end <= range.offset) return
    const file = await open(itemFile(folderOf(key), name, position), constants.O_RDONLY).catch((error) => {
      if (isMissing(error)) throw new ArchipelError('NOT_FOUND', 'the result is no longer here')
      throw diskError(error, 'reading the result')
    })
    try {
      for (let at = range.offset; at < end; ) {
        const chunk = Buffer.allocUnsafe(Math.min(READ_BYTES, end - at))
        const { bytesRead } = await file.read(chunk, 0, chunk.length, at)
        if (bytesRead === 0) throw new ArchipelError('DATA_DIR_BROKEN', 'a file of a result is shorter than it was')
        yield chunk.subarray(0, bytesRead)
        at += bytesRead
      }
    } finally {
      await file.close()
    }
  }

  async function removeAll(key: SpoolKey, text: string): Promise<void> {
    const folder = folderOf(key)
    await rm(join(folder, META_FILE), { force: true })
    await rm(folder, { recursive: true, force: true })
    used.forget(text)
    // Other attempts of the task may be there.
    await rmdir(join(folder, '..')).catch(() => {})
  }

  const port: SpoolPort = {
    async start(keep) {
      for (const task of await names(init.dir)) {
        for (const attempt of await names(join(init.dir, task))) {
          const key = keyOf(task, attempt)
          if (key === undefined) continue
          if (await keep(key)) used.set(keyText(key), await tidy(folderOf(key)))
          else await inTurn(key, (text) => removeAll(key, text))
        }
        if (keyOf(task, '1') !== undefined) await rmdir(join(init.dir, task)).catch(() => {})
      }
    },
    async stop() {
      await Promise.all([...writing.values()].map((w) => w.discard()))
    },
    write: (key) =>
      inTurn(key, async (text) => {
        const folder = folderOf(key)
        await writing.get(text)?.discard()
        await clear(folder, text)
        const log = await logFile({
          path: join(folder, LOG_FILE),
          maxBytes: logBytes,
          makeFolder: () => makeFolder(folder),
          take: (bytes) => used.take(text, bytes),
          onError: (error) => logger.warn({ err: error, key: text }, 'a log could not be written'),
        })
        if (log.total > 0) log.append(AGAIN)
        const writer = spoolWriter({
          folder,
          ...limits,
          log,
          take: (bytes) => used.take(text, bytes),
          makeFolder: () => makeFolder(folder),
          commit: (result) => commit(key, result),
          release: async () => {
            await log.close()
            if (writing.get(text)?.log === log) writing.delete(text)
          },
          clear: () => clear(folder, text),
        })
        writing.set(text, { log, discard: () => writer.discard() })
        return writer
      }),
    receive: (key, announced, from) =>
      inTurn(key, async (text) => {
        const meta = checkMeta(announced, limits)
        const folder = folderOf(key)
        const before = await stored(key)
        if (before !== undefined) {
          if (isDeepStrictEqual(before.meta, meta)) return
          await clear(folder, text)
        }
        await receive(
          {
            folder,
            ...limits,
            take: (bytes) => used.take(text, bytes),
            give: (bytes) => used.give(text, bytes),
            makeFolder: () => makeFolder(folder),
            commit: (result) => commit(key, result),
          },
          meta,
          from,
        )
      }),
    meta: async (key) => (await stored(key))?.meta,
    async *read(key, item, range) {
      yield* itemBytes(key, await found(key), item, range)
    },
    async rows(key, page) {
      const result = await found(key)
      const { table } = result.meta
      if (table === undefined) throw new ArchipelError('NOT_FOUND', 'the result has no table')
      const rows: Cell[][] = []
      const end = Math.min(table.rowCount, page.from + page.limit)
      if (page.from < end) {
        const { offset, skip } = await beginning(key, result, page.from)
        await collect(rows, itemBytes(key, result, TABLE_ITEM, { offset }), {
          skip,
          count: end - page.from,
          width: table.columns.length,
          maxBytes: pageBytes,
        })
      }
      return { columns: table.columns, rows, rowCount: rows.length, truncated: table.truncated }
    },
    appendLog: (key, offset, chunk) =>
      inTurn(key, async (text) => {
        const path = join(folderOf(key), LOG_FILE)
        const open = writing.get(text)?.log
        const size = open?.total ?? (await sizeOf(path))
        // A log that was cut here has no place for more.
        if (size > logBytes || offset + chunk.length <= size) return
        if (offset > size) throw new ArchipelError('BAD_INPUT', `the log has ${size} bytes, not ${offset}`)
        const fresh = fitToLog(chunk.subarray(size - offset), size, logBytes)
        if (open !== undefined) return open.append(fresh)
        await used.take(text, fresh.length)
        await makeFolder(folderOf(key))
        await append(path, fresh)
      }),
    async log(key, { offset, limit }) {
      const open = writing.get(keyText(key))?.log
      if (open !== undefined) return { bytes: await open.read(offset, limit), total: open.total }
      const path = join(folderOf(key), LOG_FILE)
      const total = await sizeOf(path)
      const length = Math.max(0, Math.min(limit, total - offset))
      return { bytes: length === 0 ? Buffer.alloc(0) : await readRange(path, offset, length), total }
    },
    remove: (key) =>
      inTurn(key, async (text) => {
        await writing.get(text)?.discard()
        await removeAll(key, text)
      }),
    bytes: async () => used.total,
  }

  async function beginning(key: SpoolKey, { inline }: Stored, from: number): Promise<{ offset: number; skip: number }> {
    if (inline.has(TABLE_ITEM) || from < INDEX_ROWS) return { offset: 0, skip: from }
    const { offset, length } = indexPosition(from, INDEX_ROWS)
    const entry = decodeEntry(await readRange(join(folderOf(key), INDEX_FILE), offset, length))
    return entry === undefined ? { offset: 0, skip: from } : { offset: entry, skip: from % INDEX_ROWS }
  }

  return port
}

/** Names in a folder; none when it is missing or is none. */
async function names(folder: string): Promise<string[]> {
  return await readdir(folder).catch((error) => {
    if (isMissing(error)) return []
    throw diskError(error, 'reading the results')
  })
}

/** Takes away what a crash left half renamed; the bytes of what stays. */
async function tidy(folder: string): Promise<number> {
  let bytes = 0
  for (const name of await names(folder)) {
    const path = join(folder, name)
    if (name.endsWith('.tmp')) await rm(path, { force: true })
    else bytes += (await stat(path).catch(() => undefined))?.size ?? 0
  }
  return bytes
}

async function append(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, constants.O_CREAT | constants.O_WRONLY | constants.O_APPEND, 0o600)
  try {
    await file.writeFile(bytes)
  } finally {
    await file.close()
  }
}

async function collect(
  into: Cell[][],
  source: AsyncIterable<Uint8Array>,
  page: { skip: number; count: number; width: number; maxBytes: number },
): Promise<void> {
  let { skip } = page
  let bytes = 0
  for await (const lines of linesOf(source, page.maxBytes)) {
    for (const line of lines) {
      if (skip-- > 0) continue
      bytes += line.length
      if (bytes > page.maxBytes && into.length > 0) return
      into.push(parseRow(line, page.width))
      if (into.length === page.count) return
    }
  }
}
