/** Statements that the page sends with another order, without a browser. */
import { DuckDBInstance } from '@duckdb/node-api'
import * as assert from 'uvu/assert'
import { sortedStatement, withoutTail } from '../../src/web/ui/text/statement.ts'
import { suite } from '../kit/index.ts'

const test = suite('the page: statements')

test('comments, semicolons and spaces go from the end of a statement, and from nowhere else', () => {
  for (const [statement, without] of [
    ['SELECT 1', 'SELECT 1'],
    ['SELECT 1 ; ;\n', 'SELECT 1'],
    ['SELECT 1 LIMIT 5; -- end', 'SELECT 1 LIMIT 5'],
    ['SELECT 1 -- a; b\n; /* c; /* d */ e */ -- f\n', 'SELECT 1'],
    ['-- first\nSELECT /* ; */ 1 -- one\n, 2 -- two', '-- first\nSELECT /* ; */ 1 -- one\n, 2'],
    ["SELECT '-- no; comment' ;", "SELECT '-- no; comment'"],
    ["SELECT 'it''s; --';", "SELECT 'it''s; --'"],
    ["SELECT e'it\\'s; --';--", "SELECT e'it\\'s; --'"],
    ["SELECT 'a\\'; -- end", "SELECT 'a\\'"],
    ['SELECT 1 AS "/* ; -- ""', 'SELECT 1 AS "/* ; -- ""'],
    ['SELECT $$a; -- b$$;', 'SELECT $$a; -- b$$'],
    ['SELECT $x$a; $$ -- b$x$; -- c', 'SELECT $x$a; $$ -- b$x$'],
    ['SELECT 5 /* open', 'SELECT 5'],
    ['-- nothing', ''],
  ] as const)
    assert.is(withoutTail(statement), without, statement)
})

test('the engine takes the statement with another order, with names that are there twice', async (t) => {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  t.cleanup(() => {
    connection.closeSync()
    instance.closeSync()
  })
  const asked = async (statement: string, column: number, descending = false) =>
    (await connection.runAndReadAll(sortedStatement(statement, column, descending))).getRowsJson()
  const values = '(VALUES (1, 3), (2, NULL), (3, 1)) t(a, b)'
  assert.equal(await asked(`SELECT a, b AS a FROM ${values} LIMIT 5; -- end`, 1), [
    [3, 1],
    [1, 3],
    [2, null],
  ])
  assert.equal(await asked(`-- all\nWITH q AS (FROM ${values}) SELECT * FROM q -- of it`, 1, true), [
    [1, 3],
    [3, 1],
    [2, null],
  ])
})

test.run()
