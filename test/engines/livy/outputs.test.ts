import * as assert from 'uvu/assert'
import { failureOf, outcomeOf, printed } from '../../../src/node/engines/livy/outputs.ts'
import { parseLivyJson } from '../../../src/protocols/livy/json.ts'
import type { LivyOutput } from '../../../src/protocols/livy/objects.ts'
import { rejects, suite } from '../../kit/index.ts'
import { collector } from '../sink.ts'

const test = suite('what Livy answers to a statement, as a result')
const ok = (data: string) =>
  parseLivyJson(`{"status":"ok","execution_count":0,"data":${data}}`) as LivyOutput & { status: 'ok' }
const LIMITS = { maxRows: 1000, maxBytes: 10_000 }

const sql = (fields: [string, unknown][], data: string) =>
  ok(
    `{"application/json":{"schema":{"type":"struct","fields":${JSON.stringify(fields.map(([name, type]) => ({ name, type, nullable: true, metadata: {} })))}},"data":${data}}}`,
  )

test('SQL is a table in DuckDB’s types, its numbers as they were', async () => {
  const fields: [string, unknown][] = [
    ['i', 'integer'],
    ['l', 'long'],
    ['d', 'double'],
    ['m', 'decimal(5,2)'],
    ['s', { type: 'struct', fields: [] }],
    ['b', 'binary'],
  ]
  const row = '[1,9007199254740993,2.0,1.10,{"schema":[{"name":"a"}],"values":[1.0]},[1,2]]'
  const { result } = await outcomeOf(sql(fields, `[${row},[null,null,null,null,null,null]]`), LIMITS)
  assert.equal(
    result.columns.map(({ type }) => type),
    ['INTEGER', 'BIGINT', 'DOUBLE', 'DECIMAL(5,2)', 'JSON', 'BLOB'],
  )
  assert.equal(result.rows[0], [1, '9007199254740993', 2, '1.10', { a: 1 }, [1, 2]])
  assert.equal(result.rows[1], [null, null, null, null, null, null])
})

test('a table is cut at the rows and at the bytes that are allowed, into a sink, too', async () => {
  const many = sql([['n', 'integer']], JSON.stringify(Array.from({ length: 2500 }, (_, i) => [i])))
  const cut = await outcomeOf(many, { maxRows: 10, maxBytes: 10_000 })
  assert.equal([cut.result.rowCount, cut.result.rows.length, cut.result.truncated], [10, 10, true])
  const sink = collector()
  const bytes = await outcomeOf(many, { maxRows: 9999, maxBytes: 10_000, sink })
  assert.ok(bytes.result.truncated && bytes.result.rowCount < 2500)
  assert.equal([sink.tables, sink.count, sink.cuts, bytes.result.rows], [1, bytes.result.rowCount, 1, []])
})

test('DDL gives nothing; magics give values and tables; plots and text are items', async () => {
  assert.equal((await outcomeOf(sql([], '[]'), LIMITS)).items, [])
  const value = await outcomeOf(ok('{"application/json":{"a":1.0}}'), LIMITS)
  assert.equal([value.items[0]!.name, new TextDecoder().decode(value.items[0]!.bytes)], ['value.json', '{"a":1.0}'])
  const table = await outcomeOf(
    ok('{"application/vnd.livy.table.v1+json":{"headers":[{"name":"n","type":"INT_TYPE"}],"data":[[1]]}}'),
    LIMITS,
  )
  assert.equal([table.result.columns, table.result.rows], [[{ name: 'n', type: 'BIGINT' }], [[1]]])
  const plot = await outcomeOf(ok('{"image/png":"iVBO","text/plain":""}'), LIMITS)
  assert.equal(
    plot.items.map(({ name }) => name),
    ['figure-1.png'],
  )
  const text = ok('{"text/plain":"3"}')
  assert.equal([(await outcomeOf(text, LIMITS)).items[0]!.name, printed(text)], ['text.txt', '3\n'])
  await rejects(outcomeOf(ok(`{"text/plain":"${'x'.repeat(20_000)}"}`), LIMITS), 'RESULT_LIMIT')
})

test('failures are told in Spark’s words, without plans, stacks and machines', () => {
  const failure = (kind: 'sql' | 'python' | 'scala', ename: string, evalue: string, traceback: string[] = []) =>
    failureOf(kind, { status: 'error', execution_count: 0, ename, evalue, traceback })
  const invalid = failure(
    'sql',
    'Error',
    "[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column `x` cannot be resolved; line 1 pos 7;\n'Project ['x]\n",
  )
  assert.equal(
    [invalid.code, invalid.message],
    ['SQL_INVALID', '[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column `x` cannot be resolved; line 1 pos 7'],
  )
  const syntax = failure(
    'sql',
    'Error',
    '\n[PARSE_SYNTAX_ERROR] Syntax error at or near end of input.(line 1, pos 6)\n\n== SQL ==\nSELECT\n',
  )
  assert.equal(
    [syntax.code, syntax.message],
    ['SQL_INVALID', '[PARSE_SYNTAX_ERROR] Syntax error at or near end of input.(line 1, pos 6)'],
  )
  const failed = failure(
    'sql',
    'Error',
    'Job aborted due to stage failure: Task 0 in stage 7.0 failed 1 times, most recent failure: Lost task 0.0 in stage 7.0 (TID 7) (192.0.2.7 executor driver): java.lang.RuntimeException: no\n\tat org.apache.x\n\nDriver stacktrace:',
  )
  assert.equal([failed.code, failed.message], ['ENGINE_FAILED', 'java.lang.RuntimeException: no'])
  const python = failure('python', 'ValueError', 'no good', [
    'Traceback (most recent call last):\n',
    'ValueError: no good\n',
  ])
  assert.equal(
    [python.code, python.message],
    ['CODE_FAILED', 'Traceback (most recent call last):\nValueError: no good'],
  )
  assert.is(failure('scala', 'Error', 'incomplete statement').message, 'incomplete statement')
})

test.run()
