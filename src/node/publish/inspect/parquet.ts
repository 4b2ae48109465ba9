import type { Column } from '../../../protocols/model/dataset.ts'
import { quoted } from '../../../protocols/model/sql-names.ts'
import type { SourceFile } from '../port.ts'
import { unitsFromMetadata } from './parquet-units.ts'
import { literal, numberOf, readParquet, records } from './sql.ts'
import { differentSchema, type Query, type Table } from './table.ts'

const MAX_TYPE_LENGTH = 128

/**
 * A Parquet table: schema of the first file, which all have to share; rows from the footers; units, UCDs and
 * descriptions from VOParquet or astropy metadata of the first file.
 *
 * @throws UNREADABLE
 */
export async function inspectParquet(files: SourceFile[], names: string[], query: Query): Promise<Table> {
  const described = records(await query(`DESCRIBE SELECT * FROM ${readParquet([names[0]!])}`))
  const list = `[${names.map(literal).join(', ')}]`
  // The schemas as texts, compared inside DuckDB: only what differs comes back.
  const odd = records(
    await query(`WITH s AS (SELECT file_name, string_agg(concat_ws('|', name, type, num_children, converted_type, logical_type), ',' ORDER BY column_id) AS sig FROM parquet_schema(${list}) WHERE column_id > 0 GROUP BY file_name)
      SELECT file_name FROM s WHERE sig IS DISTINCT FROM (SELECT sig FROM s WHERE file_name = ${literal(names[0]!)}) ORDER BY file_name LIMIT 1`),
  )
  if (odd.length > 0) throw differentSchema(files[names.indexOf(String(odd[0]!.file_name))] ?? files[0]!)
  const counted = await query(`SELECT sum(num_rows)::BIGINT FROM parquet_file_metadata(${list})`)
  const metadata = records(
    await query(
      `SELECT try(decode(key)) AS key, try(decode(value)) AS value FROM parquet_kv_metadata(${literal(names[0]!)}) WHERE octet_length(value) < 4000000`,
    ),
  )
  const known = unitsFromMetadata(metadata.map((m) => [textOf(m.key), textOf(m.value)] as const))
  const columns = described.map((c): Column => {
    const type = String(c.column_type)
    return {
      name: String(c.column_name),
      type: type.length > MAX_TYPE_LENGTH ? type.slice(0, type.search(/[([]/)) : type,
      ...known.get(String(c.column_name)),
    }
  })
  // The footer may be whole while the data are not: the first rows of every column are read.
  await query(
    `SELECT ${columns.map((c) => `count(${quoted(c.name)})`).join(', ')} FROM (SELECT * FROM ${readParquet([names[0]!])} LIMIT 1000)`,
  )
  return { columns, rows: numberOf(counted.rows[0]![0]), from: readParquet(names) }
}

function textOf(cell: unknown): string {
  return typeof cell === 'string' ? cell : ''
}
