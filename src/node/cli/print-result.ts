/** A result on the terminal, or where its output goes: tables in pages, so that memory does not grow with them. */
import { randomUUID } from 'node:crypto'
import { ArchipelError, toArchipelError } from '../../protocols/model/errors.ts'
import { type Cell, type ResultMeta, TABLE_ITEM } from '../../protocols/model/task.ts'
import type { TaskView } from '../../protocols/model/views.ts'
import type { IslandClient } from '../../web/client/index.ts'
import { clean, cleanLines, safeJson } from './clean.ts'
import { drained } from './drained.ts'
import { bytes, cellText, csvLine } from './format.ts'
import type { Io } from './io.ts'
import { type Saved, saveResult, type targetOf } from './save-result.ts'
import { tableInParts } from './table.ts'
import { shortTask } from './task-words.ts'

/** Rows asked for at first, which come soon and decide the widths of columns, and then. */
const FIRST_ROWS = 1000
const ROWS = 5000
/** Bytes of a text or JSON value that --json takes in. */
const MAX_VALUE_BYTES = 64 * 1024 * 1024
const NUMERIC = /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DOUBLE|FLOAT|REAL|DECIMAL)/i

interface Source {
  client: IslandClient
  view: TaskView
  signal: AbortSignal
}

async function* pages({ client, view, signal }: Source): AsyncGenerator<Cell[][]> {
  const total = view.result?.table?.rowCount ?? 0
  let from = 0
  do {
    const { rows } = await client.tasks.rows(view.id, { from, limit: from === 0 ? FIRST_ROWS : ROWS }, { signal })
    yield rows
    if (rows.length === 0) return
    from += rows.length
  } while (from < total)
}

async function printTable(io: Io, source: Source, csv: boolean): Promise<void> {
  const columns = source.view.result?.table?.columns ?? []
  if (csv) {
    const safe = process.stdout.isTTY ? clean : (text: string) => text
    io.write(csvLine(columns.map((column) => safe(column.name))))
    for await (const rows of pages(source)) {
      io.write(rows.map((row) => csvLine(columns.map((_, i) => safe(cellText(row[i], ''))))).join(''))
      await drained(source.signal)
    }
    return
  }
  if (columns.length === 0) return
  const shown = columns.map(({ name, type }) => ({
    header: name,
    align: NUMERIC.test(type) ? ('right' as const) : ('left' as const),
    min: 4,
  }))
  const part = tableInParts(shown, { width: io.width, style: (text) => io.style('bold', text) })
  for await (const rows of pages(source)) {
    io.print(part(rows.map((row) => columns.map((_, i) => cellText(row[i])))))
    await drained(source.signal)
  }
}

async function readText({ client, view, signal }: Source, name: string): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of client.tasks.read(view.id, name, { signal })) {
    size += chunk.byteLength
    if (size > MAX_VALUE_BYTES)
      throw new ArchipelError('TOO_LARGE', `${name} has more than ${bytes(MAX_VALUE_BYTES)}`, {
        hint: 'Save it with --output.',
      })
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

/** The item that a result of this kind is. */
function main({ kind, items }: ResultMeta): string | undefined {
  const type = kind === 'json' ? 'application/json' : kind === 'text' ? 'text/plain' : undefined
  return items.find((item) => type !== undefined && item.mediaType.startsWith(type))?.name
}

/** The text as it comes; on a terminal without what could drive it. */
async function printText(io: Io, { client, view, signal }: Source, name: string): Promise<void> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of client.tasks.read(view.id, name, { signal })) {
    rest += decoder.decode(chunk, { stream: true })
    const end = rest.lastIndexOf('\n') + 1
    if (end === 0) continue
    io.write(process.stdout.isTTY ? cleanLines(rest.slice(0, end)) : rest.slice(0, end))
    rest = rest.slice(end)
    await drained(signal)
  }
  rest += decoder.decode()
  if (rest !== '') io.print(process.stdout.isTTY ? cleanLines(rest) : rest)
}

