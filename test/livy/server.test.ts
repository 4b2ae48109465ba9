import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import * as assert from 'uvu/assert'
import { findLivy, parseChecksum } from '../../docker/livy/find-livy.ts'
import { tryLock } from '../../docker/livy/lock.ts'
import { run } from '../../docker/livy/tools.ts'
import { eventually, suite, type TestContext } from '../kit/index.ts'
import { LIVY_START_MS, startLivy, type TestLivy } from '../kit/livy.ts'

const test = suite('a Livy and a Spark for everybody')
const MAIN = join(import.meta.dirname, '../../docker/livy/main.ts')

test(
  'up starts a server that answers, status tells of it, down leaves nothing running',
  async (t) => {
    const at = ['--run', await t.tmpdir(), '--json']
    const call = async (command: string, ...more: string[]) =>
      JSON.parse(await run(process.execPath, [MAIN, command, ...at, ...more])) as Record<string, unknown>
    t.cleanup(() => call('down'))
    const up = await call('up', '--port', '0')
    assert.is(up.running, true)
    const version = (await (await fetch(`${up.url}/version`)).json()) as { version: string }
    assert.match(version.version, /^0\.\d+\.\d+/)
    assert.is((await call('up')).url, up.url, 'a second up starts no second server')
    assert.is((await call('status')).url, up.url)
    await call('down')
    assert.equal(JSON.parse(ends(3, ['status', ...at])), { running: false, drivers: 0 })
  },
  { timeoutMs: LIVY_START_MS },
)

test(
  'a killed server leaves its drivers, which the kit finds and ends',
  async (t) => {
    const livy = await startLivy(t)
    await newSession(livy)
    await eventually(() => livy.drivers().length > 0, { timeoutMs: 60_000 })
    await livy.kill()
    assert.ok(livy.drivers().length > 0, 'the driver goes on without its server')
    await livy.restart()
    assert.equal(await (await fetch(`${livy.url}/sessions`)).json(), { from: 0, total: 0, sessions: [] })
    await livy.killAll()
    assert.equal(livy.drivers(), [])
  },
  { timeoutMs: LIVY_START_MS },
)

test('where no Livy is to be had it says how to get one, and ends with 1', async (t) => {
  const env = { ...process.env, LIVY_HOME: '', LIVY_ZIP: '/does/not/exist.zip' }
  assert.match(ends(1, ['up', '--run', await t.tmpdir()], env), /LIVY_ZIP names no file.*livy\.apache\.org\/download/)
})

test('LIVY_ZIP that is a folder or no zip is refused with how to get one, without a trace', async (t) => {
  const dir = await t.tmpdir()
  const noZip = join(dir, 'no.zip')
  await writeFile(noZip, 'no zip at all')
  for (const [zip, words] of [
    [dir, /LIVY_ZIP names no file.*livy\.apache\.org\/download/],
    [noZip, /no\.zip cannot be unpacked: .*not a zip.*livy\.apache\.org\/download/],
  ] as const) {
    const env = { ...process.env, LIVY_HOME: '', LIVY_ZIP: zip, ARCHIPEL_LIVY_CACHE: join(dir, 'cache') }
    const said = ends(1, ['up', '--port', '0', '--run', join(dir, 'run')], env)
    assert.match(said, words)
    assert.not.match(said, /Traceback|\n +at /)
  }
  assert.equal(
    (await readdir(join(dir, 'cache'))).filter((name) => name.startsWith('livy')),
    [],
  )
})

test('a port that is in use is said, and nothing is started, whatever answers there', async (t) => {
  const site = await serve(t, () => '{"version":"0.9.0-incubating"}')
  const { port } = new URL(site)
  const runDir = await t.tmpdir()
  const { status, output } = await calls(['up', '--port', port, '--run', runDir])
  assert.is(status, 1)
  assert.match(output, `error: port ${port} is in use; choose another one with --port`)
  assert.equal(await readdir(runDir), [])
})

