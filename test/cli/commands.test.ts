/** Each command as a process, against a real web server. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { ArchipelError, ERRORS, type ErrorCode } from '../../src/protocols/model/errors.ts'
import { exitCode } from '../../src/protocols/model/exit-codes.ts'
import type { Cell } from '../../src/protocols/model/task.ts'
import type { SubmitRequest } from '../../src/protocols/model/views.ts'
import { freePort, suite } from '../kit/index.ts'
import { datasetView, OTHER, SELF } from '../web/fake-island.ts'
import { TOKEN } from '../web/harness.ts'
import { cli, daemonDir } from './harness.ts'

const test = suite('cli: commands')

test('status says in words how the island is, and fails when something needs its operator', async (t) => {
  const { run, island } = await daemonDir(t)
  const well = await run(['status'])
  assert.is(well.code, 0, well.stderr)
  assert.match(well.stdout, /island +garching/)
  assert.match(well.stdout, 'All is well.')
  const status = await island.status()
  const finding = {
    code: 'DISK_NEARLY_FULL',
    severity: 'warning' as const,
    message: 'the disk is 95 % full',
    remedy: 'free some space',
  }
  island.script({ status: async () => ({ ...status, findings: [finding] }) })
  const warned = await run(['status'])
  assert.is(warned.code, 0)
  assert.match(warned.stdout, 'warning: the disk is 95 % full [DISK_NEARLY_FULL]\n  what to do: free some space')
  island.script({ status: async () => ({ ...status, findings: [{ ...finding, severity: 'error' }] }) })
  assert.is((await run(['status'])).code, 1)
  const asJson = await run(['status', '--json'])
  assert.is(asJson.code, 1)
  assert.is(JSON.parse(asJson.stdout).findings[0].code, 'DISK_NEARLY_FULL')
  assert.is(asJson.stderr, '')
})

test('islands are a table, or JSON', async (t) => {
  const { run, island } = await daemonDir(t)
  const { stdout, code } = await run(['islands'])
  assert.is(code, 0)
  const [header, self, other] = stdout.split('\n')
  assert.match(header!, /^NAME +STATE +RTT +ENGINES +DATASETS +PLACE +ID$/)
  assert.match(self!, /^garching +this one +- +embedded \(sql\) +2 +MPE, Garching, DE/)
  assert.match(other!, /^grenoble +suspect +12 ms/)
  const list = JSON.parse((await run(['--json', 'islands'])).stdout)
  assert.equal(
    list.map((i: { name: string }) => i.name),
    ['garching', 'grenoble'],
  )
  const page = await island.islands({})
  const services = [{ type: 'livy', url: 'https://island.example.org/livy' }]
  const [first, ...rest] = page.items
  const serving = { ...first!, card: { ...first!.card!, services } }
  island.script({ islands: async () => ({ ...page, items: [serving, ...rest] }) })
  const shown = (await run(['islands'])).stdout.split('\n')
  assert.match(shown[0]!, /PLACE +SERVICES +ID$/)
  assert.match(shown[1]!, / livy https:\/\/island\.example\.org\/livy /)
})

test('datasets passes words and filters on, and pages to the limit', async (t) => {
  const { run, island } = await daemonDir(t)
  const filters = [
    'keyword=a',
    'keyword=b',
    'island=garching',
    'format=csv',
    'minSize=1MB',
    'maxSize=2GiB',
    'cone=83.8,-5.4,1',
  ]
  const args = filters.flatMap((filter) => ['--filter', filter])
  assert.is((await run(['datasets', 'bright', 'stars', ...args])).code, 0)
  assert.equal(island.calls.find((c) => c.name === 'datasets')?.argument, {
    text: 'bright stars',
    keyword: ['a', 'b'],
    island: 'garching',
    format: 'csv',
    minSize: 1e6,
    maxSize: 2 ** 31,
    cone: { ra: 83.8, dec: -5.4, radius: 1 },
    limit: 50,
  })
  island.script({
    datasets: async ({ limit = 50, cursor = '0' }) => {
      const from = Number(cursor)
      const items = Array.from({ length: Math.min(limit, 1200 - from) }, (_, n) => datasetView(`d${from + n}`))
      return { items, total: 1200, next: from + limit < 1200 ? String(from + limit) : undefined }
    },
  })
  const all = await run(['datasets', '--limit', '1100', '--json'])
  assert.is(JSON.parse(all.stdout).items.length, 1100)
  const some = await run(['datasets', '--limit', '3'])
  assert.is(some.stdout.trim().split('\n').length, 4)
  assert.match(some.stderr, '3 of 1,200 datasets')
})

test('files are listed to the limit, page by page, and a preview is a table with units', async (t) => {
  const { run, island } = await daemonDir(t)
  const one = await run(['files', 'stars'])
  assert.match(one.stdout, /^PATH +SIZE +TYPE +PIECES/)
  assert.match(one.stdout, /^stars\.csv +1\.2\d? MB +text\/csv/m)
  assert.match(one.stderr, '1 file')
  island.script({
    files: async (_, { limit = 100, cursor = '0' }) => {
      const from = Number(cursor)
      const items = Array.from({ length: Math.min(limit, 2500 - from) }, (_, n) => ({
        path: `f${from + n}`,
        bytes: n,
        mediaType: 'text/plain',
        pieces: '0'.repeat(64),
      }))
      return { items, total: 2500, version: 'v', ...(from + limit < 2500 ? { next: String(from + limit) } : {}) }
    },
  })
  const many = JSON.parse((await run(['files', 'stars', '--limit', '2200', '--json'])).stdout)
  assert.is(many.items.length, 2200)
  assert.is(many.items.at(-1).path, 'f2199')
  assert.match((await run(['files', 'stars', '--limit', '2'])).stderr, '2 of 2,500 files')
  assert.is((await run(['files', 'stars', '--limit', '0'])).code, 2)
  island.script({
    preview: async (_, { rows = 0 }) => ({
      id: 'x',
      publisher: OTHER,
      version: 'v',
      columns: [{ name: 'ra', type: 'DOUBLE', unit: 'deg' }],
      rows: Array(rows).fill([1.5]),
      truncated: true,
      ranAt: { island: OTHER.id, name: OTHER.name },
    }),
  })
  const { stdout, stderr } = await run(['preview', 'stars', '--rows', '2'])
  assert.is(
    stdout
      .split('\n')
      .map((line) => line.trim())
      .join('|'),
    'ra [deg]|1.5|1.5|',
  )
  assert.match(stderr, `the first 2 rows, read at ${OTHER.name}`)
  assert.is((await run(['preview', 'stars', '--rows', '101'])).code, 2)
})

test('a session is opened, used and ended', async (t) => {
  const { run } = await daemonDir(t)
  const made = await run(['session', 'create', 'python', '--data', 'stars', '--name', 'mine'])
  assert.is(made.code, 0, made.stderr)
  assert.is(made.stdout, '1\n')
  const ran = await run(['session', 'run', '1', '1 + 1', '--max-rows', '7'])
  assert.is(ran.code, 0, ran.stderr)
  assert.equal(
    ran.stdout.split('\n').map((line) => line.trim().split(/ +/).join(' ')),
    ['code rows', '1 + 1 7', 'hello', ''],
  )
  assert.match(ran.stderr, 'image/png: --json prints it')
  const failed = await run(['session', 'run', '1', 'fail'])
  assert.is(failed.code, exitCode('CODE_FAILED'))
  assert.match(failed.stderr, 'NameError: x')
  assert.is(JSON.parse((await run(['session', 'run', '1', '-', '--json'], { stdin: '2' })).stdout).output.status, 'ok')
  assert.match((await run(['session', 'list'])).stdout, /^ +1 +python +idle +owner .* stars +mine$/m)
  const shown = await run(['session', 'show', '1'])
  assert.match(shown.stdout, /^state +idle$/m)
  assert.match(shown.stdout, /^ +1 +available +fail$/m)
  assert.is((await run(['session', 'log', '1'])).code, 0)
  assert.is((await run(['session', 'delete', '1'])).stdout, 'session 1 has ended\n')
  assert.is((await run(['session', 'show', '1'])).code, 4)
  for (const wrong of [
    ['session', 'create', 'jar'],
    ['session', 'show', 'one'],
    ['session', 'run', '1', 'x', '--max-rows', '0'],
  ])
    assert.is((await run(wrong)).code, 2, wrong.join(' '))
})

test('show prints a description, JSON, or a metadata format', async (t) => {
  const { run } = await daemonDir(t)
  const { stdout } = await run(['show', 'stars'])
  for (const word of [
    'The stars catalogue',
    'Cecilia Payne <0000-0002-1825-0097>',
    '9,110 rows',
    'RA 80 to 90',
    'held by',
    'pos.eq.ra;meta.main',
  ]) {
    assert.match(stdout, word)
  }
  assert.is(JSON.parse((await run(['show', 'stars', '--json'])).stdout).body.name, 'stars')
  assert.is(JSON.parse((await run(['show', 'stars', '--format', 'json'])).stdout).body.name, 'stars')
})

test('publish sends an absolute path and all that was said of the dataset', async (t) => {
  const { run, island, dir } = await daemonDir(t)
  const args = [
    '--id',
    'doi:10.5072/x',
    '--name',
    'x',
    '--title',
    'T',
    '--description',
    'D',
    '--keyword',
    'k1',
    '--keyword',
    'k2',
    '--licence',
    'MIT',
  ]
  const creators = ['--creator', 'Hubble, Edwin <0000-0002-1825-0097> (Mount Wilson)', '--creator', 'Anna']
  const answer = await run(['publish', 'data/x.csv', ...args, ...creators, '--alias', 'ivo://a/b', '--as', 'csv'], {
    cwd: dir,
  })
  assert.is(answer.code, 0, answer.stderr)
  assert.equal(island.calls.find((c) => c.name === 'publish')?.argument, {
    path: join(dir, 'data/x.csv'),
    id: 'doi:10.5072/x',
    name: 'x',
    title: 'T',
    description: 'D',
    keywords: ['k1', 'k2'],
    licence: 'MIT',
    creators: [{ name: 'Hubble, Edwin', orcid: '0000-0002-1825-0097', affiliation: 'Mount Wilson' }, { name: 'Anna' }],
    aliases: ['ivo://a/b'],
    as: 'csv',
  })
  assert.match(answer.stdout, 'archipel:')
  for (const path of ['rclone:away:x/y', 's3://survey/x']) {
    await run(['publish', path, '--origin', 'https://data.example.org/x'])
    const { argument } = island.calls.findLast((c) => c.name === 'publish')!
    assert.equal(argument, { path, origin: 'https://data.example.org/x' }, `${path} is no path of this machine`)
  }
  const asJson = await run(['publish', '/x', '--json'])
  assert.is(JSON.parse(asJson.stdout).body.name, 'published')
  assert.is(asJson.stderr, '')
  island.script({ publish: () => Promise.reject(new ArchipelError('BAD_INPUT', 'there is no such file or folder')) })
  const missing = await run(['publish', 'missing.csv'], { cwd: dir })
  assert.is(missing.code, 2)
  assert.match(missing.stderr, join(dir, 'missing.csv'))
})

test('unpublish, resolve, invite, revoke and journal print their answers', async (t) => {
  const { run, island } = await daemonDir(t)
  assert.is((await run(['unpublish', 'stars'])).stdout, `withdrawn archipel:${SELF.id}/stars\n`)
  const resolved = await run(['resolve', 'stars', '--via', 'dht', '--no-confirm'])
  assert.match(resolved.stdout, /garching +catalog, dht +available/)
  assert.equal(island.calls.find((c) => c.name === 'resolve')?.argument, { ref: 'stars', via: 'dht', confirm: false })
  const invited = await run(['invite', '--expires', '2h', '--may-invite'])
  assert.is(invited.stdout, 'archipel1ticket\n')
  assert.equal(island.calls.find((c) => c.name === 'invite')?.argument, { expiresMs: 7_200_000, mayInvite: true })
  assert.is((await run(['revoke', 'grenoble', '--yes', '--recovery-key', '-'], { stdin: 'the-key\n' })).code, 0)
  assert.equal(island.calls.find((c) => c.name === 'revoke')?.argument, { member: 'grenoble', recoveryKey: 'the-key' })
  assert.is((await run(['revoke', '--ticket', 'tkt1'])).stdout, 'revoked tkt1\n')
  assert.match((await run(['pardon', 'grenoble', '--yes'])).stdout, /^grenoble is believed again from epoch 7/)
  assert.match((await run(['journal', '--limit', '5'])).stdout, /owner@garching +publish +stars +ok/)
  assert.match((await run(['leave', '--yes'])).stdout, 'left; 3 records withdrawn, 1 island told')
})

test('sql prints a table, CSV or JSON, and says on stderr where it ran and why', async (t) => {
  const { run, island, dir } = await daemonDir(t)
  const answer = (rows: Cell[][]) => {
    island.fake.onSubmit = ({ id }) => island.fake.succeed(id, { rows })
  }
  /** The last request, without the key that the command made up. */
  const submitted = () => {
    const request = island.calls.findLast((c) => c.name === 'tasks.submit')?.argument as SubmitRequest | undefined
    return { ...request, idempotencyKey: undefined }
  }
  answer([
    ['Vega', 0.03],
    ['Sirius', -1.46],
  ])
  const plain = await run(['sql', 'SELECT * FROM stars'])
  assert.is(plain.stdout, 'name     vmag\nVega     0.03\nSirius  -1.46\n')
  assert.is(plain.stderr, '2 rows in 13 ms at grenoble: holds all of it\n')
  const explained = await run([
    'sql',
    'SELECT 1',
    '--explain',
    '--on',
    'grenoble',
    '--timeout',
    '30s',
    '--max-rows',
    '7',
  ])
  assert.match(explained.stderr, /garching +no +- +- +- +holds none of it +no +0/)
  assert.equal(submitted(), {
    kind: 'sql',
    code: 'SELECT 1',
    on: 'grenoble',
    timeoutMs: 30_000,
    maxRows: 7,
    idempotencyKey: undefined,
  })
  assert.is((await run(['sql', 'SELECT 1', '--csv', '--quiet'])).stdout, 'name,vmag\nVega,0.03\nSirius,-1.46\n')
  assert.is((await run(['sql', '-', '--quiet'], { stdin: 'SELECT 2' })).stderr, '')
  assert.equal(submitted(), { kind: 'sql', code: 'SELECT 2', idempotencyKey: undefined })
  await writeFile(join(dir, 'q.sql'), 'SELECT 3\n')
  await run(['sql', '-f', join(dir, 'q.sql')])
  assert.equal(submitted(), { kind: 'sql', code: 'SELECT 3\n', idempotencyKey: undefined })
  const odd = [
    [null, 'a "quoted", cell'],
    [{ a: [1, 'x'] }, ' spaces '],
    ['line\nbreak', true],
  ]
  answer(odd as Cell[][])
  const csv = await run(['sql', 'SELECT 1', '--csv'])
  assert.is(csv.stdout, 'name,vmag\n,"a ""quoted"", cell"\n"{""a"":[1,""x""]}"," spaces "\n"line\nbreak",true\n')
  const { result, ...task } = JSON.parse((await run(['sql', 'SELECT 1', '--json'])).stdout)
  assert.equal(result.rows, odd)
  assert.equal(
    [task.state, task.ranAt.name, task.datasets[0].table, result.rowCount],
    ['succeeded', 'grenoble', 'stars', 3],
  )
  const saved = await run(['sql', 'SELECT 1', '--output', join(dir, 'x.parquet')])
  assert.match(saved.stderr, `saved ${join(dir, 'x.parquet')} (`)
  assert.is((await run(['sql', 'SELECT 1', '--output', join(dir, 'x.png')])).code, 2)
  assert.match((await run(['sql', 'SELECT 1', '--dry-run'])).stdout, /grenoble +yes +340 ms/)
  assert.is((await run(['sql', 'SELECT 1', '--detach'])).stdout, `${island.fake.ids.at(-1)}\n`)
})

