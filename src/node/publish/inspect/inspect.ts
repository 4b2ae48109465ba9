import type { DatasetFormat } from '../../../protocols/model/dataset.ts'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import type { PublishRequest } from '../../../protocols/model/views.ts'
import type { Inspector } from '../../engines/port.ts'
import { inspectFits } from '../fits/inspect.ts'
import type { Description, SourceFile } from '../port.ts'
import { isGuess, kindOf } from './kinds.ts'
import { inspectParquet } from './parquet.ts'
import { findPosition, findTime, spatialCoverage, withNotes } from './positions.ts'
import { DifferentSchema, type Query, type Table } from './table.ts'
import { inspectCsv, inspectJsonLines } from './text-table.ts'

export interface InspectOptions {
  as?: PublishRequest['as']
  /** A fresh inspector over these files. */
  inspectorFor(files: string[]): Inspector
  /** Milliseconds for each query. */
  queryTimeoutMs: number
  signal?: AbortSignal
  /** Files looked at so far. */
  onFiles?: (done: number) => void
}

/** A table of more files than this is published as plain files. */
export const MAX_TABLE_FILES = 10_000
export const MAX_COLUMNS = 2000

const TABLES = { csv: inspectCsv, parquet: inspectParquet, jsonl: inspectJsonLines } as const

/**
 * What the files say of themselves. All files of one kind and one schema are one table (or one set of FITS files); files
 * of several kinds or schemas are plain files. A file that is not what its name says is an error, so that a broken table
 * is not published as something else; `.json` files that are not JSON lines are plain.
 *
 * @throws UNREADABLE naming the file; TIME_LIMIT, MEMORY_LIMIT; CANCELLED
 */
export async function inspect(files: SourceFile[], options: InspectOptions): Promise<Description> {
  const format = options.as ?? (await commonKind(files, options.signal))
  if (format === 'files') return { format }
  if (format === 'fits') {
    let done = 0
    return { format, ...(await inspectFits(files, options.signal, () => options.onFiles?.(++done))) }
  }
  try {
    return await inspectTable(format, files, options)
  } catch (error) {
    if (!(error instanceof ArchipelError) || error.code !== 'UNREADABLE' || options.as !== undefined) throw error
    if (error instanceof DifferentSchema || (format === 'jsonl' && files.every(isGuess))) return { format: 'files' }
    throw error
  }
}

async function commonKind(files: SourceFile[], signal?: AbortSignal): Promise<DatasetFormat> {
  let common: DatasetFormat | undefined
  for (const file of files) {
    signal?.throwIfAborted()
    const kind = await kindOf(file)
    if (common !== undefined && kind !== common) return 'files'
    common = kind
  }
  return common !== 'fits' && files.length > MAX_TABLE_FILES ? 'files' : common!
}

async function inspectTable(
  format: keyof typeof TABLES,
  files: SourceFile[],
  options: InspectOptions,
): Promise<Description> {
  const inspector = options.inspectorFor(files.map((file) => file.local))
  try {
    const names = await inspector.files()
    const query: Query = (sql) =>
      inspector
        .query(sql, { timeoutMs: options.queryTimeoutMs, ...(options.signal && { signal: options.signal }) })
        .catch((error: unknown) => {
          throw readable(error, files, names)
        })
    const table: Table = await TABLES[format](files, names, query)
    if (table.columns.length > MAX_COLUMNS)
      throw new ArchipelError('UNREADABLE', `the table has more than ${MAX_COLUMNS} columns`)
    const position = await findPosition(table, query)
    const time = await findTime(table, query)
    const spatial = position && (await spatialCoverage(table, position, query))
    const description: Description = {
      format,
      rows: table.rows,
      columns: withNotes(table.columns, position, time?.column),
    }
    if (table.dialect !== undefined) description.dialect = table.dialect
    if (position !== undefined) description.position = position
    if (time !== undefined) description.timeColumn = time.column
    if (spatial !== undefined || time !== undefined)
      description.coverage = { ...(spatial && { spatial }), ...(time && { temporal: time.temporal }) }
    return description
  } finally {
    await inspector.close()
  }
}

/** DuckDB's long texts cut to what helps, with the dataset's own file names. */
function readable(error: unknown, files: SourceFile[], names: string[]): unknown {
  if (!(error instanceof ArchipelError) || error.code !== 'UNREADABLE') return error
  let message = error.message.split(/\nPossible |\nThe search space|\n\n|\n\s+file = /)[0]!
  // Backwards, since the name of the first may be how that of the tenth begins.
  for (let i = names.length - 1; i >= 0; i--) message = message.replaceAll(names[i]!, () => files[i]!.path)
  return new ArchipelError('UNREADABLE', message.replace(/\s+/g, ' ').slice(0, 500), { cause: error })
}
