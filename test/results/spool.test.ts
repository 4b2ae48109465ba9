import { execFileSync } from 'node:child_process'
import { mkdir, readdir, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { TABLE_ITEM } from '../../src/protocols/model/task.ts'
import { rejects, suite } from '../kit/index.ts'
import { bytesOf, COLUMNS, KEY, logText, rowOf, sha256, spoolIn, writeTable } from './kit.ts'

const test = suite('the spool of results')
const mode = async (path: string) => (await stat(path)).mode & 0o777

test('a small result is one file, for the owner only, and is there after a restart', async (t) => {
  const dir = join(await t.tmpdir(), 'results')
  const meta = await writeTable(spoolIn(dir), 3)
  const folder = join(dir, KEY.task, '1')
  assert.equal(await readdir(folder), ['meta.json'])
  assert.is(await mode(join(folder, 'meta.json')), 0o600)
  for (const path of [dir, join(dir, KEY.task), folder]) assert.is(await mode(path), 0o700, path)

  const again = spoolIn(dir)
  await again.start(() => true)
  assert.equal(await again.meta(KEY), meta)
  assert.is(meta.kind, 'table')
  assert.equal(meta.table, { columns: COLUMNS, rowCount: 3, truncated: false })
  const bytes = await bytesOf(again.read(KEY, TABLE_ITEM, { offset: 0 }))
  assert.equal(
    bytes
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
    [0, 1, 2].map(rowOf),
  )
  assert.is(sha256(bytes), meta.items[0]!.sha256)
  assert.is(await again.bytes(), (await stat(join(folder, 'meta.json'))).size)
})

test('a large table is read in pages from any row', async (t) => {
  const port = spoolIn(await t.tmpdir())
  const count = 25_123
  const meta = await writeTable(port, count)
  assert.ok(meta.bytes > 500_000)
  assert.is(sha256(await bytesOf(port.read(KEY, TABLE_ITEM, { offset: 0 }))), meta.items[0]!.sha256)
  const places = [0, 1, 999, 1000, 1001, 1999, 12_345, 24_999, 25_000, count - 1, count, count + 5]
  for (const from of places) {
    const page = await port.rows(KEY, { from, limit: 1003 })
    const wanted = Array.from({ length: Math.max(0, Math.min(1003, count - from)) }, (_, i) => rowOf(from + i))
    assert.equal(page.rows, wanted, `from ${from}`)
    assert.is(page.rowCount, wanted.length)
  }
  assert.equal((await port.rows(KEY, { from: 5, limit: 0 })).rows, [])
  const part = await bytesOf(port.read(KEY, TABLE_ITEM, { offset: 300_000, limit: 300_001 }))
  assert.is(part.length, 300_001)
  assert.equal((await bytesOf(port.read(KEY, TABLE_ITEM, { offset: meta.bytes + 1 }))).length, 0)
})

test('an empty table is a table', async (t) => {
  const port = spoolIn(await t.tmpdir())
  const meta = await writeTable(port, 0)
  assert.is(meta.kind, 'table')
  assert.equal(await port.rows(KEY, { from: 0, limit: 10 }), {
    columns: COLUMNS,
    rows: [],
    rowCount: 0,
    truncated: false,
  })
})

test('a page of very large rows has fewer of them, and always one', async (t) => {
  const port = spoolIn(await t.tmpdir(), { pageBytes: 1000 })
  const writer = await port.write(KEY)
  await writer.table([{ name: 'x', type: 'VARCHAR' }])
  await writer.rows(Array.from({ length: 10 }, () => ['x'.repeat(600)]))
  await writer.finish(1)
  assert.is((await port.rows(KEY, { from: 0, limit: 10 })).rowCount, 1)
})

test('what kind of result it is follows from its items', async (t) => {
  const port = spoolIn(await t.tmpdir())
  const kinds: [kind: string, items: [name: string, mediaType: string][]][] = [
    ['none', []],
    ['text', [['text.txt', 'text/plain']]],
    [
      'json',
      [
        ['text.txt', 'text/plain'],
        ['value.json', 'application/json'],
      ],
    ],
    [
      'image',
      [
        ['value.json', 'application/json'],
        ['figure-1.png', 'image/png'],
      ],
    ],
    ['files', [['out/data.bin', 'application/x']]],
  ]
  for (const [kind, items] of kinds) {
    const writer = await port.write(KEY)
    for (const [name, mediaType] of items) await writer.item(name, mediaType, Buffer.from(name))
    const meta = await writer.finish(1)
    assert.is(meta.kind, kind)
    assert.is(
      meta.bytes,
      items.reduce((sum, [name]) => sum + name.length, 0),
      kind,
    )
    await rejects(port.rows(KEY, { from: 0, limit: 1 }), 'NOT_FOUND')
    await rejects(bytesOf(port.read(KEY, 'nothing.txt', { offset: 0 })), 'NOT_FOUND')
  }
})

test('nothing counts before it is finished, and nothing of a discarded result is left but its log', async (t) => {
  const dir = await t.tmpdir()
  const port = spoolIn(dir)
  const writer = await port.write(KEY)
  writer.log('begun\n')
  await writer.table(COLUMNS)
  await writer.rows(Array.from({ length: 20_000 }, (_, i) => rowOf(i)))
  await writer.item('a.bin', 'application/x', Buffer.alloc(100_000))
  assert.is(await port.meta(KEY), undefined)
  await rejects(bytesOf(port.read(KEY, TABLE_ITEM, { offset: 0 })), 'NOT_FOUND')
  await writer.discard()
  assert.equal(await readdir(join(dir, KEY.task, '1')), ['log'])
  assert.is(await logText(port), 'begun\n')
  assert.is(await port.bytes(), 6)
  await rejects(writer.rows([rowOf(1)]), 'CANCELLED')
  await rejects(writer.finish(1), 'CANCELLED')
  await writer.discard()
})

test('limits: bytes, items, two tables; after one that was hit nothing is taken any more', async (t) => {
  const port = spoolIn(await t.tmpdir(), { resultBytes: 10_000, items: 2 })
  const rows = await port.write(KEY)
  await rows.table(COLUMNS)
  await rejects(rows.rows(Array.from({ length: 1000 }, (_, i) => rowOf(i))), 'RESULT_LIMIT')
  await rejects(rows.item('a', 'text/plain', Buffer.from('a')), 'RESULT_LIMIT')
  await rejects(rows.finish(1), 'RESULT_LIMIT')
  await rows.discard()
  assert.is(await port.meta(KEY), undefined)

  const items = await port.write(KEY)
  await items.table(COLUMNS)
  await rejects(items.table(COLUMNS), 'BAD_INPUT')
  await items.item('a', 'text/plain', Buffer.from('a'))
  await rejects(items.item('b', 'text/plain', Buffer.from('b')), 'RESULT_LIMIT')
  await items.discard()
})

test('a result larger than the spool may be is refused before it is on the disk; removing makes room', async (t) => {
  const dir = await t.tmpdir()
  const port = spoolIn(dir, { totalBytes: 400_000 })
  await writeTable(port, 5000, { ...KEY, attempt: 2 })
  const held = await port.bytes()
  const writer = await port.write(KEY)
  const full = await rejects(
    writer.item('x', 'application/x', Buffer.alloc(300_000)).then(() => writer.finish(1)),
    'DISK_FULL',
  )
  assert.match(full.hint, /results/)
  await writer.discard()
  assert.is(await port.bytes(), held)
  await port.remove({ ...KEY, attempt: 2 })
  assert.is(await port.bytes(), 0)
  const next = await port.write(KEY)
  await next.item('x', 'application/x', Buffer.alloc(300_000))
  await next.finish(1)
  await port.remove(KEY)
  assert.equal(await readdir(dir), [])
})

test('names of items that are no plain relative paths are refused, and harm nothing else', async (t) => {
  const port = spoolIn(await t.tmpdir())
  const writer = await port.write(KEY)
  const bad = ['', '/etc/passwd', '../up', 'a/../../b', 'a//b', './a', 'a/.', 'a\\b', 'a\0b', 'C:/x', 'log', TABLE_ITEM]
  for (const name of [...bad, 'x'.repeat(256), `\ud800`, 'a\nb'])
    await rejects(writer.item(name, 'text/plain', Buffer.from('x')), 'BAD_INPUT')
  await writer.item('meta.json', 'text/plain', Buffer.from('mine'))
  await writer.item('table.index', 'text/plain', Buffer.from('mine'))
  await writer.item('item-0', 'not a media type', Buffer.from('mine'))
  await rejects(writer.item('meta.json', 'text/plain', Buffer.from('x')), 'BAD_INPUT')
  await writer.item('de\u0301j\u00e0/vu \u{1f986}', 'text/plain', Buffer.from('x'))
  const meta = await writer.finish(1)
  assert.equal(
    meta.items.map((item) => item.name),
    ['meta.json', 'table.index', 'item-0', 'd\u00e9j\u00e0/vu \u{1f986}'],
  )
  assert.is(meta.items[2]!.mediaType, 'application/octet-stream')
  assert.is((await bytesOf(port.read(KEY, 'meta.json', { offset: 0 }))).toString(), 'mine')
})

test('local files are copied: plain ones only, no links, none outside the folder of the work', async (t) => {
  const dir = await t.tmpdir()
  const work = join(dir, 'work')
  await mkdir(join(work, 'sub'), { recursive: true })
  await writeFile(join(dir, 'secret'), 'key')
  await writeFile(join(work, 'sub', 'ok.bin'), Buffer.alloc(300_000, 7))
  await symlink(join(dir, 'secret'), join(work, 'link'))
  await symlink(dir, join(work, 'folder'))
  execFileSync('mkfifo', [join(work, 'pipe')])
  const port = spoolIn(join(dir, 'spool'))
  const writer = await port.write(KEY)
  for (const name of ['link', 'pipe', 'sub', 'missing', 'folder'])
    await rejects(writer.item(name, 'text/plain', { path: join(work, name), within: work }), 'BAD_INPUT')
  await rejects(writer.item('device', 'text/plain', { path: '/dev/zero' }), 'BAD_INPUT')
  // The last part is no link, one before it is.
  await rejects(writer.item('x', 'text/plain', { path: join(work, 'folder', 'secret'), within: work }), 'BAD_INPUT')
  await writer.item('ok.bin', 'application/x', { path: join(work, 'sub', 'ok.bin'), within: work })
  const meta = await writer.finish(1)
  await rm(work, { recursive: true })
  assert.is(meta.items.length, 1)
  assert.equal(await bytesOf(port.read(KEY, 'ok.bin', { offset: 0 })), Buffer.alloc(300_000, 7))
})

test('a sparse file beyond the limit is refused by its size', async (t) => {
  const dir = await t.tmpdir()
  await writeFile(join(dir, 'sparse'), '')
  await truncate(join(dir, 'sparse'), 2 ** 40)
  const port = spoolIn(join(dir, 'spool'))
  const writer = await port.write(KEY)
  await rejects(writer.item('sparse', 'application/x', { path: join(dir, 'sparse') }), 'RESULT_LIMIT')
  await writer.discard()
})

test('beginning again takes the earlier result away and continues its log', async (t) => {
  const port = spoolIn(await t.tmpdir())
  const first = await port.write(KEY)
  first.log('first\n')
  await first.item('big', 'application/x', Buffer.alloc(200_000))
  await first.finish(1)
  const second = await port.write(KEY)
  assert.is(await port.meta(KEY), undefined)
  second.log('second\n')
  await second.finish(1)
  assert.match(await logText(port), /^first\n\n\[.*begins again.*\]\nsecond\n$/)
  assert.equal((await port.meta(KEY))!.items, [])

  const goesOn = await port.write(KEY, { again: true })
  goesOn.log('third\n')
  await goesOn.finish(1)
  assert.match(await logText(port), /\nsecond\nthird\n$/)

  const third = await port.write(KEY)
  const fourth = await port.write(KEY)
  await rejects(third.table(COLUMNS), 'CANCELLED')
  await fourth.table(COLUMNS)
  await fourth.finish(1)
})

test('the start removes what is not wanted, with what a crash left half written, and counts the rest', async (t) => {
  const dir = await t.tmpdir()
  const port = spoolIn(dir)
  await writeTable(port, 20_000, { ...KEY, attempt: 1 })
  await writeTable(port, 10, { ...KEY, attempt: 2 })
  await writeTable(port, 10, { task: 'task-other', attempt: 1 })
  const open = await port.write({ ...KEY, attempt: 3 })
  open.log('x'.repeat(1000))
  await open.item('a', 'application/x', Buffer.alloc(200_000))
  await writeFile(join(dir, KEY.task, '1', 'meta.json.tmp'), 'half')
  await writeFile(join(dir, 'foreign.txt'), 'not ours')

  const again = spoolIn(dir)
  const asked: string[] = []
  await again.start(({ task, attempt }) => {
    asked.push(`${task}/${attempt}`)
    return task === KEY.task && attempt !== 2
  })
  assert.equal(asked.sort(), [`${KEY.task}/1`, `${KEY.task}/2`, `${KEY.task}/3`, 'task-other/1'].sort())
  assert.equal((await readdir(dir)).sort(), ['foreign.txt', KEY.task].sort())
  assert.equal((await readdir(join(dir, KEY.task))).sort(), ['1', '3'])
  assert.equal((await readdir(join(dir, KEY.task, '1'))).sort(), ['meta.json', 'table.index', 'table.ndjson'])
  assert.is((await again.rows(KEY, { from: 19_999, limit: 5 })).rowCount, 1)
  assert.is(await again.meta({ ...KEY, attempt: 3 }), undefined)
  const sizes = execFileSync('find', [join(dir, KEY.task), '-type', 'f', '-printf', '%s\n']).toString()
  assert.is(
    await again.bytes(),
    sizes
      .trim()
      .split('\n')
      .reduce((sum, size) => sum + Number(size), 0),
  )
  await port.stop()
})

test('a torn description counts as none', async (t) => {
  const dir = await t.tmpdir()
  const port = spoolIn(dir)
  await writeTable(port, 10)
  const path = join(dir, KEY.task, '1', 'meta.json')
  for (const text of ['', '{"v":1', 'null', '{"v":2,"meta":{},"inline":{}}', '\0'.repeat(500)]) {
    await writeFile(path, text)
    assert.is(await port.meta(KEY), undefined, text)
    await rejects(port.rows(KEY, { from: 0, limit: 1 }), 'NOT_FOUND')
  }
})

test('keys that are no ids are refused before any path is made of them', async (t) => {
  const port = spoolIn(await t.tmpdir())
  for (const key of [
    { task: '../x', attempt: 1 },
    { task: 'a/b', attempt: 1 },
    { task: '.', attempt: 1 },
    { task: 'a', attempt: 0 },
    { task: 'a', attempt: 1.5 },
  ]) {
    await rejects(async () => await port.write(key), 'BAD_INPUT')
    await rejects(async () => await port.meta(key), 'BAD_INPUT')
    await rejects(async () => await port.remove(key), 'BAD_INPUT')
    await rejects(async () => await port.log(key, { offset: 0, limit: 1 }), 'BAD_INPUT')
  }
})

test('cells of every kind come back as they were', async (t) => {
  const port = spoolIn(await t.tmpdir())
  const row = [
    null,
    true,
    -0.5,
    '9007199254740993',
    'NaN',
    '\u2028\u2029\u0000\r\n',
    '\ud800',
    { __proto__: 1, a: [null, {}] },
    [],
  ]
  const parsed = JSON.parse(JSON.stringify(row))
  const writer = await port.write(KEY)
  await writer.table(row.map((_, i) => ({ name: `c${i}`, type: 'VARCHAR' })))
  await writer.rows([parsed])
  writer.cut()
  await writer.finish(1)
  const page = await port.rows(KEY, { from: 0, limit: 1 })
  assert.equal(page.rows, [parsed])
  assert.is(page.truncated, true)
})

test.run()
