import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { analyseSql } from '../../src/node/engines/child/analyse.ts'
import { openDatabase } from '../../src/node/engines/child/database.ts'
import { Failure } from '../../src/node/engines/child/failure.ts'
import { suite } from '../kit/index.ts'

const test = suite('the analysis of SQL')
let analyse: (sql: string) => Promise<string[]>

test.before(async (t) => {
  const connection = await openDatabase({ op: 'open', id: 1, threads: 1, memoryBytes: 2 ** 28, files: [], setup: [] })
  t.cleanup(() => connection.closeSync())
  analyse = async (sql) => (await analyseSql(connection, sql)).tables
})

/** What people write; each has to pass. */
const ORDINARY = [
  'SELECT DISTINCT ON (a) a, b FROM t ORDER BY a DESC NULLS FIRST, b LIMIT 10 OFFSET 2',
  'SELECT a FROM t ORDER BY ALL LIMIT 10%',
  'SELECT a FROM t UNION ALL BY NAME SELECT b FROM t INTERSECT SELECT 1 EXCEPT SELECT 2',
  'WITH x AS MATERIALIZED (SELECT 1), y AS NOT MATERIALIZED (SELECT * FROM x) SELECT * FROM x, y UNION SELECT * FROM t',
  'WITH RECURSIVE r(n) AS (SELECT 1 UNION SELECT n + 1 FROM r WHERE n < 9) SELECT * FROM r JOIN t ON t.a = r.n',
  "SELECT * EXCLUDE (a) REPLACE (b + 1 AS b) RENAME (c AS d), COLUMNS('x.*'), t.* FROM t",
  'SELECT CASE WHEN a THEN b ELSE c END, a BETWEEN 1 AND 2, a IN (1, 2), NOT a AND b OR c, a IS NULL, a IS DISTINCT FROM b FROM t',
  "SELECT a::DECIMAL(10, 2), TRY_CAST(a AS INT[]), CAST(a AS STRUCT(x INT, y ENUM('a', 'b'))), '1 2'::GEOMETRY FROM t",
  'SELECT a[1], a[1:2], {a: 1}.a, array[1, 2], [x + 1 FOR x IN l IF x > 1], row(1, 2), (1, 2), MAP {1: 2}, #1 FROM t',
  "SELECT INTERVAL 3 DAY, DATE '2020-01-01', current_date, current_timestamp, now(), EXTRACT(year FROM d), d AT TIME ZONE 'UTC' FROM t",
  "SELECT a ILIKE 'x', a SIMILAR TO 'x', a GLOB 'x', a ~ 'x', position('a' IN b), substring(a FROM 1 FOR 2), trim(BOTH 'x' FROM a) FROM t",
  "SELECT a->'$.x', a->>'x', json_extract(a, '$.x') FROM t",
  'SELECT count(*) FILTER (WHERE a), sum(DISTINCT a ORDER BY b), list(a ORDER BY b), mode() WITHIN GROUP (ORDER BY a) FROM t',
  'SELECT row_number() OVER w, lag(a, 1, 0 IGNORE NULLS) OVER (ORDER BY b ROWS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE TIES) FROM t WINDOW w AS (PARTITION BY a)',
  'SELECT coalesce(a, b), nullif(a, b), ifnull(a, b), if(a, b, c), TRY(a), greatest(a, b), count(), unnest(l) FROM t',
  'SELECT a, grouping(a), grouping_id(a) FROM t GROUP BY ROLLUP (a), CUBE (b), GROUPING SETS ((a), ())',
  'SELECT a FROM t GROUP BY ALL HAVING count(*) > 1 QUALIFY row_number() OVER () = 1',
  'FROM t ASOF JOIN t u ON t.a >= u.a SEMI JOIN t v USING (a) ANTI JOIN t w USING (b) POSITIONAL JOIN t x NATURAL JOIN t z CROSS JOIN t q',
  'SELECT * FROM t LEFT JOIN LATERAL (SELECT t.a) ON true',
  'FROM (UNPIVOT t ON a, b INTO NAME n VALUE v)',
  "FROM (PIVOT t ON a IN (1, 2), b IN ('x') USING sum(c) AS s, max(d) GROUP BY e)",
  'SELECT * FROM t PIVOT (sum(a) FOR b IN (1, 2))',
  'SELECT * FROM (VALUES (1, 2)) v(a, b), t',
  'FROM t USING SAMPLE 10 ROWS',
  'FROM t TABLESAMPLE reservoir(20 ROWS) REPEATABLE (3)',
  'SELECT * FROM unnest([1, 2]) WITH ORDINALITY u(a, b), range(3), generate_series(1, 2) g, t',
  "SELECT * FROM json_each('[1]'), t",
  "SELECT 1 FROM t WHERE 'a' COLLATE NOCASE = 'b' AND a = ANY (SELECT 1) AND a > ALL ([1]) AND EXISTS (FROM t)",
  'SELECT list_filter(l, lambda x, i: x > 1), list_reduce(l, lambda x, y: x + y), array(SELECT 1) FROM t',
  'SELECT degrees(acos(sin(radians(dec)) * sin(radians(41.3)) + cos(radians(dec)))) < 1 FROM t',
  "SELECT strftime(d, '%Y'), date_trunc('month', d), time_bucket(INTERVAL '1 day', d), epoch_ms(d) FROM t",
  "SELECT regexp_extract(a, '(\\d+)', 1), string_split(a, ','), printf('%d', 1), format('{}', a) FROM t",
  'SELECT approx_quantile(a, 0.5), quantile_cont(a, [0.1, 0.9]), histogram(a), corr(a, b), stddev(a), median(a) FROM t',
  'TABLE t',
  'DESCRIBE t',
  'SUMMARIZE t',
  'DESCRIBE SELECT a FROM t',
  '(SELECT a FROM t)',
  'SELECT a FROM t;',
  'select "T".a from T as "T" where "T"."a b" = 1e5 and 1_000 > .5',
]

