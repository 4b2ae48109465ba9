import { DuckDBInstance } from '@duckdb/node-api'
import { toCell } from '../../src/node/engines/child/cells.ts'
import type { Column } from '../../src/protocols/model/dataset.ts'
import type { Cell } from '../../src/protocols/model/task.ts'

/** A database in this process, closed by the caller. */
export async function database() {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  await connection.run("SET TimeZone = 'UTC'")
  return {
    /** Columns and rows as an engine gives them. */
    async cells(sql: string): Promise<{ columns: Column[]; rows: Cell[][] }> {
      const result = await connection.stream(sql)
      const columns = result.columnNames().map((name, i) => ({ name, type: String(result.columnType(i)) }))
      const rows: Cell[][] = []
      for (;;) {
        const chunk = await result.fetchChunk()
        if (chunk === null || chunk.rowCount === 0) return { columns, rows }
        for (let i = 0; i < chunk.rowCount; i++) rows.push(chunk.convertRowValues(i, toCell) as Cell[])
      }
    },
    async rows(sql: string): Promise<Cell[][]> {
      return (await this.cells(sql)).rows
    },
    close() {
      connection.closeSync()
      instance.closeSync()
    },
  }
}

/** Smallest, largest and missing values of every type of DuckDB; its 128-bit integers as far as 38 digits reach. */
export const ALL_TYPES = `SELECT * REPLACE (hugeint // 1000 AS hugeint, uhugeint // 1000 AS uhugeint) FROM test_all_types()`
