import { join } from 'node:path'
import type { Column } from '../../../protocols/model/dataset.ts'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import { type Cell, type ResultMeta, resultMeta, TABLE_ITEM } from '../../../protocols/model/task.ts'
import type { SpoolWriter } from '../port.ts'
import { diskError, placeFile } from './disk.ts'
import { type ItemWriter, itemWriter, type WrittenItem } from './item-writer.ts'
import { INDEX_FILE, INDEX_ROWS, itemFile, itemNameProblem, kindOf, type Stored } from './layout.ts'
import { openItem } from './local-file.ts'
import type { LogFile } from './log-file.ts'
import { encodeIndex } from './table.ts'

/** Text of rows gathered before it is encoded. */
const TEXT_CHARS = 64 * 1024
const CHUNK_BYTES = 256 * 1024
const MEDIA_TYPE = /^[\w.+-]{1,60}\/[\w.+-]{1,60}(?:; ?[\w.+-]{1,20}=[\w.+-]{1,40})?$/

export const TABLE_MEDIA_TYPE = 'application/x-ndjson'

export interface WriterInit {
  folder: string
  maxBytes: number
  maxItems: number
  inlineBytes: number
  log: LogFile
  take: (bytes: number) => Promise<void>
  makeFolder: () => Promise<void>
  /** Makes the result durable; the last thing. */
  commit: (stored: Stored) => Promise<void>
  /** The writer is not used any more. */
  release: () => Promise<void>
  /** Takes everything but the log away. */
  clear: () => Promise<void>
}

const tableColumns = resultMeta.shape.table.unwrap().shape.columns

interface Begun {
  name: string
  mediaType: string
  writer: ItemWriter
}

