/** LIVY: what a statement of each kind gives, and its errors. One session for all of them. */
import * as assert from 'uvu/assert'
import type { Suite } from '../../kit/index.ts'
import { type At, data, fault, SESSION_MS } from './at.ts'
import { COLUMNS, typesAndCells } from './sql-columns.ts'
import { like } from './table.ts'

interface Row {
  title: string
  kind: 'spark' | 'pyspark' | 'sql' | 'sparkr'
  code: string
  /** Of an output that is good: exactly these types, values may be patterns. */
  data?: Record<string, unknown>
  error?: { ename?: string; evalue?: string | RegExp; traceback?: (string | RegExp)[]; last?: RegExp; first?: RegExp }
}

const text = (value: string | RegExp) => ({ 'text/plain': value })

const python: Row[] = [
  { title: 'Python gives the value of the last expression', kind: 'pyspark', code: '7\n1 + 2', data: text('3') },
  { title: 'Python without a value is an empty text', kind: 'pyspark', code: 'x = 1', data: text('') },
  { title: 'None is an empty text', kind: 'pyspark', code: 'None', data: text('') },
  { title: 'no code is an empty text', kind: 'pyspark', code: '', data: text('') },
  {
    title: 'what is printed comes before what goes to stderr',
    kind: 'pyspark',
    code: 'import sys\nprint("err", file=sys.stderr)\nprint("out")',
    data: text('out\nerr'),
  },
  { title: 'the end of a text is trimmed', kind: 'pyspark', code: 'print("  a  \\n\\n")', data: text('  a') },
  {
    title: 'three million characters come back whole',
    kind: 'pyspark',
    code: 'print("x" * 3000000)',
    data: text(/^x{3000000}$/),
  },
  {
    title: 'an exception in a function has one entry for each frame',
    kind: 'pyspark',
    code: 'def f():\n  raise ValueError("no")\nprint("lost")\nf()',
    error: {
      ename: 'ValueError',
      evalue: 'no',
      traceback: ['Traceback (most recent call last):\n', /^ {2}File "<stdin>", line 2, in f\n/, /^ValueError: no\n?$/],
    },
  },
  {
    title: 'a syntax error begins with its place',
    kind: 'pyspark',
    code: 'if',
    error: { ename: 'SyntaxError', first: /^ {2}File / },
  },
  {
    title: 'sys.exit is an exception like others',
    kind: 'pyspark',
    code: 'import sys\nsys.exit(3)',
    error: { ename: 'SystemExit' },
  },
  {
    title: '%json gives an object',
    kind: 'pyspark',
    code: 'd = {"a": [1, 2]}\n%json d',
    data: { 'application/json': { a: [1, 2] } },
  },
  {
    title: '%json of an unknown name is good and holds the error',
    kind: 'pyspark',
    code: '%json nothing_of_that_name',
    data: { content: { ename: 'KeyError' } },
  },
  {
    title: '%table gives headers and rows',
    kind: 'pyspark',
    code: 't = [[1, "a"], [2, "b"]]\n%table t',
    data: {
      'application/vnd.livy.table.v1+json': {
        headers: [
          { name: '0', type: 'INT_TYPE' },
          { name: '1', type: 'STRING_TYPE' },
        ],
        data: [
          [1, 'a'],
          [2, 'b'],
        ],
      },
    },
  },
  {
    title: '%table names the type of each column',
    kind: 'pyspark',
    code: 't = [[None, True, 1.5, [1]]]\n%table t',
    data: {
      'application/vnd.livy.table.v1+json': {
        headers: [{ type: 'NULL_TYPE' }, { type: 'BOOLEAN_TYPE' }, { type: 'DOUBLE_TYPE' }, { type: 'ARRAY_TYPE' }],
        data: [[null, true, 1.5, [1]]],
      },
    },
  },
  {
    title: 'an unknown magic',
    kind: 'pyspark',
    code: '%foo',
    error: {
      ename: 'UnknownMagic',
      evalue: "unknown magic command 'foo'",
      traceback: [/UnknownMagic: unknown magic command 'foo'/],
    },
  },
]