for (const sql of ORDINARY) {
  test(`lets ordinary SQL pass: ${sql.slice(0, 80)}`, async () => {
    assert.equal(
      (await analyse(sql)).map((name) => name.toLowerCase()),
      ['t'],
    )
  })
}

/** Every place of the syntax where an expression can stand. */
const PLACES = `
  SELECT @ | SELECT DISTINCT ON (@) 1 | SELECT * REPLACE (@ AS a) FROM t | SELECT COLUMNS(c -> @) FROM t | SELECT 1 FROM t WHERE @
  SELECT 1 FROM t GROUP BY @ | SELECT 1 FROM t GROUP BY ROLLUP (@) | SELECT 1 FROM t GROUP BY 1 HAVING @ | SELECT 1 FROM t QUALIFY @
  SELECT 1 ORDER BY @ | SELECT 1 LIMIT @ | SELECT 1 LIMIT 1 OFFSET @ | SELECT 1 LIMIT (@) % | VALUES (1), (@) | SELECT (SELECT @)
  SELECT EXISTS (SELECT @) | SELECT 1 IN (SELECT @) | SELECT 1 IN (2, @) | SELECT @ IN (1) | SELECT 1 = ANY (SELECT @) | SELECT array(SELECT @)
  SELECT CASE @ WHEN 1 THEN 2 END | SELECT CASE WHEN @ THEN 2 END | SELECT CASE WHEN 1 THEN @ END | SELECT CASE WHEN 1 THEN 1 ELSE @ END
  SELECT @ BETWEEN 1 AND 2 | SELECT 1 BETWEEN @ AND 2 | SELECT 1 BETWEEN 1 AND @ | SELECT @ AND 1 | SELECT NOT @ | SELECT -@ | SELECT 1 + @
  SELECT @::INT | SELECT TRY_CAST(@ AS INT) | SELECT @ COLLATE NOCASE | SELECT @ IS NULL | SELECT 1 IS DISTINCT FROM @ | SELECT coalesce(1, @)
  SELECT try(@) | SELECT [1, @] | SELECT {a: @} | SELECT MAP {1: @} | SELECT MAP {@: 1} | SELECT (1, @) | SELECT l[@] | SELECT l[@:2] | SELECT l[1:@]
  SELECT l[1:2:@] | SELECT (@).a | SELECT @ -> 'a' | SELECT [x + @ FOR x IN l] | SELECT [x FOR x IN [@]] | SELECT [x FOR x IN l IF @]
  SELECT list_transform(l, lambda x: @) | SELECT list_reduce(l, lambda x, y: x + @) | SELECT abs(@) | SELECT l.list_sum(@)
  SELECT sum(@) | SELECT sum(DISTINCT @) | SELECT sum(a) FILTER (WHERE @) | SELECT list(a ORDER BY @) | SELECT quantile_cont(a, @)
  SELECT mode() WITHIN GROUP (ORDER BY @) | SELECT sum(@) OVER () | SELECT sum(1) OVER (PARTITION BY @) | SELECT sum(1) OVER (ORDER BY @)
  SELECT sum(1) OVER (ROWS BETWEEN @ PRECEDING AND CURRENT ROW) | SELECT sum(1) OVER (ROWS BETWEEN CURRENT ROW AND @ FOLLOWING)
  SELECT sum(1) FILTER (WHERE @) OVER () | SELECT lag(a, @) OVER () | SELECT lag(a, 1, @) OVER () | SELECT first_value(a ORDER BY @) OVER ()
  SELECT sum(1) OVER w FROM t WINDOW w AS (ORDER BY @) | SELECT 1 FROM t JOIN u ON @ | SELECT 1 FROM t LEFT JOIN LATERAL (SELECT @) ON true
  SELECT 1 FROM (SELECT @) | SELECT 1 FROM range(@) | SELECT 1 FROM t, unnest([@]) | SELECT 1 FROM repeat_row(1, num_rows = @)
  WITH c AS (SELECT @) SELECT 1 | WITH RECURSIVE c AS (SELECT @ UNION SELECT 1 FROM c) FROM c | WITH RECURSIVE c AS (SELECT 1 UNION SELECT @ FROM c) FROM c
  WITH RECURSIVE c(a) USING KEY (a) AS (SELECT 1 UNION SELECT @ FROM c) FROM c | SELECT 1 UNION SELECT @ | (SELECT 1 ORDER BY @) UNION SELECT 1
  SELECT 1 UNION SELECT 2 ORDER BY @ | FROM (PIVOT t ON a IN (1) USING sum(@)) | FROM (PIVOT (SELECT @) ON a IN (1) USING sum(b))
  FROM (UNPIVOT (SELECT @) ON a INTO NAME n VALUE v) | FROM (UNPIVOT t ON (@) INTO NAME n VALUE v)
  SELECT INTERVAL (@) DAY | SELECT extract(year FROM @) | SELECT @ AT TIME ZONE 'UTC' | SELECT substring('a' FROM @) | SELECT 'a' LIKE @
  SELECT 'a' LIKE 'b' ESCAPE @ | SELECT 'a' SIMILAR TO @ | DESCRIBE SELECT @ | SUMMARIZE SELECT @ | SELECT unnest(@) | SELECT a: @
  SELECT struct_pack(a := @) | SELECT count(@) | SELECT grouping(@) FROM t GROUP BY 1 | SELECT 1 FROM t ASOF JOIN u ON t.a >= @ | SELECT 1 FROM t POSITIONAL JOIN (SELECT @)
`
  .split(/[|\n]/)
  .map((place) => place.trim())
  .filter((place) => place !== '')

