import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { embeddedEngine } from '../../src/node/engines/embedded/embedded.ts'
import type { EngineLimits, EnginePort, EngineSession, SqlAnalyser } from '../../src/node/engines/port.ts'
import type { SandboxMode } from '../../src/node/engines/process/tools.ts'
import type { ErrorCode } from '../../src/protocols/model/errors.ts'
import { suite } from '../kit/index.ts'
import { brightStars, requiresSandbox } from './data.ts'

const LIMITS: EngineLimits = {
  memoryBytes: 384 * 1024 ** 2,
  statementMs: 3_000,
  cpuMs: 60_000,
  resultRows: 1_000,
  resultBytes: 1024 ** 2,
  threads: 2,
}

const times = (n: number, text: string) => text.repeat(n)

/** Everything here is refused before it reaches a process that has data. @FILE@ stands for a file of the machine. */
const REFUSED: Record<string, string[]> = {
  'writes and changes': [
    "COPY (SELECT 1) TO '/tmp/stolen.csv'",
    "COPY bright_stars TO '@FILE@'",
    'CREATE TABLE t AS SELECT 1',
    'CREATE OR REPLACE VIEW bright_stars AS SELECT 1',
    'CREATE MACRO m(a) AS a + 1',
    'CREATE TEMP MACRO read_it(p) AS TABLE FROM read_text(p)',
    'CREATE SECRET s (TYPE s3)',
    'CREATE SEQUENCE s',
    'INSERT INTO bright_stars VALUES (1)',
    'UPDATE bright_stars SET hr = 1',
    'DELETE FROM bright_stars',
    'DROP VIEW bright_stars',
    'ALTER VIEW bright_stars RENAME TO x',
    'BEGIN TRANSACTION',
    'CHECKPOINT',
    'VACUUM',
    "EXPORT DATABASE '/tmp/stolen'",
    "IMPORT DATABASE '/tmp/stolen'",
    'MERGE INTO bright_stars USING bright_stars b ON true WHEN MATCHED THEN DELETE',
  ],
  'other databases and extensions': [
    "ATTACH '/tmp/x.db'",
    "ATTACH ':memory:' AS other",
    'DETACH memory',
    'USE memory',
    'INSTALL httpfs',
    'LOAD httpfs',
    "LOAD '/tmp/evil.duckdb_extension'",
    'UPDATE EXTENSIONS',
    "SELECT * FROM read_duckdb('@FILE@')",
  ],
  settings: [
    'SET enable_external_access = true',
    'SET GLOBAL lock_configuration = false',
    'RESET memory_limit',
    "SET VARIABLE a = getenv('HOME')",
    "PRAGMA enable_profiling = 'json'",
    'PRAGMA database_list',
    'PRAGMA version',
    "SELECT current_setting('allowed_paths')",
    'SELECT getvariable($$a$$)',
    'FROM duckdb_settings()',
    'CALL enable_logging()',
    "SELECT write_log('x')",
    'CALL pragma_version()',
  ],
  files: [
    "SELECT * FROM read_csv('@FILE@')",
    "SELECT * FROM read_csv_auto(['@FILE@'])",
    "SELECT * FROM READ_CSV('@FILE@')",
    'SELECT * FROM "read_csv"(\'SECRET\')',
    "SELECT * FROM main.read_csv('@FILE@')",
    "SELECT * FROM system.main.read_text('@FILE@')",
    "SELECT * FROM read_text('@FILE@')",
    "SELECT * FROM read_blob('@FILE@')",
    "SELECT * FROM read_json('@FILE@')",
    "SELECT * FROM read_ndjson_objects('@FILE@')",
    "SELECT * FROM read_parquet('@FILE@')",
    "SELECT * FROM parquet_scan('@FILE@')",
    "SELECT * FROM parquet_metadata('@FILE@')",
    "SELECT * FROM sniff_csv('@FILE@')",
    "SELECT * FROM glob('/**')",
    "SELECT * FROM '@FILE@'",
    'SELECT * FROM "@FILE@"',
    "FROM 'file://@FILE@'",
    "SELECT (SELECT content FROM read_text('@FILE@'))",
    "WITH a AS (SELECT * FROM read_text('@FILE@')) SELECT 1",
    "SELECT * FROM bright_stars, LATERAL (SELECT * FROM read_text('@FILE@'))",
    "SELECT 1 ORDER BY (SELECT count(*) FROM read_text('@FILE@'))",
    "SELECT 1 LIMIT (SELECT count(*) FROM read_text('@FILE@'))",
    "SUMMARIZE '@FILE@'",
    "DESCRIBE FROM read_csv('@FILE@')",
    "FROM (PIVOT read_csv('@FILE@') ON a IN (1) USING sum(b))",
    "SELECT list_transform(['@FILE@'], lambda p: (SELECT content FROM read_text(p)))",
    "VALUES ((SELECT content FROM read_text('@FILE@')))",
    "/* FROM bright_stars */ FROM/**/read_text/**/('@FILE@')",
    "-- harmless\nFROM read_text('@FILE@')",
    "FROM read_\u0074ext('@FILE@')",
  ],
  'the network': [
    "SELECT * FROM 'https://example.org/x.csv'",
    "SELECT * FROM read_csv('http://127.0.0.1:1/x.csv')",
    "SELECT * FROM 's3://bucket/x.parquet'",
    "SELECT * FROM read_parquet('hf://datasets/a/b.parquet')",
  ],
  'the catalog and the site': [
    'SELECT * FROM information_schema.tables',
    'SELECT * FROM memory.main.bright_stars',
    'SELECT * FROM main.bright_stars',
    'SELECT * FROM pg_catalog.pg_views',
    'SELECT * FROM pg_class',
    'SELECT * FROM PG_CLASS',
    'SELECT * FROM sqlite_master',
    'SELECT sql FROM duckdb_views',
    'SELECT * FROM duckdb_views()',
    'SELECT * FROM duckdb_external_file_cache()',
    'WITH duckdb_views AS (SELECT 1) SELECT * FROM duckdb_views',
    'SHOW TABLES',
    'SHOW ALL TABLES',
    'SHOW DATABASES',
    'SELECT * FROM (SHOW TABLES)',
    'DESCRIBE',
    "SELECT getenv('HOME')",
    'SELECT pg_get_viewdef(1)',
    "SELECT ('HOME').getenv()",
    'EXPLAIN SELECT * FROM bright_stars',
    'EXPLAIN ANALYZE SELECT 1',
    'SELECT stats(hr) FROM bright_stars',
  ],
  'SQL inside SQL': [
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table('bright_stars')",
    "SELECT * FROM query_table(['duckdb_views'])",
    "FROM histogram_values('duckdb_views', sql)",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    "SELECT json_serialize_plan('SELECT 1')",
    'PREPARE p AS SELECT 1',
    'EXECUTE p',
    "FROM sql_auto_complete('SELECT * FROM ')",
    'FROM summary((FROM duckdb_settings()))',
  ],
  'more than one statement, or another one': [
    'SELECT 1; SELECT 2',
    "SELECT 1; COPY (SELECT 1) TO '@FILE@'",
    'SELECT 1;; DROP VIEW bright_stars;',
    'SELECT * FROM "x\'; DROP VIEW bright_stars; --"',
    'PIVOT bright_stars ON constellation',
  ],
  'waiting and internals': [
    'SELECT pg_sleep(10)',
    'SELECT sleep_ms(10000)',
    "SELECT nextval('s')",
    'SELECT __internal_decompress_string(1::UTINYINT)',
    'SELECT vector_type(hr) FROM bright_stars',
    'FROM test_vector_types(NULL::INTEGER)',
    'FROM bright_stars AT (VERSION => 1)',
  ],
}

