import type { Json, Obj } from './tree.ts'

/** Where the columns of a result come from, as far as they are plain columns of tables. */
export interface Origins {
  /** Tables of the outermost FROM by the names that columns may be qualified with. */
  sources: { alias: string; table: string }[]
  /** Whether these are all: a column without a qualifier is one of theirs. */
  closed: boolean
  /** `*`, of one source or of all. */
  stars: (string | null)[]
  plain: { name: string; alias: string | null; column: string }[]
  /** Names of columns that are computed. */
  computed: string[]
}

/**
 * Reads the outermost SELECT; undefined for set operations and whatever else renames columns.
 * Names are in lower case: SQL compares them so.
 */
export function originsOf(node: Json, ctes: ReadonlySet<string>): Origins | undefined {
  const select = node as Obj
  if (select.type !== 'SELECT_NODE' || !Array.isArray(select.select_list)) return undefined
  const origins: Origins = { sources: [], closed: true, stars: [], plain: [], computed: [] }
  addSources(select.from_table as Obj | undefined, ctes, origins)
  for (const item of select.select_list as Obj[]) {
    const alias = item.alias === undefined ? undefined : String(item.alias).toLowerCase()
    if (item.class === 'STAR') {
      if (item.columns !== false || item.rename_list !== undefined || item.expr !== undefined) return undefined
      origins.stars.push(item.relation_name === undefined ? null : String(item.relation_name).toLowerCase())
      for (const { key } of (item.replace_list as Obj[] | undefined) ?? [])
        origins.computed.push(String(key).toLowerCase())
    } else if (item.class === 'COLUMN_REF') {
      const names = (item.column_names as string[]).map((name) => name.toLowerCase())
      const column = names.at(-1)!
      if (names.length <= 2)
        origins.plain.push({ name: alias ?? column, alias: names.length === 2 ? names[0]! : null, column })
      else origins.computed.push(alias ?? column)
    } else if (alias !== undefined) origins.computed.push(alias)
  }
  return origins
}

function addSources(from: Obj | undefined, ctes: ReadonlySet<string>, origins: Origins): void {
  if (from === undefined || from.type === 'EMPTY') return
  if (from.type === 'JOIN') {
    addSources(from.left as Obj, ctes, origins)
    addSources(from.right as Obj, ctes, origins)
    return
  }
  const table = String(from.table_name ?? '').toLowerCase()
  if (from.type !== 'BASE_TABLE' || ctes.has(table) || from.column_name_alias !== undefined) origins.closed = false
  else origins.sources.push({ alias: String(from.alias ?? table).toLowerCase(), table })
}
