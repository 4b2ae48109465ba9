import { realpathSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { livyEngine } from '../../src/node/engines/livy/engine.ts'
import { livyRest } from '../../src/node/engines/livy/rest.ts'
import { livySite } from '../../src/node/engines/livy/site.ts'
import type { EnginePort, StatementOutcome } from '../../src/node/engines/port.ts'
import { brightStars } from '../engines/data.ts'
import { memoryStore } from '../engines/livy/store.ts'
import { collector } from '../engines/sink.ts'
import { eventually, rejects, suite, type TestContext } from '../kit/index.ts'
import { LIVY_START_MS, startLivy, type TestLivy } from '../kit/livy.ts'

const test = suite('work on Spark that only Spark can do')
const WORK_MS = 300_000
let livy: TestLivy

test.before(
  async (t) => {
    livy = await startLivy(t, { dataDirs: [realpathSync(tmpdir())] })
  },
  { timeoutMs: LIVY_START_MS },
)

async function engineOf(
  t: TestContext,
  init: { prefix: string; store?: ReturnType<typeof memoryStore>; spares?: number; resultRows?: number },
): Promise<EnginePort> {
  const { prefix, store = memoryStore(), spares = 0, resultRows = 2000 } = init
  const site = livySite({ prefix })({ rest: livyRest({ url: livy.url }), store })
  await site.start()
  t.cleanup(() => site.stop())
  const engine = livyEngine({
    limits: { memoryBytes: 0, cpuMs: 0, threads: 0, statementMs: 200_000, resultRows, resultBytes: 1024 ** 2 },
    maxSessions: 2,
    queue: 2,
    languages: ['sql', 'python', 'scala', 'jar'],
    stagingDir: join(await t.tmpdir(), 'staging'),
    spares,
  })({ site })
  t.cleanup(() => engine.stop())
  await engine.start()
  return engine
}

const namesAtLivy = async (what: 'sessions' | 'batches') => {
  const { sessions } = (await (await fetch(`${livy.url}/${what}`)).json()) as { sessions: { name: string }[] }
  return sessions.map(({ name }) => name)
}

const textOf = ({ items }: StatementOutcome) => new TextDecoder().decode(items[0]?.bytes)

test(
  'Scala gives values, tables and errors, and finds its data; limits of rows and of time hold',
  async (t) => {
    const engine = await engineOf(t, { prefix: 'scala' })
    const datasets = [await brightStars(await t.tmpdir())]
    const session = await engine.createSession({ kind: 'scala', datasets, params: { p: 'it\'s "so"\n\\u0022' } })
    const value = await session.run('val three = 1 + 2\n%json three')
    assert.equal([value.items[0]?.name, textOf(value)], ['value.json', '3'])
    const table = await session.run('val rows = List(List(1, "a"), List(2, "b"))\n%table rows', { maxRows: 1 })
    assert.equal([table.result.rows, table.result.truncated], [[[1, 'a']], true])
    assert.match(textOf(await session.run('archipel.read("bright_stars").count')), /9096/)
    assert.match(textOf(await session.run('print(archipel.params("p"))')), /^it's "so"\n\\u0022/)
    const failed = await rejects(session.run('throw new Exception("no good")'), 'CODE_FAILED')
    assert.match(failed.message, /java\.lang\.Exception: no good/)
    const sink = collector()
    await session.run('println("hello")', { sink })
    assert.is(sink.logged, 'hello\n')
    const endless = 'spark.range(10000000000000L).selectExpr("sum(id)").collect()'
    const late = await rejects(session.run(endless, { timeoutMs: 4000 }), 'TIME_LIMIT')
    assert.match(late.message, /4 s that were asked for/)
    assert.is(session.state, 'idle', 'a job of Spark is stopped, its session goes on')
    await session.close()
    const sql = await engine.createSession({ kind: 'sql', datasets })
    const { result } = await sql.run('SELECT * FROM range(5000)')
    assert.equal([result.rowCount, result.truncated], [2000, true], 'more than Livy’s thousand, and cut as configured')
    const error = await rejects(sql.run('SELECT * FROM csv.`/no/such/place`'), 'ENGINE_FAILED')
    assert.not.match(error.message, /\/no\/such/)
  },
  { timeoutMs: WORK_MS },
)

test(
  'a Python file is a batch: its arguments, parameters and data, what it prints, how it ends',
  async (t) => {
    const engine = await engineOf(t, { prefix: 'batch' })
    const dir = await t.tmpdir()
    const path = join(dir, 'kept-elsewhere')
    await writeFile(
      path,
      `import sys, time
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
conf = spark.conf.get
name = "spark.archipel.datasets.bright_stars."
rows = spark.read.option("header", conf(name + "option.header")).format(conf(name + "format")).load(conf(name + "path")).count()
print("rows", rows, sys.argv[1:], conf("spark.archipel.params.n"))
if "fail" in sys.argv: raise ValueError("no good")
if "wait" in sys.argv: time.sleep(600)
`,
    )
    const init = {
      kind: 'python' as const,
      code: '',
      datasets: [await brightStars(dir)],
      params: { n: 7 },
      main: { path, name: 'stars.py' },
    }
    const sink = collector()
    const good = await engine.createBatch({ ...init, args: ['a b'] }, { sink })
    const seen: string[] = []
    for await (const state of good.watch({ signal: t.signal })) seen.push(state)
    assert.equal([seen[0], seen.at(-1)], ['starting', 'success'])
    assert.match(sink.logged, /rows 9096 \['a b'\] 7\n/)
    assert.equal((await good.outcome).items, [])
    const bad = await engine.createBatch({ ...init, args: ['fail'] })
    const error = await rejects(bad.outcome, 'CODE_FAILED')
    assert.match(error.message, /ValueError: no good/)
    assert.not.match(error.message, /kept-elsewhere|staging/)
    assert.is(bad.state, 'dead')
    const long = await engine.createBatch({ ...init, args: ['wait'] })
    for await (const state of long.watch({ signal: t.signal })) if (state === 'running') break
    await long.cancel()
    await rejects(long.outcome, 'CANCELLED')
    assert.equal([long.state, await namesAtLivy('batches'), engine.status().running], ['killed', [], 0])
  },
  { timeoutMs: WORK_MS },
)

test(
  'what an island that was killed left for its tasks is ended when it is back; spare sessions are not kept on',
  async (t) => {
    const store = memoryStore()
    const first = await engineOf(t, { prefix: 'left', store, spares: 1 })
    const session = await first.createSession({ kind: 'python', datasets: [] })
    await session.run('kept = 3')
    const [left, ...more] = await namesAtLivy('sessions')
    const [key, ...others] = store.keys()
    assert.equal([more, others], [[], []])
    // As after kill -9: another engine over what the store has, while nobody closed anything.
    await engineOf(t, { prefix: 'left', store })
    // The first one may have seen it, and begin a spare one.
    assert.not((await namesAtLivy('sessions')).includes(left!))
    assert.not(store.keys().includes(key!))
    await session.close()
    await eventually(async () => (await namesAtLivy('sessions')).length === 1, { timeoutMs: 60_000 })
    await first.stop()
    // One that Livy was still making is ended when Livy has it.
    await eventually(async () => (await namesAtLivy('sessions')).length === 0, { timeoutMs: 60_000 })
  },
  { timeoutMs: WORK_MS },
)

test('without its Livy the engine is down and says so, and comes up by itself', async (t) => {
  const engine = await engineOf(t, { prefix: 'down' })
  assert.is(engine.status().state, 'ready')
  await livy.killAll()
  const late = await engineOf(t, { prefix: 'late' })
  assert.is(late.status().state, 'down')
  // A connection that the killed server still had may be told to be cut first.
  assert.match(late.status().reason ?? '', /^(nothing listens there|the connection failed \(ECONNRESET\))$/)
  await rejects(late.createSession({ kind: 'sql', datasets: [] }), 'ENGINE_DOWN')
  await livy.restart()
  await eventually(() => late.status().state === 'ready', { timeoutMs: 30_000 })
  assert.match(late.info().version, /^0\.\d/)
})

test.run()
