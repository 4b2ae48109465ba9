/** Tables of the built-in engine in the form in which Spark's SQL sends them through Livy. */
import { keepNumber, keptNumber } from '../../protocols/livy/json.ts'
import { type CellType, parseType } from '../../protocols/model/column-type.ts'
import type { Column } from '../../protocols/model/dataset.ts'
import type { Cell, TableResult } from '../../protocols/model/task.ts'

const NUMBER = /^-?\d+(\.\d+)?$/
/** Below it JavaScript writes the digits of a whole number. */
const WHOLE = 1e21

interface SparkField {
  name: string
  type: SparkType
  nullable: true
  metadata: Record<string, string>
}

type SparkType =
  | string
  | { type: 'array'; elementType: SparkType; containsNull: true }
  | { type: 'map'; keyType: SparkType; valueType: SparkType; valueContainsNull: true }
  | { type: 'struct'; fields: SparkField[] }

const field = (name: string, type: CellType, metadata: Record<string, string> = {}): SparkField => ({
  name,
  type: sparkType(type),
  nullable: true,
  metadata,
})

/** A type that Spark does not have is text. */
function sparkType(type: CellType): SparkType {
  switch (type.kind) {
    case 'boolean':
    case 'date':
    case 'timestamp':
      return type.kind
    case 'integer': {
      // One that holds all values of an unsigned one.
      const bits = type.signed ? type.bits : type.bits * 2
      return { 8: 'byte', 16: 'short', 32: 'integer', 64: 'long' }[bits] ?? 'decimal(20,0)'
    }
    case 'decimal':
      return `decimal(${type.precision},${type.scale})`
    case 'float':
      return type.bits === 32 ? 'float' : 'double'
    case 'blob':
      return 'binary'
    case 'list':
      return { type: 'array', elementType: sparkType(type.of), containsNull: true }
    case 'map':
      return { type: 'map', keyType: sparkType(type.key), valueType: sparkType(type.value), valueContainsNull: true }
    case 'struct':
      return { type: 'struct', fields: type.fields.map((each) => field(each.name, each.type)) }
    default:
      return 'string'
  }
}

/** A type inside a structure, as Livy writes it there: what its class in Spark has as fields. */
function innerType(type: CellType): unknown {
  switch (type.kind) {
    case 'decimal':
      return { precision: type.precision, scale: type.scale }
    case 'list':
      return { elementType: innerType(type.of), containsNull: true }
    case 'map':
      return { keyType: innerType(type.key), valueType: innerType(type.value), valueContainsNull: true }
    case 'struct':
      return innerFields(type)
    default:
      return {}
  }
}

const innerFields = ({ fields }: CellType & { kind: 'struct' }) =>
  fields.map(({ name, type }) => ({ name, dataType: innerType(type), nullable: true, metadata: { map: {} } }))

/** `livy`: a structure is its schema and its values, as in Livy's answers; `plain`: an object. */
type Form = 'livy' | 'plain'
type Change = (cell: Cell) => unknown

/** Undefined where cells stay as they are. */
function changeOf(type: CellType, form: Form): Change | undefined {
  const change = changing(type, form)
  return change && ((cell) => (cell === null ? null : change(cell)))
}

/** Numbers that JSON cannot hold exactly keep their digits, NaN is null, bytes are a list, the keys of a map are text. */
function changing(type: CellType, form: Form): Change | undefined {
  switch (type.kind) {
    case 'integer':
    case 'decimal':
      return (cell) => (typeof cell === 'string' && NUMBER.test(cell) ? keepNumber(cell) : cell)
    case 'float':
      return float
    case 'timestamp':
      return (cell) => (typeof cell === 'string' ? cell.replace(/(:\d\d(\.\d+)?)$/, '$1Z') : cell)
    case 'blob':
      return (cell) => (typeof cell === 'string' ? [...Buffer.from(cell, 'base64')] : cell)
    case 'list': {
      const element = changeOf(type.of, form)
      return element && ((cell) => (Array.isArray(cell) ? cell.map(element) : cell))
    }
    case 'map':
      return mapOf(changeOf(type.key, form), changeOf(type.value, form))
    case 'struct':
      return structOf(type, form)
    case 'union':
    case 'json':
      return form === 'plain' ? undefined : (cell) => (typeof cell === 'string' ? cell : JSON.stringify(cell))
    default:
      return undefined
  }
}

/** As Java writes it, which clients tell from a whole number. */
function float(cell: Cell): unknown {
  if (cell === 'NaN') return null
  return typeof cell === 'number' && Number.isInteger(cell) && Math.abs(cell) < WHOLE ? keepNumber(`${cell}.0`) : cell
}

function mapOf(key: Change | undefined, value: Change | undefined): Change {
  const text = (cell: Cell) => {
    const made = key === undefined ? cell : key(cell)
    return typeof made === 'string' ? made : (keptNumber(made) ?? JSON.stringify(made))
  }
  return (cell) => {
    if (!Array.isArray(cell)) return cell
    const entries = cell as { key: Cell; value: Cell }[]
    return Object.fromEntries(entries.map((each) => [text(each.key), value ? value(each.value) : each.value]))
  }
}

function structOf(type: CellType & { kind: 'struct' }, form: Form): Change {
  const schema = innerFields(type)
  const fields = type.fields.map((each) => ({ name: each.name, change: changeOf(each.type, form) }))
  return (cell) => {
    const object = cell as Record<string, Cell>
    const values = fields.map(({ name, change }) => (change ? change(object[name] ?? null) : (object[name] ?? null)))
    return form === 'livy' ? { schema, values } : Object.fromEntries(fields.map(({ name }, i) => [name, values[i]]))
  }
}

/** Rows for Python: maps and structures are objects. */
export const plainRows = (columns: readonly Column[], rows: readonly Cell[][]) => changedRows(columns, rows, 'plain')

function changedRows(columns: readonly Column[], rows: readonly Cell[][], form: Form): unknown[][] {
  const changes = columns.map(({ type }) => changeOf(parseType(type), form))
  if (changes.every((each) => each === undefined)) return rows as unknown[][]
  return rows.map((row) => row.map((cell, i) => (changes[i] === undefined ? cell : changes[i](cell))))
}

/** What a statement of SQL gives. Unit, UCD and description of a column stand in its `metadata`. */
export function sparkTable({ columns, rows }: Pick<TableResult, 'columns' | 'rows'>) {
  const fields = columns.map(({ name, type, unit, ucd, description }) =>
    field(name, parseType(type), {
      ...(unit && { unit }),
      ...(ucd && { ucd }),
      ...(description && { description }),
    }),
  )
  return { schema: { type: 'struct', fields }, data: changedRows(columns, rows, 'livy') }
}
