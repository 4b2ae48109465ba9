import { ArchipelError } from '../../../protocols/model/errors.ts'
import type { ParamValue } from '../../../protocols/model/task.ts'

/** Strings, quoted names and comments of Spark's SQL, in which no parameter stands; then a parameter. */
const TOKEN = /'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?:``|[^`])*`|--[^\n]*|\/\*[\s\S]*?\*\/|\$([A-Za-z_][A-Za-z0-9_]*)/g

/**
 * Puts values where `$name` stands: Livy hands Spark the text alone. Only literals take its place, whatever the value.
 * @throws BAD_INPUT for a name without a value
 */
export function withParams(sql: string, params: Record<string, ParamValue>): string {
  return sql.replace(TOKEN, (token: string, name: string | undefined) => {
    if (name === undefined) return token
    if (!Object.hasOwn(params, name)) throw new ArchipelError('BAD_INPUT', `the statement needs a value for $${name}`)
    return literal(params[name]!)
  })
}

function literal(value: ParamValue): string {
  if (value === null) return 'NULL'
  if (typeof value === 'boolean') return value ? 'TRUE' : 'FALSE'
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) return `double('${value}')`
    return Number.isInteger(value) ? String(value) : `${value}D`
  }
  // A code unit at a time: neither a quote nor a backslash of the value is one of the statement.
  const safe = value.replace(/[^ !#%&(-[\]-~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return `'${safe}'`
}
