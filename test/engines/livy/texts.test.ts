import { execFileSync } from 'node:child_process'
import * as assert from 'uvu/assert'
import { realId, visibleId } from '../../../src/node/engines/livy/entries.ts'
import { locator, sparkDataset, sparkType } from '../../../src/node/engines/livy/locations.ts'
import { lineFollower } from '../../../src/node/engines/livy/log-lines.ts'
import { isPrelude, preludeCode } from '../../../src/node/engines/livy/prelude.ts'
import {
  batchBody,
  datasetConf,
  proxyUserOf,
  sessionBody,
  shownSession,
} from '../../../src/node/engines/livy/requests.ts'
import { abilitiesOf, readSession } from '../../../src/node/engines/livy/shapes.ts'
import { withParams } from '../../../src/node/engines/livy/sql-params.ts'
import { LivyRefusal } from '../../../src/protocols/livy/refusal.ts'
import { rejects, suite } from '../../kit/index.ts'
import { brightStars, eventLines, openNgc, requiresR } from '../data.ts'

const test = suite('what is said to Spark')

test('the longest mapped folder names the place of a file; others are files of the machine', () => {
  const locate = locator([
    { from: '/data/', to: 'hdfs://nn/data/' },
    { from: '/data/hot', to: 's3a://bucket' },
  ])
  assert.is(locate('/data/a b.csv'), 'hdfs://nn/data/a b.csv')
  assert.is(locate('/data/hot/x.parquet'), 's3a://bucket/x.parquet')
  assert.is(locate('/data/hotter/x'), 'hdfs://nn/data/hotter/x')
  assert.is(locate('/database/x'), 'file:/database/x')
})

test('tables keep the dialect and the columns that were published', async (t) => {
  const dir = await t.tmpdir()
  const locate = locator([])
  const stars = sparkDataset(await brightStars(dir), locate)
  assert.match(stars.schema!, /^`hr` BIGINT, `ra` DOUBLE/)
  assert.equal(stars.options, {
    sep: ',',
    quote: '"',
    escape: '"',
    multiLine: 'true',
    header: 'true',
    mode: 'FAILFAST',
  })
  assert.is(sparkDataset(await openNgc(dir), locate).options.sep, ';')
  const events = sparkDataset(await eventLines(dir), locate)
  assert.equal(
    [events.format, events.paths.length, events.schema],
    ['json', 2, '`id` BIGINT, `tag` STRING, `at` TIMESTAMP'],
  )
  assert.equal(
    [sparkType('HUGEINT'), sparkType('DECIMAL(10,2)'), sparkType('INTEGER[]')],
    ['DECIMAL(38,0)', 'DECIMAL(10,2)', undefined],
  )
})

test('batches find their data in keys that Spark keeps', async (t) => {
  const events = await eventLines(await t.tmpdir())
  const named = { ...events, names: [...events.names, 'https://x.example/?a=b'] }
  const conf = datasetConf([sparkDataset(named, locator([]))])
  assert.is(conf['spark.archipel.datasets.https://x.example/?a%3Db.format'], 'json')
  assert.match(conf['spark.archipel.datasets.events.path']!, /^file:.*a\.jsonl\.gz,file:.*b\.jsonl\.gz$/)
  assert.is(conf['spark.archipel.datasets.events.format'], 'json')
  assert.is(conf['spark.archipel.datasets.urn:x:events.format'], 'json')
})

test('Livy gets its own name of a session, and only fields that its version knows', () => {
  const asked = {
    kind: 'sql' as const,
    name: 'mine',
    heartbeatTimeoutInSecond: 60,
    ttl: '1h',
    idleTimeout: '5m',
    conf: { a: '1' },
  }
  const ours = { name: 'mark', conf: { a: '0', b: '2' }, datasets: [], proxyUser: 'ana' }
  const old = sessionBody(asked, ours, abilitiesOf({ version: '0.7.0' }))
  assert.equal(old, { kind: 'sql', proxyUser: 'ana', name: 'mark', conf: { a: '1', b: '2' } })
  const now = sessionBody(asked, ours, abilitiesOf({ version: '0.9.0' }))
  assert.equal([now.ttl, now.idleTimeout, 'heartbeatTimeoutInSecond' in now], ['1h', '5m', false])
  assert.equal(batchBody({ file: '/a.py', args: ['1'] }, { name: 'm', conf: {}, datasets: [] }), {
    file: '/a.py',
    args: ['1'],
    name: 'm',
    conf: {},
  })
})

test('a session is shown as it was asked for; the ttl of 0.8, which is the proxy user, is not believed', () => {
  const seen = readSession({
    id: 1,
    name: 'mark',
    proxyUser: 'ana',
    ttl: 'ana',
    state: 'idle',
    kind: 'sql',
    conf: { s: 'x' },
  })
  const asked = { kind: 'sql' as const, name: 'mine', conf: { a: '1' }, heartbeatTimeoutInSecond: 60 }
  const shown = shownSession(seen, asked, abilitiesOf({ version: '0.8.0' }))
  assert.equal([shown.name, shown.ttl, shown.conf, shown.heartbeatTimeoutInSecond], ['mine', null, { a: '1' }, 60])
})

