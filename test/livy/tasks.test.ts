/** Work of every kind, asked at one island and run by a real Spark at another, whose Livy is behind TLS and asks who one is. */
import { spawnSync } from 'node:child_process'
import { appendFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import * as assert from 'uvu/assert'
import { assemble } from '../../docker/livy/assemble.ts'
import { createArchipelago, joinArchipelago } from '../../src/node/archipelago.ts'
import type { Config } from '../../src/node/config/schema.ts'
import { devConfig } from '../../src/node/dev.ts'
import { livyOf } from '../../src/node/engines/choose.ts'
import { type StartedIsland, startIsland } from '../../src/node/island.ts'
import type { LivySession } from '../../src/protocols/livy/objects.ts'
import type { SubmitRequest, TaskView } from '../../src/protocols/model/views.ts'
import { createClient, type IslandClient } from '../../src/web/client/node.ts'
import { memoryStore } from '../engines/livy/store.ts'
import { livyRest } from '../gateway/rest.ts'
import { selfSigned } from '../kit/certificates.ts'
import { eventually, rejects, suite, type TestContext } from '../kit/index.ts'
import { LIVY_START_MS, startLivy, type TestLivy } from '../kit/livy.ts'
import { type Front, tlsFront } from './front.ts'

const test = suite('tasks on a real Spark')
const STARS = fileURLToPath(new URL('../../examples/data/bright_stars.csv', import.meta.url))
const TASK = { timeoutMs: 240_000 }
const WHO = { user: 'archipel', password: 'geheim-7f3a', token: 'marke-91c2' }

let livy: TestLivy
let front: Front
/** What both islands write into their logs. */
const logged: string[] = []
let asker: StartedIsland
let site: StartedIsland
let asked: IslandClient
let there: IslandClient
let stop: AbortController
let livyOfAsker: ReturnType<typeof livyRest>

async function clientOf(t: TestContext, island: StartedIsland, config: Config): Promise<IslandClient> {
  const token = (await readFile(join(config.dataDir, 'owner.token'), 'utf8')).trim()
  const client = createClient({ url: island.url!, token })
  t.cleanup(() => client.close())
  return client
}

test.before(
  async (t) => {
    const dir = await t.tmpdir()
    stop = new AbortController()
    const { signal } = stop
    livy = await startLivy(t, {
      dataDirs: [fileURLToPath(new URL('../../examples/data', import.meta.url))],
      livy: { 'livy.impersonation.enabled': 'true' },
    })
    front = await tlsFront(t, livy.url, WHO)
    const logger = pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) })
    const password = join(dir, 'livy.password')
    await writeFile(password, `${WHO.password}\n`)
    const first = devConfig(join(dir, 'asker'), 'asker')
    await createArchipelago({ config: first, name: 'spark' })
    asker = await startIsland({ config: first, signal, logger })
    t.cleanup(() => asker.stop())
    const config = devConfig(join(dir, 'site'), 'site', {
      'livy.url': front.url,
      'livy.ca': front.authority.certFile,
      'livy.user': WHO.user,
      'livy.password': `@${password}`,
      'livy.proxyUsers': [`owner@${asker.id}=ana_unix`, '*=nobody_unix'],
      'livy.sessions': 2,
      'livy.staging': join(livy.runDir, 'staging'),
      'livy.spare': 0,
      'policy.forwarded.spark': [`owner@${asker.id}`],
    })
    const { ticket } = await asker.port.invite({ local: true, expiresMs: 3_600_000 })
    await joinArchipelago({ config, ticket, signal, logger })
    site = await startIsland({ config, signal, logger })
    t.cleanup(() => site.stop())
    asked = await clientOf(t, asker, first)
    livyOfAsker = livyRest(first, signal)
    there = await clientOf(t, site, config)
    await there.publish({ path: STARS })
    const known = async () => {
      const card = (await asked.islands()).items.find((i) => i.id === site.id)?.card
      return (await asked.datasets({})).total === 1 && card?.engines.some((e) => e.kind === 'livy') === true
    }
    await eventually(known, { timeoutMs: 60_000, signal: t.signal })
  },
  { timeoutMs: LIVY_START_MS },
)

async function ended(client: IslandClient, id: string, t: TestContext): Promise<TaskView> {
  let view: TaskView | undefined
  for await (const each of client.tasks.watch(id, { signal: t.signal })) view = each
  return view!
}

