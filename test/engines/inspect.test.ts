import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { duckdbInspector, type InspectorInit } from '../../src/node/engines/inspect.ts'
import { rejects, suite, type TestContext } from '../kit/index.ts'
import { brightStars, parquet } from './data.ts'

const test = suite('the inspector')

function inspector(t: TestContext, init: InspectorInit) {
  const made = duckdbInspector(init)
  t.cleanup(() => made.close())
  return made
}

test('answers queries over its files under names that say nothing of the machine', async (t) => {
  const stars = await brightStars(await t.tmpdir())
  const inspect = inspector(t, { files: stars.paths, scratchDir: await t.tmpdir() })
  const [file] = await inspect.files()
  assert.not.equal(file, stars.paths[0])
  assert.ok(file?.endsWith('.csv'))
  const { rows } = await inspect.query(`SELECT count(*), min(vmag) FROM read_csv('${file}')`)
  assert.equal(rows, [[9096, -1.46]])
})

test('reads files whose names are patterns or hold quotes', async (t) => {
  const dir = await t.tmpdir()
  const paths = ["it's [a]*.csv", 'it’s a b.csv', "it's ab.csv"].map((name) => join(dir, name))
  for (const [i, path] of paths.entries()) await writeFile(path, `a\n${i}\n`)
  for (const sandbox of ['off', 'auto'] as const) {
    const inspect = inspector(t, { files: paths, sandbox, scratchDir: await t.tmpdir() })
    const files = await inspect.files()
    const { rows } = await inspect.query(`SELECT a FROM read_csv([${files.map((file) => `'${file}'`)}]) ORDER BY a`)
    assert.equal(rows, [[0], [1], [2]], sandbox)
  }
})

test('reads nothing but its files', async (t) => {
  const inspect = inspector(t, { files: [], scratchDir: await t.tmpdir() })
  await rejects(inspect.query("SELECT * FROM read_text('/etc/hostname')"), 'SQL_REFUSED')
  await rejects(inspect.query("SELECT * FROM glob('/**')"), 'SQL_REFUSED')
})

test('calls malformed files unreadable and goes on', async (t) => {
  const dir = await t.tmpdir()
  const good = await parquet(dir, 'good', 'SELECT 1 AS a')
  const { readFile } = await import('node:fs/promises')
  const bytes = await readFile(good.paths[0]!)
  const broken = {
    'empty.parquet': '',
    'text.parquet': 'PAR1 no PAR1',
    'cut.parquet': bytes.subarray(0, bytes.length - 20),
  }
  const flipped = Buffer.from(bytes)
  flipped.fill(0xff, 4, bytes.length - 12)
  const all = { ...broken, 'flipped.parquet': flipped }
  for (const [name, content] of Object.entries(all)) await writeFile(join(dir, name), content)
  const inspect = inspector(t, {
    files: [...Object.keys(all).map((name) => join(dir, name)), good.paths[0]!],
    scratchDir: await t.tmpdir(),
  })
  const files = await inspect.files()
  for (const file of files.slice(0, -1)) {
    const error = await rejects(inspect.query(`SELECT * FROM read_parquet('${file}')`), 'UNREADABLE')
    assert.not.match(error.message, /archipel-test|sql-/, file)
  }
  assert.equal((await inspect.query(`SELECT a FROM read_parquet('${files.at(-1)}')`)).rows, [[1]])
})

test('survives the end of its process', async (t) => {
  const inspect = inspector(t, { files: [], scratchDir: await t.tmpdir(), limits: { memoryBytes: 300 * 1024 ** 2 } })
  await rejects(inspect.query('SELECT list(i) FROM range(1000000000) r(i)'), 'MEMORY_LIMIT')
  assert.equal((await inspect.query('SELECT 1')).rows, [[1]])
  await rejects(
    inspect.query("SELECT levenshtein(repeat('a', 100000), repeat('b', 100000))", { timeoutMs: 300 }),
    'TIME_LIMIT',
  )
  assert.equal((await inspect.query('SELECT 2')).rows, [[2]])
})

