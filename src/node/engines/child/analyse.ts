import type { DuckDBConnection } from '@duckdb/node-api'
import { Failure, toFailure } from './failure.ts'
import {
  ALLOWED_TABLE_FUNCTIONS,
  INTERNAL_VIEWS,
  isAllowedFunction,
  REFUSED_FUNCTIONS,
  REFUSED_TABLE_FUNCTIONS,
} from './functions.ts'
import type { Analysis } from './messages.ts'
import { originsOf } from './origins.ts'
import type { Json, Obj } from './tree.ts'

/** Bytes of a statement. */
export const MAX_SQL_BYTES = 100_000
/** Levels of the syntax tree; DuckDB itself stops at 1,000 nested expressions. */
const MAX_DEPTH = 3000

/** What the syntax tree may consist of. Whatever a newer DuckDB adds is refused until somebody has looked at it. */
const CLASSES = new Set(
  (
    'COLUMN_REF CONSTANT PARAMETER STAR FUNCTION LAMBDA OPERATOR COMPARISON CONJUNCTION WINDOW CAST COLLATE SUBQUERY CASE BETWEEN ' +
    'DEFAULT POSITIONAL_REFERENCE TYPE'
  ).split(' '),
)
const TYPES = new Set(
  (
    'SELECT_NODE SET_OPERATION_NODE RECURSIVE_CTE_NODE BASE_TABLE SUBQUERY JOIN TABLE_FUNCTION EXPRESSION_LIST EMPTY PIVOT ' +
    'SHOW_REF ORDER_MODIFIER LIMIT_MODIFIER LIMIT_PERCENT_MODIFIER DISTINCT_MODIFIER ORDER_DEFAULT ASCENDING DESCENDING'
  ).split(' '),
)

/**
 * What one SELECT reads and gives, found in DuckDB's own syntax tree.
 * @throws SQL_INVALID with the parser's message; SQL_REFUSED for anything but one SELECT over named tables
 */
export async function analyseSql(connection: DuckDBConnection, sql: string): Promise<Analysis> {
  if (Buffer.byteLength(sql) > MAX_SQL_BYTES)
    throw new Failure('SQL_REFUSED', `a statement has at most ${MAX_SQL_BYTES} bytes`)
  // The parser would take what stands before it for the whole statement.
  if (sql.includes('\0')) throw new Failure('SQL_INVALID', 'a statement has no NUL characters')
  const reader = await connection.runAndReadAll(
    'SELECT json_serialize_sql($1::VARCHAR, skip_null := true, skip_empty := true)',
    [sql],
  )
  const tree = JSON.parse(String(reader.getRows()[0]?.[0])) as Obj
  if (tree.error !== false) throw await parseFailure(connection, sql, tree)
  const statements = tree.statements as Obj[]
  if (statements.length === 0) throw new Failure('SQL_INVALID', 'there is no statement')
  if (statements.length > 1) throw new Failure('SQL_REFUSED', 'one statement at a time')
  const node = statements[0]!.node!
  // Before the walk, which takes parts of the tree away.
  const ctes = ((node as Obj).cte_map as Obj | undefined)?.map as { key: string }[] | undefined
  const origins = originsOf(node, new Set(ctes?.map(({ key }) => key.toLowerCase())))
  return { ...walk(node), ...(origins && { origins }) }
}

async function parseFailure(connection: DuckDBConnection, sql: string, tree: Obj): Promise<Failure> {
  if (tree.error_type === 'not implemented') return new Failure('SQL_REFUSED', 'only SELECT is allowed')
  // DuckDB's own text has the line and a caret under the place.
  const exact = await connection.extractStatements(sql).catch(toFailure)
  if (exact instanceof Failure && exact.code === 'SQL_INVALID') return exact
  return new Failure('SQL_INVALID', `Parser Error: ${String(tree.error_message)}`)
}

/** Names of the common table expressions that are visible at a place of the tree, in lower case. */
type Scope = ReadonlySet<string>