async function ran(t: TestContext, request: SubmitRequest): Promise<TaskView> {
  const { id } = await asked.tasks.submit(request)
  const view = await ended(asked, id, t)
  const log = await asked.tasks.log(id, { offset: 0, limit: 1000 })
  assert.is(view.state, 'succeeded', `${JSON.stringify(view.error)}\n${log.text}`)
  assert.is(view.ranAt?.island, site.id)
  return view
}

test(
  'snippets of Scala, Python and SQL run at the island that has the Spark and the data',
  async (t) => {
    const scala = await ran(t, {
      kind: 'scala',
      code: 'println(archipel.read("bright_stars").count() + archipel.params("plus").toString.toLong)',
      datasets: ['bright_stars'],
      params: { plus: 4 },
    })
    assert.match((await asked.tasks.log(scala.id, { offset: 0, limit: 1000 })).text, '9100')
    assert.is(scala.engine, 'livy')
    const python = await ran(t, {
      kind: 'python',
      engine: 'livy',
      code: 'print(spark.range(100).count(), archipel.read("bright_stars").count(), sc.sparkUser())',
      datasets: ['bright_stars'],
    })
    assert.match((await asked.tasks.log(python.id, { offset: 0, limit: 1000 })).text, '100 9096 ana_unix')
    const sql = await ran(t, {
      kind: 'sql',
      engine: 'livy',
      code: 'SELECT count(*) AS n FROM bright_stars',
    })
    assert.equal((await asked.tasks.rows(sql.id, { from: 0, limit: 5 })).rows, [[9096]])
  },
  TASK,
)

test(
  'a Python file and a JAR are batches with arguments, their files fetched from the asker and checked',
  async (t) => {
    const dir = await t.tmpdir()
    const program = [
      'import sys',
      'from pyspark.sql import SparkSession',
      'spark = SparkSession.builder.getOrCreate()',
      'print("got", sys.argv[1:], spark.range(7).count(), spark.conf.get("spark.archipel.test"), spark.sparkContext.sparkUser())',
    ].join('\n')
    const python = await ran(t, {
      kind: 'python',
      code: program,
      batch: { args: ['one', 'two words'] },
      spark: { conf: { 'spark.archipel.test': 'set' }, name: 'a batch' },
    })
    const printed = (await asked.tasks.log(python.id, { offset: 0, limit: 200_000 })).text
    assert.match(printed, "got ['one', 'two words'] 7 set ana_unix")
    assert.not.match(printed, / INFO /, 'what Spark says of itself does not hide it')

    // A JAR with a main class that every Spark has: it lists what an archive holds.
    const { sparkHome } = await assemble({ signal: t.signal })
    const jars = join(sparkHome, 'jars')
    const name = (await readdir(jars)).find((file) => file.startsWith('commons-compress-'))!
    const archive = join(livy.runDir, 'staging', 'listed.tar')
    await writeFile(join(dir, 'inside.txt'), 'x')
    assert.is(spawnSync('tar', ['-cf', archive, '-C', dir, 'inside.txt']).status, 0)
    const main = await asked.mains.put(name, await readFile(join(jars, name)))
    const jar = await ran(t, {
      kind: 'jar',
      code: '',
      batch: { main, className: 'org.apache.commons.compress.archivers.Lister', args: [archive] },
    })
    assert.match((await asked.tasks.log(jar.id, { offset: 0, limit: 200_000 })).text, 'inside.txt')
    assert.equal(jar.batch?.main, main)
    assert.is(jar.codeSha256, main.sha256)
  },
  TASK,
)

test(
  'what fails at Spark fails as code, and who is not named runs nothing there',
  async (t) => {
    const { id } = await asked.tasks.submit({ kind: 'python', code: 'raise SystemExit(3)', batch: {} })
    const failed = await ended(asked, id, t)
    assert.equal([failed.state, failed.error?.code], ['failed', 'CODE_FAILED'])
    const { token } = await asked.tokens.create({ name: 'eve', scopes: ['run'] })
    const eve = createClient({ url: asker.url!, token })
    t.cleanup(() => eve.close())
    for (const work of [
      { kind: 'scala' as const, code: '1 + 1' },
      { kind: 'sql' as const, engine: 'livy' as const, code: 'SELECT count(*) FROM bright_stars' },
      { kind: 'python' as const, code: 'print(1)', batch: {} },
    ]) {
      const { error } = await ended(eve, (await eve.tasks.submit(work)).id, t)
      assert.ok(error?.code === 'FORBIDDEN' || error?.code === 'NO_HOLDER', JSON.stringify(error))
      assert.match(error!.message, /site: .*work on Spark/, work.kind)
    }
    const own = await there.tasks.place({ kind: 'scala', code: '1 + 1' })
    assert.is(own.order[0]?.island, site.id)
    await rejects(asked.tasks.submit({ kind: 'scala', engine: 'embedded', code: '1' }), 'BAD_INPUT')
  },
  TASK,
)

