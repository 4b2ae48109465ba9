import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { embeddedEngine } from '../../src/node/engines/embedded/embedded.ts'
import type { EngineLimits, EnginePort, EngineSession } from '../../src/node/engines/port.ts'
import type { SandboxMode } from '../../src/node/engines/process/tools.ts'
import { processTree } from '../../src/node/engines/process/tree.ts'
import { eventually, suite } from '../kit/index.ts'
import { type Attack, LEAVES, PYTHON, R } from './attack-list.ts'
import { brightStars, requiresR, requiresSandbox } from './data.ts'

const MiB = 1024 ** 2
const LIMITS: EngineLimits = {
  memoryBytes: 384 * MiB,
  statementMs: 4_000,
  cpuMs: 30_000,
  resultRows: 10_000,
  resultBytes: 4 * MiB,
  threads: 2,
  scratchBytes: 16 * MiB,
  outputBytes: 4 * MiB,
  processes: 24,
}

type Kind = 'python' | 'r'

async function napping(nap: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const found = await Promise.all(
    pids.map(async (pid) => {
      const line = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')
      return line.includes(`sleep\0${nap}`) ? [pid] : []
    }),
  )
  return found.flat()
}

function attacks(kind: Kind, list: Attack[], sandbox: SandboxMode): void {
  const boxed = sandbox === 'required'
  const test = suite(`attacks by ${kind === 'r' ? 'R' : 'Python'}, ${boxed ? 'in a sandbox' : 'without a sandbox'}`)
  let engine: EnginePort
  let session: EngineSession
  let open: () => Promise<EngineSession>
  let secret: string
  let original: string
  let port: number
  let data: string

  test.before(async (t) => {
    if (boxed) await requiresSandbox()
    if (kind === 'r') await requiresR()
    const dir = await t.tmpdir()
    const stars = await brightStars(dir)
    data = stars.paths[0]!
    original = await readFile(data, 'utf8')
    secret = join(dir, 'island.key')
    await writeFile(secret, 'hunter2')
    const server = createServer((socket) => socket.end('hunter2')).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    t.cleanup(() => server.close())
    port = (server.address() as { port: number }).port
    engine = embeddedEngine({
      limits: LIMITS,
      maxSessions: 2,
      queue: 0,
      sandbox,
      spares: 0,
      scratchDir: join(dir, 'scratch'),
    })()
    t.cleanup(() => engine.stop())
    await engine.start()
    open = () => engine.createSession({ kind, datasets: [stars], forwarded: boxed })
    session = await open()
  })

  const filled = (code: string) =>
    code
      .replaceAll('@SECRET@', secret)
      .replaceAll('@DATA@', boxed ? '/data/0/bright_stars.csv' : data)
      .replaceAll('@PORT@', String(port))
      .replaceAll('@PID@', String(process.pid))

  async function gives(code: string): Promise<string> {
    const { items } = await session.run(filled(code))
    return new TextDecoder().decode(items[0]?.bytes)
  }

  /** Another session finds all as it was. */
  async function stillWell(): Promise<void> {
    await session.close()
    session = await open()
    assert.is(await gives('1 + 1'), '2')
    assert.is(await readFile(data, 'utf8'), original, 'the data are as they were')
    assert.is(engine.status().running, 1)
  }

  for (const { what, code, codes, gives: wanted, sandboxed } of list) {
    if (sandboxed && !boxed) continue
    test(
      what,
      async () => {
        const began = performance.now()
        const before = process.memoryUsage().rss
        const got = await (codes === undefined ? gives(code) : session.run(filled(code))).then(
          (value) => (typeof value === 'string' ? value : `no failure: ${JSON.stringify(value.result).slice(0, 100)}`),
          (error) => error,
        )
        if (codes === undefined) assert.match(String(got.message ?? got), wanted!)
        else
          assert.ok((codes as string[]).includes(got.code), `${got.code ?? got} ${String(got.message).slice(0, 300)}`)
        assert.not.match(String(got.message ?? got), /hunter2|archipel-test-/)
        assert.ok(performance.now() - began < LIMITS.statementMs + 8_000, 'in time')
        assert.ok(process.memoryUsage().rss - before < 150 * MiB, 'the memory of the daemon')
        await stillWell()
      },
      { timeoutMs: 60_000 },
    )
  }

  test('leaves no children behind when the session ends', async () => {
    const nap = `${100_000 + Math.floor(Math.random() * 100_000)}.5`
    if (session.state === 'dead') session = await open()
    assert.is(await gives(LEAVES[kind].replaceAll('@NAP@', nap)), 'left')
    await eventually(async () => (await napping(nap)).length >= 2)
    await session.close()
    assert.equal(await napping(nap), [])
    session = await open()
  })

  test('at the end, no process and no file is left', async (t) => {
    const scratch = join(secret, '..', 'scratch')
    await session.close()
    await engine.stop()
    await eventually(() => processTree(process.pid).pids.length === 1, { signal: t.signal })
    assert.equal(
      (await readdir(scratch)).filter((name) => name.startsWith('run-')),
      [],
    )
  })

  test.run()
}

attacks('python', PYTHON, 'required')
attacks('r', R, 'required')
attacks('python', PYTHON, 'off')

const daemon = suite('a daemon that is killed')
daemon('takes its programs with it', async (t) => {
  await requiresSandbox()
  const nap = `${200_000 + Math.floor(Math.random() * 100_000)}.5`
  const scratchDir = await t.tmpdir()
  const program = `
    import { embeddedEngine } from ${JSON.stringify(new URL('../../src/node/engines/embedded/embedded.ts', import.meta.url).href)}
    const engine = embeddedEngine({ limits: ${JSON.stringify({ ...LIMITS, statementMs: 60_000 })}, maxSessions: 1, queue: 0, sandbox: 'required', scratchDir: ${JSON.stringify(scratchDir)}, r: 'none' })()
    await engine.start()
    const session = await engine.createSession({ kind: 'python', datasets: [] })
    session.run(${JSON.stringify(LEAVES.python.replaceAll('@NAP@', nap).replace('"left"', 'import time; time.sleep(1000)'))}).catch(() => {})`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  t.cleanup(() => child.kill('SIGKILL'))
  await eventually(async () => (await napping(nap)).length >= 2, { timeoutMs: 20_000 })
  const { pids } = processTree(child.pid!)
  child.kill('SIGKILL')
  await eventually(async () => (await napping(nap)).length === 0)
  await eventually(() =>
    pids.every((pid) => !existsSync(`/proc/${pid}/cmdline`) || readFileSync(`/proc/${pid}/cmdline`).length === 0),
  )
})
daemon.run()
