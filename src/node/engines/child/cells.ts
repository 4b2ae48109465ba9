import {
  arrayFromArrayValue,
  arrayFromListValue,
  booleanFromValue,
  createDuckDBValueConverter,
  type DuckDBBlobValue,
  type DuckDBIntervalValue,
  type DuckDBStructValue,
  type DuckDBType,
  type DuckDBValue,
  type DuckDBValueConverter,
  fromVariantValue,
  jsonNumberFromValue,
  nullConverter,
  numberFromValue,
  objectArrayFromMapValue,
  objectFromUnionValue,
  DuckDBTypeId as T,
} from '@duckdb/node-api'
import type { Cell } from '../../../protocols/model/task.ts'

type ToCell = (value: DuckDBValue, type: DuckDBType, converter: DuckDBValueConverter<Cell>) => Cell | null

const text: ToCell = (value) => String(value)

/** Integers that a JSON number keeps exactly stay numbers; larger ones become strings. */
const integer: ToCell = (value) => {
  const n = Number(value)
  return Number.isSafeInteger(n) ? n : String(value)
}

const base64: ToCell = (value) => Buffer.from((value as DuckDBBlobValue).bytes).toString('base64')

/** ISO 8601; `2024-01-02 03:04:05.5` -> `2024-01-02T03:04:05.5`. Infinities and years BC keep DuckDB's text. */
const timestamp: ToCell = (value) => String(value).replace(/^([+-]?\d+-\d\d-\d\d) (?=\d)/, '$1T')

/** Sessions run in UTC, so the offset is always `+00`. */
const timestampTz: ToCell = (value) =>
  String(timestamp(value, undefined as never, undefined as never)).replace(/\+00(?::?00)?$/, 'Z')

const timeTz: ToCell = (value) => String(value).replace(/\+00(?::?00)?$/, 'Z')

/** ISO 8601 duration. Months, days and microseconds are independent in DuckDB and stay so. */
const duration: ToCell = (value) => {
  const { months, days, micros } = value as DuckDBIntervalValue
  const years = Math.trunc(months / 12)
  const seconds = micros / 1_000_000n
  const rest = micros % 1_000_000n
  const sign = micros < 0n ? '-' : ''
  const fraction =
    rest === 0n
      ? ''
      : `.${String(rest < 0n ? -rest : rest)
          .padStart(6, '0')
          .replace(/0+$/, '')}`
  const date = `${years ? `${years}Y` : ''}${months % 12 ? `${months % 12}M` : ''}${days ? `${days}D` : ''}`
  const time = micros === 0n ? '' : `T${sign}${seconds < 0n ? -seconds : seconds}${fraction}S`
  return date === '' && time === '' ? 'PT0S' : `P${date}${time}`
}

/** Own keys only, and `__proto__` as an ordinary one: field names are the statement's choice. */
const struct: ToCell = (value, type, converter) => {
  const entries = (value as DuckDBStructValue).entries
  const typeOf = (type as DuckDBType & { typeForEntry(key: string): DuckDBType }).typeForEntry.bind(type)
  return Object.fromEntries(Object.keys(entries).map((key) => [key, converter(entries[key]!, typeOf(key), converter)]))
}

/** @see Cell for what each type becomes. A type that is not here (a newer DuckDB's) becomes its text. */
const byType: Record<number, ToCell> = {
  [T.BOOLEAN]: booleanFromValue,
  [T.TINYINT]: numberFromValue,
  [T.SMALLINT]: numberFromValue,
  [T.INTEGER]: numberFromValue,
  [T.UTINYINT]: numberFromValue,
  [T.USMALLINT]: numberFromValue,
  [T.UINTEGER]: numberFromValue,
  [T.BIGINT]: integer,
  [T.UBIGINT]: integer,
  [T.HUGEINT]: integer,
  [T.UHUGEINT]: integer,
  [T.FLOAT]: jsonNumberFromValue as ToCell,
  [T.DOUBLE]: jsonNumberFromValue as ToCell,
  [T.TIMESTAMP]: timestamp,
  [T.TIMESTAMP_S]: timestamp,
  [T.TIMESTAMP_MS]: timestamp,
  [T.TIMESTAMP_NS]: timestamp,
  [T.TIMESTAMP_TZ]: timestampTz,
  [T.TIME_TZ]: timeTz,
  [T.INTERVAL]: duration,
  [T.BLOB]: base64,
  [T.GEOMETRY]: base64,
  [T.LIST]: arrayFromListValue as ToCell,
  [T.ARRAY]: arrayFromArrayValue as ToCell,
  [T.STRUCT]: struct,
  [T.MAP]: objectArrayFromMapValue as ToCell,
  [T.UNION]: objectFromUnionValue as ToCell,
  [T.VARIANT]: fromVariantValue as ToCell,
  [T.SQLNULL]: nullConverter,
}

const converters = Object.fromEntries(
  Object.values(T)
    .filter((id) => typeof id === 'number')
    .map((id) => [id, byType[id] ?? text]),
)

/** Turns one DuckDB value into a cell. */
export const toCell: DuckDBValueConverter<Cell> = createDuckDBValueConverter<Cell>(converters as never)
