import type { DuckDBConnection } from '@duckdb/node-api'
export async function analyseSql(_c: DuckDBConnection, _sql: string): Promise<string[]> {
  return []
}
