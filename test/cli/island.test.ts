/** The command line and a real island: tasks from the file to the result, and what becomes of them when either is killed. */
import { execFileSync } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DuckDBInstance } from '@duckdb/node-api'
import * as assert from 'uvu/assert'
import { requires, suite, type TestContext } from '../kit/index.ts'
import { cli, type Run, type Running, start } from './harness.ts'

const test = suite('cli: a real island')
const STARS = fileURLToPath(new URL('../../examples/data/bright_stars.csv', import.meta.url))
const EXAMPLES = fileURLToPath(new URL('../../examples/tasks', import.meta.url))
/** Takes longer than any test waits. */
const ENDLESS = 'SELECT count(*) FROM bright_stars a, bright_stars b, bright_stars c WHERE sin(a.ra + b.ra + c.ra) > 2'

let dir = ''
let up: Running
let run: (args: string[], stdin?: string) => Promise<Run>

async function startIsland(t: TestContext): Promise<Running> {
  const island = start(t, ['--data-dir', dir, 'up'])
  await island.shows('The island is up')
  return island
}

test.before(
  async (t) => {
    dir = join(await t.tmpdir(), 'island')
    run = (args, stdin) => cli(t, ['--data-dir', dir, ...args], stdin === undefined ? {} : { stdin })
    const listen = ['--listen', '/ip4/127.0.0.1/tcp/0', '--web-port', '0', '--log-level', 'warn']
    const made = await run(['create', 'testers', '--name', 'garching', ...listen])
    assert.is(made.code, 0, made.stderr)
    up = await startIsland(t)
    const published = await run(['publish', STARS, '--licence', 'MIT'])
    assert.is(published.code, 0, published.stderr)
  },
  { timeoutMs: 90_000 },
)

async function idOf(done: Run): Promise<string> {
  assert.is(done.code, 0, done.stderr)
  return done.stdout.trim()
}

test(
  'a statement from a file is answered, saved in every format, and found again by its id',
  async () => {
    const out = join(dir, '..', 'out')
    await mkdir(out)
    const done = await run(['run', join(EXAMPLES, 'pairs.sql')])
    assert.is(
      done.stdout,
      'constellation  close_pairs\nTau                     12\nSco                      5\nUMa                      5\n',
    )
    assert.match(done.stderr, /^3 rows in .* at garching \(this island\): holds the data/)
    const [task] = JSON.parse((await run(['tasks', '--json', '--limit', '1'])).stdout).items
    assert.equal([task.state, task.rowCount], ['succeeded', 3])
    for (const ending of ['csv', 'json', 'ndjson', 'parquet', 'arrow']) {
      const saved = await run(['task', 'result', task.id, '--output', join(out, `pairs.${ending}`)])
      assert.is(saved.code, 0, saved.stderr)
    }
    assert.is(
      await readFile(join(out, 'pairs.csv'), 'utf8'),
      'constellation,close_pairs\r\nTau,12\r\nSco,5\r\nUMa,5\r\n',
    )
    assert.equal(JSON.parse(await readFile(join(out, 'pairs.json'), 'utf8'))[0], {
      constellation: 'Tau',
      close_pairs: 12,
    })
    const duckdb = await (await DuckDBInstance.create()).connect()
    const rows = await duckdb.runAndReadAll(`SELECT sum(close_pairs) AS n FROM '${join(out, 'pairs.parquet')}'`)
    assert.is(Number(rows.getRows()[0]![0]), 22)
    assert.is((await readFile(join(out, 'pairs.arrow'))).subarray(0, 6).toString(), 'ARROW1')
    assert.equal((await readdir(out)).length, 5, 'nothing half written is left')
  },
  { timeoutMs: 90_000 },
)

test(
  'parameters reach the statement; a key is the same task, and another statement under it is refused',
  async () => {
    const sql = 'SELECT name FROM bright_stars WHERE vmag < $limit AND name IS NOT NULL ORDER BY vmag'
    const done = await run(['sql', sql, '--param', 'limit=-1', '--csv'])
    assert.is(done.stdout, 'name\nSirius\n', done.stderr)
    const keyed = ['sql', '--key', 'night 7', '--detach', 'SELECT count(*) FROM bright_stars']
    const id = await idOf(await run(keyed))
    assert.is(await idOf(await run(keyed)), id)
    const conflict = await run(['sql', '--key', 'night 7', '--detach', 'SELECT 1 FROM bright_stars'])
    assert.is(conflict.code, 2)
    assert.match(conflict.stderr, 'choose a new key')
  },
  { timeoutMs: 60_000 },
)

