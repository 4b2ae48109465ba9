import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import { createContext } from './context.ts'
import { eventually, freePort, rejects, suite } from './index.ts'
import { LONG_FILES, longestFirst } from './order.ts'
import { parseReport } from './report.ts'

const RUN = fileURLToPath(new URL('./run.ts', import.meta.url))
const FIXTURES = fileURLToPath(new URL('./fixtures/', import.meta.url))

interface Run {
  code: number
  output: string
  lastLine: string
}

function run(args: string[], signal: AbortSignal, env: Record<string, string> = {}): Promise<Run> {
  return new Promise((resolve) => {
    // Whether the run around this one skips says nothing about the runs in here.
    const options = { signal, env: { ...process.env, ARCHIPEL_TEST_REQUIRE_ALL: '', ...env } }
    execFile(process.execPath, [RUN, ...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code)
      resolve({ code, output: stdout + stderr, lastLine: stdout.trimEnd().split('\n').at(-1) ?? '' })
    })
  })
}

const fixture = (name: string) => join(FIXTURES, `${name}.ts`)

const runner = suite('the runner')

runner('passes a good file and names what it skipped', async (t) => {
  const { code, output, lastLine } = await run([fixture('good')], t.signal)
  assert.is(lastLine, '3 passed, 0 failed, 1 skipped', output)
  assert.is(code, 0)
  assert.match(output, /philosopher stone; search for it/)
})

runner('fails instead of skipping where every capability is required', async (t) => {
  const { code, lastLine } = await run([fixture('good')], t.signal, { ARCHIPEL_TEST_REQUIRE_ALL: '1' })
  assert.is(lastLine, '3 passed, 1 failed')
  assert.is(code, 1)
})

runner('begins long files first, the others in their order, and knows no file that is gone', () => {
  const long = LONG_FILES[0]!
  assert.equal(longestFirst(['test/b.test.ts', LONG_FILES[1]!, 'test/a.test.ts', long]), [
    long,
    LONG_FILES[1],
    'test/b.test.ts',
    'test/a.test.ts',
  ])
  assert.equal(
    LONG_FILES.filter((file) => !existsSync(join(FIXTURES, '..', '..', '..', file))),
    [],
  )
})

const failing: [string, string, string, RegExp][] = [
  [
    'hang',
    'a test that never settles, but runs the next',
    '1 passed, 1 failed',
    /"waits for ever" did not settle within 100 ms/,
  ],
  [
    'spin',
    'a test that blocks the event loop',
    '0 passed, 1 failed',
    /still running after 2 s during "spin: blocks the event loop": killed/,
  ],
  [
    'leak-server',
    'a file that leaves a server open',
    '1 passed, 1 failed',
    /handles left open after the tests: TCPServerWrap/,
  ],
  [
    'leak-process',
    'a file that leaves a process behind',
    '1 passed, 1 failed',
    /processes left running: \d+ .*setInterval/,
  ],
  [
    'late-throw',
    'a file that throws after its tests',
    '1 passed, 1 failed',
    /thrown late[\s\S]*ended with exit code 1 after its tests passed/,
  ],
  [
    'never-settles',
    'a file whose import never settles',
    '0 passed, 1 failed',
    /ended \(exit code 13\) before its tests were done/,
  ],
  [
    'not-run',
    'a suite that was never run',
    '1 passed, 1 failed',
    /not finished \(is run\(\) called\?\): forgotten: never runs/,
  ],
  ['empty', 'a file without tests', '0 passed, 1 failed', /no test was registered/],
  [
    'exits',
    'a test that leaves the process',
    '0 passed, 2 failed',
    /ended \(exit code 1\) during "exits: leaves the process/,
  ],
  [
    'bad-cleanup',
    'a clean-up that throws',
    '0 passed, 1 failed',
    /clean-up of "cleanup": .*clean-up of the suite failed/,
  ],
  ['bad-before', 'every test when the set-up fails', '0 passed, 2 failed', /no set-up/],
  ['throws-nothing', 'a test that throws undefined', '0 passed, 1 failed', /thrown: undefined/],
  ['throws-details', 'an error with details, which are shown', '1 passed, 1 failed', /AMBIGUOUS: two of them.*right/],
]
for (const [name, what, lastLine, text] of failing) {
  runner(`fails ${what}`, async (t) => {
    const result = await run(['--timeout', name === 'spin' ? '2' : '20', fixture(name)], t.signal)
    assert.is(result.lastLine, lastLine, result.output)
    assert.match(result.output, text)
    assert.is(result.code, 1)
  })
}

runner('adds up several files and runs the rest after a failure', async (t) => {
  const { code, lastLine, output } = await run(['--jobs', '2', fixture('exits'), fixture('good')], t.signal)
  assert.is(lastLine, '3 passed, 2 failed, 1 skipped', output)
  assert.is(code, 1)
})

