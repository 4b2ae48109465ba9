/** The built-in engine as a Livy: its objects, outputs, states and refusals. */
import * as assert from 'uvu/assert'
import type { LivyOutput } from '../../src/protocols/livy/objects.ts'
import { brightStars, requiresR, requiresScience, SCIENCE_PYTHON } from '../engines/data.ts'
import { rejects, suite } from '../kit/index.ts'
import { COLUMNS, typesAndCells } from '../livy/cases/sql-columns.ts'
import { created, data, opened, ran, reached, refusal, started, until } from './embedded.ts'

const test = suite('gateway: the built-in engine as a Livy')

test('kinds, version and state are those of the engine', async (t) => {
  const { site, engine } = await started(t, { r: 'none' })
  assert.equal([...site.kinds()].sort(), ['pyspark', 'shared', 'sql'])
  assert.match((await site.version()).version, /^0\.9\.0/)
  assert.equal(site.state(), { up: true })
  await engine.stop()
  assert.is(site.state().up, false)
  await rejects(site.createSession({ kind: 'sql' }, { mark: 'm', datasets: [], forwarded: false }), 'ENGINE_DOWN')
})

test('a session has all 23 fields of Livy, and the same mark is the same session', async (t) => {
  const { site } = await started(t)
  const mark = { mark: 'one', datasets: [], forwarded: false }
  const request = { kind: 'sql', name: 'n', driverCores: 2, proxyUser: 'p', ttl: '8h' } as const
  const first = await site.createSession(request, mark)
  assert.is(Object.keys(first).length, 23)
  assert.equal(
    [first.state, first.kind, first.name, first.driverCores, first.proxyUser, first.ttl, first.appId],
    ['starting', 'sql', 'n', 2, null, '8h', null],
  )
  assert.equal(first.log, ['stdout: ', '\nstderr: '])
  const again = await site.createSession(request, mark)
  assert.is(again.id, first.id)
  assert.is((await site.findSession('one'))?.id, first.id)
  assert.is(await site.findSession('two'), undefined)
})

test('SQL: a table as Spark sends it, at most a thousand rows, errors with a hint', async (t) => {
  const { site } = await started(t, { python: 'none', r: 'none' })
  const stars = await brightStars(await t.tmpdir())
  const session = await opened(site, 'sql', [stars])
  const made = await ran(
    site,
    session,
    `SELECT 1 AS i, 12345678901234567890::HUGEINT AS h, 1.50::DECIMAL(5,2) AS d, 'NaN'::DOUBLE AS n, 0.5::DOUBLE AS f,
      DATE '2020-01-02' AS day, TIMESTAMP '2020-01-02 03:04:05' AS at, '\\x01\\xff'::BLOB AS b, [1, 2] AS l, NULL::VARCHAR AS x;`,
  )
  assert.is(made.state, 'available')
  const { 'application/json': table } = data(made) as { 'application/json': { schema: { fields: object[] } } }
  assert.equal(
    table.schema.fields.map((field) => (field as { type: unknown }).type),
    [
      'integer',
      'decimal(38,0)',
      'decimal(5,2)',
      'double',
      'double',
      'date',
      'timestamp',
      'binary',
      { type: 'array', elementType: 'integer', containsNull: true },
      'string',
    ],
  )
  assert.match(
    JSON.stringify(table),
    '"data":[[1,12345678901234567890,1.50,null,0.5,"2020-01-02","2020-01-02T03:04:05Z",[1,255],[1,2],null]]',
  )
  for (const { title, builtIn, types, cells } of COLUMNS) {
    const got = await ran(site, session, builtIn)
    assert.equal(typesAndCells(data(got)['application/json']), { types, cells }, title)
  }
  const odd = await ran(
    site,
    session,
    `SELECT {'a b, "c"': 1} AS s, MAP {3::DOUBLE: 1, 9007199254740993: 2} AS m, union_value(n := 2) AS u, 5::VARIANT AS v, 2::DOUBLE AS d`,
  )
  assert.match(
    JSON.stringify(data(odd)),
    '"values":[1]},{"3.0":1,"9007199254740992.0":2},"{\\"tag\\":\\"n\\",\\"value\\":2}","5",2.0]]',
  )
  const many = data(await ran(site, session, 'SELECT hr FROM bright_stars')) as never as {
    'application/json': { data: unknown[]; schema: { fields: unknown } }
  }
  assert.is(many['application/json'].data.length, 1000)
  assert.equal(many['application/json'].schema.fields, [{ name: 'hr', type: 'long', nullable: true, metadata: {} }])
  const shown = data(await ran(site, session, 'show tables')) as never as { 'application/json': { data: unknown[] } }
  assert.equal(shown['application/json'].data, [['', 'bright_stars', true]])
  const wrong = await ran(site, session, 'SELECT nothing FROM bright_stars')
  assert.is(wrong.state, 'available')
  const { status, ename, evalue, traceback, execution_count } = wrong.output as LivyOutput & { status: 'error' }
  assert.equal([status, ename, execution_count], ['error', 'Error', wrong.id])
  assert.match(evalue, 'nothing')
  assert.ok(traceback.length === 1 && traceback[0]!.endsWith('\n'))
  assert.is((await site.session(session)).state, 'idle')
})

