/** What a process does beside its work: signals, pipes, staying up, completion. */
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { eventually, freePort, requires, suite } from '../kit/index.ts'
import { datasetView, NOW, SELF, untilAborted } from '../web/fake-island.ts'
import { TOKEN } from '../web/harness.ts'
import { cli, daemonDir, FAKE_MAIN, start } from './harness.ts'

const test = suite('cli: process')
const exec = promisify(execFile)

test('Ctrl-C ends a call with 130 and aborts it at the island; SIGTERM with 143', async (t) => {
  const { dir, island } = await daemonDir(t)
  let aborted = 0
  island.script({
    resolve: (_, { signal } = {}) =>
      untilAborted(signal).finally(() => {
        aborted += 1
      }),
  })
  for (const [signal, code, json] of [
    ['SIGINT', 130, false],
    ['SIGTERM', 143, false],
    ['SIGINT', 130, true],
  ] as const) {
    const before = island.calls.length
    const running = start(t, ['--data-dir', dir, 'resolve', 'stars', ...(json ? ['--json'] : [])])
    await eventually(() => island.calls.length > before)
    running.child.kill(signal)
    const { code: got, stdout, stderr } = await running.ended
    assert.is(got, code, stderr)
    assert.is(stdout, '')
    if (json) assert.is(JSON.parse(stderr).error.code, 'CANCELLED')
    else assert.is(stderr, '')
  }
  await eventually(() => aborted === 3)
})

test('Ctrl-C during publish says that it was stopped and that the same command goes on', async (t) => {
  const { dir, island } = await daemonDir(t)
  island.script({
    publish: (_, { signal, onProgress } = {}) => {
      onProgress?.({ phase: 'hash', files: { done: 0, total: 1 }, bytes: { done: 1, total: 9 } })
      return untilAborted(signal)
    },
  })
  for (const json of [false, true]) {
    const before = island.calls.length
    const running = start(t, ['--data-dir', dir, 'publish', '/data/big', ...(json ? ['--json'] : [])])
    await eventually(() => island.calls.length > before)
    running.child.kill('SIGINT')
    const { code, stdout, stderr } = await running.ended
    assert.is(code, 130)
    assert.is(stdout, '')
    if (json) {
      const { error } = JSON.parse(stderr)
      assert.is(error.code, 'CANCELLED')
      assert.match(error.hint, 'same command goes on')
    } else assert.match(stderr, /^Stopped\. .*the same command goes on.*\n$/)
  }
})

test(
  'an island that stops, is killed or halted while it works on a call is told, with what to do',
  async (t) => {
    const calls = [
      ['sql', 'SELECT 1'],
      ['publish', '/data/big'],
      ['resolve', 'stars'],
      ['datasets', '--follow'],
    ]
    for (const [signal, words, calling] of [
      ['SIGTERM', /the island stopped/, calls],
      ['SIGKILL', /the island stopped/, calls],
      ['SIGSTOP', /does not answer any more/, [['sql', 'SELECT 1']]],
    ] as const) {
      const dir = await t.tmpdir()
      const up = start(t, ['--data-dir', dir, 'up', '--site', 'endless', '--web-port', '0', '--log-level', 'info'], {
        main: FAKE_MAIN,
      })
      await up.shows('The island is up')
      const running = calling.map((args) => start(t, ['--data-dir', dir, ...args]))
      const following = calling.findIndex(([name]) => name === 'datasets')
      await up.shows(new RegExp(`(asked[^]*){${following < 0 ? calling.length : calling.length - 1}}`))
      await running[following]?.shows('published')
      const at = performance.now()
      up.child.kill(signal)
      for (const [i, { ended }] of running.entries()) {
        const { code, stdout, stderr } = await ended
        const what = `${signal} ${calling[i]!.join(' ')}: ${stderr}`
        assert.is(code, 5, what)
        if (i !== following) assert.is(stdout, '', what)
        assert.match(stderr, words, what)
        assert.match(stderr, 'archipel up', what)
      }
      assert.ok(performance.now() - at < 20_000, `${signal} was told after ${performance.now() - at} ms`)
      up.child.kill('SIGKILL')
    }
  },
  { timeoutMs: 120_000 },
)

