import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  appendFile,
  chmod,
  copyFile,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import * as assert from 'uvu/assert'
import { publisher } from '../../src/node/publish/publisher.ts'
import { lookup, readFiles } from '../../src/protocols/manifest/read.ts'
import type { PublishProgress } from '../../src/protocols/model/views.ts'
import { rejects, suite, type TestContext } from '../kit/index.ts'
import { defaultId, makePublisher } from './kit.ts'

const test = suite('publish: publisher')
const MIB = 1024 * 1024

test(
  'a folder of 5,000 small files: one version, whatever way it is reached, and nothing is written to it',
  async (t) => {
    const { prepare } = await makePublisher(t)
    const dir = await t.tmpdir()
    for (let i = 0; i < 50; i++) await mkdir(join(dir, `night${i}`))
    for (let i = 0; i < 5000; i++) await writeFile(join(dir, `night${i % 50}`, `f${i}.dat`), `content ${i}`)
    const before = (await readdir(dir, { recursive: true })).sort()
    const seen: PublishProgress[] = []
    const one = await prepare({ path: dir, name: 'nights' }, (p) => seen.push(p))
    assert.is(one.body.files, 5000)
    assert.is(one.source.length, 5000)
    assert.is([...readFiles(one.body.version, (h) => one.manifest.get(h))].length, 5000)
    assert.is(lookup(one.body.version, (h) => one.manifest.get(h), 'night7/f7.dat')?.size, 9)
    assert.equal((await readdir(dir, { recursive: true })).sort(), before)
    assert.equal([...new Set(seen.map((p) => p.phase))], ['scan', 'hash', 'inspect'])
    for (const phase of ['hash', 'inspect'] as const) {
      const own = seen.filter((p) => p.phase === phase)
      assert.ok(
        own.every((p, i) => i === 0 || p.bytes.done >= own[i - 1]!.bytes.done),
        `${phase} only moves on`,
      )
      assert.equal(own.at(-1)!.files, { done: 5000, total: 5000 })
      assert.is(own.at(-1)!.bytes.done, own.at(-1)!.bytes.total)
    }
    const elsewhere = await t.tmpdir()
    await symlink(dir, join(elsewhere, 'link'))
    const other = await makePublisher(t)
    assert.is((await other.prepare({ path: join(elsewhere, 'link') })).body.version, one.body.version)
    await writeFile(join(dir, 'night0', 'new.dat'), 'new')
    const two = await prepare({ path: dir })
    assert.is.not(two.body.version, one.body.version)
    const fresh = [...two.manifest.keys()].filter((hash) => !one.manifest.has(hash))
    assert.ok(fresh.length <= 3, `${fresh.length} new manifest blocks`)
  },
  { timeoutMs: 60_000 },
)

test(
  'a folder of 1,500 tables of one schema is one table',
  async (t) => {
    const { prepare } = await makePublisher(t)
    const dir = await t.tmpdir()
    for (let i = 0; i < 1500; i++) await writeFile(join(dir, `f${i}.csv`), `ra,dec\n${i / 5},${(i % 180) - 90}\n`)
    const { body } = await prepare({ path: dir })
    assert.is(body.format, 'csv')
    assert.is(body.rows, 1500)
  },
  { timeoutMs: 60_000 },
)

