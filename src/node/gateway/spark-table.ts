/** Tables of the built-in engine in the form in which Spark's SQL sends them through Livy. */
import { keepNumber } from '../../protocols/livy/json.ts'
import type { Column } from '../../protocols/model/dataset.ts'
import type { Cell, TableResult } from '../../protocols/model/task.ts'

/** Names of Spark's types, by those of DuckDB without their parameters. */
const NAMES: Record<string, string> = {
  BOOLEAN: 'boolean',
  TINYINT: 'byte',
  UTINYINT: 'short',
  SMALLINT: 'short',
  USMALLINT: 'integer',
  INTEGER: 'integer',
  UINTEGER: 'long',
  BIGINT: 'long',
  UBIGINT: 'decimal(20,0)',
  HUGEINT: 'decimal(38,0)',
  UHUGEINT: 'decimal(38,0)',
  FLOAT: 'float',
  DOUBLE: 'double',
  DATE: 'date',
  TIMESTAMP: 'timestamp',
  TIMESTAMP_S: 'timestamp',
  TIMESTAMP_MS: 'timestamp',
  TIMESTAMP_NS: 'timestamp',
  'TIMESTAMP WITH TIME ZONE': 'timestamp',
  BLOB: 'binary',
}
const DECIMAL = /^DECIMAL\((\d+),\s*(\d+)\)$/
const NUMBER = /^-?\d+(\.\d+)?$/

type SparkType = string | { type: 'array'; elementType: SparkType; containsNull: true }

/** A type that Spark does not have is text. */
export function sparkType(type: string): SparkType {
  if (/\[\d*\]$/.test(type))
    return { type: 'array', elementType: sparkType(type.replace(/\[\d*\]$/, '')), containsNull: true }
  const decimal = DECIMAL.exec(type)
  return decimal === null ? (NAMES[type] ?? 'string') : `decimal(${decimal[1]},${decimal[2]})`
}

/** The cells of a column: numbers that JSON cannot hold exactly keep their digits, NaN is null, bytes are a list. */
function cellOf(type: SparkType): ((cell: Cell) => unknown) | undefined {
  if (typeof type === 'object') {
    const element = cellOf(type.elementType)
    return element && ((cell) => (Array.isArray(cell) ? cell.map(element) : cell))
  }
  if (type === 'long' || type.startsWith('decimal'))
    return (cell) => (typeof cell === 'string' && NUMBER.test(cell) ? keepNumber(cell) : cell)
  if (type === 'double' || type === 'float') return (cell) => (cell === 'NaN' ? null : cell)
  if (type === 'timestamp') return (cell) => (typeof cell === 'string' ? cell.replace(/(:\d\d(\.\d+)?)$/, '$1Z') : cell)
  if (type === 'binary') return (cell) => (typeof cell === 'string' ? [...Buffer.from(cell, 'base64')] : cell)
  return undefined
}

export function sparkRows(columns: readonly Column[], rows: readonly Cell[][]): unknown[][] {
  const change = columns.map(({ type }) => cellOf(sparkType(type)))
  if (change.every((each) => each === undefined)) return rows as unknown[][]
  return rows.map((row) => row.map((cell, i) => change[i]?.(cell) ?? (change[i] === undefined ? cell : null)))
}

/** What a statement of SQL gives. Unit, UCD and description of a column stand in its `metadata`. */
export function sparkTable({ columns, rows }: Pick<TableResult, 'columns' | 'rows'>) {
  const fields = columns.map(({ name, type, unit, ucd, description }) => ({
    name,
    type: sparkType(type),
    nullable: true,
    metadata: { ...(unit && { unit }), ...(ucd && { ucd }), ...(description && { description }) },
  }))
  return { schema: { type: 'struct', fields }, data: sparkRows(columns, rows) }
}