/** Statements that the parser or the binder turns down. */
const INVALID = [
  'SELECT $1',
  'SELECT ?',
  'SELECT \u0000 1',
  'SELECT filename FROM bright_stars',
  'SELECT file_row_number FROM bright_stars',
  'SELECT file_index FROM bright_stars',
  'SELECT nothing_like_it(1) AS x FROM bright_stars GROUP BY',
  `SELECT ${times(40_000, '(')}1${times(40_000, ')')}`,
  `SELECT ${times(2_000, '[')}1${times(2_000, ']')}`,
  `SELECT ${times(20_000, '1+')}1`,
  `SELECT ${times(20_000, 'NOT ')}true`,
  'SELECT \ud800',
]

/** Statements that run, and take too much of something. */
const GREEDY: [string, ErrorCode[]][] = [
  [
    'WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t',
    ['TIME_LIMIT', 'MEMORY_LIMIT'],
  ],
  [
    'SELECT count(*) FROM bright_stars a, bright_stars b, bright_stars c, bright_stars d',
    ['TIME_LIMIT', 'MEMORY_LIMIT'],
  ],
  ['SELECT sum(a.hr * b.hr) FROM bright_stars a, bright_stars b, bright_stars c', ['TIME_LIMIT']],
  ["SELECT length(repeat('x', 2000000000))", ['MEMORY_LIMIT']],
  ["SELECT length(repeat(repeat('x', 100000000), 100))", ['MEMORY_LIMIT', 'TIME_LIMIT']],
  ['SELECT list(i) FROM range(1000000000) r(i)', ['MEMORY_LIMIT', 'TIME_LIMIT']],
  ['SELECT len(range(2000000000))', ['MEMORY_LIMIT', 'SQL_INVALID', 'ENGINE_FAILED', 'TIME_LIMIT']],
  ["SELECT string_agg(repeat('x', 1000000), ',') FROM range(100000)", ['MEMORY_LIMIT', 'ENGINE_FAILED', 'TIME_LIMIT']],
  ['SELECT * FROM (SELECT i, random() r FROM range(1000000000) r(i)) ORDER BY r', ['MEMORY_LIMIT', 'TIME_LIMIT']],
  ['SELECT count(DISTINCT random()) FROM range(1000000000)', ['MEMORY_LIMIT', 'TIME_LIMIT']],
  ["SELECT levenshtein(repeat('a', 100000), repeat('b', 100000))", ['TIME_LIMIT']],
  ["SELECT damerau_levenshtein(repeat('a', 30000), repeat('b', 30000))", ['TIME_LIMIT', 'MEMORY_LIMIT']],
  ['SELECT list_reduce(range(100000000), lambda a, b: (a * 31 + b) % 1000003)', ['TIME_LIMIT', 'MEMORY_LIMIT']],
  [
    'SELECT list_transform(range(1000), lambda x: list_transform(range(1000), lambda y: range(1000)))',
    ['MEMORY_LIMIT', 'TIME_LIMIT'],
  ],
  [
    "SELECT regexp_replace(repeat('ab', 10000000), '(.)(.)', '\\1\\1\\1\\1\\1\\1\\1\\1\\2', 'g')",
    ['MEMORY_LIMIT', 'TIME_LIMIT', 'RESULT_LIMIT'],
  ],
  ["SELECT '1' || repeat('0', 3000000)", ['RESULT_LIMIT']],
  ['SELECT range(300000)', ['RESULT_LIMIT']],
  [`SELECT ${Array.from({ length: 12_000 }, () => '1').join(',')}`, ['RESULT_LIMIT', 'TIME_LIMIT']],
  [
    "SELECT regexp_matches(name, '((a{1,100}){1,100}){1,100}') FROM bright_stars",
    ['ENGINE_FAILED', 'SQL_INVALID', 'TIME_LIMIT'],
  ],
  [`SELECT ${times(90_000, 'x')}`, ['SQL_INVALID']],
  [`SELECT '${times(120_000, 'x')}'`, ['SQL_REFUSED']],
]

