import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { chmod, mkdir, readdir, rename, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { embeddedEngine } from '../../src/node/engines/embedded/embedded.ts'
import type { EngineLimits } from '../../src/node/engines/port.ts'
import { causeOfDeath } from '../../src/node/engines/process/death.ts'
import { NODE_IN_SANDBOX, sandboxArguments, sqlBinds } from '../../src/node/engines/process/sandbox.ts'
import { findTools, type SandboxMode } from '../../src/node/engines/process/tools.ts'
import { causeOfEnd } from '../../src/node/engines/program/death.ts'
import { eventually, rejects, requires, suite, type TestContext } from '../kit/index.ts'
import { brightStars, requiresSandbox } from './data.ts'

const test = suite('the processes of the embedded engine')

const LIMITS: EngineLimits = {
  memoryBytes: 512 * 1024 ** 2,
  statementMs: 20_000,
  cpuMs: 60_000,
  resultRows: 1_000,
  resultBytes: 1024 ** 2,
  threads: 2,
}
const ENDLESS = 'SELECT count(*) FROM range(10000000) a, range(10000000) b'
const MODES: SandboxMode[] = ['off', 'auto']

async function engineWith(
  t: TestContext,
  init: { sandbox?: SandboxMode; limits?: Partial<EngineLimits>; scratchDir?: string; spares?: number } = {},
) {
  const { sandbox = 'off', spares = 1 } = init
  const scratchDir = init.scratchDir ?? (await t.tmpdir())
  const engine = embeddedEngine({
    limits: { ...LIMITS, ...init.limits },
    maxSessions: 2,
    queue: 0,
    sandbox,
    scratchDir,
    spares,
  })()
  t.cleanup(() => engine.stop())
  await engine.start()
  return { engine, scratchDir }
}

/** Processes that came of this one, at any depth, whose command line matches. */
function descendants(of: number, matching: RegExp): number[] {
  const children = readFileSync(`/proc/${of}/task/${of}/children`, 'latin1')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number)
  return children.flatMap((pid) => {
    const own = matching.test(readFileSync(`/proc/${pid}/cmdline`, 'latin1')) ? [pid] : []
    return [...own, ...descendants(pid, matching)]
  })
}

const requiresProc = () =>
  requires('/proc file system', () => existsSync(`/proc/${process.pid}/task/${process.pid}/children`), 'run on Linux')

test('a sandbox shows nothing of the machine: no files, no processes, no network, nothing to write to', async (t) => {
  await requiresSandbox()
  const { bwrap } = await findTools('auto')
  const server = createServer().listen(0, '127.0.0.1')
  t.cleanup(() => server.close())
  await once(server, 'listening')
  const port = (server.address() as { port: number }).port
  const dir = await t.tmpdir()
  const stars = await brightStars(dir)
  const probe = `
    const fs = require('node:fs'), out = {}
    const attempt = (name, fn) => { try { out[name] = fn() } catch (e) { out[name] = e.code } }
    attempt('data', () => fs.readFileSync('/data/0/0.csv', 'utf8').slice(0, 2))
    attempt('append', () => fs.appendFileSync('/data/0/0.csv', 'x'))
    attempt('chmod', () => fs.chmodSync('/data/0/0.csv', 0o777))
    attempt('remove', () => fs.unlinkSync('/data/0/0.csv'))
    attempt('create', () => fs.writeFileSync('/data/0/x', ''))
    attempt('device', () => fs.writeFileSync('/dev/x', ''))
    attempt('shm', () => fs.writeFileSync('/dev/shm/x', ''))
    attempt('passwd', () => fs.readFileSync('/etc/passwd', 'utf8'))
    attempt('origin', () => fs.readdirSync(${JSON.stringify(dir)}))
    attempt('proc', () => fs.readFileSync('/proc/self/mountinfo', 'utf8'))
    attempt('environ', () => JSON.stringify(Object.keys(process.env).filter((k) => k !== 'PWD')))
    attempt('program', () => fs.appendFileSync('/app/child/main.ts', 'x'))
    attempt('root', () => fs.readdirSync('/').sort().join(' '))
    attempt('shell', () => require('node:child_process').spawnSync('/bin/sh', ['-c', 'true']).error?.code)
    attempt('kill', () => process.kill(${process.pid}, 0))
    require('node:net').connect(${port}, '127.0.0.1').on('error', (e) => { out.net = e.code; console.log(JSON.stringify(out)) }).on('connect', () => { console.log('{}') })`
  const binds = [...sqlBinds(), { from: stars.paths[0]!, to: '/data/0/0.csv' }]
  const args = [...sandboxArguments({ binds }), '--', NODE_IN_SANDBOX, '-e', probe]
  const { stdout } = await promisify(execFile)(bwrap!, args, { env: {} })
  const seen = JSON.parse(stdout)
  assert.is(seen.data, 'hr')
  assert.equal(
    [seen.append, seen.chmod, seen.remove, seen.create, seen.device, seen.shm].map((code) =>
      /^E(ROFS|PERM|ACCES|BUSY)$/.test(code),
    ),
    [true, true, true, true, true, true],
    stdout,
  )
  assert.equal([seen.passwd, seen.origin, seen.proc, seen.shell], ['ENOENT', 'ENOENT', 'ENOENT', 'ENOENT'])
  assert.equal([seen.environ, seen.kill], ['[]', 'ESRCH'])
  assert.match(seen.program, /^E(ROFS|PERM|ACCES)$/)
  assert.not.match(seen.root, /home|root|work|tmp/)
  assert.match(seen.net, /^E(CONNREFUSED|NETUNREACH|ADDRNOTAVAIL)$/)
})