test('SQL: a session may ask for more rows in its conf', async (t) => {
  const { site } = await started(t, { python: 'none', r: 'none' })
  const session = await opened(site, 'sql', [], { 'livy.rsc.sql.num-rows': '5000' })
  const made = data(await ran(site, session, 'SELECT * FROM range(10000)')) as never as {
    'application/json': { data: unknown[] }
  }
  assert.is(made['application/json'].data.length, 5000)
})

test('Python: text as at a prompt, what is printed first, nothing for None', async (t) => {
  const { site } = await started(t, { r: 'none' })
  const session = await opened(site, 'pyspark')
  const text = async (code: string) => data(await ran(site, session, code))
  assert.equal(await text('1 + 2'), { 'text/plain': '3' })
  assert.equal(await text('x = 5'), { 'text/plain': '' })
  assert.equal(await text('None'), { 'text/plain': '' })
  assert.equal(await text('"a"'), { 'text/plain': "'a'" })
  assert.equal(await text('print("one")\nimport sys\n{"x": x}\n[x, "two"]  '), { 'text/plain': "one\n[5, 'two']" })
  assert.equal(await text('print("y" * 3_000_000)'), { 'text/plain': 'y'.repeat(3_000_000) })
  const { log, total, from } = await site.sessionLog(session, { from: 0 })
  assert.is(total, log.length)
  assert.is(from, 0)
  assert.is(log[0], 'stdout: ')
  assert.is((await site.statement(session, 0)).progress, 1)
})

test('Python: exceptions with their name and a traceback of entries; the session goes on', async (t) => {
  const { site } = await started(t, { r: 'none' })
  const session = await opened(site, 'pyspark')
  const error = async (code: string) => (await ran(site, session, code)).output as LivyOutput & { status: 'error' }
  const failed = await error('def f():\n  return 1 / 0\nf()')
  assert.equal([failed.status, failed.ename, failed.evalue], ['error', 'ZeroDivisionError', 'division by zero'])
  assert.is(failed.traceback[0], 'Traceback (most recent call last):\n')
  assert.match(failed.traceback[1]!, /^ {2}File "<stdin>", line 3, in <module>\n/)
  assert.match(failed.traceback[2]!, /^ {2}File "<stdin>", line 2, in f\n/)
  assert.is(failed.traceback.at(-1), 'ZeroDivisionError: division by zero\n')
  const syntax = await error('1 +')
  assert.equal([syntax.ename, /File "<stdin>"/.test(syntax.traceback[0]!)], ['SyntaxError', true])
  const own = await error('class NoGood(ValueError): pass\nraise NoGood("a\\nb")')
  assert.equal([own.ename, own.evalue], ['NoGood', 'a\nb'])
  assert.equal(data(await ran(site, session, '1')), { 'text/plain': '1' })
})

