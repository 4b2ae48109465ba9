/** `tasks`, `task` and what they do with results, each as a process, against a web service whose tasks are scripted. */
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import { eventually, suite } from '../kit/index.ts'
import { OTHER, SELF } from '../web/fake-island.ts'
import { fakeTaskId } from '../web/fake-tasks.ts'
import { daemonDir, start } from './harness.ts'

const test = suite('cli: results')
const ROWS = [
  ['Vega', 0.03],
  ['Sirius', -1.46],
]
const FIRST = fakeTaskId(SELF.id, 1)
const SHORT = FIRST.split('-').at(-1)!

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
  assert.equal(JSON.parse((await of({ items: json as never }, '--json')).stdout).result.value, { a: [1, 2] })
  const image = await of({ items: { 'figure-1.png': ['image/png', 'PNG'], 'figure-2.png': ['image/png', 'P'] } })
  assert.is(image.stdout, 'figure-1.png (image/png, 3 B)\nfigure-2.png (image/png, 1 B)\n')
  assert.match(image.stderr, '--output')
  const mixed = await of({ rows: ROWS, items: { 'figure-1.png': ['image/png', 'PNG'] } })
  assert.match(mixed.stdout, 'Sirius')
  assert.match(mixed.stderr, 'figure-1.png (image/png, 3 B)')
  const none = await of({})
  assert.equal([none.code, none.stdout], [0, ''])
  assert.is((await of({ items: json as never }, '--csv')).code, 2)
  assert.match((await of({ rows: ROWS }, '--csv', '--json')).stderr, 'give --csv or --json, not both')
  const text = await of({ items: { 'text.txt': ['text/plain', 'no newline'] } })
  assert.is(text.stdout, 'no newline\n')
  assert.is(
    JSON.parse((await of({ items: { 'text.txt': ['text/plain', 'a\nb'] } }, '--json')).stdout).result.text,
    'a\nb',
  )
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
  assert.equal(JSON.parse((await run(['task', 'result', id, '--json'])).stdout).result.rows, rows)
  assert.is(island.calls.filter((c) => c.name === 'tasks.rows').length, 6)
  island.fake.succeed(id, { rows: [] })
  assert.is((await run(['task', 'result', id])).stdout, 'name  vmag\n')
  assert.equal(JSON.parse((await run(['task', 'result', id, '--json'])).stdout).result.rows, [])
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
  assert.match((await run(['task', 'show', id])).stdout, /told by +grenoble, which ran it; garching is away/)
})

test('what has ended while its owner is away has no result here, and says whom it waits for', async (t) => {
  const { run, island } = await daemonDir(t)
  const { id } = await island.fake.submit({ kind: 'sql', code: 'SELECT 1 FROM stars' })
  const from = { island: OTHER.id, name: OTHER.name, role: 'provider' as const }
  island.fake.move(id, { state: 'running', from, waitsFor: { island: SELF.id, name: 'cadiz' } })
  const waits = await run(['task', 'result', id])
  assert.equal([waits.code, waits.stdout], [2, ''])
  assert.match(waits.stderr, 'it has finished at grenoble and waits for cadiz')
  assert.match((await run(['task', 'show', id])).stdout, /^state +finished.*, waits for cadiz$/m)
  assert.match((await run(['tasks'])).stdout, 'finished, waits for cadiz')
  island.fake.move(id, { state: 'succeeded', waitsFor: undefined as never })
  for (const more of [[], ['--json'], ['--output', 'all/']]) {
    const away = await run(['task', 'result', id, ...more])
    assert.equal([away.code, away.stdout], [5, ''], more.join())
    assert.match(away.stderr, 'the result is at garching, which does not answer', more.join())
  }
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
  assert.equal(island.calls.findLast((c) => c.name === 'tasks.list')?.argument, { all: true, limit: 20 })
  await run(['tasks', '--user', 'ada'])
  assert.equal(island.calls.findLast((c) => c.name === 'tasks.list')?.argument, { user: 'ada', limit: 20 })
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
  island.fake.succeed(id, { rows: Array.from({ length: 200_000 }, (_, n) => [`row ${n}`, n]) })
  const running = start(t, ['--data-dir', dir, 'task', 'result', id])
  running.child.stdout!.once('data', () => running.child.stdout!.destroy())
  const { code, stderr } = await running.ended
  assert.is(code, 0, stderr)
  assert.ok(island.calls.filter((c) => c.name === 'tasks.rows').length < 30, 'it does not read on')
})

test.run()
