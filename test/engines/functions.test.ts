import { DuckDBInstance } from '@duckdb/node-api'
import * as assert from 'uvu/assert'
import {
  ALLOWED_TABLE_FUNCTIONS,
  INTERNAL_VIEWS,
  isAllowedFunction,
  REFUSED_FUNCTIONS,
  REFUSED_TABLE_FUNCTIONS,
} from '../../src/node/engines/child/functions.ts'
import { suite } from '../kit/index.ts'

const test = suite('the lists of functions')

async function namesOf(sql: string): Promise<string[]> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    const reader = await connection.runAndReadAll(sql)
    return reader.getRows().map(([name]) => String(name).toLowerCase())
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

test('know every function of this DuckDB, each as allowed or as refused', async () => {
  const names = await namesOf(
    "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type IN ('scalar', 'aggregate', 'macro')",
  )
  assert.ok(names.length > 600)
  assert.equal(
    names.filter((name) => !isAllowedFunction(name) && !REFUSED_FUNCTIONS.has(name)),
    [],
    'in neither list: look at them and choose',
  )
  assert.equal(
    names.filter((name) => isAllowedFunction(name) && REFUSED_FUNCTIONS.has(name)),
    [],
    'in both lists',
  )
})

test('know every table function of this DuckDB', async () => {
  const names = await namesOf(
    "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type IN ('table', 'table_macro')",
  )
  const both = new Set([...ALLOWED_TABLE_FUNCTIONS, ...REFUSED_TABLE_FUNCTIONS])
  assert.equal(
    names.filter((name) => !both.has(name)),
    [],
    'in neither list: look at them and choose',
  )
  assert.equal(
    [...ALLOWED_TABLE_FUNCTIONS].filter((name) => REFUSED_TABLE_FUNCTIONS.has(name)),
    [],
    'in both lists',
  )
})

test('know every function type of this DuckDB', async () => {
  const types = await namesOf('SELECT DISTINCT function_type FROM duckdb_functions() ORDER BY 1')
  assert.equal(types, ['aggregate', 'macro', 'pragma', 'scalar', 'table', 'table_macro'])
})

test('know every internal view that a bare name can reach', async () => {
  const names = await namesOf(
    "SELECT view_name FROM duckdb_views() WHERE internal AND schema_name <> 'information_schema'",
  )
  assert.ok(names.length > 20)
  assert.equal(
    names.filter((name) => !INTERNAL_VIEWS.has(name)),
    [],
  )
})

test.run()
