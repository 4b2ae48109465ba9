import * as arrow from 'apache-arrow'
import type { CellType, TimeUnit, TypeField } from '../../../protocols/model/column-type.ts'
import type { Value } from './values.ts'

const TIME_UNITS: Record<TimeUnit, arrow.TimeUnit> = {
  s: arrow.TimeUnit.SECOND,
  ms: arrow.TimeUnit.MILLISECOND,
  us: arrow.TimeUnit.MICROSECOND,
  ns: arrow.TimeUnit.NANOSECOND,
}

const INTS = {
  8: [arrow.Int8, arrow.Uint8],
  16: [arrow.Int16, arrow.Uint16],
  32: [arrow.Int32, arrow.Uint32],
  64: [arrow.Int64, arrow.Uint64],
} as const

export function arrowType(type: CellType): arrow.DataType {
  switch (type.kind) {
    case 'boolean':
      return new arrow.Bool()
    case 'integer':
      return new INTS[type.bits][type.signed ? 0 : 1]()
    case 'decimal':
      return new arrow.Decimal(type.scale, type.precision, 128)
    case 'float':
      return type.bits === 32 ? new arrow.Float32() : new arrow.Float64()
    case 'text':
    case 'json':
    case 'uuid':
      return new arrow.Utf8()
    case 'blob':
      return new arrow.Binary()
    case 'date':
      return new arrow.DateDay()
    case 'time':
      return type.unit === 'ns' ? new arrow.TimeNanosecond() : new arrow.TimeMicrosecond()
    case 'timestamp':
      return new arrow.Timestamp(TIME_UNITS[type.unit], type.utc ? 'UTC' : null)
    case 'list': {
      const item = new arrow.Field('item', arrowType(type.of), true)
      return type.size === undefined ? new arrow.List(item) : new arrow.FixedSizeList(type.size, item)
    }
    case 'map':
      return new arrow.Map_(new arrow.Field('entries', entriesType(type), false))
    case 'struct':
      return structType(type.fields)
    case 'union':
      return structType(type.members)
  }
}

function entriesType(type: Extract<CellType, { kind: 'map' }>) {
  return new arrow.Struct<{ key: arrow.DataType; value: arrow.DataType }>([
    new arrow.Field('key', arrowType(type.key), false),
    new arrow.Field('value', arrowType(type.value), true),
  ])
}

function structType(fields: TypeField[]): arrow.Struct {
  return new arrow.Struct(fields.map((field) => new arrow.Field(field.name, arrowType(field.type), true)))
}

/** Buffers of a column in the layout of the Arrow columnar format. The package's own builders go through dates in milliseconds. */
export function arrowData(cellType: CellType, values: Value[]): arrow.Data {
  const type = arrowType(cellType)
  const length = values.length
  const common = { type, length, ...validity(values) }
  const make = (props: object): arrow.Data => arrow.makeData({ ...common, ...props } as never)
  switch (cellType.kind) {
    case 'boolean':
      return make({ data: bits(values, (value) => value === true) })
    case 'integer':
      return make({ data: cellType.bits === 64 ? bigInts(values, cellType.signed) : smallInts(values, cellType) })
    case 'float':
      return make({ data: numbers(values, cellType.bits === 32 ? new Float32Array(length) : new Float64Array(length)) })
    case 'decimal':
      return make({ data: decimals(values) })
    case 'text':
    case 'json':
    case 'uuid':
      return make(bytesOf(values.map((value) => (value === null ? EMPTY : Buffer.from(value as string)))))
    case 'blob':
      return make(bytesOf(values.map((value) => (value === null ? EMPTY : (value as Uint8Array)))))
    case 'date':
      return make({ data: numbers(values, new Int32Array(length)) })
    case 'time':
    case 'timestamp':
      return make({ data: bigInts(values, true) })
    case 'list':
      return cellType.size === undefined
        ? make({ valueOffsets: offsetsOf(values), child: arrowData(cellType.of, values.flatMap(items)) })
        : make({
            child: arrowData(
              cellType.of,
              values.flatMap((v) => padded(v, cellType.size!)),
            ),
          })
    case 'map': {
      const entries = values.flatMap(items)
      const child = arrow.makeData({
        type: entriesType(cellType),
        length: entries.length,
        nullCount: 0,
        children: [
          arrowData(cellType.key, entries.map(member('key'))),
          arrowData(cellType.value, entries.map(member('value'))),
        ],
      })
      return make({ valueOffsets: offsetsOf(values), child })
    }
    case 'struct':
    case 'union': {
      const fields = cellType.kind === 'struct' ? cellType.fields : cellType.members
      return make({ children: fields.map((field) => arrowData(field.type, values.map(member(field.name)))) })
    }
  }
}