test('a lock is that of one process, and is taken over when that has died', async (t) => {
  const file = join(await t.tmpdir(), 'lock')
  const release = await tryLock(file)
  assert.is(await tryLock(file), undefined)
  await release?.()
  const dead = spawnSync(process.execPath, ['--version']).pid
  for (const left of [`${dead} 1`, `${process.pid} of another start`, '']) {
    await writeFile(file, left)
    const [one, two] = await Promise.all([tryLock(file), tryLock(file)])
    assert.is([one, two].filter((got) => got !== undefined).length, 1, left)
    await (one ?? two)?.()
  }
  assert.equal(await readdir(join(file, '..')), [])
})

test(
  'of two starts at once in one folder one starts the server, the other says that it is under way or runs',
  async (t) => {
    const runDir = await t.tmpdir()
    t.cleanup(() => calls(['down', '--run', runDir]))
    const up = ['up', '--port', '0', '--run', runDir]
    const both = await Promise.all([calls(up), calls(up)])
    const texts = both.map((each) => each.output).join('\n')
    assert.is(both.filter(({ status }) => status === 0).length >= 1, true, texts)
    assert.is(both.filter(({ output }) => output.includes('Livy runs: ')).length, 1, texts)
    assert.match(texts, /being started or ended in .* already|Livy runs already/)
    assert.is((await calls(['status', '--run', runDir])).status, 0)
  },
  { timeoutMs: LIVY_START_MS },
)

test('the official zip is refused when its checksum is not the published one', async (t) => {
  const cache = await t.tmpdir()
  const zip = Buffer.from('no zip at all')
  const site = await serve(t, (path) => (path.endsWith('.sha512') ? 'a'.repeat(128) : zip))
  await refuses(find(cache, site), /its SHA-512 is not the published one/)
  assert.equal(await readdir(cache), [], 'nothing of it is kept')
})

test('the official zip with the right checksum is unpacked once, and used again without the site', async (t) => {
  const cache = await t.tmpdir()
  const zip = await smallZip(t)
  let asked = 0
  const site = await serve(t, (path) => {
    asked++
    return path.endsWith('.sha512') ? `${createHash('sha512').update(zip).digest('hex')}  some.zip\n` : zip
  })
  const first = await find(cache, site)
  assert.match(first.home, /a-livy$/)
  assert.equal(await find(cache, site), first)
  assert.is(asked, 2)
})

test('checksums are read as sha512sum and as gpg write them', () => {
  const hex = createHash('sha512').update('x').digest('hex')
  const groups = hex.toUpperCase().match(/.{8}/g)!.join(' ')
  assert.is(parseChecksum(`${hex}  livy.zip\n`), hex)
  assert.is(parseChecksum(`livy.zip: ${groups.slice(0, 70)}\n ${groups.slice(70)}\n`), hex)
})

test.run()

const find = (cache: string, site: string) => findLivy({ cache, env: { LIVY_SITE: site }, say: () => undefined })

async function newSession(livy: TestLivy): Promise<void> {
  const response = await fetch(`${livy.url}/sessions`, { method: 'POST', body: '{"kind":"pyspark"}' })
  assert.is(response.status, 201)
}

/** Runs the script, which has to end with this code; what it printed, both streams. */
function ends(code: number, args: string[], env: NodeJS.ProcessEnv = process.env): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { env, encoding: 'utf8' })
  assert.is(status, code, stderr)
  return stdout + stderr
}

/** The same, while this process goes on. */
async function calls(args: string[]): Promise<{ status: number | null; output: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [stdout, stderr, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { status, output: stdout + stderr }
}

async function smallZip(t: TestContext): Promise<Buffer> {
  const folder = await t.tmpdir()
  await mkdir(join(folder, 'a-livy', 'bin'), { recursive: true })
  await writeFile(join(folder, 'a-livy', 'bin', 'livy-server'), '')
  await run('python3', ['-m', 'zipfile', '-c', join(folder, 'some.zip'), join(folder, 'a-livy')], t.signal)
  return readFile(join(folder, 'some.zip'))
}

async function serve(t: TestContext, answer: (path: string) => string | Buffer): Promise<string> {
  const server = createServer((request, response) => response.end(answer(request.url ?? '')))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.cleanup(() => new Promise((resolve) => server.close(resolve)))
  t.cleanup(() => server.closeAllConnections())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function refuses(work: Promise<unknown>, message: RegExp): Promise<void> {
  const error = await work.then(
    () => undefined,
    (thrown: Error) => thrown,
  )
  assert.match(error?.message ?? 'it was not refused', message)
}