test('text from elsewhere cannot drive the terminal', async (t) => {
  const { run, island } = await daemonDir(t)
  const evil = 'a\u001b]0;owned\u0007b\u001b[31mc\u009b2Jd\u202ee\rf\ng\u2066h\u200b\u{e0041}'
  island.views.push(datasetView('evil', { title: evil, description: evil, keywords: [evil] }))
  island.script({
    status: async () => {
      throw new ArchipelError('FORBIDDEN', evil, { hint: evil })
    },
  })
  island.fake.onSubmit = ({ id }) => island.fake.succeed(id, { rows: [[evil, 1]] })
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
  const controls = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u200b]/
  for (const args of [
    ['datasets'],
    ['show', 'evil'],
    ['sql', 'SELECT 1'],
    ['status'],
    ['datasets', '--json'],
    ['sql', '--json', 'SELECT 1'],
    ['status', '--json'],
  ]) {
    const { stdout, stderr } = await run(args)
    assert.not.match(`${stdout}${stderr}`, controls, args.join(' '))
  }
  const shown = JSON.parse((await run(['sql', '--json', 'SELECT 1'])).stdout)
  assert.is(shown.result.rows[0][0], evil)
  assert.match((await run(['sql', 'SELECT 1'])).stdout, 'abcde f gh')
})