const EMPTY = new Uint8Array(0)

const items = (value: Value): Value[] => (value === null ? [] : (value as Value[]))
const padded = (value: Value, size: number): Value[] =>
  value === null ? new Array<Value>(size).fill(null) : (value as Value[])
const member = (name: string) => (value: Value) =>
  value === null ? null : ((value as { [key: string]: Value })[name] ?? null)

function bits(values: Value[], isSet: (value: Value) => boolean): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(values.length / 8))
  for (let i = 0; i < values.length; i++) if (isSet(values[i]!)) bytes[i >> 3]! |= 1 << (i & 7)
  return bytes
}

function validity(values: Value[]): { nullCount: number; nullBitmap?: Uint8Array } {
  let nullCount = 0
  for (const value of values) if (value === null) nullCount++
  return nullCount === 0 ? { nullCount } : { nullCount, nullBitmap: bits(values, (value) => value !== null) }
}

function numbers<
  T extends Float32Array | Float64Array | Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array,
>(values: Value[], into: T): T {
  for (let i = 0; i < values.length; i++) into[i] = (values[i] as number | null) ?? 0
  return into
}

function smallInts(values: Value[], { bits: size, signed }: Extract<CellType, { kind: 'integer' }>) {
  const { length } = values
  if (size === 8) return numbers(values, signed ? new Int8Array(length) : new Uint8Array(length))
  if (size === 16) return numbers(values, signed ? new Int16Array(length) : new Uint16Array(length))
  return numbers(values, signed ? new Int32Array(length) : new Uint32Array(length))
}

function bigInts(values: Value[], signed: boolean): BigInt64Array | BigUint64Array {
  const into = signed ? new BigInt64Array(values.length) : new BigUint64Array(values.length)
  for (let i = 0; i < values.length; i++) into[i] = (values[i] as bigint | null) ?? 0n
  return into
}

/** 128 bits, two's complement, little-endian. */
function decimals(values: Value[]): Uint32Array {
  const words = new BigInt64Array(values.length * 2)
  for (let i = 0; i < values.length; i++) {
    const value = (values[i] as bigint | null) ?? 0n
    words[2 * i] = BigInt.asIntN(64, value)
    words[2 * i + 1] = BigInt.asIntN(64, value >> 64n)
  }
  return new Uint32Array(words.buffer)
}

function bytesOf(parts: Uint8Array[]): { valueOffsets: Int32Array; data: Uint8Array } {
  const valueOffsets = new Int32Array(parts.length + 1)
  for (let i = 0; i < parts.length; i++) valueOffsets[i + 1] = valueOffsets[i]! + parts[i]!.length
  const data = new Uint8Array(valueOffsets[parts.length]!)
  for (let i = 0; i < parts.length; i++) data.set(parts[i]!, valueOffsets[i])
  return { valueOffsets, data }
}

function offsetsOf(values: Value[]): Int32Array {
  const offsets = new Int32Array(values.length + 1)
  for (let i = 0; i < values.length; i++) offsets[i + 1] = offsets[i]! + items(values[i]!).length
  return offsets
}
