import { execFileSync } from 'node:child_process'
import { link, mkdir, realpath, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { scan } from '../../src/node/publish/files/scan.ts'
import { rejects, suite } from '../kit/index.ts'

const test = suite('publish: scan')

test('a folder is walked in a stable order, without what is hidden', async (t) => {
  const dir = await t.tmpdir()
  for (const folder of ['b', '.git', 'b/deep']) await mkdir(join(dir, folder))
  for (const name of [
    'b/2.csv',
    'b/10.csv',
    'a.csv',
    'b.csv',
    '.hidden',
    '.git/config',
    'b/deep/ü.csv',
    '_SUCCESS',
    '_data.csv',
    'Z',
  ])
    await writeFile(join(dir, name), 'x')
  const files = await scan(dir)
  assert.equal(
    files.map((f) => f.path),
    ['Z', '_data.csv', 'a.csv', 'b.csv', 'b/10.csv', 'b/2.csv', 'b/deep/ü.csv'],
  )
  assert.ok(files.every((f) => f.size === 1 && /^\d{18,20}$/.test(f.mtimeNs) && f.local.startsWith(dir)))
})

test('a file alone has its own name as path, also when reached by a symlink', async (t) => {
  const dir = await t.tmpdir()
  await writeFile(join(dir, 'stars.csv'), 'a\n1\n')
  await symlink('stars.csv', join(dir, 'link'))
  const [file] = await scan(join(dir, 'link'))
  assert.is(file!.path, 'stars.csv')
  assert.is(file!.local, await realpath(join(dir, 'stars.csv')))
})

test('nothing of the data directory is published, by no symlink and in no folder around it, but what is to be published', async (t) => {
  const site = await t.tmpdir()
  const dir = join(site, 'island')
  const own = { dir, except: join(dir, 'published') }
  for (const folder of ['store', 'published/result']) await mkdir(join(dir, folder), { recursive: true })
  await mkdir(join(site, 'island-data'))
  for (const name of [
    'island.key',
    'owner.token',
    'store/CURRENT',
    'published/result/table.csv',
    '../island-data/a.csv',
  ])
    await writeFile(join(dir, name), 'x')
  const links = await t.tmpdir()
  await symlink(join(dir, 'island.key'), join(links, 'stars.csv'))
  await symlink(dir, join(links, 'folder'))
  await symlink(dir, join(links, 'named'))
  for (const path of [
    join(dir, 'island.key'),
    join(dir, 'published', '..', 'owner.token'),
    join(dir, 'store'),
    dir,
    site,
    '/',
    join(links, 'stars.csv'),
    join(links, 'folder'),
    join(links, 'folder', 'store'),
  ]) {
    const error = await rejects(scan(path, { own }), 'FORBIDDEN')
    assert.match(error.message, 'data directory', path)
    await rejects(scan(path, { own: { dir: join(links, 'named'), except: own.except } }), 'FORBIDDEN')
  }
  const hard = await t.tmpdir()
  await link(join(dir, 'owner.token'), join(hard, 'stars.csv'))
  for (const path of [hard, join(hard, 'stars.csv')]) await rejects(scan(path, { own }), 'FORBIDDEN')
  for (const path of [own.except, join(own.except, 'result', 'table.csv'), join(site, 'island-data')])
    assert.is((await scan(path, { own })).length, 1, path)
})

test('symlinks inside the folder are followed to files; those that lead out or nowhere are refused', async (t) => {
  const dir = await t.tmpdir()
  const outside = await t.tmpdir()
  await mkdir(join(dir, 'sub'))
  await writeFile(join(dir, 'sub', 'a'), 'a')
  await writeFile(join(outside, 'secret'), 's')
  await symlink('sub/a', join(dir, 'link'))
  await symlink('..', join(dir, 'sub', 'loop'))
  assert.equal(
    (await scan(dir)).map((f) => f.path),
    ['link', 'sub/a'],
  )
  for (const [target, word] of [
    [join(outside, 'secret'), 'out of'],
    [outside, 'out of'],
    ['nowhere', 'nowhere'],
    [`${dir}-not`, 'nowhere'],
    ['self', 'nowhere'],
  ] as const) {
    const bad = await t.tmpdir()
    await writeFile(join(bad, 'good'), 'x')
    await symlink(target, join(bad, 'self'))
    const error = await rejects(scan(bad), 'BAD_INPUT')
    assert.match(error.message, word)
    assert.not.match(error.message, outside)
  }
})

test('what is missing, empty or hidden is BAD_INPUT', async (t) => {
  const dir = await t.tmpdir()
  await rejects(scan(join(dir, 'none')), 'BAD_INPUT')
  await rejects(scan(dir), 'BAD_INPUT')
  await writeFile(join(dir, '.only'), 'x')
  await rejects(scan(dir), 'BAD_INPUT')
  await symlink('nowhere', join(dir, 'dangling'))
  await rejects(scan(join(dir, 'dangling')), 'BAD_INPUT')
  await rejects(scan(`${dir}/a\0b`), 'BAD_INPUT')
})

test('pipes, sockets, devices and files of the kernel are UNREADABLE, in words, and nothing of them is read', async (t) => {
  const dir = await t.tmpdir()
  const pipe = join(dir, 'pipe')
  execFileSync('/usr/bin/mkfifo', [pipe])
  const server = createServer()
  t.cleanup(() => void server.close())
  await new Promise<void>((resolve) => server.listen(join(dir, 'socket'), resolve))
  await symlink('pipe', join(dir, 'link'))
  for (const [path, words] of [
    [pipe, /"pipe" cannot be published: it is a named pipe/],
    [join(dir, 'link'), /named pipe/],
    [join(dir, 'socket'), /a socket/],
    ['/dev/null', /a device/],
    ['/dev/zero', /a device/],
    ['/proc/self/mem', /made up by the kernel/],
    ['/proc/self/environ', /made up by the kernel/],
    ['/proc/kmsg', /made up by the kernel/],
    ['/proc', /made up by the kernel/],
    ['/sys/kernel', /made up by the kernel/],
  ] as const) {
    const error = await rejects(scan(path), 'UNREADABLE')
    assert.match(error.message, words, path)
    assert.match(error.hint, 'copy', path)
    assert.not.match(error.message, dir, path)
  }
})

test('sockets and pipes in a folder are passed over', async (t) => {
  const dir = await t.tmpdir()
  await writeFile(join(dir, 'data'), 'x')
  execFileSync('/usr/bin/mkfifo', [join(dir, 'pipe')])
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(join(dir, 'socket'), resolve))
  t.cleanup(() => new Promise((resolve) => server.close(resolve)))
  assert.equal(
    (await scan(dir)).map((f) => f.path),
    ['data'],
  )
})