const scala: Row[] = [
  { title: 'Scala gives the lines of its shell', kind: 'spark', code: '1 + 2', data: text(/^res\d+: Int = 3\n$/) },
  {
    title: 'lines of one snippet of Scala stand together',
    kind: 'spark',
    code: 'val a = 1\nval b = "x"',
    data: text('a: Int = 1\nb: String = x\n'),
  },
  {
    title: 'an error of the compiler',
    kind: 'spark',
    code: 'x_unknown',
    error: { ename: 'Error', evalue: /^<console>:\d+: error: not found: value x_unknown$/ },
  },
  {
    title: 'an error at run time',
    kind: 'spark',
    code: 'val zero = 0\n1 / zero',
    error: { ename: 'Error', evalue: 'java.lang.ArithmeticException: / by zero', last: /^ {2}\.\.\. \d+ elided\n$/ },
  },
  {
    title: 'code that is not whole',
    kind: 'spark',
    code: 'def f(',
    error: { ename: 'Error', evalue: 'incomplete statement', traceback: [] },
  },
  {
    title: '%json of Scala',
    kind: 'spark',
    code: 'val m = Map("a" -> 1)\n%json m',
    data: { 'application/json': { a: 1 } },
  },
  {
    title: '%table of Scala',
    kind: 'spark',
    code: 'val rows = List(List(1, "a"))\n%table rows',
    data: {
      'application/vnd.livy.table.v1+json': {
        headers: [
          { name: '0', type: 'BIGINT_TYPE' },
          { name: '1', type: 'STRING_TYPE' },
        ],
        data: [[1, 'a']],
      },
    },
  },
  {
    title: '%json of a value of an earlier statement',
    kind: 'spark',
    code: '%json m',
    error: { ename: 'NameError', evalue: 'Value m does not exist', traceback: [] },
  },
  {
    title: '%json of a distributed list gives ten of its values',
    kind: 'spark',
    code: 'val many = sc.parallelize(1 to 20)\n%json many',
    data: { 'application/json': [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] },
  },
  {
    title: '%json of a data frame is an error',
    kind: 'spark',
    code: 'val frame = spark.range(2)\n%json frame',
    error: { ename: 'ValueError', evalue: 'Failed to convert value into a JSON value', traceback: [] },
  },
  {
    title: 'an unknown magic of Scala',
    kind: 'spark',
    code: '%foo',
    error: { ename: 'UnknownMagic', evalue: 'Unknown magic command foo', traceback: [] },
  },
  {
    title: '%table of rows of different types',
    kind: 'spark',
    code: 'val mixed = List(List(1), List("a"))\n%table mixed',
    error: { ename: 'TypeError', evalue: 'table rows have different types', traceback: [] },
  },
]

const table = (data: unknown[][], fields: unknown = undefined) => ({
  'application/json': { schema: fields === undefined ? { type: 'struct' } : { type: 'struct', fields }, data },
})

