import type { Column, Dialect } from '../../../protocols/model/dataset.ts'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import { quoted } from '../../../protocols/model/sql-names.ts'
import type { SourceFile } from '../port.ts'
import { notText, readHead } from './kinds.ts'
import { jsonCompression, literal, numberOf, readCsv, readJsonLines, records } from './sql.ts'
import { differentSchema, type Query, type Table, unreadable } from './table.ts'

const MAX_NAME_LENGTH = 256
const MAX_TYPE_LENGTH = 128
/** Values of these types are the same however often they are written and read. */
const KEPT = /^(BOOLEAN|BIGINT|DOUBLE|DATE|TIMESTAMP|TIMESTAMP WITH TIME ZONE|VARCHAR)$/

/**
 * A CSV-like table: the dialect of the first file holds for all; their header lines have to be equal.
 *
 * Types are those that DuckDB finds in the beginning, made safe: `TIME` becomes `VARCHAR`, since it is mostly a right
 * ascension in hours and would be cut or refused beyond 24; a column whose later values do not fit becomes `DOUBLE`
 * where it was an integer and they fit that, else `VARCHAR`. Integers with leading zeros are `VARCHAR`.
 *
 * @throws UNREADABLE
 */
export async function inspectCsv(files: SourceFile[], names: string[], query: Query): Promise<Table> {
  const heads = []
  for (const file of files) {
    const head = await readHead(file)
    const problem = notText(head.bytes)
    if (problem !== undefined) throw unreadable(file, problem)
    heads.push(head)
  }
  const sniffed = records(
    await query(
      `SELECT Delimiter, Quote, SkipRows, HasHeader, to_json(Columns) AS columns FROM sniff_csv(${literal(names[0]!)}, comment='', compression=${literal(heads[0]!.gzip ? 'gzip' : 'none')})`,
    ),
  )[0]!
  const delimiter = given(sniffed.Delimiter)
  const found = JSON.parse(String(sniffed.columns)) as Column[]
  const skipped = headLines(heads[0]!.bytes).slice(0, numberOf(sniffed.SkipRows))
  if ((found.length === 1 && /[,;\t|]/.test(found[0]!.name)) || skipped.some((line) => isRow(line, delimiter)))
    throw unreadable(files[0]!, 'its lines do not have one number of columns')
  const columns = checkedColumns(
    found.map((c) => ({ name: c.name, type: KEPT.test(c.type) ? c.type : 'VARCHAR' })),
    files[0]!,
  )
  const dialect: Dialect = {
    delimiter: delimiter === '' ? ',' : delimiter,
    quote: given(sniffed.Quote) || '"',
    header: sniffed.HasHeader === true,
    skip: numberOf(sniffed.SkipRows),
    compression: heads[0]!.gzip ? 'gzip' : 'none',
  }
  for (const [i, head] of heads.entries()) {
    if (
      head.gzip !== heads[0]!.gzip ||
      (dialect.header && headerLine(head.bytes, dialect.skip) !== headerLine(heads[0]!.bytes, dialect.skip))
    )
      throw differentSchema(files[i]!)
  }
  try {
    return await pinned(columns, (c) => readCsv(names, c, dialect), query, dialect)
  } catch (error) {
    // No quote was seen where the dialect was found, and the one assumed does not fit.
    if (!(error instanceof ArchipelError) || error.code !== 'UNREADABLE' || given(sniffed.Quote) !== '') throw error
    const bare = { ...dialect, quote: '' }
    return await pinned(columns, (c) => readCsv(names, c, bare), query, bare)
  }
}

/**
 * JSON lines. Nested values keep their type where its name is short, else they are `JSON`; so is a column whose later
 * values do not fit.
 *
 * @throws UNREADABLE
 */