/** An explicit stack instead of recursion: the depth is the statement's choice. */
function walk(root: Json): { tables: string[]; parameters: string[] } {
  const tables = new Map<string, string>()
  const parameters = new Set<string>()
  const stack: { value: Json; scope: Scope; depth: number }[] = [{ value: root, scope: new Set(), depth: 0 }]
  for (let item = stack.pop(); item !== undefined; item = stack.pop()) {
    const { value, depth } = item
    let { scope } = item
    if (value === null || typeof value !== 'object') continue
    if (depth > MAX_DEPTH) throw new Failure('SQL_REFUSED', 'the statement is nested too deeply')
    if (Array.isArray(value)) {
      for (const element of value) stack.push({ value: element, scope, depth: depth + 1 })
      continue
    }
    if (!checkNode(value)) continue
    if (value.class === 'PARAMETER') parameters.add(parameterName(value))
    if (value.type === 'BASE_TABLE') {
      const name = tableName(value)
      if (!scope.has(name.toLowerCase())) tables.set(name, name)
    }
    const ctes = (value.cte_map as Obj | undefined)?.map as { key: string; value: Json }[] | undefined
    if (ctes !== undefined) {
      // Each sees those before it; the query sees all of them.
      for (const cte of ctes) {
        stack.push({ value: cte.value, scope, depth: depth + 1 })
        scope = new Set(scope).add(cte.key.toLowerCase())
      }
    }
    if (value.type === 'RECURSIVE_CTE_NODE') scope = new Set(scope).add(String(value.cte_name).toLowerCase())
    for (const key of Object.keys(value))
      if (key !== 'cte_map') stack.push({ value: value[key]!, scope, depth: depth + 1 })
  }
  return { tables: [...tables.keys()], parameters: [...parameters] }
}

/** Refuses what a statement may not hold. Returns false where there is nothing to look at below. */
function checkNode(node: Obj): boolean {
  if (typeof node.class === 'string') {
    if (!CLASSES.has(node.class)) throw new Failure('SQL_REFUSED', `not allowed here: ${node.class}`)
    if (node.class === 'CONSTANT') return false
    if (node.class === 'FUNCTION' || node.class === 'WINDOW') checkFunction(node)
    return true
  }
  if (typeof node.type !== 'string') return true
  if (!TYPES.has(node.type) && !node.type.endsWith('_TYPE_INFO'))
    throw new Failure('SQL_REFUSED', `not allowed here: ${node.type}`)
  if (node.type === 'SHOW_REF' && node.query === undefined)
    throw new Failure('SQL_REFUSED', 'SHOW is not allowed; DESCRIBE and SUMMARIZE take a table or a SELECT')
  if (node.type === 'TABLE_FUNCTION') {
    const { function_name, children, ...rest } = node.function as Obj
    const name = String(function_name).toLowerCase()
    if (!ALLOWED_TABLE_FUNCTIONS.has(name)) throw unknownOr(name, 'table function')
    // Its name is not that of a scalar function, so its parts are looked at here and the walk goes on below them.
    node.function = { children: children ?? [], ...(rest.filter !== undefined && { filter: rest.filter }) }
  }
  return true
}

function parameterName(node: Obj): string {
  const name = String(node.identifier)
  if (/^\d+$/.test(name))
    throw new Failure('SQL_INVALID', 'a parameter has a name here: write $name instead of ? or $1')
  return name
}

/** By the bare name: what stands before it is a schema, where only DuckDB's own functions are, or a column (`name.lower()`). */
function checkFunction(node: Obj): void {
  const name = String(node.function_name).toLowerCase()
  if (!isAllowedFunction(name)) throw unknownOr(name, 'function')
}

function unknownOr(name: string, what: string): Failure {
  const known = REFUSED_FUNCTIONS.has(name) || REFUSED_TABLE_FUNCTIONS.has(name) || isAllowedFunction(name)
  const shown = name.slice(0, 100)
  return known
    ? new Failure('SQL_REFUSED', `the ${what} "${shown}" is not allowed`)
    : new Failure('SQL_REFUSED', `there is no ${what} "${shown}"`)
}

function tableName(node: Obj): string {
  const name = String(node.table_name)
  const parts = [node.catalog_name, node.schema_name, name].filter((part) => part !== undefined).map(String)
  if (parts.length > 1) {
    const whole = parts.join('.')
    throw new Failure(
      'SQL_REFUSED',
      `"${whole.slice(0, 200)}" is not a table here; a name with dots goes into double quotes: "${whole.slice(0, 200)}"`,
    )
  }
  if (node.at_clause !== undefined)
    throw new Failure('SQL_REFUSED', 'AT is not allowed: a dataset has the version that was asked for')
  if (INTERNAL_VIEWS.has(name.toLowerCase()))
    throw new Failure('SQL_REFUSED', `"${name}" shows the engine, not a dataset`)
  return name
}
