/** What a column of DuckDB holds, as far as formats of the field, and Spark, can say it. */
export type CellType =
  | { kind: 'boolean' }
  | { kind: 'integer'; bits: 8 | 16 | 32 | 64; signed: boolean }
  /** Of at most 38 digits; the 128-bit integers of DuckDB too, which no format has. */
  | { kind: 'decimal'; precision: number; scale: number }
  | { kind: 'float'; bits: 32 | 64 }
  /** Also what has no type elsewhere: intervals (ISO 8601 durations), bits, times with an offset, enums. */
  | { kind: 'text' }
  /** `text` where the cell is JSON text already. */
  | { kind: 'json'; text: boolean }
  | { kind: 'blob' }
  | { kind: 'uuid' }
  | { kind: 'date' }
  | { kind: 'time'; unit: 'us' | 'ns' }
  | { kind: 'timestamp'; unit: TimeUnit; utc: boolean }
  /** `size` where every list has the same. */
  | { kind: 'list'; of: CellType; size?: number }
  | { kind: 'struct'; fields: TypeField[] }
  | { kind: 'map'; key: CellType; value: CellType }
  /** Written as a struct of which one member is set. */
  | { kind: 'union'; members: TypeField[] }

export type TimeUnit = 's' | 'ms' | 'us' | 'ns'

export interface TypeField {
  name: string
  type: CellType
}

const integer = (bits: 8 | 16 | 32 | 64, signed: boolean): CellType => ({ kind: 'integer', bits, signed })
const timestamp = (unit: TimeUnit, utc = false): CellType => ({ kind: 'timestamp', unit, utc })
const HUGE: CellType = { kind: 'decimal', precision: 38, scale: 0 }
const DOUBLE: CellType = { kind: 'float', bits: 64 }
const FLOAT: CellType = { kind: 'float', bits: 32 }

/** DuckDB's names of types and their aliases. What is not here is text. */
const SIMPLE: Record<string, CellType> = {
  BOOLEAN: { kind: 'boolean' },
  BOOL: { kind: 'boolean' },
  TINYINT: integer(8, true),
  SMALLINT: integer(16, true),
  INTEGER: integer(32, true),
  INT: integer(32, true),
  BIGINT: integer(64, true),
  UTINYINT: integer(8, false),
  USMALLINT: integer(16, false),
  UINTEGER: integer(32, false),
  UBIGINT: integer(64, false),
  HUGEINT: HUGE,
  UHUGEINT: HUGE,
  FLOAT,
  REAL: FLOAT,
  DOUBLE,
  BLOB: { kind: 'blob' },
  GEOMETRY: { kind: 'blob' },
  UUID: { kind: 'uuid' },
  JSON: { kind: 'json', text: true },
  VARIANT: { kind: 'json', text: false },
  DATE: { kind: 'date' },
  TIME: { kind: 'time', unit: 'us' },
  TIME_NS: { kind: 'time', unit: 'ns' },
  TIMESTAMP: timestamp('us'),
  DATETIME: timestamp('us'),
  TIMESTAMP_S: timestamp('s'),
  TIMESTAMP_MS: timestamp('ms'),
  TIMESTAMP_US: timestamp('us'),
  TIMESTAMP_NS: timestamp('ns'),
  TIMESTAMPTZ: timestamp('us', true),
  'TIMESTAMP WITH TIME ZONE': timestamp('us', true),
}

const TEXT: CellType = { kind: 'text' }
const MAX_DEPTH = 32

/** Reads a type as DuckDB writes it, e.g. `STRUCT("a b" INTEGER, c DECIMAL(4,1)[])[2]`. What it cannot read is text. */
export function parseType(text: string): CellType {
  const parser = new TypeParser(text)
  try {
    const type = parser.type(0)
    return parser.atEnd() ? type : TEXT
  } catch (error) {
    if (error instanceof Unreadable) return TEXT
    throw error
  }
}

/** Not an error of the user: it never leaves this file. */
class Unreadable {}

class TypeParser {
  #at = 0
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  atEnd(): boolean {
    return this.#at === this.#text.length
  }

  type(depth: number): CellType {
    if (depth > MAX_DEPTH) throw new Unreadable()
    let type = this.#base(depth)
    for (;;) {
      const size = this.#match(/\[(\d*)\]/y)
      if (size === undefined) return type
      type = size[1] === '' ? { kind: 'list', of: type } : { kind: 'list', of: type, size: Number(size[1]) }
    }
  }

  #base(depth: number): CellType {
    const name = this.#match(/[A-Z][A-Z0-9_]*(?: WITH TIME ZONE)?/y)?.[0]
    if (name === undefined) throw new Unreadable()
    if (name === 'STRUCT') return { kind: 'struct', fields: this.#fields(depth) }
    if (name === 'UNION') return { kind: 'union', members: this.#fields(depth) }
    if (name === 'MAP') {
      this.#expect('(')
      const key = this.type(depth + 1)
      this.#expect(', ')
      const value = this.type(depth + 1)
      this.#expect(')')
      return { kind: 'map', key, value }
    }
    if (name === 'DECIMAL' || name === 'NUMERIC') {
      const [, precision = '18', scale = '3'] = this.#match(/\((\d{1,2}), ?(\d{1,2})\)/y) ?? []
      return Number(precision) > 38 ? TEXT : { kind: 'decimal', precision: Number(precision), scale: Number(scale) }
    }
    if (name === 'ENUM') {
      // Its values: quoted texts.
      if (this.#match(/\((?:'(?:[^']|'')*'(?:, ?)?)*\)/y) === undefined) throw new Unreadable()
      return TEXT
    }
    return Object.hasOwn(SIMPLE, name) ? SIMPLE[name]! : TEXT
  }

  #fields(depth: number): TypeField[] {
    const fields: TypeField[] = []
    this.#expect('(')
    for (;;) {
      const name = this.#match(/"((?:[^"]|"")*)" |([A-Za-z_][A-Za-z0-9_]*) /y)
      // Fields without names cannot be told apart in a cell.
      if (name === undefined) throw new Unreadable()
      const text = name[1]?.replaceAll('""', '"') ?? name[2]!
      if (fields.some((field) => field.name === text)) throw new Unreadable()
      fields.push({ name: text, type: this.type(depth + 1) })
      if (this.#match(/, /y) === undefined) break
    }
    this.#expect(')')
    return fields
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)
    if (found === null) return undefined
    this.#at += found[0].length
    return found
  }

  #expect(text: string): void {
    if (!this.#text.startsWith(text, this.#at)) throw new Unreadable()
    this.#at += text.length
  }
}
