import { constants } from 'node:fs'
import { mkdir, open, readdir, rm, rmdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { SpoolKey, SpoolPort } from './port.ts'
import { diskError, FOLDER_MODE, isMissing, placeFile } from './spool/disk.ts'
import { encodeStored, keyOf, keyText, LOG_FILE, META_FILE, type Stored } from './spool/layout.ts'
import { fitToLog, type LogFile, logFile, readRange, sizeOf } from './spool/log-file.ts'
import { spoolReader } from './spool/reader.ts'
import { checkMeta, receive } from './spool/receive.ts'
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
/** Of one log: what is printed beyond is not kept, and a line at its end says so. */
export const MAX_LOG_BYTES = 16 * MiB
const AGAIN = Buffer.from('\n[the work begins again here: its island was interrupted]\n')

/** @see SpoolPort. One process, one spool per folder. */
export function spool(init: SpoolInit, { logger }: SpoolComponents): SpoolPort {
  const limits = {
    maxBytes: init.resultBytes ?? 1024 * MiB,
    maxItems: init.items ?? 1000,
    inlineBytes: init.inlineBytes ?? 64 * 1024,
  }
  const logBytes = init.logBytes ?? MAX_LOG_BYTES
  const used = usage({
    dir: init.dir,
    totalBytes: init.totalBytes ?? 20 * 1024 * MiB,
    reserveBytes: init.reserveBytes ?? 256 * MiB,
  })
  /** What is being written here, by key. */
  const writing = new Map<string, { log: LogFile; discard(): Promise<void> }>()
  const turns = new Map<string, Promise<unknown>>()

  const folderOf = (key: SpoolKey) => join(init.dir, keyText(key))

  const reader = spoolReader({ folderOf, pageBytes: init.pageBytes ?? 16 * MiB, logger })

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
    write: (key, { again = false } = {}) =>
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
        if (log.total > 0 && !again) log.append(AGAIN)
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
        const before = await reader.stored(key)
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
    meta: async (key) => (await reader.stored(key))?.meta,
    read: reader.read,
    rows: reader.rows,
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
