/** `run`, `tasks` and `task`, each as a process, against a web service whose tasks are scripted. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { ArchipelError, ERRORS } from '../../src/protocols/model/errors.ts'
import type { SubmitRequest } from '../../src/protocols/model/views.ts'
import { eventually, suite } from '../kit/index.ts'
import { OTHER, SELF, untilAborted } from '../web/fake-island.ts'
import { fakeTaskId } from '../web/fake-tasks.ts'
import { daemonDir, shareCompiled, start } from './harness.ts'

const test = suite('cli: tasks')
test.before(shareCompiled)
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
    ['run', '-', '--kind', 'scala'],
    ['run', '-', '--kind', 'sql', '--param', '1=2'],
    ['run', '-', '--kind', 'sql', '--param', 'x'],
    ['run', '-', '--kind', 'sql', '--title', 'T'],
    ['run', '-', '--kind', 'sql', '--max-rows', '0'],
    ['run', '-', '--kind', 'sql', '--timeout', 'soon'],
    ['run', '-', '--kind', 'sql', '--dry-run', '--detach'],
    ['run', '-', '--kind', 'sql', '--csv', '--output', 'x.csv'],
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
  assert.is(asJson.task.id, FIRST)
  assert.equal(asJson.table.rows, ROWS)
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
    assert.match(failed.stderr, `error: because\nhint: ${ERRORS[code].hint}\n`, code)
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

test('log prints what there is, or follows to the end', async (t) => {
  const { run, island, dir } = await daemonDir(t)
  const { id } = await island.fake.submit({ kind: 'python', code: 'x' })
  const long = `${'x'.repeat(99)}\n`.repeat(2000)
  island.fake.print(id, long)
  assert.is((await run(['task', 'log', id])).stdout, long)
  assert.equal(JSON.parse((await run(['task', 'log', id, '--json'])).stdout), { task: id, log: long })
  const following = start(t, ['--data-dir', dir, 'task', 'log', id, '--follow'])
  await following.shows('xxx')
  island.fake.print(id, 'the end\n')
  island.fake.succeed(id, {})
  const { code, stdout } = await following.ended
  assert.equal([code, stdout], [0, `${long}the end\n`])
})

test('each kind of result is printed in its way, and what is not printed is named', async (t) => {
  const { run, island } = await daemonDir(t)
  const of = async (result: Parameters<typeof island.fake.succeed>[1], ...args: string[]) => {
    const { id } = await island.fake.submit({ kind: 'python', code: 'x' })
    island.fake.succeed(id, result)
    return run(['task', 'result', id, ...args])
  }
  const json = { 'value.json': ['application/json', '{"a":[1,2]}'] } as const
  assert.is((await of({ items: json as never })).stdout, '{\n  "a": [\n    1,\n    2\n  ]\n}\n')
  assert.equal(JSON.parse((await of({ items: json as never }, '--json')).stdout).value, { a: [1, 2] })
  const image = await of({ items: { 'figure-1.png': ['image/png', 'PNG'], 'figure-2.png': ['image/png', 'P'] } })
  assert.is(image.stdout, 'figure-1.png (image/png, 3 B)\nfigure-2.png (image/png, 1 B)\n')
  assert.match(image.stderr, '--output')
  const mixed = await of({ rows: ROWS, items: { 'figure-1.png': ['image/png', 'PNG'] } })
  assert.match(mixed.stdout, 'Sirius')
  assert.match(mixed.stderr, 'figure-1.png (image/png, 3 B)')
  const none = await of({})
  assert.equal([none.code, none.stdout], [0, ''])
  assert.is((await of({ items: json as never }, '--csv')).code, 2)
  const text = await of({ items: { 'text.txt': ['text/plain', 'no newline'] } })
  assert.is(text.stdout, 'no newline\n')
  assert.is(JSON.parse((await of({ items: { 'text.txt': ['text/plain', 'a\nb'] } }, '--json')).stdout).text, 'a\nb')
})

test('a long table comes in pages, all of it', async (t) => {
  const { run, island } = await daemonDir(t)
  const rows = Array.from({ length: 3500 }, (_, n) => [`row ${n}`, n])
  const { id } = await island.fake.submit({ kind: 'sql', code: 'x' })
  island.fake.succeed(id, { rows })
  const printed = await run(['task', 'result', id])
  const lines = printed.stdout.trimEnd().split('\n')
  assert.is(lines.length, 3501)
  assert.match(lines.at(-1)!, /^row 3499 +3499$/)
  assert.is((await run(['task', 'result', id, '--csv'])).stdout.trimEnd().split('\n').length, 3501)
  assert.equal(JSON.parse((await run(['task', 'result', id, '--json'])).stdout).table.rows, rows)
  assert.is(island.calls.filter((c) => c.name === 'tasks.rows').length, 12)
  island.fake.succeed(id, { rows: [] })
  assert.is((await run(['task', 'result', id])).stdout, 'name  vmag\n')
  assert.equal(JSON.parse((await run(['task', 'result', id, '--json'])).stdout).table.rows, [])
})

test('--output saves a table in the format of its ending, one item, or all of it, and leaves nothing half written', async (t) => {
  const { run, island, dir } = await daemonDir(t)
  const out = join(dir, 'out')
  await mkdir(out)
  const { id } = await island.fake.submit({ kind: 'python', code: 'x' })
  island.fake.succeed(id, {
    rows: ROWS,
    items: { 'figure-1.png': ['image/png', 'PNG'], 'more/notes.txt': ['text/plain', 'n'] },
  })
  const save = (path: string, ...more: string[]) => run(['task', 'result', id, '--output', path, ...more])
  for (const [name, format] of [
    ['a.csv', 'csv'],
    ['a.JSON', 'json'],
    ['a.parquet', 'parquet'],
    ['a.arrow', 'arrow'],
    ['a.jsonl', 'ndjson'],
  ]) {
    const saved = await save(join(out, name!))
    assert.equal([saved.code, saved.stdout], [0, ''], saved.stderr)
    assert.match(saved.stderr, `saved ${join(out, name!)} (`)
    assert.match(await readFile(join(out, name!), 'utf8'), new RegExp(`^${format}\n`))
  }
  assert.is((await save(join(out, 'picture.png'))).code, 0)
  assert.is(await readFile(join(out, 'picture.png'), 'utf8'), 'PNG')
  const named = JSON.parse((await save(join(out, 'b.csv'), '--json')).stdout)
  assert.equal(named.saved, [{ path: join(out, 'b.csv'), bytes: 27 }])
  const folder = join(dir, 'new', 'folder')
  assert.is((await save(`${folder}/`)).code, 0)
  assert.equal((await readdir(folder, { recursive: true })).sort(), [
    'figure-1.png',
    'more',
    'more/notes.txt',
    'table.csv',
  ])
  const wrong = await save(join(out, 'x.fits'))
  assert.is(wrong.code, 2)
  assert.match(wrong.stderr, 'the result has no .fits, but')
  island.script({
    tasks: {
      table: async () => ({
        mediaType: 'text/csv',
        fileName: 'table.csv',
        body: (async function* () {
          yield Buffer.from('name\n')
          throw new ArchipelError('DISK_FULL', 'full')
        })(),
      }),
    },
  })
  assert.is((await save(join(out, 'broken.csv'))).code, 5)
  const files = await readdir(out)
  assert.equal(
    files.filter((name) => name.includes('broken') || name.includes('part')),
    [],
  )
})

test('a result whose items would leave the folder is refused, and writes nothing outside', async (t) => {
  const { run, island, dir } = await daemonDir(t)
  for (const name of ['../evil.txt', '/tmp/evil.txt', 'a/../../evil.txt', 'a//b', '..', 'a\\b']) {
    const { id } = await island.fake.submit({ kind: 'python', code: 'x' })
    island.fake.succeed(id, { items: { [name]: ['text/plain', 'evil'] } })
    const folder = join(dir, 'results', String(island.fake.ids.length))
    const refused = await run(['task', 'result', id, '--output', `${folder}/`])
    assert.is(refused.code, 1, name)
    assert.match(refused.stderr, 'error: the result has an item with the name', name)
    assert.equal(await readdir(folder), [], name)
  }
})

test('show says all of a task in words, and who tells it', async (t) => {
  const { run, island } = await daemonDir(t)
  const { id } = await island.fake.submit({
    kind: 'sql',
    code: 'SELECT 1\nFROM stars',
    name: 'night 7',
    params: { n: 1 },
  })
  island.fake.succeed(id, { rows: ROWS })
  const error = { code: 'UNREACHABLE' as const, message: 'the lease ran out', hint: 'h', retryable: true }
  const time = '2026-01-02T03:04:05.000Z'
  const attempts = [
    { number: 1, island: SELF.id, name: SELF.name, state: 'lost' as const, started: time, error },
    { number: 2, island: OTHER.id, name: OTHER.name, state: 'succeeded' as const, started: time },
  ]
  island.fake.move(id, { attempts, published: { id: 'archipel:x/y', version: 'ab' } })
  const shown = await run(['task', 'show', id])
  for (const words of [
    /^id +task-isl/m,
    /^name +night 7$/m,
    /^state +succeeded at grenoble, attempt 2$/m,
    /^data +stars \(version abababababab\)$/m,
    /^params +n=1$/m,
    /^result +table: 2 rows, table\.ndjson .*published as archipel:x\/y$/m,
    /^ +1 +garching +lost .*UNREACHABLE: the lease ran out$/m,
    /^ +2 +grenoble +succeeded/m,
    /^ {4}SELECT 1\n {4}FROM stars$/m,
  ])
    assert.match(shown.stdout, words)
  assert.not.match(shown.stdout, 'REASON')
  assert.match((await run(['task', 'show', id, '--explain'])).stdout, /grenoble +yes +340 ms +300 ms/)
  assert.is(JSON.parse((await run(['task', 'show', id, '--json'])).stdout).name, 'night 7')
  island.fake.move(id, { attempts: attempts.slice(1) })
  assert.match((await run(['task', 'show', id])).stdout, /^ATTEMPT +ISLAND +STATE +STARTED\n +2 +grenoble +succeeded/m)
  island.fake.move(id, { from: { island: OTHER.id, name: OTHER.name, role: 'provider' } })
  assert.match((await run(['task', 'show', id])).stdout, /told by +grenoble, which runs it; garching is away/)
})

test('tasks lists what there is, newest first', async (t) => {
  const { run, island } = await daemonDir(t)
  assert.is((await run(['tasks'])).stderr, 'no tasks\n')
  for (let n = 0; n < 3; n++) await island.fake.submit({ kind: 'sql', code: `SELECT ${n}` })
  island.fake.succeed(FIRST, { rows: ROWS })
  const listed = await run(['tasks'])
  const [header, ...lines] = listed.stdout.trimEnd().split('\n')
  assert.match(header!, /^ID +STATE +KIND +AT +ASKED +TOOK +ROWS +WHAT$/)
  assert.is(lines.length, 3)
  assert.match(lines[2]!, new RegExp(`^${SHORT} +succeeded +sql +grenoble .* 13 ms +2 +stars$`))
  assert.match((await run(['tasks', '--limit', '2'])).stderr, 'there are more')
  assert.is(JSON.parse((await run(['tasks', '--state', 'succeeded', '--json'])).stdout).items.length, 1)
  await run(['tasks', '--all'])
  assert.equal(island.calls.findLast((c) => c.name === 'tasks.list')?.argument, { provided: true, limit: 20 })
  for (const args of [['--state', 'done'], ['--limit', '0'], ['extra']])
    assert.is((await run(['tasks', ...args])).code, 2, args.join(' '))
})

test('tasks --follow prints each change', async (t) => {
  const { island, dir } = await daemonDir(t)
  for (let n = 0; n < 3; n++) await island.fake.submit({ kind: 'sql', code: `SELECT ${n}` })
  const looks = () => island.calls.filter((c) => c.name === 'tasks.list').length
  const before = looks()
  const following = start(t, ['--data-dir', dir, 'tasks', '--follow'])
  await eventually(() => looks() > before + 1, { signal: t.signal })
  island.fake.move(fakeTaskId(SELF.id, 2), { state: 'running', ranAt: { island: OTHER.id, name: OTHER.name } })
  await following.shows(/000000000002 {2}running {2}grenoble {2}stars/)
  following.child.kill('SIGINT')
  assert.is((await following.ended).code, 130)
})

test('retry and cancel say what became of it', async (t) => {
  const { run, island } = await daemonDir(t)
  await island.fake.submit({ kind: 'sql', code: 'SELECT 1' })
  assert.is((await run(['task', 'retry', FIRST])).code, 2)
  assert.is((await run(['task', 'cancel', FIRST])).stdout, `${SHORT} is cancelled\n`)
  const again = await run(['task', 'retry', FIRST])
  assert.is(again.stdout, `${fakeTaskId(SELF.id, 2)}\n`)
  island.fake.succeed(island.fake.ids[1]!, { rows: ROWS })
  assert.match((await run(['task', 'cancel', island.fake.ids[1]!])).stdout, 'had ended before: succeeded')
  assert.is(JSON.parse((await run(['task', 'cancel', FIRST, '--json'])).stdout).state, 'cancelled')
})

test('text of a task cannot drive the terminal', async (t) => {
  const { run, island } = await daemonDir(t)
  const evil = 'a\u001b]0;owned\u0007b\u001b[31mc\u009b2Jd\u202ee'
  const { id } = await island.fake.submit({ kind: 'sql', code: evil, name: evil })
  island.fake.succeed(id, { rows: [[evil, 1]], items: { [`${evil}.png`]: [evil, 'x'] } })
  const error = { code: 'CODE_FAILED' as const, message: evil, hint: evil, retryable: false }
  const place = { island: OTHER.id, name: evil }
  island.fake.move(id, { ranAt: place, attempts: [{ number: 1, ...place, state: 'failed', started: evil, error }] })
  const { id: failed } = await island.fake.submit({ kind: 'sql', code: 'x', name: evil })
  island.fake.move(failed, { state: 'failed', error })
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
  const controls = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/
  for (const args of [
    ['tasks'],
    ['task', 'show', id, '--explain'],
    ['task', 'result', id],
    ['task', 'result', failed],
    ['task', 'show', failed],
    ['task', 'result', id, '--json'],
    ['task', 'show', id, '--json'],
    ['tasks', '--json'],
  ]) {
    const { stdout, stderr } = await run(args)
    assert.not.match(`${stdout}${stderr}`, controls, args.join(' '))
  }
})

test('a reader that has seen enough ends the printing', async (t) => {
  const { island, dir } = await daemonDir(t)
  const { id } = await island.fake.submit({ kind: 'sql', code: 'x' })
  island.fake.succeed(id, { rows: Array.from({ length: 50_000 }, (_, n) => [`row ${n}`, n]) })
  const running = start(t, ['--data-dir', dir, 'task', 'result', id])
  running.child.stdout!.once('data', () => running.child.stdout!.destroy())
  const { code, stderr } = await running.ended
  assert.is(code, 0, stderr)
  assert.ok(island.calls.filter((c) => c.name === 'tasks.rows').length < 50, 'it does not read on')
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
