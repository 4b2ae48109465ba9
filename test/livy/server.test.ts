import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { findLivy, parseChecksum } from '../../docker/livy/find-livy.ts'
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