test('looks at every place where an expression can stand', async () => {
  const attacks = [
    "current_setting('x')",
    "(SELECT max(content) FROM read_text('/x'))",
    '(SELECT sql FROM duckdb_views)',
  ]
  const passed: string[] = []
  for (const place of PLACES) {
    for (const attack of attacks) {
      const code = await analyse(place.replace('@', attack)).then(
        () => 'passed',
        (error) => error.code,
      )
      if (code !== 'SQL_REFUSED' && code !== 'SQL_INVALID') passed.push(`${place}: ${attack} ${code}`)
    }
    // The place itself is one that the grammar knows, or the test would prove nothing.
    const plain = await analyse(place.replace('@', '(SELECT 1 FROM inside)')).catch((error) => [
      `${error.code} ${error.message}`,
    ])
    if (!plain.includes('inside')) passed.push(`${place}: ${plain}`)
  }
  assert.equal(passed, [])
})

test('takes names of any kind as they are written', async () => {
  const name = fc
    .string({ minLength: 1, maxLength: 40, unit: 'binary' })
    .filter((text) => !text.includes('\0') && text.isWellFormed())
  await fc.assert(
    fc.asyncProperty(name, async (text) => {
      const tables = await analyse(`SELECT * FROM "${text.replaceAll('"', '""')}"`)
      assert.equal(tables, [text])
    }),
    { numRuns: 500 },
  )
})

test('answers every text with tables or with a coded failure', async () => {
  const words =
    'SELECT FROM WITH AS ( ) ( ) , * a b "x y" \'q\' 1 + WHERE UNION JOIN ON read_csv range ORDER BY ; -- /* */ CASE WHEN END :: [ ] { } $1 . lambda :'.split(
      ' ',
    )
  const text = fc.oneof(
    fc.array(fc.constantFrom(...words), { maxLength: 30 }).map((parts) => parts.join(' ')),
    fc.array(fc.constantFrom(...words), { maxLength: 30 }).map((parts) => `SELECT a FROM t WHERE ${parts.join(' ')}`),
    fc.string({ unit: 'binary', maxLength: 200 }),
  )
  await fc.assert(
    fc.asyncProperty(text, async (sql) => {
      try {
        await analyse(sql)
      } catch (error) {
        assert.instance(error, Failure, `${sql}: ${error}`)
        assert.ok(['SQL_INVALID', 'SQL_REFUSED'].includes((error as Failure).code), sql)
      }
    }),
    { numRuns: 2_000 },
  )
})

test.run()
