import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { embeddedEngine } from '../../src/node/engines/embedded/embedded.ts'
import type { EngineLimits } from '../../src/node/engines/port.ts'
import { findTools } from '../../src/node/engines/process/tools.ts'
import { eventually, rejects, requires, suite, type TestContext } from '../kit/index.ts'

const test = suite('programs without a sandbox, and the daemon')

const LIMITS: EngineLimits = {
  memoryBytes: 256 * 1024 ** 2,
  statementMs: 60_000,
  cpuMs: 60_000,
  resultRows: 1_000,
  resultBytes: 1024 ** 2,
  threads: 1,
  outputBytes: 10_000,
  processes: 24,
}

const requiresApart = () =>
  requires('timeout and setpriv', async () => (await findTools('off')).apart !== undefined, 'install util-linux')

async function engineAt(t: TestContext, scratchDir: string, limits: Partial<EngineLimits> = {}) {
  const engine = embeddedEngine({
    limits: { ...LIMITS, ...limits },
    maxSessions: 2,
    queue: 0,
    sandbox: 'off',
    scratchDir,
    spares: 0,
    r: 'none',
  })()
  t.cleanup(() => engine.stop())
  await engine.start()
  return engine
}

/** Processes whose command has such a word. */
function running(matching: (word: string) => boolean): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0').some(matching)
      } catch {
        return false
      }
    })
}

test('a program that kills its parent ends its own session only', async (t) => {
  await requiresApart()
  const engine = await engineAt(t, await t.tmpdir())
  const session = await engine.createSession({ kind: 'python', datasets: [] })
  const { items } = await session.run('import os\nos.getppid()')
  assert.is.not(Number(Buffer.from(items[0]!.bytes).toString()), process.pid)
  const error = await rejects(session.run('os.kill(os.getppid(), 9)\nimport time\ntime.sleep(60)'), 'CODE_FAILED')
  assert.match(error.message, /SIGKILL/)
  const next = await engine.createSession({ kind: 'python', datasets: [] })
  await next.run('1 + 1')
})

test(
  'what a killed daemon left ends with it or at the next start of the same island, and at no other one',
  async (t) => {
    await requiresApart()
    const dir = await t.tmpdir()
    const own = join(dir, 'own')
    const napping = () => running((word) => word === nap)
    const nap = `${100_000 + Math.floor(Math.random() * 100_000)}.25`
    const code = `import subprocess, time
subprocess.Popen(["sleep", "${nap}"], start_new_session=True)
print("left", flush=True)
time.sleep(600)`
    const program = `
      import { embeddedEngine } from ${JSON.stringify(new URL('../../src/node/engines/embedded/embedded.ts', import.meta.url).href)}
      const engine = embeddedEngine({ limits: ${JSON.stringify({ ...LIMITS, statementMs: 600_000 })}, maxSessions: 2, queue: 0, sandbox: 'off', scratchDir: ${JSON.stringify(own)}, r: 'none' })()
      await engine.start()
      const session = await engine.createSession({ kind: 'python', datasets: [] })
      session.run(${JSON.stringify(code)}).catch(() => {})
      console.log('running')
      setInterval(() => {}, 1000)`
    const daemon = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    t.cleanup(() => daemon.kill('SIGKILL'))
    t.cleanup(() => {
      for (const pid of napping()) process.kill(pid, 'SIGKILL')
    })
    await once(daemon.stdout, 'data')
    await eventually(() => napping().length === 1)
    const drivers = () => running((word) => word.startsWith(`${own}/run-`)).length
    assert.ok(drivers() > 0, 'the program runs')
    daemon.kill('SIGKILL')
    await eventually(() => drivers() === 0)
    assert.is(napping().length, 1, 'a child that left it is there yet')
    await engineAt(t, join(dir, 'other'))
    assert.is(napping().length, 1, 'another island leaves it alone')
    await engineAt(t, own)
    await eventually(() => napping().length === 0)
  },
  { timeoutMs: 60_000 },
)

test('many small processes are too many processes, not too much memory', async (t) => {
  const engine = await engineAt(t, await t.tmpdir(), { memoryBytes: 128 * 1024 ** 2 })
  const session = await engine.createSession({ kind: 'python', datasets: [] })
  const bomb = 'import os, time\nx = bytearray(20_000_000)\nfor i in range(15): os.fork() or time.sleep(60)\n'
  const many = `${bomb}time.sleep(0.5)\nwhile True: os.fork() or time.sleep(60)`
  const error = await rejects(session.run(many), 'CODE_FAILED')
  assert.match(error.message, /more than 24 processes/)
})

test('a program that prints without end is told what to do instead', async (t) => {
  const engine = await engineAt(t, await t.tmpdir())
  const session = await engine.createSession({ kind: 'python', datasets: [] })
  const error = await rejects(session.run('while True: print("x" * 100)'), 'RESULT_LIMIT')
  assert.match(error.hint, /^Print less/)
})

test.run()
