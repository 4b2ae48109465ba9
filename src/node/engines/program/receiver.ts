import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Column } from '../../../protocols/model/dataset.ts'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import { type Cell, MAX_RESULT_ITEMS, TABLE_ITEM } from '../../../protocols/model/task.ts'
import type { ResultSink } from '../../results/port.ts'
import type { CollectedItem, StatementOutcome } from '../port.ts'
import type { Frame } from './frames.ts'
import { type DriverMessage, driverMessage } from './messages.ts'

/** Items up to here are held in memory on their way. */
const SMALL_ITEM_BYTES = 1024 ** 2
/** What to do about a result of a program that is too large. */
export const RETURN_LESS = 'Return less: fewer rows or columns, fewer or smaller files.'

export interface ReceiverInit {
  sink?: ResultSink
  maxRows: number
  maxBytes: number
  /** A folder of the session for items on their way. */
  dir: string
  onProgress(fraction: number): void
  /** The program waits for the answer to a question of its own; without it none may be asked. */
  onQuery?: ((query: { sql: string; maxRows: number }) => Promise<void>) | undefined
}

export interface Receiver {
  /**
   * Takes the next frame. Returns the last message of the statement.
   * @throws RESULT_LIMIT, ENGINE_FAILED for what no driver says, what the sink throws
   */
  take(frame: Frame | undefined): Promise<(DriverMessage & { is: 'done' | 'failed' }) | undefined>
  outcome(elapsedMs: number): StatementOutcome
  /** Lets go of an item that did not arrive to its end. */
  abandon(): Promise<void>
}

const strange = () => new ArchipelError('ENGINE_FAILED', 'the program interfered with the process that runs it')

/** Turns the frames of one statement into its result: into a sink, or collected. Believes none of them. */
export function receiver(init: ReceiverInit): Receiver {
  const { sink, maxRows, maxBytes } = init
  let columns: Column[] = []
  const rows: Cell[][] = []
  const items: CollectedItem[] = []
  const names = new Set<string>([TABLE_ITEM])
  let rowCount = 0
  let truncated = false
  let bytes = 0
  let coming:
    | { name: string; mediaType: string; left: number; parts: Buffer[]; file?: FileHandle; path: string }
    | undefined

  function count(more: number): void {
    bytes += more
    if (bytes > maxBytes)
      throw new ArchipelError('RESULT_LIMIT', `the result has more than the ${maxBytes} bytes that are allowed`, {
        hint: RETURN_LESS,
      })
  }

  async function beginItem(message: DriverMessage & { is: 'item' }): Promise<void> {
    const { name, mediaType } = message
    if (!isPlain(name) || names.has(name))
      throw new ArchipelError('CODE_FAILED', `not a name for a file of a result: ${JSON.stringify(name)}`)
    if (names.size > MAX_RESULT_ITEMS)
      throw new ArchipelError('RESULT_LIMIT', `the result has more than ${MAX_RESULT_ITEMS} files`, {
        hint: RETURN_LESS,
      })
    count(message.bytes)
    const path = join(init.dir, `item-${names.size}`)
    names.add(name)
    coming = { name, mediaType, left: message.bytes, parts: [], path }
    if (sink !== undefined && message.bytes > SMALL_ITEM_BYTES) coming.file = await open(path, 'wx', 0o600)
    if (message.bytes === 0) await endItem()
  }

  async function endItem(): Promise<void> {
    const { name, mediaType, file, parts, path } = coming!
    coming = undefined
    if (file !== undefined) {
      await file.close()
      await sink!.item(name, mediaType, { path })
    } else if (sink !== undefined) await sink.item(name, mediaType, Buffer.concat(parts))
    else items.push({ name, mediaType, bytes: Buffer.concat(parts) })
  }

  async function part(raw: Buffer): Promise<void> {
    if (coming === undefined || raw.length > coming.left) throw strange()
    coming.left -= raw.length
    if (coming.file === undefined) coming.parts.push(Buffer.from(raw))
    else await coming.file.writeFile(raw)
    if (coming.left === 0) await endItem()
  }

  async function takeRows(more: Cell[][], size: number): Promise<void> {
    count(size)
    rowCount += more.length
    if (columns.length === 0 || rowCount > maxRows || more.some((row) => row.length !== columns.length)) throw strange()
    if (sink !== undefined) await sink.rows(more)
    else for (const row of more) rows.push(row)
  }

  async function abandon(): Promise<void> {
    const { file } = coming ?? {}
    coming = undefined
    await file?.close().catch(() => {})
  }

  return {
    async take(frame) {
      if (frame === undefined) throw strange()
      if ('raw' in frame) return void (await part(frame.raw))
      const parsed = driverMessage.safeParse(frame.message)
      if (!parsed.success) throw strange()
      const message = parsed.data
      if (coming !== undefined && message.is !== 'failed' && message.is !== 'progress') throw strange()
      switch (message.is) {
        case 'table':
          if (columns.length > 0) throw strange()
          columns = message.columns
          await sink?.table(columns)
          return undefined
        case 'rows':
          return void (await takeRows(message.rows, frame.bytes))
        case 'cut':
          truncated = true
          sink?.cut()
          return undefined
        case 'item':
          return void (await beginItem(message))
        case 'progress':
          init.onProgress(message.value)
          return undefined
        case 'query':
          if (init.onQuery === undefined) throw strange()
          return void (await init.onQuery(message))
        case 'ready':
          throw strange()
        default:
          await abandon()
          return message
      }
    },
    outcome: (elapsedMs) => ({ result: { columns, rows, rowCount, truncated }, items, elapsedMs }),
    abandon,
  }
}

/** A plain relative path, `/`-separated. */
function isPlain(name: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  return !/[\u0000-\u001f\u007f\\]/.test(name) && name.split('/').every((p) => p !== '' && p !== '.' && p !== '..')
}