async function printValue(io: Io, source: Source, name: string): Promise<void> {
  const text = await readText(source, name)
  try {
    io.print(safeJson(JSON.parse(text), 2))
  } catch {
    io.print(cleanLines(text))
  }
}

/** What is not printed, by name. */
function others({ items }: ResultMeta, printed: string | undefined): string {
  return items
    .filter((item) => item.name !== printed)
    .map((item) => `${clean(item.name)} (${clean(item.mediaType)}, ${bytes(item.bytes)})`)
    .join('\n')
}

/** One document in which the rows stand in the place of `rows`, written as they come. */
async function printRows(io: Io, document: (rows: string) => object, source: Source): Promise<void> {
  const mark = randomUUID()
  const [head, tail] = safeJson(document(mark)).split(`"${mark}"`)
  io.write(`${head}[`)
  let first = true
  for await (const rows of pages(source)) {
    const text = rows.map((row) => safeJson(row)).join(',')
    if (text !== '') io.write(first ? text : `,${text}`)
    first &&= text === ''
    await drained(source.signal)
  }
  io.print(`]${tail}`)
}

/**
 * The task as JSON, with what came out of it in `result`: `columns` and `rows` of a table, `text` or `value`; what was saved is
 * named in `saved`. With a table it has all that `POST /api/v1/sql` answers.
 */
async function printJson(io: Io, source: Source, saved: Saved[] | undefined): Promise<void> {
  const { view } = source
  const { result } = view
  if (saved !== undefined || result === undefined) return io.printJson({ ...view, saved })
  const { table, ...meta } = result
  if (table !== undefined) return printRows(io, (rows) => ({ ...view, result: { ...meta, ...table, rows } }), source)
  const name = main(result)
  if (name === undefined) return io.printJson(view)
  const text = await readText(source, name)
  const content = result.kind === 'json' ? { value: JSON.parse(text) as unknown } : { text }
  io.printJson({ ...view, result: { ...meta, ...content } })
}

/** The work is done, whatever became of its result here: it is not to be run again for that. */
function kept(view: TaskView, cause: unknown): ArchipelError {
  const error = toArchipelError(cause)
  if (error.code === 'CANCELLED') return error
  const short = shortTask(view.id)
  return new ArchipelError(error.code, error.message, {
    cause,
    details: { ...error.details, task: view.id },
    hint: `The work is done, as task ${short}: \`archipel task result ${short}\` prints what came out, with --output <folder>/ it saves all of it; \`archipel task log ${short}\` has what it printed.`,
  })
}

/** Prints a result, or saves it where a target is given and says what was saved. */
export async function printResult(
  io: Io,
  source: Source,
  { csv = false, target }: { csv?: boolean | undefined; target?: Awaited<ReturnType<typeof targetOf>> | undefined },
): Promise<void> {
  const { client, view, signal } = source
  if (csv && view.result !== undefined && view.result.table === undefined)
    throw kept(view, new ArchipelError('BAD_INPUT', `--csv: the result is no table, but ${view.result.kind}`))
  const saving = target && saveResult(client, view, target, signal)
  const saved = await saving?.catch((cause: unknown) => {
    throw kept(view, cause)
  })
  if (io.json) return printJson(io, source, saved)
  if (saved !== undefined) {
    if (saved.length === 0) io.note('The result is empty: nothing was saved.')
    for (const { path, bytes: size } of saved) io.note(clean(`saved ${path} (${bytes(size)})`))
    return
  }
  const { result } = view
  if (result === undefined) return
  let printed: string | undefined
  if (result.table !== undefined) {
    printed = TABLE_ITEM
    await printTable(io, source, csv)
  } else {
    printed = main(result)
    if (printed !== undefined) await (result.kind === 'json' ? printValue : printText)(io, source, printed)
  }
  const rest = others(result, printed)
  if (rest === '') return
  if (printed === undefined) io.print(rest)
  else io.note(rest)
  io.note('--output <folder>/ saves all of it.')
}
