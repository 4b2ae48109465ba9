import { rm } from 'node:fs/promises'
import * as assert from 'uvu/assert'
import type { EngineLimits, EnginePort, SessionInit, SqlAnalyser } from '../../src/node/engines/port.ts'
import { rejects, suite, type TestContext } from '../kit/index.ts'
import type { EngineUnderTest } from './contract.ts'
import { brightStars, eventLines, openNgc, parquet } from './data.ts'

const LIMITS: EngineLimits = {
  memoryBytes: 512 * 1024 ** 2,
  statementMs: 20_000,
  cpuMs: 60_000,
  resultRows: 5_000,
  resultBytes: 1024 ** 2,
  threads: 2,
}

/** Runs until something stops it, and listens to an interrupt. */
const ENDLESS = 'SELECT count(*) FROM range(10000000) a, range(10000000) b'

/** What every engine with DuckDB's SQL has to do beyond `engineContract`. Call it once for each engine in a test file. */
export function sqlContract({
  name,
  create,
  ...engine
}: Pick<EngineUnderTest<EnginePort & SqlAnalyser>, 'name' | 'create' | 'requires'>): void {
  const test = suite(`SQL of the ${name} engine`)
  test.before(async () => engine.requires?.())

  async function started(
    t: TestContext,
    init: Partial<{ limits: Partial<EngineLimits>; maxSessions: number; queue: number }> = {},
  ) {
    const engine = await create(t, {
      limits: { ...LIMITS, ...init.limits },
      maxSessions: init.maxSessions ?? 2,
      queue: init.queue ?? 2,
    })
    t.cleanup(() => engine.stop())
    await engine.start({ signal: t.signal })
    return engine
  }

  async function withStars(t: TestContext, limits: Partial<EngineLimits> = {}) {
    const engine = await started(t, { limits })
    const stars = await brightStars(await t.tmpdir())
    const init: SessionInit = { kind: 'sql', datasets: [stars] }
    const session = await engine.createSession(init)
    return { engine, session, stars, init }
  }

  test('tells its kind, languages and version, and is ready after its start', async (t) => {
    const engine = await started(t)
    assert.ok(engine.info().languages.includes('sql'))
    assert.match(engine.info().version, /\d+\.\d+/)
    const status = engine.status()
    assert.equal([status.state, status.running, status.waiting], ['ready', 0, 0])
  })

  test('is down before its start and after its stop, and can start again', async (t) => {
    const engine = await create(t, { limits: LIMITS, maxSessions: 1, queue: 1 })
    t.cleanup(() => engine.stop())
    const init: SessionInit = { kind: 'sql', datasets: [] }
    assert.is(engine.status().state, 'down')
    await rejects(engine.createSession(init), 'ENGINE_DOWN')
    await rejects(engine.analyse('SELECT 1'), 'ENGINE_DOWN')
    await engine.start()
    await (await engine.createSession(init)).close()
    await engine.stop()
    await engine.stop()
    assert.type(engine.status().reason, 'string')
    await rejects(engine.createSession(init), 'ENGINE_DOWN')
    await engine.start()
    const session = await engine.createSession(init)
    assert.equal((await session.run('SELECT 1 AS one')).result.rows, [[1]])
  })

  test('answers a SELECT over a dataset by its short name and by its id, in any case', async (t) => {
    const { session, stars } = await withStars(t)
    for (const table of ['bright_stars', 'BRIGHT_STARS', `"${stars.id}"`]) {
      const { result, elapsedMs } = await session.run(`SELECT name, vmag FROM ${table} ORDER BY vmag LIMIT 2`)
      assert.equal(
        result.columns,
        [
          { name: 'name', type: 'VARCHAR' },
          { name: 'vmag', type: 'DOUBLE' },
        ],
        table,
      )
      assert.equal(
        result.rows,
        [
          ['Sirius', -1.46],
          ['Canopus', -0.72],
        ],
        table,
      )
      assert.equal([result.rowCount, result.truncated], [2, false], table)
      assert.ok(elapsedMs > 0, table)
    }
  })

  test('reads CSV of other separators, compressed JSON lines in two files, and Parquet, and joins them', async (t) => {
    const engine = await started(t)
    const dir = await t.tmpdir()
    const wide = await parquet(dir, 'wide', "SELECT i AS id, 'n' || i AS label FROM range(5) r(i)")
    const datasets = [await openNgc(dir), await eventLines(dir), wide]
    const session = await engine.createSession({ kind: 'sql', datasets })
    const galaxies = await session.run(
      'SELECT count(*), min("Common names") FROM "doi:10.1234/openngc" WHERE "Type" = \'G\'',
    )
    assert.ok(Number(galaxies.result.rows[0]?.[0]) > 1000)
    const joined = await session.run(
      'SELECT e.id, e.tag, e.at, w.label FROM events e JOIN wide w USING (id) ORDER BY id',
    )
    assert.equal(joined.result.rows, [
      [1, 'x', '2024-05-06T07:08:09', 'n1'],
      [2, null, null, 'n2'],
      [3, 'z', null, 'n3'],
    ])
  })

  test('gives columns for a result without rows', async (t) => {
    const { session } = await withStars(t)
    const { result } = await session.run('SELECT hr, name FROM bright_stars WHERE false')
    assert.equal(
      result.columns.map(({ name }) => name),
      ['hr', 'name'],
    )
    assert.equal([result.rows, result.rowCount, result.truncated], [[], 0, false])
  })

  test('keeps what the parser and the binder say, and the session lives on', async (t) => {
    const { session } = await withStars(t)
    assert.match((await rejects(session.run('SELEC 1'), 'SQL_INVALID')).message, /syntax error/i)
    const unknown = await rejects(session.run('SELECT magnitude FROM bright_stars'), 'SQL_INVALID')
    assert.match(unknown.message, /"magnitude" not found[\s\S]*Candidate/)
    await rejects(session.run(''), 'SQL_INVALID')
    await rejects(session.run('-- nothing but a comment'), 'SQL_INVALID')
    assert.is(session.state, 'idle')
    assert.equal((await session.run('SELECT count(*) FROM bright_stars;')).result.rows, [[9096]])
  })

  test('tells a statement that fails on its data from one that is wrong', async (t) => {
    const { session } = await withStars(t)
    assert.match(
      (await rejects(session.run('SELECT name::INTEGER FROM bright_stars'), 'ENGINE_FAILED')).message,
      /convert/i,
    )
    assert.is(session.state, 'idle')
  })

  test('refuses tables that are not bound to the session', async (t) => {
    const { engine, session } = await withStars(t)
    const dir = await t.tmpdir()
    const other = await engine.createSession({ kind: 'sql', datasets: [await openNgc(dir)] })
    await rejects(session.run('SELECT * FROM openngc'), 'SQL_REFUSED')
    await rejects(other.run('SELECT * FROM bright_stars'), 'SQL_REFUSED')
  })

  test('goes from idle to busy and back, and is dead after its close', async (t) => {
    const { session } = await withStars(t)
    assert.is(session.state, 'idle')
    const running = session.run('SELECT count(*) FROM bright_stars')
    await Promise.resolve()
    assert.is(session.state, 'busy')
    await running
    assert.is(session.state, 'idle')
    await session.close()
    await session.close()
    assert.is(session.state, 'dead')
    await rejects(session.run('SELECT 1'), 'ENGINE_FAILED')
  })

  test('runs the statements of a session one after the other', async (t) => {
    const { session } = await withStars(t)
    const ended: number[] = []
    const one = (n: number, sql: string) => session.run(sql).then(({ result }) => ended.push(n) && result.rows[0]?.[0])
    const answers = await Promise.all([
      one(1, 'SELECT sum(a.hr * b.hr)::VARCHAR FROM bright_stars a, bright_stars b WHERE b.hr < 500'),
      one(2, 'SELECT 2'),
      one(3, 'SELECT 3'),
    ])
    assert.equal(ended, [1, 2, 3])
    assert.equal(answers.slice(1), [2, 3])
  })

  test('stops a statement when its caller cancels, and answers the next', async (t) => {
    const { engine, init } = await withStars(t)
    const session = await engine.createSession(init)
    const gone = new AbortController()
    const running = session.run(ENDLESS, { signal: gone.signal })
    setImmediate(() => gone.abort())
    await rejects(running, 'CANCELLED')
    await rejects(session.run('SELECT 1', { signal: AbortSignal.abort() }), 'CANCELLED')
    await session.close()
    const next = await engine.createSession(init)
    assert.equal((await next.run('SELECT 1')).result.rows, [[1]])
  })

  test('stops a statement at its deadline, the caller’s or the engine’s', async (t) => {
    const { engine, session, init } = await withStars(t, { statementMs: 800 })
    await rejects(session.run(ENDLESS, { timeoutMs: 100 }), 'TIME_LIMIT')
    await session.close()
    const second = await engine.createSession(init)
    const started = performance.now()
    await rejects(second.run(ENDLESS, { timeoutMs: 60_000 }), 'TIME_LIMIT')
    assert.ok(performance.now() - started < 5_000)
  })

  test('returns the rows that were asked for and says whether there were more', async (t) => {
    const { session } = await withStars(t)
    const rows = async (sql: string, maxRows?: number) => {
      const { result } = await session.run(sql, maxRows === undefined ? {} : { maxRows })
      assert.is(result.rows.length, result.rowCount)
      return [result.rowCount, result.truncated]
    }
    assert.equal(await rows('SELECT * FROM range(3)', 3), [3, false])
    assert.equal(await rows('SELECT * FROM range(4)', 3), [3, true])
    assert.equal(await rows('SELECT * FROM range(4)', 0), [0, true])
    assert.equal(await rows('SELECT hr FROM bright_stars'), [5000, true])
    assert.equal(await rows('SELECT hr FROM bright_stars', 1_000_000), [5000, true])
  })

  test('returns rows up to its limit of bytes, and refuses a row beyond it', async (t) => {
    const { session } = await withStars(t)
    const { result } = await session.run("SELECT repeat('x', 100000) FROM range(50)")
    assert.equal([result.rowCount, result.truncated], [10, true])
    await rejects(session.run("SELECT repeat('x', 2000000)"), 'RESULT_LIMIT')
    assert.equal((await session.run('SELECT 1')).result.rows, [[1]])
  })

  test('stops a statement that takes too much memory', async (t) => {
    const { engine, session, init } = await withStars(t)
    await rejects(session.run("SELECT list(repeat('x', 1000) || i) FROM range(100000000) r(i)"), 'MEMORY_LIMIT')
    await session.close()
    const next = await engine.createSession(init)
    assert.equal((await next.run('SELECT count(*) FROM bright_stars')).result.rows, [[9096]])
  })

  test('lets no session ask for more than the engine allows', async (t) => {
    const { engine, session, init } = await withStars(t, { resultRows: 10 })
    const greedy = await engine.createSession({ ...init, limits: { resultRows: 1_000, statementMs: 1e9 } })
    assert.is((await greedy.run('SELECT hr FROM bright_stars')).result.rowCount, 10)
    await Promise.all([session.close(), greedy.close()])
    const modest = await engine.createSession({ ...init, limits: { resultRows: 2 } })
    assert.is((await modest.run('SELECT hr FROM bright_stars')).result.rowCount, 2)
  })

  test('runs as many sessions as it may, lets others wait, and turns the rest away', async (t) => {
    const engine = await started(t, { maxSessions: 1, queue: 1 })
    const init: SessionInit = { kind: 'sql', datasets: [] }
    const first = await engine.createSession(init)
    const second = engine.createSession(init)
    assert.equal([engine.status().running, engine.status().waiting], [1, 1])
    await rejects(engine.createSession(init), 'TOO_MANY')
    await first.close()
    const granted = await second
    const gone = new AbortController()
    const third = engine.createSession(init, { signal: gone.signal })
    gone.abort()
    await rejects(third, 'CANCELLED')
    assert.equal([engine.status().running, engine.status().waiting], [1, 0])
    assert.equal((await granted.run('SELECT 3')).result.rows, [[3]])
  })

  test('gives the slot of a session that died to the next', async (t) => {
    const engine = await started(t, { maxSessions: 1, queue: 1, limits: { statementMs: 500 } })
    const first = await engine.createSession({ kind: 'sql', datasets: [] })
    await rejects(first.run("SELECT levenshtein(repeat('a', 200000), repeat('b', 200000))"), 'TIME_LIMIT')
    await first.close()
    assert.is(first.state, 'dead')
    const second = await engine.createSession({ kind: 'sql', datasets: [] })
    assert.equal((await second.run('SELECT 1')).result.rows, [[1]])
  })

  test('ends what runs and what waits when it stops', async (t) => {
    const engine = await started(t, { maxSessions: 1, queue: 1 })
    const session = await engine.createSession({ kind: 'sql', datasets: [] })
    const running = rejects(session.run(ENDLESS), 'CANCELLED')
    const waiting = rejects(engine.createSession({ kind: 'sql', datasets: [] }), 'ENGINE_DOWN')
    await engine.stop()
    await Promise.all([running, waiting])
    assert.is(session.state, 'dead')
  })

  test('calls data stale whose file is gone, without saying where it was', async (t) => {
    const { engine, stars } = await withStars(t)
    await rm(stars.paths[0]!)
    const error = await rejects(engine.createSession({ kind: 'sql', datasets: [stars] }), 'STALE')
    assert.not.match(error.message, /\//)
  })

  test('refuses datasets that are not tables, have no name, or share one', async (t) => {
    const engine = await started(t)
    const stars = await brightStars(await t.tmpdir())
    const tryWith = (datasets: SessionInit['datasets']) => engine.createSession({ kind: 'sql', datasets })
    await rejects(tryWith([{ ...stars, format: 'fits' }]), 'BAD_INPUT')
    await rejects(tryWith([{ ...stars, names: [] }]), 'BAD_INPUT')
    await rejects(tryWith([{ ...stars, columns: [] }]), 'BAD_INPUT')
    await rejects(tryWith([stars, { ...stars, id: 'urn:x:other', names: ['Bright_Stars'] }]), 'AMBIGUOUS')
    assert.is(engine.status().running, 0)
  })

  test('finds the tables of a statement, and no others', async (t) => {
    const engine = await started(t)
    const tables = async (sql: string) => (await engine.analyse(sql)).tables.toSorted()
    assert.equal(await tables('SELECT 1'), [])
    assert.equal(await tables('SELECT * FROM a, b x, "doi:10.1234/a""b" AS y JOIN (SELECT * FROM c) USING (i)'), [
      'a',
      'b',
      'c',
      'doi:10.1234/a"b',
    ])
    assert.equal(await tables('WITH a AS (SELECT * FROM b), c AS (SELECT * FROM A) SELECT * FROM c, d'), ['b', 'd'])
    assert.equal(await tables('WITH RECURSIVE t AS (SELECT 1 n UNION ALL SELECT n + 1 FROM t, s) SELECT * FROM t'), [
      's',
    ])
    assert.equal(
      await tables(
        'SELECT (SELECT max(i) FROM a), exists(FROM b) FROM c WHERE i IN (SELECT i FROM d) ORDER BY (SELECT 1 FROM e)',
      ),
      ['a', 'b', 'c', 'd', 'e'],
    )
    assert.equal(
      await tables('SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a), a'),
      ['a'],
      'a name shadowed in another place',
    )
    assert.equal(await tables('SELECT * FROM a UNION SELECT * FROM b EXCEPT (FROM c)'), ['a', 'b', 'c'])
    assert.equal(await tables("SELECT 'FROM x' /* FROM y */ FROM a -- FROM z"), ['a'])
    assert.equal(await tables('DESCRIBE a'), ['a'])
    assert.equal(await tables('SUMMARIZE SELECT * FROM a'), ['a'])
    assert.equal(await tables('FROM (PIVOT a ON b IN (1, 2) USING sum(c))'), ['a'])
    await rejects(engine.analyse('SELECT * FROM'), 'SQL_INVALID')
    await rejects(engine.analyse('SELECT 1', { signal: AbortSignal.abort() }), 'CANCELLED')
  })

  test.run()
}