test('stops at its caller’s signal and at its close', async (t) => {
  const inspect = inspector(t, { files: [], scratchDir: await t.tmpdir() })
  await inspect.query('SELECT 1')
  const gone = new AbortController()
  const running = rejects(
    inspect.query('SELECT count(*) FROM range(10000000) a, range(10000000) b', { signal: gone.signal }),
    'CANCELLED',
  )
  setImmediate(() => gone.abort())
  await running
  await inspect.close()
  await inspect.close()
  await rejects(inspect.query('SELECT 1'), 'CANCELLED')
})

test('calls a file stale that is gone', async (t) => {
  const stars = await brightStars(await t.tmpdir())
  await rm(stars.paths[0]!)
  await rejects(inspector(t, { files: stars.paths, scratchDir: await t.tmpdir() }).query('SELECT 1'), 'STALE')
})

test('turns every type of DuckDB into JSON as documented', async (t) => {
  const inspect = inspector(t, { files: [], scratchDir: await t.tmpdir() })
  const cells: [string, unknown][] = [
    ['NULL', null],
    ['true', true],
    ['42::TINYINT', 42],
    ['9007199254740991::BIGINT', 9007199254740991],
    ['9007199254740993::BIGINT', '9007199254740993'],
    ['(-9007199254740993)::BIGINT', '-9007199254740993'],
    ['7::UBIGINT', 7],
    ['170141183460469231731687303715884105727::HUGEINT', '170141183460469231731687303715884105727'],
    ['1.50::DECIMAL(9, 2)', '1.50'],
    ["'1.5'::DOUBLE", 1.5],
    ["'nan'::DOUBLE", 'NaN'],
    ["'-inf'::FLOAT", '-Infinity'],
    ["'é\"\\'", 'é"\\'],
    ["'\\xAA\\x00'::BLOB", 'qgA='],
    ["'101'::BIT", '101'],
    ["DATE '2024-02-29'", '2024-02-29'],
    ["TIME '01:02:03.5'", '01:02:03.5'],
    ["'01:02:03+00'::TIMETZ", '01:02:03Z'],
    ["TIMESTAMP '2024-01-02 03:04:05'", '2024-01-02T03:04:05'],
    ["TIMESTAMP '2024-01-02 03:04:05.25'", '2024-01-02T03:04:05.25'],
    ["'2024-01-02 03:04:05.123456789'::TIMESTAMP_NS", '2024-01-02T03:04:05.123456789'],
    ["'2024-01-02 03:04:05'::TIMESTAMP_S", '2024-01-02T03:04:05'],
    ["TIMESTAMPTZ '2024-01-02 03:04:05+02'", '2024-01-02T01:04:05Z'],
    ["'infinity'::TIMESTAMP", 'infinity'],
    ['INTERVAL 0 DAY', 'PT0S'],
    ["INTERVAL '14 months 3 days 1.5 s'", 'P1Y2M3DT1.5S'],
    ["INTERVAL '-1.25 s'", 'PT-1.25S'],
    ["'a'::ENUM ('a', 'b')", 'a'],
    ["'12345678-1234-1234-1234-123456789012'::UUID", '12345678-1234-1234-1234-123456789012'],
    ['[1, NULL]', [1, null]],
    ['[1.5, 2.5]::FLOAT[2]', [1.5, 2.5]],
    ["{a: 1, b: ['x'], constructor: 2}", { a: 1, b: ['x'], constructor: 2 }],
    ["MAP {'k': 9007199254740993}", [{ key: 'k', value: '9007199254740993' }]],
    ['union_value(n := 1)', { tag: 'n', value: 1 }],
    ['\'{"x": [1]}\'::JSON', '{"x": [1]}'],
    ["{a: DATE '2024-01-01', b: 1.5::DECIMAL(3, 1)}", { a: '2024-01-01', b: '1.5' }],
  ]
  for (const [sql, cell] of cells) {
    const literal = sql === "'é\"\\'" ? "'é\"\\'" : sql
    assert.equal((await inspect.query(`SELECT ${literal}`)).rows, [[cell]], sql)
  }
})

test.run()