runner('has its reports in a folder of its own, which is gone when the run is ended', async (t) => {
  const TMPDIR = await t.tmpdir()
  const stop = new AbortController()
  const running = run([fixture('spin')], AbortSignal.any([t.signal, stop.signal]), { TMPDIR })
  const folder = await eventually(async () => {
    const [only, ...others] = await readdir(TMPDIR)
    assert.equal(others, [])
    assert.equal(await readdir(join(TMPDIR, only!)), ['report-1'])
    return only!
  })
  assert.match(folder, /^archipel-test-run-/)
  stop.abort()
  await running
  await eventually(async () => assert.equal(await readdir(TMPDIR), []))
})

runner('fails when no file matches', async (t) => {
  const { code, lastLine } = await run(['no-such-test-anywhere'], t.signal)
  assert.is(lastLine, '0 passed, 0 failed')
  assert.is(code, 1)
})

runner('refuses options it does not understand', async (t) => {
  assert.is((await run(['--jobs', 'many'], t.signal)).code, 2)
  assert.is((await run(['--job', '2'], t.signal)).code, 1)
})

runner.run()

const context = suite('a test')

context('cleans up last in, first out, even when one clean-up throws', async () => {
  const t = createContext()
  const order: string[] = []
  const directory = await t.tmpdir()
  await writeFile(join(directory, 'file'), 'x')
  t.cleanup(() => order.push(`first, directory there: ${existsSync(directory)}`))
  t.cleanup(() => Promise.reject(new Error('broken')))
  t.cleanup(() => order.push(`last, aborted: ${t.signal.aborted}`))
  const errors = await t.close()
  assert.equal(order, ['last, aborted: true', 'first, directory there: true'])
  assert.equal(
    errors.map((error) => error.message),
    ['broken'],
  )
  assert.not.ok(existsSync(directory), `${basename(directory)} is gone`)
})

context('aborts its signal when it times out', async (t) => {
  const directory = await t.tmpdir()
  const file = join(directory, 'inner.ts')
  const seen = join(directory, 'seen')
  const kit = JSON.stringify(new URL('./index.ts', import.meta.url).href)
  await writeFile(
    file,
    `import { appendFileSync } from 'node:fs'
    import { suite } from ${kit}
    const test = suite('inner')
    test('hangs', (t) => new Promise(() => {
      t.signal.addEventListener('abort', () => appendFileSync(${JSON.stringify(seen)}, 'aborted ' + t.signal.reason.message + ','))
      t.cleanup(() => appendFileSync(${JSON.stringify(seen)}, 'cleaned'))
    }), { timeoutMs: 50 })
    test.run()`,
  )
  const { lastLine } = await run([file], t.signal)
  assert.is(lastLine, '0 passed, 1 failed')
  assert.is(await readFile(seen, 'utf8'), 'aborted "hangs" did not settle within 50 ms,cleaned')
})

context.run()

const helpers = suite('helpers')

async function failure(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    return (error as Error).message
  }
  return 'no failure'
}

helpers('rejects() takes the right code only', async () => {
  const notFound = () => Promise.reject(new ArchipelError('NOT_FOUND', 'nothing here'))
  assert.is((await rejects(notFound(), 'NOT_FOUND')).message, 'nothing here')
  await rejects(notFound, 'NOT_FOUND')
  await rejects(() => {
    throw new ArchipelError('BAD_INPUT', 'thrown at once')
  }, 'BAD_INPUT')
  assert.match(
    await failure(rejects(notFound(), 'BAD_INPUT')),
    /expected a rejection with BAD_INPUT, got NOT_FOUND: nothing here/,
  )
  assert.match(await failure(rejects(Promise.resolve(7), 'BAD_INPUT')), /resolved with 7/)
  const impostor = Object.assign(new Error('looks like it'), { code: 'NOT_FOUND' })
  assert.match(await failure(rejects(Promise.reject(impostor), 'NOT_FOUND')), /looks like it/)
})

helpers('eventually() returns the first value and throws the last error', async () => {
  let calls = 0
  const third = () => {
    if (++calls < 3) throw new Error(`call ${calls}`)
    return calls
  }
  assert.is(await eventually(third, { intervalMs: 1 }), 3)
  const never = async () => {
    throw new Error('not yet')
  }
  assert.is(await failure(eventually(never, { timeoutMs: 30, intervalMs: 5 })), 'not yet')
  assert.match(await failure(eventually(() => false, { timeoutMs: 30, intervalMs: 5 })), /stayed false/)
  assert.match(await failure(eventually(() => new Promise(() => {}), { timeoutMs: 30 })), /not seen within 30 ms/)
  const stopped = AbortSignal.abort(new Error('stopped'))
  assert.is(await failure(eventually(() => false, { signal: stopped })), 'stopped')
})

helpers('freePort() gives a port one can listen on', async (t) => {
  const server = createServer()
  t.cleanup(() => new Promise((resolve) => server.close(resolve)))
  const port = await freePort()
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
  assert.ok(port > 0)
})

helpers('a report cut by a kill is read up to the cut', () => {
  const text = '{"type":"registered","id":1,"title":"a"}\n{"type":"st'
  assert.equal(parseReport(text), [{ type: 'registered', id: 1, title: 'a' }])
})

helpers.run()