const sql: Row[] = [
  {
    title: 'SQL gives a schema and rows',
    kind: 'sql',
    code: "SELECT 1 AS n, 'a' AS s, CAST(NULL AS STRING) AS z;",
    data: table(
      [[1, 'a', null]],
      [
        { name: 'n', type: 'integer', nullable: false },
        { name: 's', type: 'string', nullable: false },
        { name: 'z', type: 'string', nullable: true },
      ],
    ),
  },
  {
    title: 'decimals are numbers, dates and times are text, NaN is null',
    kind: 'sql',
    code: "SELECT 1.5, DATE'2020-01-02', TIMESTAMP'2020-01-02 03:04:05', DOUBLE('NaN')",
    data: table([[1.5, '2020-01-02', /^2020-01-02T03:04:05/, null]]),
  },
  {
    title: 'bytes are a list of numbers, maps are objects',
    kind: 'sql',
    code: "SELECT X'0102', map('a', 1), array(1, 2)",
    data: table([[[1, 2], { a: 1 }, [1, 2]]]),
  },
  { title: 'columns of one name keep both values', kind: 'sql', code: 'SELECT 1 AS a, 2 AS a', data: table([[1, 2]]) },
  {
    title: 'a structure has a schema of its own',
    kind: 'sql',
    code: "SELECT named_struct('x', 1, 'y', 'b') AS s",
    data: table([[{ values: [1, 'b'] }]]),
  },
  {
    title: 'a statement that makes something has no columns',
    kind: 'sql',
    code: 'CREATE OR REPLACE TEMPORARY VIEW two AS SELECT 2 AS n',
    data: table([], []),
  },
  {
    title: 'a span of days is an error on this Java',
    kind: 'sql',
    code: "SELECT INTERVAL '1' DAY AS span",
    error: { ename: 'Error', evalue: /^Unable to make field private final .* accessible/ },
  },
  {
    title: 'an error of the parser begins on a line of its own',
    kind: 'sql',
    code: 'SELEKT 1',
    error: { ename: 'Error', evalue: /^\n.*PARSE_SYNTAX_ERROR/ },
  },
  {
    title: 'two statements in one are an error',
    kind: 'sql',
    code: 'SELECT 1; SELECT 2',
    error: { ename: 'Error', evalue: /PARSE_SYNTAX_ERROR/, first: /^(?!\s*at )/ },
  },
  {
    title: 'a table that there is not',
    kind: 'sql',
    code: 'SELECT * FROM nowhere',
    error: { ename: 'Error', evalue: /TABLE_OR_VIEW_NOT_FOUND/ },
  },
]

/** Spark from PyPI has no R in it. */
const r: Row[] = [
  {
    title: 'an interpreter that cannot be started',
    kind: 'sparkr',
    code: '1 + 2',
    error: { ename: 'InterpreterError', evalue: 'Fail to start interpreter', traceback: [] },
  },
]

export function outputs(test: Suite, at: () => At): void {
  for (const row of [...python, ...scala, ...sql, ...r])
    test(
      row.title,
      async () => {
        const statement = await at().run(await at().session('main'), row.code, row.kind)
        assert.is(statement.output?.execution_count, statement.id)
        if (row.data !== undefined) like(data(statement), row.data, 'data')
        if (row.error !== undefined) errorIs(fault(statement), row.error)
      },
      { timeoutMs: SESSION_MS },
    )

  for (const { title, spark, types, cells } of COLUMNS)
    test(
      title,
      async () => {
        const statement = await at().run(await at().session('main'), spark, 'sql')
        assert.equal(typesAndCells(data(statement)['application/json']), { types, cells })
      },
      { timeoutMs: SESSION_MS },
    )

  test(
    'SQL gives a thousand rows at most, and does not say so',
    async () => {
      const statement = await at().run(await at().session('main'), 'SELECT id FROM range(1500)', 'sql')
      const { data: rows } = data(statement)['application/json'] as { data: unknown[] }
      assert.is(rows.length, 1000)
    },
    { timeoutMs: SESSION_MS },
  )

  test(
    'a view that one language makes is seen by the others',
    async () => {
      const main = await at().session('main')
      await at().run(main, 'spark.range(3).createOrReplaceTempView("three")', 'pyspark')
      const seen = await at().run(main, 'SELECT count(*) FROM three', 'sql')
      like(data(seen), table([[3]]), 'data')
      like(data(await at().run(main, 'spark.table("three").count()', 'spark')), text(/^res\d+: Long = 3\n$/), 'data')
    },
    { timeoutMs: SESSION_MS },
  )
}

function errorIs(got: ReturnType<typeof fault>, { first, last, ...plain }: NonNullable<Row['error']>): void {
  like(got, plain, 'error')
  assert.ok(Array.isArray(got.traceback))
  if (first !== undefined) like(got.traceback[0], first, 'the first line of the traceback')
  if (last !== undefined) like(got.traceback.at(-1), last, 'the last line of the traceback')
}
