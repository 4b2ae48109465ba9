import { keptNumber } from '../../../protocols/livy/json.ts'
import type { LivyOutput } from '../../../protocols/livy/objects.ts'
import type { Column } from '../../../protocols/model/dataset.ts'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import type { Cell, TaskKind } from '../../../protocols/model/task.ts'
import type { ResultSink } from '../../results/port.ts'
import type { CollectedItem, StatementOutcome } from '../port.ts'
import { COLLECT_BYTES, COLLECT_ROWS } from '../session/collect.ts'
import { duckType } from './locations.ts'

export interface OutputLimits {
  maxRows: number
  maxBytes: number
  sink?: ResultSink
}

interface Table {
  columns: Column[]
  rows: unknown[][]
}

const LIVY_TABLE = 'application/vnd.livy.table.v1+json'
const ROWS_AT_ONCE = 1000
const TRACEBACK_LINES = 20

/** What Livy's output of a statement is as a result: a table, and items. @throws RESULT_LIMIT, what the sink throws */
export async function outcomeOf(
  output: LivyOutput & { status: 'ok' },
  limits: OutputLimits,
): Promise<Omit<StatementOutcome, 'elapsedMs'>> {
  const table = tableOf(output.data)
  const result = await takeTable(table ?? { columns: [], rows: [] }, limits)
  const found = itemsOf(output.data, table !== undefined)
  const bytes = found.reduce((sum, item) => sum + item.bytes.length, 0)
  if (bytes > limits.maxBytes)
    throw new ArchipelError('RESULT_LIMIT', `the result has more than the ${limits.maxBytes} bytes that are allowed`)
  if (limits.sink === undefined) return { result, items: found }
  for (const { name, mediaType, bytes: content } of found) await limits.sink.item(name, mediaType, content)
  return { result, items: [] }
}

/** Of SQL, and of the magic `%table`. */
function tableOf(data: Record<string, unknown>): Table | undefined {
  const sql = data['application/json'] as {
    schema?: { fields?: { name: string; type: unknown }[] }
    data?: unknown[][]
  }
  if (Array.isArray(sql?.schema?.fields) && Array.isArray(sql.data)) {
    if (sql.schema.fields.length === 0) return undefined
    return { columns: sql.schema.fields.map(({ name, type }) => ({ name, type: duckType(type) })), rows: sql.data }
  }
  const magic = data[LIVY_TABLE] as { headers?: { name: unknown; type: string }[]; data?: unknown[][] } | undefined
  if (!Array.isArray(magic?.headers) || !Array.isArray(magic.data)) return undefined
  const columns = magic.headers.map(({ name, type }) => ({ name: String(name), type: magicType(type) }))
  return { columns, rows: magic.data }
}

const MAGIC: Record<string, string> = {
  BOOLEAN_TYPE: 'BOOLEAN',
  STRING_TYPE: 'VARCHAR',
  NULL_TYPE: 'VARCHAR',
  INT_TYPE: 'BIGINT',
  BIGINT_TYPE: 'BIGINT',
  DOUBLE_TYPE: 'DOUBLE',
  DECIMAL_TYPE: 'DOUBLE',
  DATE_TYPE: 'DATE',
  TIMESTAMP_TYPE: 'TIMESTAMP',
}
const magicType = (type: string) => MAGIC[`${type}`.replace(/_?(TYPE)?$/, '_TYPE')] ?? 'JSON'

async function takeTable({ columns, rows }: Table, { maxRows, maxBytes, sink }: OutputLimits) {
  const mostRows = Math.max(0, Math.min(maxRows, sink === undefined ? COLLECT_ROWS : maxRows))
  const mostBytes = sink === undefined ? Math.min(COLLECT_BYTES, maxBytes) : maxBytes
  const kept: Cell[][] = []
  let [batch, bytes, rowCount, cut]: [Cell[][], number, number, boolean] = [[], 0, 0, false]
  if (columns.length > 0) await sink?.table(columns)
  for (const row of rows) {
    const cells = row.map((value, i) => cellOf(value, columns[i]?.type))
    bytes += JSON.stringify(cells).length + 1
    cut = rowCount === mostRows || bytes > mostBytes
    if (cut) break
    rowCount++
    if (sink === undefined) kept.push(cells)
    else if (batch.push(cells) === ROWS_AT_ONCE) {
      await sink.rows(batch)
      batch = []
    }
  }
  if (batch.length > 0) await sink?.rows(batch)
  if (cut) sink?.cut()
  return { columns, rows: kept, rowCount, truncated: cut }
}