/** Floods that are cut, not refused. */
const FLOODS = [
  'SELECT * FROM range(1000000000)',
  "SELECT repeat('y', 900) FROM range(100000000)",
  'FROM repeat_row(1, 2, num_rows = 1000000000)',
]

function attacks(name: string, sandbox: SandboxMode, needs?: () => Promise<void>): void {
  const test = suite(`attacks, ${name}`)
  let engine: EnginePort & SqlAnalyser
  let session: EngineSession
  let secret: string
  let open: () => Promise<EngineSession>

  test.before(async (t) => {
    await needs?.()
    const dir = await t.tmpdir()
    const stars = await brightStars(dir)
    secret = join(dir, 'secret.csv')
    await writeFile(secret, 'key\nhunter2\n')
    engine = embeddedEngine({ limits: LIMITS, maxSessions: 1, queue: 0, sandbox, scratchDir: join(dir, 'scratch') })()
    t.cleanup(() => engine.stop())
    await engine.start()
    open = () => engine.createSession({ kind: 'sql', datasets: [stars] })
    session = await open()
  })

  /** The engine still answers, in the same session or, when that died, in the next. */
  async function stillAnswers(after: string): Promise<void> {
    if (session.state === 'dead') session = await open()
    assert.equal(
      (await session.run('SELECT count(*) FROM bright_stars')).result.rows,
      [[9096]],
      `after ${after.slice(0, 100)}`,
    )
  }

  async function failsWith(sql: string, codes: ErrorCode[]): Promise<void> {
    if (session.state === 'dead') session = await open()
    const error = await session.run(sql.replaceAll('@FILE@', secret)).then(
      ({ result }) => ({ code: `rows ${JSON.stringify(result.rows).slice(0, 100)}`, message: '' }),
      (e) => e,
    )
    assert.ok(
      (codes as string[]).includes(error.code),
      `${sql.slice(0, 100)}: ${error.code} ${error.message?.slice(0, 200)}`,
    )
    assert.not.match(error.message, /hunter2|archipel-test-|\/data\/\d|sql-\w{6}/, sql.slice(0, 100))
    assert.ok(error.hint.length > 0, sql)
  }

  for (const [group, statements] of Object.entries(REFUSED)) {
    test(`refuses ${group}`, async () => {
      for (const sql of statements) await failsWith(sql, ['SQL_REFUSED'])
      assert.is(session.state, 'idle')
      await stillAnswers(group)
    })
  }

  test(
    'turns malformed and misleading statements down',
    async () => {
      for (const sql of INVALID) {
        await failsWith(sql, ['SQL_INVALID', 'SQL_REFUSED'])
        await stillAnswers(sql)
      }
    },
    { timeoutMs: 60_000 },
  )

  for (const [sql, codes] of GREEDY) {
    test(`bounds ${sql.slice(0, 90)}`, async () => {
      const started = performance.now()
      await failsWith(sql, codes)
      assert.ok(performance.now() - started < LIMITS.statementMs + 5_000, 'in time')
      await stillAnswers(sql)
    })
  }

  test('cuts a flood of rows, and keeps the memory of the daemon', async () => {
    const before = process.memoryUsage().rss
    for (const sql of FLOODS) {
      const { result } = await session.run(sql)
      assert.is(result.truncated, true, sql)
      assert.ok(result.rowCount <= LIMITS.resultRows && result.rowCount > 0, sql)
      await stillAnswers(sql)
    }
    assert.ok(process.memoryUsage().rss - before < 150 * 1024 ** 2)
  })

  test('finds no table in comments, strings and aliases, and no way out of quotes', async () => {
    const { tables } = await engine.analyse(`SELECT 'FROM a', "b" AS "FROM c" -- FROM d\nFROM "x""; DROP VIEW y; --" e`)
    assert.equal(tables, ['x"; DROP VIEW y; --'])
  })

  test.run()
}

attacks('without a sandbox', 'off')
attacks('in a sandbox', 'required', requiresSandbox)
