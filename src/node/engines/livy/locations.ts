import type { Column } from '../../../protocols/model/dataset.ts'
import type { BoundDataset } from '../port.ts'

/** A folder of this island, and the same folder as Spark reads it. */
export interface Location {
  from: string
  to: string
}

/** The entries of `livy.locations`: what is here, or outside, and where Spark finds it. */
export function locationsOf(entries: readonly string[]): Location[] {
  return entries.map((entry) => {
    const at = entry.indexOf('=')
    return { from: entry.slice(0, at), to: entry.slice(at + 1) }
  })
}

/** Whether one of these entries has a place in it. */
export function mapsPlace(entries: readonly string[]): (place: string) => boolean {
  const known = locationsOf(entries).map(({ from }) => from.replace(/\/+$/, ''))
  return (place) => known.some((from) => place === from || place.startsWith(`${from}/`))
}

/** Paths, or places outside, to what Spark reads: the longest mapped folder that holds the file, else `file:`. */
export function locator(locations: Location[]): (path: string) => string {
  const known = locations
    .map(({ from, to }) => ({ from: from.replace(/\/+$/, ''), to: to.replace(/\/+$/, '') }))
    .sort((a, b) => b.from.length - a.from.length)
  return (path) => {
    const under = known.find(({ from }) => path === from || path.startsWith(`${from}/`))
    // Hadoop's paths are no URLs: a space or % in them stands for itself.
    if (under === undefined) return `file:${path}`
    return under.to + path.slice(under.from.length)
  }
}

/** A dataset as the code that binds it reads it: everything that has to be said to Spark, and nothing else. */
export interface SparkDataset {
  id: string
  names: string[]
  /** Spark's name of the reader; absent for what is no table. */
  format?: 'csv' | 'json' | 'parquet'
  paths: string[]
  /** Spark's DDL, where the columns are pinned. */
  schema?: string
  options: Record<string, string>
  /** Lines at the beginning of each file that are no data and no header. */
  skip: number
}

export function sparkDataset(dataset: BoundDataset, locate: (path: string) => string): SparkDataset {
  const { id, names, format, columns, dialect } = dataset
  const base = { id, names: [...new Set(names)], paths: dataset.paths.map(locate), options: {}, skip: 0 }
  if (format === 'parquet') return { ...base, format: 'parquet' }
  if (format === 'jsonl') return { ...base, format: 'json', ...schemaOf(columns), options: { mode: 'FAILFAST' } }
  if (format !== 'csv') return base
  const { delimiter = ',', quote = '"', header = true, skip = 0 } = dialect ?? {}
  // A quoted cell may hold a line break; Spark then reads each file in one piece.
  const options = {
    sep: delimiter,
    quote,
    ...(quote === '' ? {} : { escape: quote, multiLine: String(skip === 0) }),
    header: String(header),
    mode: 'FAILFAST',
  }
  return { ...base, format: 'csv', ...schemaOf(columns), options, skip }
}

function schemaOf(columns: Column[]): { schema?: string } {
  const types = columns.map(({ name, type }) => [name, sparkType(type)] as const)
  if (types.length === 0 || types.some(([, type]) => type === undefined)) return {}
  return { schema: types.map(([name, type]) => `\`${name.replaceAll('`', '``')}\` ${type}`).join(', ') }
}

const TYPES: Record<string, string> = {
  BOOLEAN: 'BOOLEAN',
  TINYINT: 'TINYINT',
  SMALLINT: 'SMALLINT',
  INTEGER: 'INT',
  BIGINT: 'BIGINT',
  UTINYINT: 'SMALLINT',
  USMALLINT: 'INT',
  UINTEGER: 'BIGINT',
  UBIGINT: 'DECIMAL(20,0)',
  HUGEINT: 'DECIMAL(38,0)',
  UHUGEINT: 'DECIMAL(38,0)',
  FLOAT: 'FLOAT',
  DOUBLE: 'DOUBLE',
  DATE: 'DATE',
  TIMESTAMP: 'TIMESTAMP',
  'TIMESTAMP WITH TIME ZONE': 'TIMESTAMP',
  TIMESTAMP_S: 'TIMESTAMP',
  TIMESTAMP_MS: 'TIMESTAMP',
  TIMESTAMP_NS: 'TIMESTAMP',
  TIME: 'STRING',
  UUID: 'STRING',
  VARCHAR: 'STRING',
  BLOB: 'STRING',
}

/** DuckDB's type in Spark's words; undefined for nested ones, of which Spark then finds the columns by itself. */
export function sparkType(type: string): string | undefined {
  if (/^DECIMAL\(\d+,\s*\d+\)$/.test(type)) return type
  if (/^(ENUM\(|INTERVAL)/.test(type) && !type.endsWith('[]')) return 'STRING'
  return TYPES[type]
}

const BACK: Record<string, string> = {
  boolean: 'BOOLEAN',
  byte: 'TINYINT',
  tinyint: 'TINYINT',
  short: 'SMALLINT',
  smallint: 'SMALLINT',
  integer: 'INTEGER',
  int: 'INTEGER',
  long: 'BIGINT',
  bigint: 'BIGINT',
  float: 'FLOAT',
  double: 'DOUBLE',
  string: 'VARCHAR',
  date: 'DATE',
  timestamp: 'TIMESTAMP WITH TIME ZONE',
  timestamp_ntz: 'TIMESTAMP',
  binary: 'BLOB',
  void: 'VARCHAR',
}

/** Spark's type, as its JSON schema has it, in DuckDB's words. */
export function duckType(type: unknown): string {
  if (typeof type !== 'string') return 'JSON'
  return BACK[type] ?? (/^(decimal|char|varchar)\(/.test(type) ? type.toUpperCase() : 'VARCHAR')
}