test('a call that takes long at an island that is there is waited for', async (t) => {
  const { dir, island } = await daemonDir(t)
  let asked = 0
  island.fake.onSubmit = ({ id }) => {
    asked++
    setTimeout(() => island.fake.succeed(id, { rows: [['Vega', 0.03]] }), 6500)
  }
  const { code, stderr } = await cli(t, ['--data-dir', dir, 'sql', 'SELECT 1'])
  assert.is(code, 0, stderr)
  assert.is(asked, 1)
})

test('a reader that has seen enough is no error', async (t) => {
  const { dir, island } = await daemonDir(t)
  const rows = Array.from({ length: 50_000 }, (_, n) => [`row ${n}`, n])
  island.fake.onSubmit = ({ id }) => island.fake.succeed(id, { rows })
  const running = start(t, ['--data-dir', dir, 'sql', 'SELECT 1'])
  running.child.stdout!.once('data', () => running.child.stdout!.destroy())
  const { code, stderr } = await running.ended
  assert.is(code, 0, stderr)
  assert.not.match(stderr, 'EPIPE')
})

test('--follow prints matching changes as they arrive, until the island stops', async (t) => {
  const { dir, island, server } = await daemonDir(t)
  const running = start(t, ['--data-dir', dir, 'datasets', 'stars', '--follow', '--filter', 'cone=85,-3,1', '--json'])
  const changed = (name: string, more = {}) =>
    ({ type: 'dataset:changed', time: NOW, id: name, publisher: SELF, dataset: datasetView(name, more) }) as const
  // The first one to be seen says that the stream is open.
  await eventually(() => {
    island.emit(changed('stars'))
    return Promise.race([
      running.shows('"stars"').then(() => true),
      new Promise<boolean>((r) => setTimeout(r, 50, false)),
    ])
  })
  island.emit(changed('far', { coverage: undefined }))
  island.emit(changed('nebulae', { title: 'Other', description: '', keywords: [] }))
  island.emit({ lost: 3 })
  island.emit({ type: 'member:left', time: NOW, id: SELF.id, name: 'x' })
  island.emit({ type: 'dataset:withdrawn', time: NOW, id: 'gone', publisher: SELF })
  await running.shows('"gone"')
  await server.stop()
  const { code, stdout, stderr } = await running.ended
  assert.is(code, 5)
  assert.is(JSON.parse(stderr).error.code, 'NOT_RUNNING')
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter((event) => event.id !== 'stars')
  assert.equal(
    events.map((event) => event.id ?? event.lost),
    [3, 'gone'],
  )
})

test('up prints where it is, serves other commands, and stops at a signal with 0', async (t) => {
  const dir = await t.tmpdir()
  const env = { ARCHIPEL_NAME: 'garching' }
  const args = [
    '--data-dir',
    dir,
    'up',
    '--web-port',
    '0',
    '--listen',
    '/ip4/127.0.0.1/tcp/7000',
    '--log-level',
    'info',
  ]
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const up = start(t, args, { main: FAKE_MAIN, env })
    await up.shows('The island is up')
    const status = await cli(t, ['--data-dir', dir, 'status'])
    assert.is(status.code, 0, status.stderr)
    up.child.kill(signal)
    const { code, stdout, stderr } = await up.ended
    assert.is(code, 0, stderr)
    for (const word of ['garching', SELF.id, 'http://127.0.0.1:', '/ip4/127.0.0.1/tcp/7000', dir, 'testers'])
      assert.match(stdout, word)
    assert.is(JSON.parse(stderr.split('\n')[0]!).msg, 'listening')
  }
  assert.is((await cli(t, ['--data-dir', dir, 'status'])).code, 5)
})

