/** Fields of a request's body, read as the JSON reader of Livy does: numbers become text, text becomes numbers. */
import { LivyRefusal } from '../../protocols/livy/refusal.ts'
import { LateRefusal } from './late.ts'

/** A class of Livy's that stands in its messages, with the names of its fields. */
export interface Shape {
  name: string
  known: readonly string[]
}

const INT_MIN = -2_147_483_648
const INT_MAX = 2_147_483_647
const SHOWN = 80

/** Which kind of value came, as the reader names it. */
function token(value: unknown): string {
  if (Array.isArray(value)) return 'Array value (token `JsonToken.START_ARRAY`)'
  if (typeof value === 'object') return 'Object value (token `JsonToken.START_OBJECT`)'
  if (typeof value === 'string') return 'String value (token `JsonToken.VALUE_STRING`)'
  if (typeof value === 'boolean') return `Boolean value (token \`JsonToken.VALUE_${value ? 'TRUE' : 'FALSE'}\`)`
  const kind = Number.isInteger(value) ? 'INT' : 'FLOAT'
  return `${kind === 'INT' ? 'Integer' : 'Floating-point'} value (token \`JsonToken.VALUE_NUMBER_${kind}\`)`
}

function refuse(type: string, what: string, where: string): LivyRefusal {
  return new LivyRefusal(400, `Cannot deserialize value of type \`${type}\` from ${what}${where}`)
}

function noConstructor(type: string, value: string | number): LivyRefusal {
  const [argument, what] =
    typeof value === 'number'
      ? ['int/Int', `Number value (${value})`]
      : ['String', `String value ('${value.slice(0, SHOWN)}')`]
  return new LivyRefusal(
    400,
    `Cannot construct instance of \`${type}\` (although at least one Creator exists): no ${argument}-argument constructor/factory method to deserialize from ${what}`,
  )
}

export interface Fields {
  text(name: string): string | undefined
  list(name: string): string[] | undefined
  map(name: string): Record<string, string> | undefined
  int(name: string): number | undefined
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** `null` stands for an absent field. @throws LivyRefusal for a body that is no object, unknown fields and wrong types */
export function fields(body: unknown, { name: cls, known }: Shape): Fields {
  if (body === null) throw new LateRefusal(500, 'java.lang.NullPointerException')
  if (typeof body === 'string' || typeof body === 'number') throw noConstructor(cls, body)
  if (!isObject(body)) throw refuse(cls, token(body), '')
  const chain = (field: string) => ` (through reference chain: ${cls}["${field}"])`
  const foreign = Object.keys(body).find((key) => !known.includes(key))
  if (foreign !== undefined) {
    const field = foreign.slice(0, SHOWN)
    const names = known.map((each) => `"${each}"`).join(', ')
    const properties = known.length === 1 ? 'one known property' : `${known.length} known properties`
    throw new LivyRefusal(
      400,
      `Unrecognized field "${field}" (class ${cls}), not marked as ignorable (${properties}: ${names}])${chain(field)}`,
    )
  }
  const value = (field: string) => (Object.hasOwn(body, field) ? body[field] : undefined) ?? undefined

  function scalar(given: unknown, where: string): string {
    if (typeof given === 'string') return given
    if (typeof given === 'number' || typeof given === 'boolean') return String(given)
    throw refuse('java.lang.String', given === null ? 'Null value (token `JsonToken.VALUE_NULL`)' : token(given), where)
  }

  function int(given: unknown, where: string): number {
    const text = typeof given === 'string' ? given.trim() : undefined
    if (typeof given !== 'number' && (text === undefined || !/^[+-]?\d+$/.test(text))) {
      const what = text === undefined ? token(given) : `String "${text.slice(0, SHOWN)}": not a valid \`int\` value`
      throw refuse('int', what, where)
    }
    const number = Math.trunc(Number(text ?? given))
    if (number >= INT_MIN && number <= INT_MAX) return number
    throw new LivyRefusal(400, `Numeric value (${number}) out of range of int (${INT_MIN} - ${INT_MAX})${where}`)
  }

  return {
    text(field) {
      const given = value(field)
      return given === undefined ? undefined : scalar(given, chain(field))
    },
    list(field) {
      const given = value(field)
      if (given === undefined) return undefined
      if (!Array.isArray(given))
        throw refuse('scala.collection.immutable.List<java.lang.String>', token(given), chain(field))
      return given.map((each) => scalar(each, chain(field)))
    },
    map(field) {
      const given = value(field)
      if (given === undefined) return undefined
      if (!isObject(given))
        throw refuse('scala.collection.immutable.Map<java.lang.String,java.lang.String>', token(given), chain(field))
      return Object.fromEntries(Object.entries(given).map(([key, each]) => [key, scalar(each, chain(field))]))
    },
    int(field) {
      const given = value(field)
      return given === undefined || given === '' ? undefined : int(given, chain(field))
    },
  }
}