test('exit codes say what kind of failure it was', async (t) => {
  const { run, island } = await daemonDir(t)
  for (const [code, exit] of [
    ['FORBIDDEN', 3],
    ['DATASET_NOT_FOUND', 4],
    ['UNREACHABLE', 5],
    ['TOO_MANY', 5],
    ['INTERNAL', 1],
    ['AMBIGUOUS', 2],
    ['MEMORY_LIMIT', 2],
    ['TIME_LIMIT', 2],
    ['RESULT_LIMIT', 2],
  ] as const) {
    const details = { candidates: ['doi:10.1/a', 'doi:10.1/b'] }
    island.script({ status: () => Promise.reject(new ArchipelError(code, 'because', { details })) })
    const plain = await run(['status'])
    assert.is(plain.code, exit, code)
    assert.match(plain.stderr, 'error: because\n')
    assert.equal(JSON.parse((await run(['status', '--json'])).stderr).error.details, details)
  }
})

test('exit code 5 and retryable mean the same thing: later it may go', () => {
  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    if (exitCode(code) === 5) assert.ok(ERRORS[code].retryable, `${code} ends with 5, so trying again may help`)
    if (code.endsWith('_LIMIT')) assert.is(exitCode(code), 2, `${code} is like the other limits`)
  }
  assert.not.ok(ERRORS.NOT_REACHABLE.retryable, 'an address has to be announced, or a port opened, by somebody')
})