test('up --json prints one object; a second signal forces the end; leave ends it', async (t) => {
  const dir = await t.tmpdir()
  const options = { main: FAKE_MAIN }
  const args = ['--data-dir', dir, 'up', '--json', '--set', 'web.port=0', '--set', 'log.level=silent']
  const stuck = start(t, [...args, '--site', 'stuck'], options)
  await stuck.shows('"pid"')
  const at = performance.now()
  stuck.child.kill('SIGINT')
  const second = setInterval(() => stuck.child.kill('SIGINT'), 100)
  t.cleanup(() => clearInterval(second))
  const forced = await stuck.ended
  assert.is(forced.code, 130)
  assert.ok(performance.now() - at > 500, 'a signal that a launcher delivers twice is one')
  assert.is(JSON.parse(forced.stdout).dataDir, dir)
  const up = start(t, args, options)
  await up.shows('"pid"')
  assert.is((await cli(t, ['--data-dir', dir, 'leave', '--yes'])).code, 0)
  assert.is((await up.ended).code, 0)
})

test('create prints the recovery key; its failure prints none', async (t) => {
  const dir = await t.tmpdir()
  const made = await cli(t, ['--data-dir', dir, 'create', 'sky', '--name', 'garching'], { main: FAKE_MAIN, stdin: '' })
  assert.is(made.code, 0, made.stderr)
  assert.match(made.stdout, /sky[\s\S]*garching[\s\S]*recovery-key-once/)
  const asJson = await cli(t, ['--data-dir', dir, 'create', 'sky', '--json'], { main: FAKE_MAIN, stdin: '' })
  assert.is(JSON.parse(asJson.stdout).recoveryKey, 'recovery-key-once')
  assert.is((await cli(t, ['--data-dir', dir, 'create', 'taken'], { main: FAKE_MAIN, stdin: '' })).code, 2)
  const unset = await cli(t, ['--data-dir', dir, 'create', 'sky', '--set', 'web.prot=1'], {
    main: FAKE_MAIN,
    stdin: '',
  })
  assert.is(unset.code, 2)
  assert.match(unset.stderr, 'did you mean "web.port"')
})

test('join takes the ticket as argument, from a file or from standard input', async (t) => {
  const dir = await t.tmpdir()
  const file = join(dir, 'ticket.txt')
  await writeFile(file, '\ngood-ticket\r\n')
  const options = { main: FAKE_MAIN, stdin: '' }
  for (const args of [['good-ticket'], [`@${file}`], ['--file', file], ['-']]) {
    const joined = await cli(t, ['--data-dir', dir, 'join', ...args, '--no-up'], {
      main: FAKE_MAIN,
      stdin: args[0] === '-' ? 'good-ticket\n' : '',
    })
    assert.is(joined.code, 0, `${args}: ${joined.stderr}`)
    assert.match(joined.stdout, 'joined testers')
  }
  for (const args of [[], ['good-ticket', '--file', file], ['bad-ticket'], ['@/missing'], ['-']]) {
    const refused = await cli(t, ['--data-dir', dir, 'join', ...args, '--no-up'], options)
    assert.is(refused.code, 2, `${args}: ${refused.stderr}`)
  }
  const up = start(t, ['--data-dir', dir, 'join', 'good-ticket', '--web-port', '0', '--log-level', 'silent'], {
    main: FAKE_MAIN,
  })
  await up.shows('The island is up')
  up.child.kill('SIGTERM')
  assert.is((await up.ended).code, 0)
  const slow = start(t, ['--data-dir', dir, 'join', 'slow'], { main: FAKE_MAIN })
  await slow.shows('joining')
  slow.child.kill('SIGINT')
  assert.is((await slow.ended).code, 130)
})

