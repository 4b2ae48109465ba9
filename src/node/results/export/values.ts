import type { CellType } from '../../../protocols/model/column-type.ts'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import type { Cell } from '../../../protocols/model/task.ts'
import { parseDate, parseTime, parseTimestamp } from './instants.ts'

/**
 * A cell as binary formats hold it: 64-bit integers, decimals (without their point), times and timestamps (in their unit) as
 * bigint, dates as days since 1970, blobs as bytes, maps as lists of `{key, value}`, structs as objects.
 */
export type Value = null | boolean | number | bigint | string | Uint8Array | Value[] | { [key: string]: Value }

/** Undefined when the cell is not of the type. */
type Convert = (cell: NonNullable<Cell>) => Value | undefined

/** What a column does with a cell, and what it says when a cell is not what the type promises. */
export function converter(column: string, typeText: string, type: CellType): (cell: Cell) => Value {
  const convert = convertOf(type)
  return (cell) => {
    if (cell === null || cell === undefined) return null
    const value = convert(cell)
    if (value !== undefined) return value
    const what = `a value of the column ${JSON.stringify(column.slice(0, 100))} (${typeText.slice(0, 100)})`
    throw new ArchipelError('BAD_INPUT', `${what} cannot be written in this format`, {
      hint: 'Cast the column in the statement, to VARCHAR or to a wider type, or save as csv or json.',
    })
  }
}

const NON_FINITE: Record<string, number> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
}
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/
const INTEGER = /^-?\d{1,40}$/

function convertOf(type: CellType): Convert {
  switch (type.kind) {
    case 'boolean':
      return (cell) => (typeof cell === 'boolean' ? cell : undefined)
    case 'integer':
      return type.bits === 64 ? bigInteger(type.signed) : smallInteger(type.bits, type.signed)
    case 'decimal':
      return decimal(type.precision, type.scale)
    case 'float':
      return (cell) =>
        typeof cell === 'number'
          ? cell
          : typeof cell === 'string' && Object.hasOwn(NON_FINITE, cell)
            ? NON_FINITE[cell]
            : undefined
    case 'text':
      return (cell) => (typeof cell === 'string' ? wellFormed(cell) : JSON.stringify(cell))
    case 'json':
      return (cell) => (type.text && typeof cell === 'string' ? wellFormed(cell) : JSON.stringify(cell))
    case 'blob':
      return (cell) => (typeof cell === 'string' && BASE64.test(cell) ? Buffer.from(cell, 'base64') : undefined)
    case 'uuid':
      return (cell) => (typeof cell === 'string' && UUID.test(cell) ? cell : undefined)
    case 'date':
      return (cell) => (typeof cell === 'string' ? parseDate(cell) : undefined)
    case 'time':
      return (cell) => (typeof cell === 'string' ? parseTime(cell, type.unit) : undefined)
    case 'timestamp':
      return (cell) => (typeof cell === 'string' ? parseTimestamp(cell, type.unit) : undefined)
    case 'list':
      return list(nullable(type.of), type.size)
    case 'map':
      return map(nullable(type.key), nullable(type.value))
    case 'struct':
      return struct(type.fields.map(({ name, type: t }) => [name, nullable(t)]))
    case 'union':
      return union(new Map(type.members.map(({ name, type: t }) => [name, nullable(t)])))
  }
}

type Inner = (cell: Cell | undefined) => Value | undefined

function nullable(type: CellType): Inner {
  const convert = convertOf(type)
  return (cell) => (cell === null || cell === undefined ? null : convert(cell))
}

function smallInteger(bits: number, signed: boolean): Convert {
  const max = 2 ** (signed ? bits - 1 : bits) - 1
  const min = signed ? -max - 1 : 0
  return (cell) => (typeof cell === 'number' && Number.isInteger(cell) && cell >= min && cell <= max ? cell : undefined)
}

function bigInteger(signed: boolean): Convert {
  const max = signed ? 2n ** 63n - 1n : 2n ** 64n - 1n
  const min = signed ? -max - 1n : 0n
  return (cell) => {
    const value = integerOf(cell)
    return value !== undefined && value >= min && value <= max ? value : undefined
  }
}

function integerOf(cell: Cell): bigint | undefined {
  if (typeof cell === 'number') return Number.isSafeInteger(cell) ? BigInt(cell) : undefined
  return typeof cell === 'string' && INTEGER.test(cell) ? BigInt(cell) : undefined
}

function decimal(precision: number, scale: number): Convert {
  const limit = 10n ** BigInt(precision)
  return (cell) => {
    const text = typeof cell === 'number' ? String(cell) : cell
    const parts = typeof text === 'string' ? /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) : null
    if (parts === null || parts[2]!.length + scale > 400) return undefined
    const [, sign, whole, fraction = ''] = parts
    // What would be rounded away is not of the type.
    if (fraction.length > scale && /[^0]/.test(fraction.slice(scale))) return undefined
    const value = BigInt(whole! + fraction.slice(0, scale).padEnd(scale, '0'))
    if (value >= limit) return undefined
    return sign === '-' ? -value : value
  }
}

/** UTF-8 has no halves of characters. */
function wellFormed(text: string): string {
  return text.toWellFormed()
}

function list(inner: Inner, size: number | undefined): Convert {
  return (cell) => {
    if (!Array.isArray(cell) || (size !== undefined && cell.length !== size)) return undefined
    const values: Value[] = []
    for (const item of cell) {
      const value = inner(item)
      if (value === undefined) return undefined
      values.push(value)
    }
    return values
  }
}

function map(key: Inner, value: Inner): Convert {
  return (cell) => {
    if (!Array.isArray(cell)) return undefined
    const entries: Value[] = []
    for (const entry of cell) {
      if (!isObject(entry)) return undefined
      const [k, v] = [key(own(entry, 'key')), value(own(entry, 'value'))]
      if (k === undefined || k === null || v === undefined) return undefined
      entries.push({ key: k, value: v })
    }
    return entries
  }
}

function struct(fields: [name: string, inner: Inner][]): Convert {
  return (cell) => {
    if (!isObject(cell)) return undefined
    const entries: [string, Value][] = []
    for (const [name, inner] of fields) {
      const value = inner(own(cell, name))
      if (value === undefined) return undefined
      entries.push([name, value])
    }
    return Object.fromEntries(entries)
  }
}

function union(members: Map<string, Inner>): Convert {
  return (cell) => {
    if (!isObject(cell)) return undefined
    const tag = own(cell, 'tag')
    const value = typeof tag === 'string' ? members.get(tag)?.(own(cell, 'value')) : undefined
    if (value === undefined) return undefined
    return Object.fromEntries([...members.keys()].map((name) => [name, name === tag ? value : null]))
  }
}

function isObject(cell: Cell | undefined): cell is { [key: string]: Cell } {
  return typeof cell === 'object' && cell !== null && !Array.isArray(cell)
}

function own(object: { [key: string]: Cell }, key: string): Cell | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined
}

/** Roughly the bytes that a value takes, so that what is gathered stays bounded. */
export function weightOf(value: Value): number {
  if (typeof value === 'string') return 8 + value.length
  if (typeof value !== 'object' || value === null) return 8
  if (value instanceof Uint8Array) return 8 + value.length
  let sum = 16
  for (const inner of Array.isArray(value) ? value : Object.values(value)) sum += weightOf(inner)
  return sum
}