test('an ambiguous name lists its candidates', async (t) => {
  const { run, island } = await daemonDir(t)
  const details = { candidates: ['doi:10.1/a', 'doi:10.1/b'] }
  island.script({ dataset: () => Promise.reject(new ArchipelError('AMBIGUOUS', 'two have this name', { details })) })
  assert.match((await run(['show', 'x'])).stderr, /doi:10\.1\/a[\s\S]*doi:10\.1\/b/)
  const claim = (island: typeof SELF) => ({
    id: 'doi:10.1/a',
    publisher: island.id,
    island: island.name,
    version: 'ab'.repeat(32),
    ref: `doi:10.1/a@${island.id}`,
  })
  const claims = { candidates: [claim(SELF), claim(OTHER)] }
  island.script({
    dataset: () => Promise.reject(new ArchipelError('AMBIGUOUS', 'two have this name', { details: claims })),
  })
  const { code, stderr } = await run(['show', 'x'])
  assert.is(code, 2)
  assert.match(stderr, /^error: two have this name\n {2}ID +PUBLISHER +VERSION\n/)
  for (const who of [SELF, OTHER])
    assert.match(stderr, new RegExp(`^  doi:10\\.1/a@${who.id} +${who.name} +abababababab$`, 'm'))
  assert.not.match(stderr, /[{}"]/)
  assert.equal(JSON.parse((await run(['show', 'x', '--json'])).stderr).error.details, claims)
})

test('what cannot be undone is not done without a yes where nobody can be asked', async (t) => {
  const { run, island } = await daemonDir(t)
  for (const args of [['revoke', 'grenoble'], ['pardon', 'grenoble'], ['leave']]) {
    for (const json of [false, true]) {
      const before = island.calls.length
      const refused = await run([...args, ...(json ? ['--json'] : [])], { stdin: 'y\n' })
      assert.is(refused.code, 2, args.join(' '))
      assert.match(refused.stderr, '--yes')
      assert.is(island.calls.length, before, `${args.join(' ')} was not asked of the island`)
    }
    assert.is((await run([...args, '--yes'], { stdin: '' })).code, 0, args.join(' '))
  }
  assert.is((await run(['revoke', '--ticket', 'abc'])).code, 0, 'a ticket is withdrawn at once')
})

test('the island is found by data directory, variable or flag, and the token is not given away', async (t) => {
  const { dir, url, run } = await daemonDir(t)
  const other = await t.tmpdir()
  assert.is((await cli(t, ['status'], { env: { ARCHIPEL_DATA_DIR: dir } })).code, 0)
  assert.is((await cli(t, ['status', '--data-dir', other, '--island', url, '--token', TOKEN])).code, 0)
  assert.is(
    (await cli(t, ['status', '--data-dir', other], { env: { ARCHIPEL_ISLAND: url, ARCHIPEL_TOKEN: TOKEN } })).code,
    0,
  )
  await writeFile(join(other, 'token'), `${TOKEN}\n`)
  assert.is(
    (await cli(t, ['status', '--data-dir', other, '--island', url, '--token', `@${join(other, 'token')}`])).code,
    0,
  )
  assert.is((await cli(t, ['status', '--data-dir', other, '--island', url])).code, 3)
  assert.is((await cli(t, ['status', '--data-dir', other, '--island', url, '--token', 'wrong'])).code, 3)
  assert.is((await cli(t, ['status', '--data-dir', other])).code, 5)
  assert.is((await run(['status', '--island', `http://127.0.0.1:${await freePort()}`])).code, 5)
  // A dead daemon's port may be another program's by now.
  await writeFile(join(dir, 'daemon.json'), JSON.stringify({ pid: 2 ** 22 + 1, url }))
  const stale = await run(['status'])
  assert.is(stale.code, 5)
  assert.match(stale.stderr, 'no island runs')
  await writeFile(join(dir, 'daemon.json'), JSON.stringify({ pid: process.pid, url: null }))
  assert.match((await run(['status'])).stderr, 'web.enabled')
  await writeFile(join(dir, 'daemon.json'), '{')
  assert.is((await run(['status'])).code, 5)
})

test('--version prints the version', async (t) => {
  assert.match((await cli(t, ['--version'])).stdout, /^\d+\.\d+\.\d+\n$/)
})

test.run()