/** The result of an attempt that runs here. Calls are taken one after the other; after the first that fails, all fail. */
export function spoolWriter(init: WriterInit): SpoolWriter {
  const items: Begun[] = []
  const names = new Set<string>()
  const budget = { left: init.inlineBytes }
  let bytes = 0
  let table: { columns: Column[]; writer: ItemWriter; rows: number; index: number[]; cut: boolean } | undefined
  let failure: ArchipelError | undefined
  let ended = false
  let turn: Promise<unknown> = Promise.resolve()

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = turn.then(async () => {
      if (ended) throw new ArchipelError('CANCELLED', 'the result was closed')
      if (failure !== undefined) throw failure
      try {
        return await work()
      } catch (error) {
        const coded = diskError(error, 'writing the result')
        // A name that is refused harms nothing else.
        if (coded.code !== 'BAD_INPUT') failure = coded
        throw coded
      }
    })
    turn = result.catch(() => {})
    return result
  }

  function begin(name: string, mediaType: string): ItemWriter {
    if (items.length >= init.maxItems)
      throw new ArchipelError('RESULT_LIMIT', `the result has more than ${init.maxItems} items`)
    if (names.has(name)) throw new ArchipelError('BAD_INPUT', `the result has two items named ${JSON.stringify(name)}`)
    const path = itemFile(init.folder, name, items.length)
    const writer = itemWriter({ path, budget, take: init.take, makeFolder: init.makeFolder })
    names.add(name)
    items.push({ name, mediaType, writer })
    return writer
  }

  function count(more: number): void {
    bytes += more
    if (bytes > init.maxBytes)
      throw new ArchipelError('RESULT_LIMIT', `the result has more than ${init.maxBytes} bytes`)
  }

  async function write(writer: ItemWriter, chunk: Buffer): Promise<void> {
    count(chunk.length)
    await writer.write(chunk)
  }

  async function copy(name: string, mediaType: string, path: string, within: string | undefined): Promise<void> {
    const file = await openItem(path, within)
    try {
      const { size } = await file.stat()
      if (bytes + size > init.maxBytes) count(size)
      const writer = begin(name, mediaType)
      for (;;) {
        const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, size + 1))
        const { bytesRead } = await file.read(chunk, 0, chunk.length, writer.bytes)
        if (bytesRead === 0) return
        await write(writer, chunk.subarray(0, bytesRead))
      }
    } finally {
      await file.close()
    }
  }

  async function finish(elapsedMs: number): Promise<ResultMeta> {
    const written: WrittenItem[] = await Promise.all(items.map(({ writer }) => writer.end()))
    const inline = new Map<string, Buffer>()
    for (const [i, item] of written.entries()) if (item.inline !== undefined) inline.set(items[i]!.name, item.inline)
    if (table !== undefined && !inline.has(TABLE_ITEM) && table.index.length > 1) {
      const index = encodeIndex(table.index)
      await init.take(index.length)
      await placeFile(join(init.folder, INDEX_FILE), index, [])
    }
    const meta: ResultMeta = {
      kind: kindOf(items),
      items: items.map(({ name, mediaType }, i) => ({
        name,
        mediaType,
        bytes: written[i]!.bytes,
        sha256: written[i]!.sha256,
      })),
      bytes,
      elapsedMs,
    }
    if (table !== undefined) meta.table = { columns: table.columns, rowCount: table.rows, truncated: table.cut }
    await init.log.flush({ sync: true })
    await init.commit({ meta, inline })
    ended = true
    return meta
  }

  return {
    table: (columns) =>
      inTurn(async () => {
        if (table !== undefined) throw new ArchipelError('BAD_INPUT', 'a result has one table at most')
        if (!tableColumns.safeParse(columns).success)
          throw new ArchipelError(
            'RESULT_LIMIT',
            'the table has more columns, or longer names of them, than can be kept',
          )
        table = { columns, writer: begin(TABLE_ITEM, TABLE_MEDIA_TYPE), rows: 0, index: [], cut: false }
      }),
    rows: (rows) =>
      inTurn(async () => {
        if (table === undefined) throw new ArchipelError('BAD_INPUT', 'rows need a table')
        await writeRows(table, rows, write)
      }),
    cut() {
      if (table !== undefined) table.cut = true
    },
    item: (name, mediaType, source) =>
      inTurn(async () => {
        const plain = name.normalize('NFC')
        const problem = plain === TABLE_ITEM ? 'it is the name of the table' : itemNameProblem(plain)
        if (problem !== undefined)
          throw new ArchipelError('BAD_INPUT', `not a name for a file of a result: ${problem}`, {
            details: { name: name.slice(0, 300) },
          })
        const type = MEDIA_TYPE.test(mediaType) ? mediaType : 'application/octet-stream'
        if (!(source instanceof Uint8Array)) return await copy(plain, type, source.path, source.within)
        if (bytes + source.length > init.maxBytes) count(source.length)
        // The caller may use its buffer again.
        await write(begin(plain, type), Buffer.from(source))
      }),
    log(chunk) {
      if (!ended) init.log.append(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)
    },
    async finish(elapsedMs) {
      try {
        return await inTurn(() => finish(elapsedMs))
      } finally {
        if (ended) await init.release()
      }
    },
    async discard() {
      failure ??= new ArchipelError('CANCELLED', 'the result was discarded')
      await turn
      if (ended) return
      ended = true
      for (const { writer } of items) await writer.abort().catch(() => {})
      await init.release()
      await init.clear()
    },
  }
}

async function writeRows(
  table: { writer: ItemWriter; rows: number; index: number[] },
  rows: Cell[][],
  write: (writer: ItemWriter, chunk: Buffer) => Promise<void>,
): Promise<void> {
  let text = ''
  const flush = async () => {
    const chunk = Buffer.from(text)
    text = ''
    if (chunk.length > 0) await write(table.writer, chunk)
  }
  for (const row of rows) {
    const mark = table.rows % INDEX_ROWS === 0
    if (mark || text.length >= TEXT_CHARS) await flush()
    if (mark) table.index.push(table.writer.bytes)
    text += `${JSON.stringify(row)}\n`
    table.rows++
  }
  await flush()
}