/** Integers that JavaScript would change and decimals are text, as everywhere in results. */
function cellOf(value: unknown, type?: string): Cell {
  const text = keptNumber(value)
  if (text !== undefined) {
    const number = Number(text)
    const exact = !type?.startsWith('DECIMAL') && (!/^-?\d+$/.test(text) || Number.isSafeInteger(number))
    return exact ? number : text
  }
  if (typeof value === 'number') return type?.startsWith('DECIMAL') ? String(value) : value
  if (value === null || value === undefined) return null
  if (typeof value !== 'object') return value as boolean | string
  if (Array.isArray(value)) return value.map((each) => cellOf(each))
  return Object.fromEntries(Object.entries(structOf(value)).map(([key, each]) => [key, cellOf(each)]))
}

/** Spark's rows inside of rows come with their schema. */
function structOf(value: object): object {
  const { schema, values } = value as { schema?: unknown; values?: unknown }
  const fields = Array.isArray(schema) ? schema : (schema as { fields?: unknown } | undefined)?.fields
  if (!Array.isArray(fields) || !Array.isArray(values)) return value
  return Object.fromEntries(fields.map((field, i) => [String((field as { name?: unknown }).name ?? i), values[i]]))
}

function itemsOf(data: Record<string, unknown>, hasTable: boolean): CollectedItem[] {
  const items: CollectedItem[] = []
  for (const [mediaType, value] of Object.entries(data)) {
    if (mediaType === LIVY_TABLE || (mediaType === 'application/json' && hasTable)) continue
    if (mediaType === 'application/json' && isEmptySql(value)) continue
    if (mediaType === 'image/png')
      items.push({ name: 'figure-1.png', mediaType, bytes: Buffer.from(String(value), 'base64') })
    else if (mediaType === 'application/json')
      items.push({ name: 'value.json', mediaType, bytes: Buffer.from(JSON.stringify(value)) })
    else if (value !== '')
      items.push({
        name: mediaType === 'text/html' ? 'text.html' : 'text.txt',
        mediaType: mediaType === 'text/html' ? mediaType : 'text/plain',
        bytes: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
      })
  }
  return items
}

const isEmptySql = (value: unknown) =>
  Array.isArray((value as { schema?: { fields?: unknown[] } } | null)?.schema?.fields) &&
  (value as { schema: { fields: unknown[] } }).schema.fields.length === 0

/** What a program printed, as its log has it; values stand among it, as at a prompt. */
export function printed(output: LivyOutput): string {
  const text = output.status === 'ok' ? output.data['text/plain'] : undefined
  if (typeof text !== 'string' || text === '') return ''
  return text.endsWith('\n') ? text : `${text}\n`
}

/** Words of Spark's errors for statements that were never begun. */
const NOT_BEGUN =
  /^\s*\[(PARSE_|UNRESOLVED_|TABLE_OR_VIEW_NOT_FOUND|MISSING_|DATATYPE_MISMATCH|AMBIGUOUS_|UNSUPPORTED_|INVALID_|WRONG_)|ParseException|AnalysisException/

/** An executor's failure comes with the machine that it was on, and with stacks. */
const OF_A_TASK = /^Job aborted due to stage failure: .*?\(TID \d+\)(?: \([^)]*\))?: /s

/** What Spark has to say to who wrote the statement: without the plan, stacks, and where it ran. */
function spoken(evalue: string): string {
  const [message = ''] = evalue.trim().split(/;\n'|\n\n|\n\s+at /)
  return message.replace(OF_A_TASK, '')
}

/** A statement that failed. `evalue` of SQL is Spark's message, of programs the exception's. */
export function failureOf(kind: TaskKind, output: LivyOutput & { status: 'error' }): ArchipelError {
  const { ename, evalue, traceback } = output
  if (kind === 'sql') {
    const message = spoken(evalue)
    return new ArchipelError(NOT_BEGUN.test(evalue) ? 'SQL_INVALID' : 'ENGINE_FAILED', message || ename, {
      ...(NOT_BEGUN.test(evalue) && {
        hint: 'Correct the statement; tables are dataset ids in backticks or their short names.',
      }),
    })
  }
  const lines = traceback.join('').trimEnd().split('\n')
  const tail = lines.slice(-TRACEBACK_LINES).join('\n')
  const head = kind === 'python' && ename !== 'Error' ? `${ename}: ${evalue}` : evalue
  const message = tail === '' || tail.trimEnd().endsWith(head.trim()) ? tail || head : `${head}\n${tail}`
  return new ArchipelError('CODE_FAILED', message || ename)
}