test(
  'a file that changes while Spark reads it: the task is stale, the statement of a client an error that says so',
  async (t) => {
    const dir = join(livy.runDir, 'staging', 'moving')
    await mkdir(dir, { recursive: true })
    const path = join(dir, 'moving.csv')
    await writeFile(path, 'a,b\n1,2\n')
    await there.publish({ path })
    await eventually(async () => (await asked.datasets({})).total === 2, { timeoutMs: 30_000, signal: t.signal })
    const file = (name: string) => JSON.stringify(join(dir, name))
    /** Reads, says so, and goes on when it may. */
    const code = (name: string) =>
      [
        'import os, time',
        'n = archipel.read("moving").count()',
        `open(${file(name)}, "w").close()`,
        `while not os.path.exists(${file('go')}): time.sleep(0.05)`,
        'print(n)',
      ].join('\n')
    const conf = { 'spark.archipel.datasets': 'moving' }
    await eventually(() => livy.drivers().length === 0, { timeoutMs: 60_000, signal: t.signal })
    const session = await livyOfAsker.ok<LivySession>('POST', '/sessions', { kind: 'pyspark', conf })
    assert.is(session.proxyUser, 'ana_unix')
    const work: SubmitRequest = { kind: 'python', engine: 'livy', datasets: ['moving'], code: code('task') }
    const { id } = await asked.tasks.submit(work)
    await livyOfAsker.session(session.id, 'idle', 200_000)
    await livyOfAsker.ok('POST', `/sessions/${session.id}/statements`, { code: 'archipel.read("moving").count()' })
    const before = await livyOfAsker.statement(session.id, 0, 60_000)
    assert.is(before.output?.status, 'ok')
    await livyOfAsker.ok('POST', `/sessions/${session.id}/statements`, { code: code('statement') })
    const reads = async () =>
      (await readdir(dir)).filter((name) => name === 'task' || name === 'statement').length === 2
    await eventually(reads, { timeoutMs: 120_000, signal: t.signal })
    const more = await livyOfAsker.ask('POST', '/sessions', { kind: 'pyspark', conf })
    assert.equal(more, { status: 400, body: { msg: 'Rejected, too many sessions are being created!' } })
    const other = await livyOfAsker.ask<{ msg: string }>('POST', '/sessions', { kind: 'sql', conf, proxyUser: 'root' })
    assert.is(other.status, 403)
    assert.match(other.body.msg, /^User 'owner@isl\w+' not allowed to impersonate 'Some\(root\)'\.$/)
    await appendFile(path, '3,4\n')
    await writeFile(join(dir, 'go'), '')
    const { output } = await livyOfAsker.statement(session.id, 1, 60_000)
    assert.match(
      output?.status === 'error' ? output.evalue : '',
      /source files of .*moving.* changed while the work ran/,
    )
    assert.not.match(JSON.stringify(output), /staging/)
    assert.is((await livyOfAsker.statement(session.id, 0)).output?.status, 'ok', 'what came before stays')
    await livyOfAsker.ok('DELETE', `/sessions/${session.id}`)
    const failed = await ended(asked, id, t)
    assert.is(failed.state, 'failed')
    assert.match(JSON.stringify(failed.error), /changed (while the work ran|after publishing)/)
  },
  { timeoutMs: 480_000 },
)