test('names that no other island could have are refused by name', async (t) => {
  for (const name of [
    Buffer.from('a\nb'),
    Buffer.from('a\\b'),
    Buffer.from([0x61, 0xff]),
    Buffer.from('x'.repeat(250)),
  ]) {
    const dir = await t.tmpdir()
    const deep = name.length === 250 ? join(dir, ...Array<string>(5).fill('y'.repeat(200))) : dir
    await mkdir(deep, { recursive: true })
    await writeFile(Buffer.concat([Buffer.from(`${deep}/`), name]), 'x')
    await rejects(scan(dir), 'BAD_INPUT')
  }
})

test('names are taken in NFC, and two that become one are refused', async (t) => {
  const dir = await t.tmpdir()
  await writeFile(join(dir, 'e\u0301.csv'), 'x')
  const [file] = await scan(dir)
  assert.is(file!.path, '\u00e9.csv')
  await writeFile(join(dir, '\u00e9.csv'), 'y')
  await rejects(scan(dir), 'BAD_INPUT')
})

test('too many files are TOO_LARGE, and a cancelled scan ends', async (t) => {
  const dir = await t.tmpdir()
  for (let i = 0; i < 20; i++) await writeFile(join(dir, `f${i}`), 'x')
  await rejects(scan(dir, { maxFiles: 10 }), 'TOO_LARGE')
  let reason: unknown
  await scan(dir, { signal: AbortSignal.abort(new Error('enough')) }).catch((error: unknown) => {
    reason = error
  })
  assert.is((reason as Error).message, 'enough')
})

test.run()
