import { constants } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import { type Cell, TABLE_ITEM } from '../../../protocols/model/task.ts'
import type { SpoolKey, SpoolPort } from '../port.ts'
import { diskError, isMissing } from './disk.ts'
import { decodeStored, INDEX_FILE, INDEX_ROWS, itemFile, keyText, META_FILE, type Stored } from './layout.ts'
import { readRange } from './log-file.ts'
import { decodeEntry, indexPosition, linesOf, parseRow } from './table.ts'

const READ_BYTES = 256 * 1024

/** Finished results, read. */
export interface SpoolReader extends Pick<SpoolPort, 'read' | 'rows'> {
  /** Undefined when there is none, or it is torn. */
  stored(key: SpoolKey): Promise<Stored | undefined>
}

export interface SpoolReaderInit {
  folderOf: (key: SpoolKey) => string
  /** Bytes of one page of rows, and of one row. */
  pageBytes: number
  logger: { warn(details: object, message: string): void }
}

export function spoolReader({ folderOf, pageBytes, logger }: SpoolReaderInit): SpoolReader {
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

  async function beginning(key: SpoolKey, { inline }: Stored, from: number): Promise<{ offset: number; skip: number }> {
    if (inline.has(TABLE_ITEM) || from < INDEX_ROWS) return { offset: 0, skip: from }
    const { offset, length } = indexPosition(from, INDEX_ROWS)
    const entry = decodeEntry(await readRange(join(folderOf(key), INDEX_FILE), offset, length))
    return entry === undefined ? { offset: 0, skip: from } : { offset: entry, skip: from % INDEX_ROWS }
  }

  return {
    stored,
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