test('only the configuration says who may be whom', () => {
  const known = { ana: 'ana_unix', '*': 'guest' }
  assert.is(proxyUserOf(undefined, 'ana', known), 'ana_unix')
  assert.is(proxyUserOf('ana', 'ana', known), 'ana_unix')
  assert.is(proxyUserOf(undefined, 'bob', known), 'guest')
  assert.is(proxyUserOf('root', 'bob', {}), undefined)
  assert.throws(
    () => proxyUserOf('root', 'bob', known),
    (e: unknown) =>
      e instanceof LivyRefusal &&
      e.status === 403 &&
      e.message === "User 'bob' not allowed to impersonate 'Some(root)'.",
  )
})

test('statements that bind data have no number for others', () => {
  const hidden = [0, 3, 4]
  assert.equal(
    [1, 2, 5, 6].map((real) => visibleId(hidden, real)),
    [0, 1, 2, 3],
  )
  assert.equal(
    [0, 1, 2, 3].map((visible) => realId(hidden, visible)),
    [1, 2, 5, 6],
  )
  assert.is(realId([], 7), 7)
})

test('our statements are known again by their first line, and nobody else’s are', () => {
  for (const language of ['scala', 'python', 'r'] as const) {
    const code = preludeCode(language, { datasets: [], params: {} }, 'm1')
    assert.is(isPrelude(code, 'm1'), language)
    assert.is(isPrelude(code, 'm2'), undefined)
  }
  assert.is(isPrelude('1 + 1', 'm1'), undefined)
})

test('a value of a parameter is a literal, whatever is in it', async () => {
  const params = { p: `it's "so" \\ $q \${x}\n\u{1f30c}`, n: 7, f: 0.1, t: true, none: null }
  assert.is(
    withParams('SELECT $p', params),
    "SELECT 'it\\u0027s \\u0022so\\u0022 \\u005c \\u0024q \\u0024{x}\\u000a\\ud83c\\udf0c'",
  )
  assert.is(withParams('SELECT $n, $f, $t, $none', params), 'SELECT 7, 0.1D, TRUE, NULL')
  const quoted = 'SELECT \'$n\', "$n", `$n` -- $n\n/* $n */'
  assert.is(withParams(quoted, params), quoted)
  await rejects(async () => withParams('SELECT $missing', params), 'BAD_INPUT')
})

test('a log that slides is told as one that grows, and a gap is said', () => {
  let text = ''
  const follow = lineFollower((more) => {
    text += more
  })
  follow.take(['stdout: ', 'a', 'b', '\nstderr: '])
  follow.take(['stdout: ', 'b', 'c', 'c', '\nstderr: ', 'oops'])
  follow.take(['stdout: ', 'b', 'c', 'c', '\nstderr: ', 'oops'])
  assert.is(text, 'a\nb\nc\nc\noops\n')
  follow.take(['stdout: ', 'y', 'z', '\nstderr: ', 'oops'])
  assert.match(text, /lines are missing here.*\ny\nz\n$/)
  assert.is(follow.tail(2), 'y\nz')
})

test('a log that was told to its middle is told on, whatever the order of its streams was', () => {
  let text = ''
  const follow = lineFollower((more) => {
    text += more
  }, 'cut off\na\noops\nb\n')
  follow.take(['stdout: ', 'a', 'b', 'c', '\nstderr: ', 'oops', 'again'])
  assert.is(text, 'c\nagain\n')
  assert.is(follow.tail(3), 'b\nc\nagain')
  follow.take(['stdout: ', 'a', 'b', 'c', '\nstderr: ', 'oops', 'again', 'a'])
  assert.is(text, 'c\nagain\na\n')
})

test('the R of a session says what is bound, and finds parameters', async (t) => {
  await requiresR()
  const dataset = sparkDataset(await openNgc(await t.tmpdir()), locator([]))
  const binding = {
    datasets: [{ ...dataset, format: undefined }],
    params: { p: 'it\'s "so"\n\u{1f30c}', n: 7, none: null },
  }
  const code = preludeCode('r', binding as never, 'm1')
  const script = `${code}
cat(archipel$params$p, archipel$params$n, archipel.path("OpenNGC"), archipel$datasets, "\\n")
tryCatch(archipel.read("openngc"), error = function(e) cat(conditionMessage(e), "\\n"))
tryCatch(archipel.path("nope"), error = function(e) cat(conditionMessage(e), "\\n"))`
  const out = execFileSync('Rscript', ['--vanilla', '-'], {
    input: script,
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  })
  assert.match(out, /^it's "so"\n\u{1f30c} 7 file:\S+openngc\.csv doi:10\.1234\/openngc/u)
  assert.match(out, /holds files, not a table/)
  assert.match(out, /no dataset 'nope' is bound to this session; those that are: openngc/)
})

test.run()