test('dev prints its islands and stops them all at a signal', async (t) => {
  const dev = start(t, ['dev', '--islands', '2', '--json'], { main: FAKE_MAIN })
  await dev.shows('island-2')
  dev.child.kill('SIGINT')
  const { code, stdout, stderr } = await dev.ended
  assert.is(code, 0)
  assert.is(JSON.parse(stdout).islands.length, 2)
  assert.match(stderr, 'all stopped')
  for (const n of ['0', 'x', '1000'])
    assert.is((await cli(t, ['dev', '--islands', n], { main: FAKE_MAIN, stdin: '' })).code, 2)
})

test('config shows what is in effect and from where', async (t) => {
  const dir = await t.tmpdir()
  await writeFile(join(dir, 'config.json'), '{"web":{"port":1234}}')
  const { stdout } = await cli(t, ['--data-dir', dir, 'config', 'web'], { env: { ARCHIPEL_WEB_ENABLED: 'no' } })
  assert.match(stdout, /web\.enabled +false +ARCHIPEL_WEB_ENABLED\n/)
  assert.match(stdout, new RegExp(`web\\.port +1234 +${dir}/config.json\n`))
  const { stdout: json } = await cli(t, ['--data-dir', dir, 'config', 'web.port', '--json'])
  assert.equal(JSON.parse(json), { 'web.port': { value: 1234, source: join(dir, 'config.json') } })
})

test('config shows the settings of an island that is named, and says when it shows those of files', async (t) => {
  const { run, dir, url, island } = await daemonDir(t)
  const asked = () => island.calls.filter((c) => c.name === 'config').length
  const files = await run(['config', 'web.port'])
  assert.match(files.stdout, /^web\.port/m)
  assert.match(files.stderr, 'for the next start; --running')
  assert.is(asked(), 0)
  assert.is((await run(['config', '--island', url])).code, 0)
  assert.is((await run(['config', '--token', TOKEN])).code, 0)
  const named = await cli(t, ['--data-dir', dir, 'config'], { env: { ARCHIPEL_ISLAND: url } })
  assert.equal([named.code, named.stderr], [0, ''])
  assert.is(asked(), 3)
  assert.is((await run(['config', '--island', `http://127.0.0.1:${await freePort()}`])).code, 5)
  const refused = await run(['config', '--island', url, '--set', 'web.port=1'])
  assert.is(refused.code, 2)
  assert.match(refused.stderr, 'Leave out')
})

test('bash completes commands, options, choices and values', async (t) => {
  const { stdout: script } = await cli(t, ['completion', 'bash'])
  const file = join(await t.tmpdir(), 'completion.bash')
  await writeFile(file, script)
  await exec('bash', ['-n', file])
  const complete = async (...words: string[]) => {
    const quoted = words.map((w) => `'${w}'`).join(' ')
    const text = `source ${file}; COMP_WORDS=(archipel ${quoted}); COMP_CWORD=${words.length}; _archipel; printf '%s\\n' "\${COMPREPLY[@]}"`
    return (await exec('bash', ['-c', text])).stdout.trim().split('\n')
  }
  assert.equal(await complete('sta'), ['status'])
  assert.equal(await complete('--data-dir', '/x', 'isl'), ['islands'])
  assert.equal(await complete('sql', '--expl'), ['--explain'])
  assert.equal(await complete('show', '--format', 'd'), ['dcat', 'datacite'])
  assert.equal(await complete('completion', 'z'), ['zsh'])
  assert.equal(await complete('status', '--js'), ['--json'])
  assert.equal(await complete('publish', file.slice(0, -2)), [file])
})

test('the zsh completion names every command and has no syntax error', async (t) => {
  const { stdout: script } = await cli(t, ['completion', 'zsh'])
  for (const word of ['publish', 'datasets', '--max-rows', ':value:(dcat datacite croissant '])
    assert.match(script, word)
  await requires('zsh', () => exec('zsh', ['--version']), 'install it with the package manager')
  const file = join(await t.tmpdir(), '_archipel')
  await writeFile(file, script)
  await exec('zsh', ['-n', file])
  assert.is((await readFile(file, 'utf8')).split('\n')[0], '#compdef archipel')
})

test.run()