export async function inspectJsonLines(files: SourceFile[], names: string[], query: Query): Promise<Table> {
  const gzip: boolean[] = []
  for (const file of files) {
    const head = await readHead(file)
    const problem = notText(head.bytes)
    if (problem !== undefined) throw unreadable(file, problem)
    if (!/^\ufeff?\s*\{/.test(head.bytes.toString('utf8', 0, 256)))
      throw unreadable(file, 'its lines are not JSON objects')
    gzip.push(head.gzip)
  }
  if (gzip.some((g) => g !== gzip[0])) throw differentSchema(files[gzip.findIndex((g) => g !== gzip[0])]!)
  const compression = gzip[0] ? 'gzip' : 'none'
  // Keys may appear late, so that every file takes part.
  const found = records(
    await query(
      `DESCRIBE SELECT * FROM read_json([${names.map(literal).join(', ')}], format='newline_delimited', compression=${jsonCompression(compression)}, union_by_name=true)`,
    ),
  )
  const columns = checkedColumns(
    found.map((c) => {
      const type = String(c.column_type)
      return {
        name: String(c.column_name),
        type: type.length > MAX_TYPE_LENGTH || /^(TIME|UUID)$/.test(type) ? 'JSON' : type,
      }
    }),
    files[0]!,
  )
  const dialect: Dialect = { delimiter: '\n', quote: '"', header: false, skip: 0, compression }
  return await pinned(columns, (c) => readJsonLines(names, c, compression), query, dialect)
}

type Reader = (columns: Column[]) => string

/** Reads all of it twice: once as text where that shows what a type would hide, once as it will be read. */
async function pinned(columns: Column[], read: Reader, query: Query, dialect: Dialect): Promise<Table> {
  let safe = await settleTypes(columns, read, query)
  try {
    return { columns: safe, rows: await countAll(safe, read, query), dialect, from: read(safe) }
  } catch (error) {
    if (!(error instanceof ArchipelError) || error.code !== 'UNREADABLE') throw error
    safe = columns.map((c) => ({ name: c.name, type: isJson(c.type) ? 'JSON' : 'VARCHAR' }))
    return { columns: safe, rows: await countAll(safe, read, query), dialect, from: read(safe) }
  }
}

/** Every column is read: a bare count would not convert the values. */
async function countAll(columns: Column[], read: Reader, query: Query): Promise<number> {
  const counts = columns.map((c) => `count(${quoted(c.name)})`)
  const table = await query(`SELECT count(*), ${counts.join(', ')} FROM ${read(columns)}`)
  return numberOf(table.rows[0]![0])
}

/** What the text of a value has to look like to be the same after reading; other types are tried. One plain match per
 * column: DuckDB needs seconds to plan more over a thousand columns. */
const LOOKS: Record<string, string> = {
  BIGINT: '\\s*[+-]?(0|[1-9]\\d{0,18})\\s*',
  DATE: '\\s*\\d{1,4}-\\d{1,2}-\\d{1,2}\\s*',
  BOOLEAN: '\\s*(?i:true|false)\\s*',
}

/**
 * Types that every value fits. DuckDB would read 1.7 as the integer 2 and 007 as 7 without a word, so values are
 * looked at as text.
 */
async function settleTypes(columns: Column[], read: Reader, query: Query): Promise<Column[]> {
  const checked = columns.filter((c) => /^(BIGINT|DOUBLE|DATE|BOOLEAN|TIMESTAMP.*)$/.test(c.type))
  if (checked.length === 0) return columns
  const from = read(columns.map((c) => (checked.includes(c) ? { ...c, type: 'VARCHAR' } : c)))
  const misfits = await counted(checked, from, query, (c, type) =>
    LOOKS[type] === undefined
      ? `${c} IS NOT NULL AND try_cast(${c} AS ${type}) IS NULL`
      : `NOT regexp_full_match(${c}, ${literal(LOOKS[type])})`,
  )
  const integers = misfits.filter((c) => c.type === 'BIGINT')
  // A number that begins with 0 and goes on with digits is a name.
  const names = await counted(integers, from, query, (c) => {
    return `${c} IS NOT NULL AND (try_cast(${c} AS DOUBLE) IS NULL OR regexp_matches(${c}, '^\\s*[+-]?0\\d'))`
  })
  return columns.map((c) => {
    if (!misfits.includes(c)) return c
    return { ...c, type: c.type === 'BIGINT' && !names.includes(c) ? 'DOUBLE' : 'VARCHAR' }
  })
}

/** The columns with a value that meets the condition. */
async function counted(
  columns: Column[],
  from: string,
  query: Query,
  condition: (quoted: string, type: string) => string,
): Promise<Column[]> {
  if (columns.length === 0) return []
  const tests = columns.map((c) => `count_if(${condition(quoted(c.name), c.type)})`)
  const [row] = (await query(`SELECT ${tests.join(', ')} FROM ${from}`)).rows
  return columns.filter((_, i) => numberOf(row![i]) > 0)
}

function isJson(type: string): boolean {
  return /^(JSON|STRUCT|MAP|.*\])/.test(type)
}

function given(cell: unknown): string {
  return cell === '(empty)' || cell === '\\0' || typeof cell !== 'string' ? '' : cell
}

function headerLine(bytes: Buffer, skip: number): string {
  return headLines(bytes)[skip] ?? ''
}

function headLines(bytes: Buffer): string[] {
  return bytes
    .toString('utf8')
    .replace(/^\ufeff/, '')
    .split(/\r\n|\n|\r/)
}

/** DuckDB skips lines until those that fit each other: titles and comments, but also the header of a ragged table. */
function isRow(line: string, delimiter: string): boolean {
  return delimiter !== '' && !/^\s*["']?[#%!]/.test(line) && line.replaceAll(/"[^"]*"/g, '').includes(delimiter)
}

function checkedColumns(columns: Column[], file: SourceFile): Column[] {
  for (const c of columns) {
    if (c.name.length === 0 || c.name.length > MAX_NAME_LENGTH || /\p{Cc}/u.test(c.name))
      throw unreadable(file, 'its first line has no column names')
  }
  return columns
}