test('a machine that has bubblewrap and forbids it is told from one where it works', async (t) => {
  const bin = await t.tmpdir()
  await writeFile(join(bin, 'bwrap'), '#!/bin/sh\necho "bwrap: No permissions to create a new namespace" >&2\nexit 1\n')
  await chmod(join(bin, 'bwrap'), 0o755)
  const path = process.env.PATH
  process.env.PATH = `${bin}:${path}`
  t.cleanup(() => {
    process.env.PATH = path
  })
  const { engine } = await engineWith(t, { sandbox: 'auto' })
  assert.equal([engine.status().state, engine.status().sandbox], ['ready', false])
  assert.match(engine.status().sandboxReason ?? '', /No permissions/)
  const strict = (await engineWith(t, { sandbox: 'required' })).engine
  assert.is(strict.status().state, 'down')
  assert.match(strict.status().reason ?? '', /No permissions/)
  await rejects(strict.createSession({ kind: 'sql', datasets: [] }), 'ENGINE_DOWN')
})

for (const sandbox of MODES) {
  const label = sandbox === 'off' ? 'without a sandbox' : 'with a sandbox where there is one'

  test(`a child that is killed from outside costs its session only (${label})`, async (t) => {
    await requiresProc()
    const { engine } = await engineWith(t, { sandbox, spares: 0 })
    const before = descendants(process.pid, /main\.(ts|js)/)
    const session = await engine.createSession({ kind: 'sql', datasets: [] })
    const running = rejects(session.run(ENDLESS), 'ENGINE_FAILED')
    const [child] = descendants(process.pid, /\/child\/main\.(ts|js)/)
      .filter((pid) => !before.includes(pid))
      .slice(-1)
    process.kill(child!, 'SIGKILL')
    const error = await running
    assert.match(error.message, /ended by SIGKILL/)
    assert.equal(error.details, { signal: 'SIGKILL' })
    assert.is(session.state, 'dead')
    const next = await engine.createSession({ kind: 'sql', datasets: [] })
    assert.equal((await next.run('SELECT 1')).result.rows, [[1]])
  })

  test(`processor time is bounded (${label})`, async (t) => {
    await requires('prlimit', async () => (await findTools('off')).prlimit !== undefined, 'install util-linux')
    const { engine } = await engineWith(t, { sandbox, limits: { cpuMs: 2_000 } })
    const session = await engine.createSession({ kind: 'sql', datasets: [] })
    const error = await rejects(session.run(ENDLESS), 'TIME_LIMIT')
    assert.match(error.message, /processor/)
    assert.is(session.state, 'dead')
  })

  test(`a file that is replaced is not served by a child that was started before (${label})`, async (t) => {
    const { engine } = await engineWith(t, { sandbox })
    const stars = await brightStars(await t.tmpdir())
    const count = async () => {
      const session = await engine.createSession({ kind: 'sql', datasets: [stars] })
      const { result } = await session.run('SELECT count(*) FROM bright_stars')
      await session.close()
      return result.rows[0]?.[0]
    }
    assert.is(await count(), 9096)
    assert.is(await count(), 9096, 'by the spare')
    await writeFile(
      `${stars.paths[0]}.new`,
      'hr,ra,dec,vmag,temp_k,name,bayer,flamsteed,constellation\n1,1,1,1,1,a,b,2,c\n',
    )
    await rename(`${stars.paths[0]}.new`, stars.paths[0]!)
    assert.is(await count(), 1)
  })

  test(`children end with the daemon, however it ends (${label})`, async (t) => {
    await requiresProc()
    const scratchDir = await t.tmpdir()
    const program = `
      import { embeddedEngine } from ${JSON.stringify(new URL('../../src/node/engines/embedded/embedded.ts', import.meta.url).href)}
      const engine = embeddedEngine({ limits: ${JSON.stringify(LIMITS)}, maxSessions: 2, queue: 0, sandbox: '${sandbox}', scratchDir: ${JSON.stringify(scratchDir)} })()
      await engine.start()
      const session = await engine.createSession({ kind: 'sql', datasets: [] })
      session.run('${ENDLESS}').catch(() => {})
      console.log('running')`
    const daemon = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    t.cleanup(() => daemon.kill('SIGKILL'))
    await once(daemon.stdout, 'data')
    const children = descendants(daemon.pid!, /main\.(ts|js)/)
    assert.ok(children.length >= 2, 'the analyser and the session')
    daemon.kill('SIGKILL')
    await eventually(() =>
      children.every((pid) => !existsSync(`/proc/${pid}/cmdline`) || readFileSync(`/proc/${pid}/cmdline`).length === 0),
    )
  })
}