test(
  'an action with a JAR runs from another island, which fetches the file from its publisher',
  async (t) => {
    const { sparkHome } = await assemble({ signal: t.signal })
    const name = (await readdir(join(sparkHome, 'jars'))).find((file) => file.startsWith('commons-compress-'))!
    const main = await there.mains.put(name, await readFile(join(sparkHome, 'jars', name)))
    await there.actions.save({
      name: 'lister',
      kind: 'jar',
      code: '',
      params: { archive: { type: 'text' } },
      batch: { main, className: 'org.apache.commons.compress.archivers.Lister', args: ['{archive}'] },
    })
    await there.actions.share('lister')
    await eventually(async () => (await asked.actions.list({})).items.length === 1, { timeoutMs: 30_000 })
    const archive = join(livy.runDir, 'staging', 'listed.tar')
    const { id } = await asked.actions.run('lister', { params: { archive } })
    const view = await ended(asked, id, t)
    assert.is(view.state, 'succeeded', JSON.stringify(view.error))
    assert.equal(view.batch?.args, [archive])
    assert.match((await asked.tasks.log(id, { offset: 0, limit: 200_000 })).text, 'inside.txt')
  },
  TASK,
)

test(
  'what is wrong about the way to Livy is said, with the setting to correct, and no secret is told anywhere',
  async (t) => {
    const dir = await t.tmpdir()
    const ca = front.authority.certFile
    const basic = { 'livy.user': WHO.user, 'livy.password': WHO.password }
    const settings = (set: object) =>
      devConfig(join(dir, 'settings'), 'settings', { 'livy.url': front.url, ...set }).livy
    const logger = pino({ level: 'silent' })
    const place = { self: asker.id, store: memoryStore(), stagingDir: dir, resultBytes: 1, logger }
    const version = async (set: object) => {
      const { site } = livyOf(settings(set), place)!
      t.cleanup(() => site.stop())
      return await site.version()
    }
    const token = { 'livy.header': 'X-Gate', 'livy.token': WHO.token }
    assert.match((await version({ 'livy.ca': ca, ...token })).version, /^0\.\d/)
    const { certFile: other } = await selfSigned(t)
    const wrong: [object, RegExp, RegExp][] = [
      [basic, /certificate is not accepted/, /^livy\.ca /],
      [{ ...basic, 'livy.ca': other }, /certificate is not accepted/, /^livy\.ca /],
      [{ ...basic, 'livy.ca': ca, 'livy.url': `https://localhost:${front.port}` }, /certificate/, /host of livy\.url/],
      [{ ...basic, 'livy.ca': ca, 'livy.password': 'geraten' }, /credentials \(401\)/, /livy\.password/],
      [{ ...token, 'livy.ca': ca, 'livy.token': 'geraten' }, /credentials \(401\)/, /livy\.token/],
      [{ 'livy.ca': ca }, /credentials \(401\)/, /livy\.user/],
    ]
    for (const [set, words, hint] of wrong) {
      const error = await rejects(version(set), 'ENGINE_DOWN')
      assert.match(error.message, words)
      assert.match(error.hint, hint)
      assert.not.match(error.message + error.hint, /127\.0\.0\.1|geheim|geraten|marke/)
    }
    const noPem = join(dir, 'no.pem')
    await writeFile(noPem, 'no certificate')
    assert.match(
      (await rejects(() => version({ 'livy.ca': noPem }), 'CONFIG_INVALID')).message,
      /^livy\.ca: .*no certificate/,
    )

    const config = devConfig(join(dir, 'wrong'), 'wrong', {
      'livy.url': front.url,
      'livy.ca': ca,
      'livy.user': WHO.user,
      'livy.password': `${WHO.password}-`,
    })
    await createArchipelago({ config, name: 'wrong' })
    const lines = pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) })
    const island = await startIsland({ config, signal: stop.signal, logger: lines })
    t.cleanup(() => island.stop())
    const answer = await livyRest(config, t.signal).ask('POST', '/sessions', { kind: 'spark' })
    const { findings } = await (await clientOf(t, island, config)).status()
    const told = JSON.stringify([answer, findings, (await there.config()).settings])
    assert.ok(answer.status >= 400, told)
    assert.match(told, /does not accept the credentials \(401\)/)
    assert.match(told, /livy\.user/)
    const secrets = [
      WHO.password,
      WHO.token,
      Buffer.from(`${WHO.user}:${WHO.password}`).toString('base64').slice(0, -4),
    ]
    for (const secret of secrets) {
      assert.not.ok(told.includes(secret), 'no answer has it')
      assert.not.ok(
        logged.some((line) => line.includes(secret)),
        'no log has it',
      )
    }
    assert.ok(logged.length > 0 && front.passed > 0 && front.refused > 0)
  },
  TASK,
)

test.run()