test('Python: magics of Livy', async (t) => {
  const { site } = await started(t, { r: 'none' })
  const session = await opened(site, 'pyspark')
  const run = async (code: string) => await ran(site, session, code)
  await run('rows = [{"a": 1, "b": "x"}, {"a": 2, "b": None}]')
  assert.equal(data(await run('%json rows')), {
    'application/json': [
      { a: 1, b: 'x' },
      { a: 2, b: null },
    ],
  })
  const table = {
    headers: [
      { name: 'a', type: 'INT_' },
      { name: 'b', type: 'STRING_' },
    ],
    data: [
      [1, 'x'],
      [2, null],
    ],
  }
  assert.equal(data(await run('print("before")\n%table rows')), {
    'application/vnd.livy.table.v1+json': table,
    'text/plain': 'before',
  })
  const unknown = (await run('%foo x')).output as LivyOutput & { status: 'error' }
  assert.equal([unknown.ename, unknown.evalue], ['UnknownMagic', "unknown magic command 'foo'"])
  assert.equal(data(await run('7 \\\n% 4')), { 'text/plain': '3' })
})

test('Python: figures', async (t) => {
  await requiresScience()
  const { site } = await started(t, { r: 'none', python: SCIENCE_PYTHON })
  const session = await opened(site, 'pyspark')
  const figure = data(await ran(site, session, 'import matplotlib.pyplot as plt\nplt.plot([1, 2])\n%matplot plt'))
  assert.ok(Buffer.from(String(figure['image/png']), 'base64').subarray(1, 4).toString() === 'PNG')
})

test('Python: spark.sql over bound data, as clients of Livy use it', async (t) => {
  const { site } = await started(t, { r: 'none' })
  const session = await opened(site, 'pyspark', [await brightStars(await t.tmpdir())])
  const text = async (code: string) => {
    const { output } = await ran(site, session, code)
    assert.is(output?.status, 'ok', JSON.stringify(output))
    return (output as never as { data: { 'text/plain': string } }).data['text/plain']
  }
  assert.match(await text('spark'), 'without Spark')
  const query = 'SELECT name, vmag FROM bright_stars WHERE name IS NOT NULL ORDER BY vmag LIMIT 2'
  const lines = await text(`for line in spark.sql(u"""${query} """).toJSON(use_unicode=True).take(2500): print(line)`)
  assert.equal(
    lines.split('\n').map((line) => Object.keys(JSON.parse(line))),
    [
      ['name', 'vmag'],
      ['name', 'vmag'],
    ],
  )
  assert.equal(await text('spark.table("bright_stars").count()'), '9096')
  assert.equal(await text('len(spark.sql("SELECT * FROM bright_stars").collect())'), '9096')
  assert.equal(
    await text('row = spark.sql("SELECT 1 AS a, 1.5::DECIMAL(3,1) AS b").first(); (row.a, row["b"], row[0], row)'),
    '(1, 1.5, 1, Row(a=1, b=1.5))',
  )
  assert.equal(
    await text(
      `spark.sql("SELECT MAP {'a': 1} AS m, {'x': 1.5::DECIMAL(3,1), 'y': NULL} AS s, 3::DOUBLE AS d").toJSON().take(1)[0]`,
    ),
    `'{"m": {"a": 1}, "s": {"x": 1.5, "y": null}, "d": 3.0}'`,
  )
  assert.equal(await text('spark.sql("SELECT 1 AS a")'), 'DataFrame[a: INTEGER]')
  assert.equal(
    await text('spark.sql("SELECT * FROM range(3)").show(2)'),
    '+-----+\n|range|\n+-----+\n|    0|\n|    1|\n+-----+\nonly showing top 2 rows',
  )
  assert.equal(
    await text('archipel.df("bright_stars").where("hr < 11").selectExpr("max(hr) AS last").toJSON().collect()'),
    `['{"last": 10}']`,
  )
  const some = await text('len(spark.table("bright_stars").toJSON().sample(False, 0.5).take(9999))')
  assert.ok(Number(some) > 4000 && Number(some) < 5100, some)
  assert.match(await text('spark.sql("SHOW TABLES").collect()'), "tableName='bright_stars'")
  const wrong = (await ran(site, session, 'spark.sql("SELECT * FROM nothing").collect()')).output as LivyOutput & {
    status: 'error'
  }
  assert.is(wrong.ename, 'AnalysisException')
  assert.match(wrong.evalue, 'nothing')
  assert.not.match(wrong.traceback.join(''), 'prompt.py')
  const none = (await ran(site, session, 'spark.read')).output as LivyOutput & { status: 'error' }
  assert.match(none.evalue, 'no Spark')
})