test(
  'a dry run runs nothing and names every island with its cost',
  async () => {
    const before = JSON.parse((await run(['tasks', '--json'])).stdout).items.length
    const dry = await run(['sql', '--dry-run', 'SELECT count(*) FROM bright_stars'])
    assert.match(dry.stdout, /^ISLAND +CHOSEN +COST +QUEUE WAIT/, dry.stderr)
    assert.match(dry.stdout, /^garching +yes +[\d.]+ m?s/m)
    assert.is((await run(['sql', '--dry-run', 'SELECT * FROM nothing_like_it'])).code, 4)
    assert.is(JSON.parse((await run(['tasks', '--json'])).stdout).items.length, before)
  },
  { timeoutMs: 60_000 },
)

test(
  'Ctrl-C ends the task at the island',
  async (t) => {
    const running = start(t, ['--data-dir', dir, 'run', '-', '--kind', 'sql', '--follow'], { stdin: ENDLESS })
    await running.shows('running at garching')
    running.child.kill('SIGINT')
    const { code, stderr } = await running.ended
    assert.is(code, 130, stderr)
    const [, short] = /Task ([a-z0-9]+) is (being )?cancelled/.exec(stderr) ?? []
    const waited = await run(['task', 'result', short!, '--wait'])
    assert.equal([waited.code, /error: .*cancelled/.test(waited.stderr)], [5, true], waited.stderr)
  },
  { timeoutMs: 60_000 },
)

test(
  'a result is published as a dataset that answers questions',
  async () => {
    const made = await run([
      'sql',
      'SELECT name, vmag FROM bright_stars WHERE vmag < 0 AND name IS NOT NULL',
      ...['--publish', 'brightest', '--title', 'The brightest of all', '--licence', 'MIT', '--quiet'],
    ])
    assert.is(made.code, 0, made.stderr)
    assert.match((await run(['show', 'brightest'])).stdout, /The brightest of all[\s\S]*parquet/)
    assert.match((await run(['sql', 'SELECT min(vmag) AS v FROM brightest', '--csv'])).stdout, 'v\n-1.46\n')
  },
  { timeoutMs: 60_000 },
)

test(
  'a Python program prints, fails and leaves files',
  async () => {
    await requires('python3', () => execFileSync('python3', ['--version']), 'apt-get install python3')
    const done = await run([
      'run',
      join(EXAMPLES, 'constellations.py'),
      '--data',
      'bright_stars',
      '--param',
      'limit=2.5',
    ])
    assert.is(
      done.stdout,
      'constellation  stars\nCen                7\nOri                7\nSco                6\n',
      done.stderr,
    )
    const failing = await run(['run', '-', '--kind', 'python'], 'print("before")\nraise ValueError("no such star")\n')
    assert.is(failing.code, 1)
    assert.match(failing.stderr, /before\n[\s\S]*error: [\s\S]*ValueError: no such star/)
    const folder = join(dir, '..', 'files')
    const program = 'import archipel\nopen(archipel.output("a/notes.txt"), "w").write("n")\nprint("kept")\n'
    const saved = await run(['run', '-', '--kind', 'python', '--output', `${folder}/`], program)
    assert.is(saved.code, 0, saved.stderr)
    assert.is(await readFile(join(folder, 'a', 'notes.txt'), 'utf8'), 'n')
    const [task] = JSON.parse((await run(['tasks', '--json', '--limit', '1'])).stdout).items
    assert.match((await run(['task', 'log', task.id])).stdout, 'kept\n')
  },
  { timeoutMs: 90_000 },
)

test(
  'a task that was left to itself outlives the island that is killed',
  async (t) => {
    await writeFile(join(dir, 'slow.sql'), 'SELECT count(*) AS n FROM bright_stars a, bright_stars b WHERE a.hr < b.hr')
    const id = await idOf(await run(['run', join(dir, 'slow.sql'), '--detach']))
    up.child.kill('SIGKILL')
    await up.ended
    const gone = await run(['task', 'result', id, '--wait'])
    assert.is(gone.code, 5, gone.stderr)
    up = await startIsland(t)
    const done = await run(['task', 'result', id, '--wait', '--csv'])
    assert.is(done.stdout, 'n\n41364060\n', done.stderr)
    up.child.kill('SIGTERM')
    assert.is((await up.ended).code, 0)
  },
  { timeoutMs: 90_000 },
)

test.run()