async function run(
  t: TestContext,
  stateDir: string,
  path: string,
  killAt?: number,
): Promise<{ version?: string; read?: number }> {
  const child = spawn(process.execPath, [new URL('child.ts', import.meta.url).pathname, stateDir, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.cleanup(() => child.kill('SIGKILL'))
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  let last: { version?: string; read?: number; progress?: number; phase?: string } = {}
  for await (const line of createInterface({ input: child.stdout })) {
    last = JSON.parse(line)
    if (killAt !== undefined && last.phase === 'hash' && last.progress! >= killAt) child.kill('SIGKILL')
  }
  await ended
  return last
}

test(
  'killed in the middle, publishing goes on where it was: whole files and pieces are not read again',
  async (t) => {
    const dir = await t.tmpdir()
    const stateDir = await t.tmpdir()
    for (let i = 0; i < 20; i++) await writeFile(join(dir, `a${i}.dat`), randomBytes(4 * MIB))
    await writeFile(join(dir, 'z-big.dat'), Buffer.concat(Array.from({ length: 16 }, () => randomBytes(20 * MIB))))
    const killed = await run(t, stateDir, dir, 230 * MIB)
    assert.is(killed.version, undefined)
    const resumed = await run(t, stateDir, dir)
    const fresh = await run(t, await t.tmpdir(), dir)
    assert.is(resumed.version, fresh.version)
    assert.ok(fresh.read! >= 400 * MIB, `a fresh run reads all: ${fresh.read}`)
    assert.ok(resumed.read! <= 200 * MIB, `the resumed run read ${Math.round(resumed.read! / MIB)} MiB of 400`)
    const again = await run(t, stateDir, dir)
    assert.ok(again.read! < 5 * MIB, `the third run read ${again.read} bytes`)
  },
  { timeoutMs: 120_000 },
)

test(
  'cancelling is CANCELLED, in every phase',
  async (t) => {
    const { prepare } = await makePublisher(t)
    const dir = await t.tmpdir()
    await writeFile(join(dir, 'a.csv'), `a,ra,dec\n${'1,2,3\n'.repeat(3_000_000)}`)
    for (const phase of ['scan', 'hash', 'inspect'] as const) {
      const controller = new AbortController()
      await rejects(
        prepare({ path: dir }, (p) => p.phase === phase && controller.abort(), controller.signal),
        'CANCELLED',
      )
    }
    await rejects(prepare({ path: dir }, undefined, AbortSignal.abort()), 'CANCELLED')
    assert.is((await prepare({ path: dir })).body.rows, 3_000_000)
  },
  { timeoutMs: 60_000 },
)

test('a file that changes while its columns are read is STALE, and nothing is left', async (t) => {
  const { prepare, stateDir } = await makePublisher(t)
  const path = join(await t.tmpdir(), 'a.csv')
  await writeFile(path, 'a,b\n1,2\n')
  let change: Promise<unknown> | undefined
  await rejects(
    prepare({ path }, (p) => {
      if (p.phase === 'inspect') change ??= appendFile(path, '3,4\n')
    }),
    'STALE',
  )
  await change
  assert.is((await prepare({ path })).body.rows, 2)
  assert.ok((await readdir(stateDir)).every((name) => name.startsWith('hashes.sqlite')))
})

test('what the request says is checked and kept', async (t) => {
  const { prepare } = await makePublisher(t)
  const path = join(await t.tmpdir(), 'My data (v2).bin')
  await writeFile(path, 'x')
  const { id, body } = await prepare({
    path,
    id: 'https://doi.org/10.5281/ZENODO.1',
    description: 'About',
    licence: 'CC-BY-4.0',
    creators: [{ name: 'Ada', orcid: '0000-0002-1825-0097' }],
    aliases: ['IVO://Example/Data', '10.5281/zenodo.1', 'ivo://example/data'],
  })
  assert.is(id, 'doi:10.5281/zenodo.1')
  assert.is(body.name, 'My_data_v2_.bin')
  assert.is(body.title, 'My data v2 .bin')
  assert.equal(body.aliases, ['ivo://example/data'])
  assert.is(body.licence, 'CC-BY-4.0')
  await rejects(prepare({ path, id: 'not an id' }), 'BAD_ID')
  const plain = await prepare({ path, id: 'a_plain_name' })
  assert.is(plain.body.name, 'a_plain_name')
  assert.match(plain.id, /^archipel:isl[a-z2-7]{32}\/a_plain_name$/)
  await rejects(prepare({ path, aliases: ['x'] }), 'BAD_ID')
  await rejects(prepare({ path, name: '../x' }), 'BAD_INPUT')
  const title = await rejects(prepare({ path, title: 'x'.repeat(501) }), 'BAD_INPUT')
  assert.match(title.message, 'title')
  await rejects(prepare({ path, creators: [{ name: 'Ada', orcid: 'x' }] }), 'BAD_INPUT')
  await rejects(prepare({ path, licence: 'mine' }), 'BAD_INPUT')
  await rejects(prepare({ path, description: 'ü'.repeat(20_000) }), 'TOO_LARGE')
  await rejects(prepare({ path: `${path}-not` }), 'BAD_INPUT')
})

test('check: the same by stat, the same by hash, changed, gone', async (t) => {
  const { port, prepare } = await makePublisher(t)
  const dir = await t.tmpdir()
  for (const name of ['a', 'b', 'c']) await writeFile(join(dir, name), randomBytes(3 * MIB))
  const { source, manifest, body } = await prepare({ path: dir })
  const check = (files = source) => port.check(files, manifest, body.version)
  assert.equal(await check(), { state: 'same', source })

  await utimes(join(dir, 'b'), 1, 1)
  const touched = await check()
  assert.is(touched.state, 'same')
  assert.is(touched.state === 'same' && touched.source[1]!.mtimeNs, '1000000000')
  assert.equal(await check(touched.state === 'same' ? touched.source : []), touched)

  // Copied back from a backup: another inode, equal bytes.
  await copyFile(join(dir, 'c'), join(dir, 'c.bak'))
  await rename(join(dir, 'c.bak'), join(dir, 'c'))
  assert.is((await check()).state, 'same')

  // Equal size and modification time, other bytes.
  const { atime, mtime } = await stat(join(dir, 'a'))
  const bytes = await readFile(join(dir, 'a'))
  await writeFile(join(dir, 'a'), Buffer.concat([Buffer.of(bytes[0]! ^ 1), bytes.subarray(1)]))
  await utimes(join(dir, 'a'), atime, mtime)
  assert.equal(await check(), { state: 'changed', path: 'a' })
  await writeFile(join(dir, 'a'), bytes)
  assert.is((await check()).state, 'same')
  await appendFile(join(dir, 'b'), 'x')
  assert.equal(await check(), { state: 'changed', path: 'b' })
  await rm(join(dir, 'b'))
  await mkdir(join(dir, 'b'))
  assert.equal(await check(), { state: 'changed', path: 'b' })
  assert.equal(await check(source.slice(2)), { state: 'changed', path: 'a' })
  // What the system does not say to be gone may be there again.
  const hidden = { ...source[0]!, local: join(dir, 'x'.repeat(300)) }
  assert.equal(await check([hidden, ...source.slice(1)]), { state: 'changed', path: 'a', unsure: true })
  await rejects(port.check(source, new Map(), body.version), 'NOT_FOUND')
  await rejects(port.check(source, new Map([[body.version, Buffer.from('x')]]), body.version), 'PROTOCOL')
  await rejects(port.check(source, manifest, body.version, { signal: AbortSignal.abort() }), 'CANCELLED')
})

test('a file behind a folder that became a symlink elsewhere is not served', async (t) => {
  const { port, prepare } = await makePublisher(t)
  const dir = await t.tmpdir()
  await mkdir(join(dir, 'data'))
  await writeFile(join(dir, 'data', 'f'), 'public')
  const { source, manifest, body } = await prepare({ path: join(dir, 'data') })
  await mkdir(join(dir, 'other'))
  await writeFile(join(dir, 'other', 'f'), 'secret')
  await rename(join(dir, 'data'), join(dir, 'old'))
  await symlink('other', join(dir, 'data'))
  assert.equal(await port.check(source, manifest, body.version), { state: 'changed', path: 'f' })
})

test('a folder that cannot be read is told with its reason', async (t) => {
  const { prepare } = await makePublisher(t)
  const dir = await t.tmpdir()
  await writeFile(join(dir, 'f'), 'x')
  await symlink('gone', join(dir, 'dangling'))
  await rejects(prepare({ path: dir }), 'BAD_INPUT')
  if (process.getuid?.() === 0) return
  await rm(join(dir, 'dangling'))
  await chmod(join(dir, 'f'), 0)
  assert.match((await rejects(prepare({ path: dir }), 'UNREADABLE')).message, /"f" cannot be read.*EACCES/)
})

test('a special file is UNREADABLE for the publisher, too, whatever it is published as', async (t) => {
  const { prepare } = await makePublisher(t)
  for (const as of [undefined, 'files', 'csv', 'fits'] as const) {
    for (const path of ['/proc/self/mem', '/dev/zero'])
      await rejects(prepare({ path, ...(as && { as }) }, undefined, t.signal), 'UNREADABLE')
  }
})

test('nothing is opened before it is needed, and stopping twice is no error', async (t) => {
  const stateDir = join(await t.tmpdir(), 'not', 'yet')
  const port = publisher({ stateDir })({ inspectorFor: () => assert.unreachable() as never })
  await stat(stateDir).then(
    () => assert.unreachable(),
    () => {},
  )
  await port.start()
  await port.stop()
  await port.stop()
  const path = join(await t.tmpdir(), 'f')
  await writeFile(path, 'x')
  assert.is((await port.prepare({ path }, { defaultId })).body.format, 'files')
  await port.stop()
})

test('what cannot be seen in a title, keyword or name is not published', async (t) => {
  const { prepare } = await makePublisher(t)
  const path = join(await t.tmpdir(), 'file.dat')
  await writeFile(path, 'x')
  const { body } = await prepare({
    path,
    title: '\u0007 Bright\tstars\r\nof\u0000 2026\u202e ',
    description: 'one\r\ntwo\u001b\u0085three\tfour\n',
    keywords: ['sky\u0000', ' sky', '\u0001', 'H\u0007II\nregion', '👩\u200d🚀'],
    creators: [{ name: 'A.\nB.\u009d', affiliation: 'C\u0000' }],
  })
  assert.is(body.title, 'Bright stars of 2026')
  assert.is(body.description, 'one\ntwo\nthree\tfour')
  assert.equal(body.keywords, ['sky', 'HII region', '👩\u200d🚀'])
  assert.equal(body.creators, [{ name: 'A. B.', affiliation: 'C' }])
  for (const title of ['\u0000', ' \n', '\u200b']) await rejects(prepare({ path, title }), 'BAD_INPUT')
})

test.run()
