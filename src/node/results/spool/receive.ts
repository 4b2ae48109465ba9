import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import { type ResultItem, type ResultMeta, resultMeta, TABLE_ITEM } from '../../../protocols/model/task.ts'
import type { SpoolPort } from '../port.ts'
import { FILE_MODE, placeFile, writeAll } from './disk.ts'
import { INDEX_FILE, INDEX_ROWS, itemFile, itemNameProblem, type Stored } from './layout.ts'
import { encodeIndex, type RowCounter, rowCounter } from './table.ts'

type From = Parameters<SpoolPort['receive']>[2]

/** Bytes between two syncs of a file that is being received: a crash costs that much of it at most. */
const SYNC_BYTES = 64 * 1024 * 1024
const READ_BYTES = 256 * 1024

export interface ReceiveInit {
  folder: string
  maxBytes: number
  maxItems: number
  inlineBytes: number
  take: (bytes: number) => Promise<void>
  give: (bytes: number) => void
  makeFolder: () => Promise<void>
  commit: (stored: Stored) => Promise<void>
}

/** A description that came from elsewhere. @throws PROTOCOL, RESULT_LIMIT */
export function checkMeta(meta: ResultMeta, limits: { maxBytes: number; maxItems: number }): ResultMeta {
  const parsed = resultMeta.safeParse(meta)
  if (!parsed.success) throw broken('the description of the result is not valid')
  const { items, table, bytes, kind } = parsed.data
  const names = new Set(items.map((item) => item.name))
  const total = items.reduce((sum, item) => sum + item.bytes, 0)
  if (names.size !== items.length || total !== bytes) throw broken('the description of the result contradicts itself')
  if (names.has(TABLE_ITEM) !== (table !== undefined) || (kind === 'table') !== (table !== undefined))
    throw broken('the description of the result contradicts itself')
  const problem = items.map((item) => itemNameProblem(item.name)).find((p) => p !== undefined)
  if (problem !== undefined) throw broken(`a file of the result has a name that cannot be: ${problem}`)
  if (bytes > limits.maxBytes || items.length > limits.maxItems)
    throw new ArchipelError('RESULT_LIMIT', 'the result is larger than this island keeps')
  return parsed.data
}

const broken = (message: string) => new ArchipelError('PROTOCOL', message)

/** @see SpoolPort.receive */
export async function receive(init: ReceiveInit, meta: ResultMeta, from: From): Promise<void> {
  const given = new Map(from.inline.map(({ name, bytes }) => [name, bytes]))
  const inline = new Map<string, Buffer>()
  let left = init.inlineBytes
  for (const [position, item] of meta.items.entries()) {
    const bytes = item.bytes === 0 ? new Uint8Array(0) : given.get(item.name)
    if (bytes !== undefined) {
      const table = item.name === TABLE_ITEM ? rowCounter(INDEX_ROWS) : undefined
      table?.push(bytes)
      if (bytes.length !== item.bytes || sha256(bytes) !== item.sha256) throw differs(item)
      if (bytes.length <= left) {
        left -= bytes.length
        inline.set(item.name, Buffer.from(bytes))
        if (table !== undefined) checkRows(table, meta)
        continue
      }
    }
    await receiveItem(init, meta, item, position, {
      fetch: bytes === undefined ? (offset) => from.fetch(item.name, offset) : (offset) => once(bytes.subarray(offset)),
      onBytes: bytes === undefined ? from.onBytes : undefined,
    })
  }
  await init.commit({ meta, inline })
}

interface ItemSource {
  fetch: (offset: number) => AsyncIterable<Uint8Array>
  onBytes: From['onBytes'] | undefined
}

async function receiveItem(
  init: ReceiveInit,
  meta: ResultMeta,
  item: ResultItem,
  position: number,
  source: ItemSource,
): Promise<void> {
  const path = itemFile(init.folder, item.name, position)
  await init.makeFolder()
  const file = await open(path, constants.O_CREAT | constants.O_RDWR, FILE_MODE)
  let known: number
  try {
    for (;;) {
      const hash = createHash('sha256')
      const table = item.name === TABLE_ITEM ? rowCounter(INDEX_ROWS) : undefined
      const seen = (chunk: Uint8Array) => {
        hash.update(chunk)
        table?.push(chunk)
      }
      // What an earlier call left may be of another result, or torn by a crash: then all comes anew.
      let { size } = await file.stat()
      if (size > item.bytes) {
        await file.truncate(0)
        init.give(size)
        size = 0
      }
      known = size
      for (let at = 0; at < size; ) {
        const chunk = Buffer.allocUnsafe(Math.min(READ_BYTES, size - at))
        const { bytesRead } = await file.read(chunk, 0, chunk.length, at)
        if (bytesRead === 0) throw broken('a file of the result became shorter')
        seen(chunk.subarray(0, bytesRead))
        at += bytesRead
      }
      let unsynced = 0
      while (size < item.bytes) {
        const before = size
        for await (const chunk of source.fetch(size)) {
          if (size + chunk.length > item.bytes) throw broken('a file of the result is longer than announced')
          await init.take(chunk.length)
          await writeAll(file, chunk, size)
          seen(chunk)
          size += chunk.length
          unsynced += chunk.length
          source.onBytes?.(chunk.length)
          if (unsynced >= SYNC_BYTES) {
            await file.datasync()
            unsynced = 0
          }
        }
        if (size === before) throw broken('a file of the result ended early')
      }
      if (hash.digest('hex') === item.sha256) {
        await file.datasync()
        if (table !== undefined) await keepIndex(init, meta, table)
        return
      }
      await file.truncate(0)
      init.give(size)
      if (known === 0) throw differs(item)
    }
  } finally {
    await file.close()
  }
}

async function keepIndex(init: ReceiveInit, meta: ResultMeta, table: RowCounter): Promise<void> {
  checkRows(table, meta)
  if (table.offsets.length < 2) return
  const index = encodeIndex(table.offsets)
  await init.take(index.length)
  await placeFile(join(init.folder, INDEX_FILE), index, [])
}

function checkRows(table: RowCounter, meta: ResultMeta): void {
  if (table.rows !== meta.table?.rowCount || !table.whole)
    throw broken('the table of the result has not the rows announced')
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

const differs = (item: ResultItem) =>
  new ArchipelError('PROTOCOL', 'a file of the result is not what its hash says', { details: { name: item.name } })

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes
}