test('R: values as at a prompt, errors without a traceback', async (t) => {
  await requiresR()
  const { site } = await started(t, { python: 'none' })
  const session = await opened(site, 'sparkr')
  const run = async (code: string) => await ran(site, session, code)
  assert.equal(data(await run('1 + 2')), { 'text/plain': '[1] 3' })
  assert.equal(data(await run('x <- 5')), { 'text/plain': '' })
  assert.equal(data(await run('print("a")\nx')), { 'text/plain': '[1] "a"\n[1] 5' })
  assert.match((data(await run('spark')) as { 'text/plain': string })['text/plain'], 'without Spark')
  const { ename, evalue, traceback } = (await run('stop("no good")')).output as LivyOutput & { status: 'error' }
  assert.equal([ename, /no good/.test(evalue), traceback], ['Error', true, []])
  const plotted = data(await run('plot(1:3)'))
  assert.ok(Buffer.from(String(plotted['image/png']), 'base64').subarray(1, 4).toString() === 'PNG')
})

test('statements of several kinds share one count; a shared session needs a kind', async (t) => {
  const { site } = await started(t, { r: 'none' })
  const session = await opened(site, 'shared')
  const refused = await refusal(site.submit(session, { code: '1' }, 0))
  assert.is(refused.status, 500)
  assert.match(String(refused.body), 'Code type should be specified if session kind is shared')
  assert.equal(data(await ran(site, session, '40 + 2', 'pyspark')), { 'text/plain': '42' })
  const sql = await ran(site, session, 'SELECT 1 AS one', 'sql')
  assert.equal([sql.id, sql.output?.execution_count], [1, 1])
  const scala = await refusal(site.submit(session, { code: '1', kind: 'spark' }, 2))
  assert.is(scala.status, 400)
  assert.match((scala.body as { msg: string }).msg, 'without Spark')
})

test('what it has no Spark for is refused before anything starts', async (t) => {
  const { site, engine } = await started(t, { r: 'none' })
  const mark = { mark: 'x', datasets: [], forwarded: false }
  for (const kind of ['spark', 'sparkr'] as const) {
    const { status, body } = await refusal(site.createSession({ kind }, mark))
    assert.is(status, 400)
    assert.match((body as { msg: string }).msg, new RegExp(`^Rejected, Reason: ${kind} does not run here`))
  }
  const jar = await refusal(site.createSession({ kind: 'sql', jars: ['file:/a.jar'] }, mark))
  assert.equal(jar.body, {
    msg: 'Rejected, Reason: requirement failed: Local path /a.jar cannot be added to user sessions.',
  })
  const batch = await refusal(site.createBatch({ file: '/etc/passwd' }, mark))
  assert.equal(batch.body, {
    msg: 'Rejected, Reason: requirement failed: Local path /etc/passwd cannot be added to user sessions.',
  })
  assert.match(JSON.stringify((await refusal(site.createBatch({ file: 'hdfs:/a.py' }, mark))).body), 'without Spark')
  assert.is(engine.status().running, 0)
  const session = await opened(site, 'sql')
  assert.is((await refusal(site.submitJob(session, 'run', { job: 'AAAA', jobType: 'spark' }))).status, 500)
  assert.is((await refusal(site.job(session, 0))).status, 500)
  assert.is((await refusal(site.upload(session, 'jar', { name: 'a', bytes: new Uint8Array() }))).status, 400)
  const unknown = { msg: "Session '99' not found." }
  for (const work of [site.session(99), site.batch(99), site.deleteSession(99), site.submit(99, { code: '' }, 0)])
    assert.equal((await refusal(work)).body, unknown)
})