test('an end by SIGKILL is want of memory only where the system says so', () => {
  const own = (signal: NodeJS.Signals, stderr: string, oom: boolean) => causeOfDeath(null, signal, stderr, oom).code
  assert.is(own('SIGKILL', '', true), 'MEMORY_LIMIT')
  assert.is(own('SIGKILL', '', false), 'ENGINE_FAILED')
  assert.is(own('SIGABRT', "terminate called after throwing an instance of 'std::bad_alloc'", false), 'MEMORY_LIMIT')
  const of = (signal: NodeJS.Signals, large: boolean, oom: boolean) => causeOfEnd(null, signal, { large, oom })
  assert.is(of('SIGKILL', true, true).code, 'MEMORY_LIMIT')
  assert.is(of('SIGKILL', true, false).code, 'CODE_FAILED')
  assert.is(of('SIGSEGV', true, false).code, 'MEMORY_LIMIT')
  assert.is(of('SIGSEGV', false, false).code, 'CODE_FAILED')
})

test('a session with much memory left from a statement goes on with another child', async (t) => {
  const { engine } = await engineWith(t)
  const session = await engine.createSession({ kind: 'sql', datasets: [await brightStars(await t.tmpdir())] })
  for (let i = 0; i < 4; i++) {
    const { result } = await session.run("SELECT count(DISTINCT repeat('x', 20) || i) FROM range(1500000) r(i)")
    assert.equal(result.rows, [[1_500_000]], String(i))
  }
  assert.equal((await session.run('SELECT count(*) FROM bright_stars')).result.rows, [[9096]])
})

test('links to data are gone after the end, and those of a killed daemon at the next start', async (t) => {
  const scratchDir = join(await t.tmpdir(), 'scratch')
  await mkdir(join(scratchDir, 'sql-abcdef', '0'), { recursive: true })
  const { engine } = await engineWith(t, { scratchDir })
  assert.equal(await readdir(scratchDir), [])
  const session = await engine.createSession({ kind: 'sql', datasets: [await brightStars(await t.tmpdir())] })
  assert.is((await readdir(scratchDir)).length, 1)
  await session.close()
  await engine.stop()
  assert.equal(await readdir(scratchDir), [])
})

test.run()
