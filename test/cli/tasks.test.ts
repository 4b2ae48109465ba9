/** `run`, and waiting for tasks, each as a process, against a web service whose tasks are scripted. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { ArchipelError, ERRORS } from '../../src/protocols/model/errors.ts'
import type { SubmitRequest } from '../../src/protocols/model/views.ts'
import { eventually, suite } from '../kit/index.ts'
import { OTHER, SELF, untilAborted } from '../web/fake-island.ts'
import { fakeTaskId } from '../web/fake-tasks.ts'
import { daemonDir, start } from './harness.ts'

const test = suite('cli: tasks')
const ROWS = [
  ['Vega', 0.03],
  ['Sirius', -1.46],
]
const FIRST = fakeTaskId(SELF.id, 1)
const SHORT = FIRST.split('-').at(-1)!

test('run sends the file with all that was said of it, and prints the result and where it came from', async (t) => {
  const { run, island, dir } = await daemonDir(t)
  island.fake.onSubmit = ({ id }) => island.fake.succeed(id, { rows: ROWS })
  await writeFile(join(dir, 'q.sql'), 'SELECT * FROM stars')
  const options = [
    ['--data', 'stars', '--data', 'doi:10.5072/x', '--on', 'grenoble', '--timeout', '2m', '--max-rows', '7'],
    ['--param', 'n=5', '--param', 'word=Vega', '--param', 'text="5"', '--param', 'yes=true', '--param', 'none=null'],
    ['--param', 'empty=', '--param', 'list=[1]', '--at-most-once', '--name', 'colours', '--key', 'k1', '--lease', '5s'],
    [
      '--publish',
      'colours',
      '--title',
      'T',
      '--description',
      'D',
      '--keyword',
      'a',
      '--keyword',
      'b',
      '--licence',
      'MIT',
    ],
  ]
  const done = await run(['run', join(dir, 'q.sql'), ...options.flat()])
  assert.is(done.code, 0, done.stderr)
  assert.is(done.stdout, 'name     vmag\nVega     0.03\nSirius  -1.46\n')
  assert.is(done.stderr, '2 rows in 13 ms at grenoble: holds all of it\n')
  assert.equal(island.calls.find((c) => c.name === 'tasks.submit')?.argument, {
    kind: 'sql',
    code: 'SELECT * FROM stars',
    datasets: ['stars', 'doi:10.5072/x'],
    params: { n: 5, word: 'Vega', text: '5', yes: true, none: null, empty: '', list: '[1]' },
    on: 'grenoble',
    timeoutMs: 120_000,
    leaseMs: 5000,
    maxRows: 7,
    name: 'colours',
    idempotencyKey: 'k1',
    atMostOnce: true,
    publish: { id: 'colours', title: 'T', description: 'D', keywords: ['a', 'b'], licence: 'MIT' },
  })
})

test('the language comes from the ending of the file, or from --kind', async (t) => {
  const { run, island, dir } = await daemonDir(t)
  island.fake.onSubmit = ({ id }) => island.fake.succeed(id, { items: { 'text.txt': ['text/plain', 'done\n'] } })
  for (const [file, args, kind] of [
    ['a.py', [], 'python'],
    ['a.R', [], 'r'],
    ['a.SQL', [], 'sql'],
    ['a.txt', ['--kind', 'python'], 'python'],
    ['a.sql', ['--kind', 'r'], 'r'],
  ] as const) {
    await writeFile(join(dir, file), 'x')
    const done = await run(['run', join(dir, file), ...args])
    assert.equal([done.code, done.stdout], [0, 'done\n'], `${file}: ${done.stderr}`)
    const sent = island.calls.findLast((c) => c.name === 'tasks.submit')?.argument as SubmitRequest | undefined
    assert.is(sent?.kind, kind, file)
  }
  const piped = await run(['run', '-', '--kind', 'python', '--quiet'], { stdin: 'print(1)' })
  assert.equal([piped.code, piped.stdout, piped.stderr], [0, 'done\n', ''])
  for (const args of [
    ['run', '-'],
    ['run', join(dir, 'a.txt')],
    ['run', join(dir, 'missing.py')],
    ['run', '-', '--kind', 'cobol'],
    ['run', '-', '--kind', 'sql', '--param', '1=2'],
    ['run', '-', '--kind', 'sql', '--param', 'x'],
    ['run', '-', '--kind', 'sql', '--title', 'T'],
    ['run', '-', '--kind', 'sql', '--max-rows', '0'],
    ['run', '-', '--kind', 'sql', '--timeout', 'soon'],
    ['run', '-', '--kind', 'sql', '--dry-run', '--detach'],
    ['run', '-', '--kind', 'sql', '--csv', '--output', 'x.csv'],
    ['sql', 'SELECT 1', '--csv', '--output', 'x.csv'],
    ['run', '-', '--kind', 'sql', '--output', join(dir, 'x.png')],
    ['run', '-', '--kind', 'sql', '--output', join(dir, 'x')],
    ['run', '-', '--kind', 'sql', '--output', join(dir, 'no', 'x.csv')],
  ]) {
    const before = island.fake.ids.length
    const refused = await run(args, { stdin: 'SELECT 1' })
    assert.is(refused.code, 2, `${args.join(' ')}: ${refused.stderr}`)
    assert.match(refused.stderr, /^error: .+\nhint: .+\n$/, args.join(' '))
    assert.is(island.fake.ids.length, before, `${args.join(' ')} submits nothing`)
  }
  assert.is((await run(['run', '-', '--kind', 'sql'], { stdin: ' \n' })).code, 2, 'nothing to run')
})

test('--dry-run prints every island with its terms or its reason, and submits nothing', async (t) => {
  const { run, island } = await daemonDir(t)
  const sql = ['run', '-', '--kind', 'sql']
  const dry = await run([...sql, '--dry-run'], { stdin: 'SELECT 1' })
  assert.is(dry.code, 0, dry.stderr)
  const [header, chosen, other] = dry.stdout.split('\n')
  assert.match(header!, /^ISLAND +CHOSEN +COST +QUEUE +RESULT +REASON +CONFIRMED +HOLDS$/)
  assert.match(chosen!, /^grenoble +yes +340 ms +300 ms +40 ms +holds all of it +yes +1$/)
  assert.match(other!, /^garching +no +- +- +- +holds none of it +no +0$/)
  assert.is(JSON.parse((await run([...sql, '--dry-run', '--json'], { stdin: 'SELECT 1' })).stdout).order.length, 1)
  const { explain } = await island.fake.place({ kind: 'sql', code: 'x' })
  island.script({
    tasks: { place: () => Promise.reject(new ArchipelError('NO_HOLDER', 'nobody can', { details: { explain } })) },
  })
  const nobody = await run([...sql, '--dry-run'], { stdin: 'SELECT 1' })
  assert.is(nobody.code, 5)
  assert.match(nobody.stderr, /garching +no[\s\S]*error: nobody can/)
  assert.is(island.fake.ids.length, 0)
  island.script({})
  island.fake.onSubmit = ({ id }) => island.fake.succeed(id, { rows: ROWS })
  const ran = await run([...sql, '--explain'], { stdin: 'SELECT 1' })
  assert.match(ran.stdout, 'Sirius')
  assert.match(ran.stderr, /^ISLAND[\s\S]*grenoble +yes +340 ms[\s\S]*2 rows in 13 ms/)
})

test('--detach prints the id and leaves; the result is there later, by a part of the id', async (t) => {
  const { run, island, dir } = await daemonDir(t)
  const left = await run(['run', '-', '--kind', 'sql', '--detach'], { stdin: 'SELECT 1' })
  assert.equal([left.code, left.stdout], [0, `${FIRST}\n`])
  assert.match(left.stderr, `archipel task result ${SHORT} --wait`)
  const early = await run(['task', 'result', SHORT])
  assert.is(early.code, 2)
  assert.match(early.stderr, /no result yet: queued\nhint: .*--wait/)
  const waiting = start(t, ['--data-dir', dir, 'task', 'result', SHORT, '--wait'])
  await eventually(() => island.calls.some((c) => c.name === 'tasks.watch'), { signal: t.signal })
  island.fake.move(FIRST, { state: 'running' })
  island.fake.succeed(FIRST, { rows: ROWS })
  const done = await waiting.ended
  assert.equal([done.code, done.stdout], [0, 'name     vmag\nVega     0.03\nSirius  -1.46\n'], done.stderr)
  assert.is((await run(['task', 'result', FIRST, '--csv'])).stdout, 'name,vmag\nVega,0.03\nSirius,-1.46\n')
  const asJson = JSON.parse((await run(['task', 'result', SHORT.slice(-4), '--json'])).stdout)
  assert.is(asJson.id, FIRST)
  assert.equal(asJson.result.rows, ROWS)
  await island.fake.submit({ kind: 'sql', code: 'SELECT 2' })
  const both = await run(['task', 'show', SHORT.slice(0, 6)])
  assert.is(both.code, 2)
  assert.match(both.stderr, FIRST)
  assert.is((await run(['task', 'show', 'zzzzzz'])).code, 4)
  assert.is((await run(['task', 'show', fakeTaskId(SELF.id, 99)])).code, 4)
  for (const id of ['x', '../..', 'a b c d', '']) assert.is((await run(['task', 'show', id])).code, 2, id)
})

test('Ctrl-C while a task runs cancels it and says so; while one is waited for, it goes on', async (t) => {
  const { run, island, dir } = await daemonDir(t)
  for (const json of [false, true]) {
    const args = ['--data-dir', dir, 'run', '-', '--kind', 'sql', ...(json ? ['--json'] : [])]
    const running = start(t, args, { stdin: 'SELECT 1' })
    const before = island.fake.ids.length
    await eventually(() => island.fake.ids.length > before, { signal: t.signal })
    const id = island.fake.ids.at(-1)!
    const watches = () => island.calls.filter((c) => c.name === 'tasks.watch' && c.argument === id).length
    await eventually(() => watches() > 0, { signal: t.signal })
    running.child.kill('SIGINT')
    const { code, stdout, stderr } = await running.ended
    assert.equal([code, stdout], [130, ''], stderr)
    assert.is((await island.fake.show(id)).state, 'cancelled')
    if (json) assert.equal([JSON.parse(stderr).error.code, JSON.parse(stderr).error.details.task], ['CANCELLED', id])
    else assert.match(stderr, `Task ${id.split('-').at(-1)} is cancelled.`)
  }
  const { id } = await island.fake.submit({ kind: 'sql', code: 'SELECT 1' })
  const waiting = start(t, ['--data-dir', dir, 'task', 'result', id, '--wait'])
  await eventually(() => island.calls.some((c) => c.name === 'tasks.watch' && c.argument === id), { signal: t.signal })
  waiting.child.kill('SIGINT')
  assert.is((await waiting.ended).code, 130)
  assert.is((await island.fake.show(id)).state, 'queued')
  assert.match((await run(['task', 'cancel', id])).stdout, 'is cancelled')
})

test('Ctrl-C while a task is being submitted cancels what came of it, and a cancellation that fails is told', async (t) => {
  const { island, dir } = await daemonDir(t)
  const gate = Promise.withResolvers<void>()
  island.script({
    tasks: {
      submit: async (request) => {
        await gate.promise
        return island.fake.submit(request)
      },
    },
  })
  const submitting = start(t, ['--data-dir', dir, 'run', '-', '--kind', 'sql'], { stdin: 'SELECT 1' })
  await eventually(() => island.calls.some((c) => c.name === 'tasks.submit'), { signal: t.signal })
  submitting.child.kill('SIGTERM')
  // Only a moment later the island answers.
  setTimeout(gate.resolve, 200)
  const ended = await submitting.ended
  assert.is(ended.code, 143, ended.stderr)
  assert.is((await island.fake.show(FIRST)).state, 'cancelled')

  island.script({ tasks: { cancel: () => Promise.reject(new ArchipelError('FORBIDDEN', 'of another island')) } })
  const running = start(t, ['--data-dir', dir, 'run', '-', '--kind', 'sql'], { stdin: 'SELECT 1' })
  await eventually(() => island.calls.some((c) => c.name === 'tasks.watch'), { signal: t.signal })
  running.child.kill('SIGINT')
  const { code, stderr } = await running.ended
  assert.is(code, 130)
  assert.match(stderr, /could not be cancelled\. It may go on: `archipel task show/)
})

test('--csv and --json are two things, and --json has one shape for all that runs', async (t) => {
  const { run, island } = await daemonDir(t)
  for (const args of [
    ['sql', 'SELECT 1', '--csv', '--json'],
    ['run', '-', '--kind', 'sql', '--csv', '--json'],
  ]) {
    const refused = await run(args, { stdin: 'SELECT 1' })
    assert.equal([refused.code, refused.stdout, JSON.parse(refused.stderr).error.code], [2, '', 'BAD_INPUT'])
  }
  assert.equal(island.fake.ids, [])
  island.fake.onSubmit = ({ id }) => island.fake.succeed(id, { rows: ROWS })
  const shapes = [
    await run(['sql', 'SELECT 1', '--json']),
    await run(['run', '-', '--kind', 'sql', '--json'], { stdin: 'SELECT 1' }),
    await run(['task', 'result', FIRST, '--json']),
  ].map(({ stdout }) => JSON.parse(stdout))
  for (const { id, ...shape } of shapes) {
    assert.type(id, 'string')
    assert.equal(shape, (({ id: _, ...rest }) => rest)(shapes[0]))
    assert.equal([shape.result.columns.length, shape.result.rows, shape.result.rowCount], [2, ROWS, 2])
  }
})

test('a result that cannot be saved as asked is kept, and its task named', async (t) => {
  const { run, island, dir } = await daemonDir(t)
  island.fake.onSubmit = ({ id }) => island.fake.succeed(id, { items: { 'text.txt': ['text/plain', 'done\n'] } })
  for (const [n, more] of [['--output', join(dir, 'x.csv')], ['--csv']].entries()) {
    const done = await run(['run', '-', '--kind', 'python', ...more], { stdin: 'x' })
    const short = fakeTaskId(SELF.id, n + 1)
      .split('-')
      .at(-1)!
    assert.equal([done.code, done.stdout], [2, ''])
    assert.match(done.stderr, /error: .*the result is no table, but text/)
    for (const words of [`archipel task result ${short}`, `archipel task log ${short}`])
      assert.match(done.stderr, words, more[0])
    assert.is((await run(['task', 'result', short])).stdout, 'done\n')
  }
})

test('a table that was cut says whose limit it was', async (t) => {
  const { run, island } = await daemonDir(t)
  island.fake.onSubmit = ({ id }) => {
    island.fake.succeed(id, { rows: ROWS })
    const { result } = island.fake.view(id)
    const maxRows = island.calls.findLast((c) => c.name === 'tasks.submit')?.argument as SubmitRequest
    island.fake.move(id, {
      result: { ...result!, table: { ...result!.table!, truncated: true } },
      ...(maxRows.maxRows === undefined ? {} : { maxRows: maxRows.maxRows }),
    })
  }
  const own = await run(['sql', 'SELECT 1', '--max-rows', '2'])
  assert.match(own.stderr, 'there are more: raise --max-rows, or select less')
  for (const more of [[], ['--max-rows', '1000000']]) {
    const islands = await run(['sql', 'SELECT 1', ...more])
    assert.is(islands.code, 0)
    assert.match(islands.stderr, 'there are more, but grenoble gives no larger result')
    assert.not.match(islands.stderr, '--max-rows')
  }
})

test('what the message of a failed program repeats of its log is printed once', async (t) => {
  const { run, island } = await daemonDir(t)
  const { hint, retryable } = ERRORS.CODE_FAILED
  for (const trace of [
    'Exception: it broke',
    `Exception: it broke\n${'  at some.place.of(it)\n'.repeat(200)}the end`,
  ]) {
    island.fake.onSubmit = ({ id }) => {
      island.fake.print(id, `before\n${trace}\n`)
      const message = `the program ended with an error\n${trace}`
      island.fake.move(id, { state: 'failed', error: { code: 'CODE_FAILED', message, hint, retryable } })
    }
    const { stderr } = await run(['run', '-', '--kind', 'python'], { stdin: 'x' })
    assert.is(stderr.split('Exception: it broke').length, 2, stderr)
    assert.is(stderr.split('some.place').length, trace.split('some.place').length, stderr)
  }
})

test('a failure has its code, its exit code, its hint and the end of the log', async (t) => {
  const { run, island } = await daemonDir(t)
  for (const [code, exit] of [
    ['CODE_FAILED', 1],
    ['SQL_REFUSED', 3],
    ['NO_HOLDER', 5],
    ['LEASE_EXPIRED', 5],
    ['IDEMPOTENCY_CONFLICT', 2],
  ] as const) {
    island.fake.onSubmit = ({ id }) => {
      island.fake.print(id, `first line\n${'x'.repeat(3000)}\nTraceback: it broke\n`)
      const { hint, retryable } = ERRORS[code]
      island.fake.move(id, { state: 'failed', error: { code, message: 'because', hint, retryable } })
    }
    const failed = await run(['run', '-', '--kind', 'python'], { stdin: 'x' })
    assert.is(failed.code, exit, code)
    assert.is(failed.stdout, '', code)
    const hint = ERRORS[code].hint.replace('<id>', island.fake.ids.at(-1)!.split('-').at(-1)!)
    assert.match(failed.stderr, `error: because\nhint: ${hint}\n`, code)
    assert.is(failed.stderr.includes('Traceback: it broke'), code === 'CODE_FAILED', code)
    assert.not.match(failed.stderr, 'first line')
    const asJson = await run(['run', '-', '--kind', 'python', '--json'], { stdin: 'x' })
    assert.equal([asJson.code, JSON.parse(asJson.stderr).error.details.task], [exit, island.fake.ids.at(-1)], code)
    assert.is((await run(['task', 'result', island.fake.ids.at(-1)!])).code, exit, code)
  }
  island.fake.onSubmit = ({ id }) => island.fake.move(id, { state: 'cancelled' })
  const cancelled = await run(['run', '-', '--kind', 'sql'], { stdin: 'x' })
  assert.is(cancelled.code, 5)
  assert.match(cancelled.stderr, 'error: the task was cancelled')
})

test('what a program printed is its output where it has no other; else it is said where to find it', async (t) => {
  const { run, island } = await daemonDir(t)
  island.fake.onSubmit = ({ id }) => {
    island.fake.print(id, 'a line\nanother')
    island.fake.succeed(id, {})
  }
  const alone = await run(['run', '-', '--kind', 'python'], { stdin: 'x' })
  assert.equal([alone.code, alone.stdout.trimEnd()], [0, 'a line\nanother'])
  assert.is((await run(['run', '-', '--kind', 'sql'], { stdin: 'x' })).stdout, '')
  island.fake.onSubmit = ({ id }) => {
    island.fake.print(id, 'a line\n')
    island.fake.succeed(id, { items: { 'text.txt': ['text/plain', 'result'] } })
  }
  const beside = await run(['run', '-', '--kind', 'python'], { stdin: 'x' })
  assert.is(beside.stdout.trimEnd(), 'result')
  assert.match(beside.stderr, `It printed 7 B: archipel task log ${island.fake.ids.at(-1)!.split('-').at(-1)}`)
})

test('parameters keep their digits, and are given once', async (t) => {
  const { run, island } = await daemonDir(t)
  const given = [
    ...['n=5', 'x=-2.5e3', 'id=4472832130942575873', 'word=Vega', 'quoted="5"'],
    ...['far=1e999', 'none=null', 'low=-9007199254740993'],
  ]
  await run(['sql', 'SELECT 1', '--detach', ...given.flatMap((p) => ['--param', p])])
  assert.equal(island.fake.view(island.fake.ids.at(-1)!).params, {
    n: 5,
    x: -2500,
    id: '4472832130942575873',
    word: 'Vega',
    quoted: '5',
    far: '1e999',
    none: null,
    low: '-9007199254740993',
  })
  const twice = await run(['sql', 'SELECT 1', '--param', 'n=1', '--param', 'n=2'])
  assert.equal([twice.code, twice.stderr.includes('n is given twice')], [2, true])
})

test('--follow prints states and log while it runs, on stderr', async (t) => {
  const { island, dir } = await daemonDir(t)
  const running = start(t, ['--data-dir', dir, 'run', '-', '--kind', 'python', '--follow'], { stdin: 'x' })
  await running.shows('queued')
  const id = island.fake.ids[0]!
  island.fake.move(id, { state: 'running', ranAt: { island: OTHER.id, name: OTHER.name } })
  await running.shows('running at grenoble')
  island.fake.print(id, 'step 1\n')
  await running.shows('step 1')
  island.fake.print(id, 'step 2\n')
  island.fake.succeed(id, { items: { 'text.txt': ['text/plain', 'done'] } })
  const { code, stdout, stderr } = await running.ended
  assert.equal([code, stdout], [0, 'done\n'], stderr)
  assert.match(stderr, /step 1[\s\S]*step 2/)
})

test('an island that stops while a task is waited for is told, and how to go on', async (t) => {
  const { island, dir, server } = await daemonDir(t)
  const running = start(t, ['--data-dir', dir, 'run', '-', '--kind', 'sql'], { stdin: 'SELECT 1' })
  await eventually(() => island.calls.some((c) => c.name === 'tasks.watch'), { signal: t.signal })
  await server.stop()
  const { code, stderr } = await running.ended
  assert.is(code, 5)
  assert.match(stderr, `archipel task result ${SHORT} --wait`)
  assert.is((await island.fake.show(FIRST)).state, 'queued')
})

test('an island that never answers does not hold up Ctrl-C', async (t) => {
  const { island, dir } = await daemonDir(t)
  island.script({ tasks: { submit: (_, { signal } = {}) => untilAborted(signal) } })
  const running = start(t, ['--data-dir', dir, 'run', '-', '--kind', 'sql'], { stdin: 'SELECT 1' })
  await eventually(() => island.calls.some((c) => c.name === 'tasks.submit'), { signal: t.signal })
  running.child.kill('SIGINT')
  const { code, stderr } = await running.ended
  assert.is(code, 130, stderr)
})

test.run()