test('cancel: one that waits at once, one that runs soon; the queue goes on', async (t) => {
  const { site } = await started(t, { r: 'none' })
  const session = await opened(site, 'pyspark')
  const running = until(
    site,
    session,
    (change) => change.type === 'statement' && change.statement.id === 0 && change.statement.state === 'running',
  )
  await site.submit(session, { code: 'import time\nprint("begun")\ntime.sleep(60)' }, 0)
  await running
  await site.submit(session, { code: '1' }, 1)
  await site.submit(session, { code: '2' }, 2)
  assert.is((await site.session(session)).state, 'busy')
  await site.cancelStatement(session, 1)
  const waited = await site.statement(session, 1)
  assert.equal(
    [waited.state, waited.output, waited.progress, waited.started, waited.completed],
    ['cancelled', null, 1, 0, 0],
  )
  const last = until(
    site,
    session,
    (change) => change.type === 'statement' && change.statement.id === 2 && change.statement.state === 'available',
  )
  await site.cancelStatement(session, 0)
  await last
  assert.is((await site.statement(session, 0)).state, 'cancelled')
  assert.equal(data(await site.statement(session, 2)), { 'text/plain': '2' })
  await site.cancelStatement(session, 77)
  assert.is((await site.session(session)).state, 'idle')
})

test('the id that a statement has to get is submitted once', async (t) => {
  const { site } = await started(t, { python: 'none', r: 'none' })
  const session = await opened(site, 'sql')
  const first = await site.submit(session, { code: 'SELECT 1' }, 0)
  const again = await site.submit(session, { code: 'SELECT 2' }, 0)
  assert.equal([again.id, again.code], [first.id, 'SELECT 1'])
  assert.is((await site.statements(session)).length, 1)
})

test('only the last hundred statements are kept', async (t) => {
  const { site } = await started(t, { python: 'none', r: 'none' })
  const session = await opened(site, 'sql')
  for (let i = 0; i < 102; i++) await site.submit(session, { code: 'show tables' }, i)
  await ran(site, session, 'show tables')
  assert.equal([(await site.statements(session)).length, (await site.statements(session))[0]?.id], [100, 3])
  assert.equal((await refusal(site.statement(session, 2))).body, 'Statement not found')
})

test('stop: the session is dead and stays; delete: it is gone, and its watchers are told', async (t) => {
  const { site, engine } = await started(t, { r: 'none' })
  const session = await opened(site, 'pyspark')
  const running = until(site, session, (c) => c.type === 'statement' && c.statement.state === 'running')
  await site.submit(session, { code: 'while True: pass' }, 0)
  await running
  await site.submit(session, { code: '1' }, 1)
  const seen: string[] = []
  site.watch({ session }, (change) => void seen.push(change.type === 'session' ? change.session.state : change.type))
  await site.stopSession(session)
  await site.stopSession(session)
  assert.is((await site.session(session)).state, 'dead')
  assert.is(engine.status().running, 0)
  assert.equal(
    (await site.statements(session)).map(({ state }) => state),
    ['cancelled', 'cancelled'],
  )
  const refused = await refusal(site.submit(session, { code: '1' }, 2))
  assert.equal([refused.status, refused.body], [500, 'java.lang.IllegalStateException: Session is in state dead'])
  await site.deleteSession(session)
  assert.equal(seen.slice(-2), ['dead', 'lost'])
  assert.equal((await refusal(site.session(session))).body, { msg: `Session '${session}' not found.` })
})

test('a program that ends its process: the statement says so, the session is dead with a reason in its log', async (t) => {
  const { site } = await started(t, { r: 'none' })
  const session = await opened(site, 'pyspark')
  const dead = reached(site, session, 'dead')
  const { output } = await ran(site, session, 'import os; os._exit(3)')
  const { ename, evalue, traceback } = output as LivyOutput & { status: 'error' }
  assert.is(ename, 'Error')
  assert.match(evalue, /^Interpreter died:\n.*exit code 3/)
  assert.equal(traceback, [])
  await dead
  assert.match((await site.session(session)).log.join('\n'), 'has ended')
})

test('a session that cannot start is dead, and its log says why', async (t) => {
  const { site, engine } = await started(t, { r: 'none' })
  const sessions = await Promise.all(
    Array.from({ length: 4 }, () => engine.createSession({ kind: 'sql', datasets: [] })),
  )
  const id = await created(site, { kind: 'pyspark' })
  await reached(site, id, 'dead')
  assert.ok((await site.session(id)).log.at(-1)!.length > 20)
  await Promise.all(sessions.map((each) => each.close()))
})

test.run()
