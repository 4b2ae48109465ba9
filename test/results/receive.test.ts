import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { SpoolPort } from '../../src/node/results/port.ts'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import { type ResultMeta, TABLE_ITEM } from '../../src/protocols/model/task.ts'
import { rejects, suite, type TestContext } from '../kit/index.ts'
import { bytesOf, COLUMNS, chunked, KEY, rowOf, sha256, spoolIn, writeTable } from './kit.ts'

const test = suite('results received from elsewhere')
const nothing = () => {
  throw new Error('nothing had to be fetched')
}

/** A finished result at another island: a table with an index, an image, a small text. */
async function source(t: TestContext): Promise<{ from: SpoolPort; meta: ResultMeta }> {
  const from = spoolIn(await t.tmpdir())
  const writer = await from.write(KEY)
  await writer.table(COLUMNS)
  await writer.rows(Array.from({ length: 12_345 }, (_, i) => rowOf(i)))
  await writer.item('figures/one.png', 'image/png', Buffer.alloc(150_000, 3))
  await writer.item('text.txt', 'text/plain', Buffer.from('done'))
  return { from, meta: await writer.finish(7) }
}

const reading = (from: SpoolPort) => (item: string, offset: number) => from.read(KEY, item, { offset })

test('small items come as they are, large ones are fetched, and all is as it was', async (t) => {
  const { from, meta } = await source(t)
  const dir = await t.tmpdir()
  const port = spoolIn(dir)
  let bytes = 0
  await port.receive(KEY, meta, {
    inline: [{ name: 'text.txt', bytes: Buffer.from('done') }],
    fetch: reading(from),
    onBytes: (more) => {
      bytes += more
    },
  })
  assert.is(bytes, meta.bytes - 4)
  assert.equal(await port.meta(KEY), meta)
  for (const { name } of meta.items)
    assert.equal(
      await bytesOf(port.read(KEY, name, { offset: 0 })),
      await bytesOf(from.read(KEY, name, { offset: 0 })),
      name,
    )
  assert.equal((await port.rows(KEY, { from: 11_999, limit: 2 })).rows, [rowOf(11_999), rowOf(12_000)])
  // The same again asks for nothing.
  await port.receive(KEY, meta, { inline: [], fetch: nothing })
})

test('a result that is small as a whole needs no fetch and one file', async (t) => {
  const from = spoolIn(await t.tmpdir())
  const meta = await writeTable(from, 5)
  const table = await bytesOf(from.read(KEY, TABLE_ITEM, { offset: 0 }))
  const dir = await t.tmpdir()
  await spoolIn(dir).receive(KEY, meta, { inline: [{ name: TABLE_ITEM, bytes: table }], fetch: nothing })
  assert.equal(await readdir(join(dir, KEY.task, '1')), ['meta.json'])
})

test('after a break it goes on where it was, also in a new process', async (t) => {
  const { from, meta } = await source(t)
  const dir = await t.tmpdir()
  const offsets: number[] = []
  for (let tries = 0; ; tries++) {
    assert.ok(tries < 100)
    const port = spoolIn(dir)
    await port.start(() => true)
    const breaking = (item: string, offset: number) => {
      if (item === TABLE_ITEM) offsets.push(offset)
      return broken(from.read(KEY, item, { offset }))
    }
    try {
      await port.receive(KEY, meta, { inline: [], fetch: breaking })
      assert.equal(await port.meta(KEY), meta)
      assert.is(sha256(await bytesOf(port.read(KEY, TABLE_ITEM, { offset: 0 }))), meta.items[0]!.sha256)
      break
    } catch (error) {
      assert.is((error as ArchipelError).code, 'UNREACHABLE')
      assert.is(await port.meta(KEY), undefined)
    }
  }
  assert.ok(offsets.length > 5 && offsets.every((offset, i) => i === 0 || offset > offsets[i - 1]!), offsets.join(' '))

  async function* broken(bytes: AsyncIterable<Uint8Array>) {
    for await (const chunk of bytes) {
      yield chunk.subarray(0, 50_000)
      throw new ArchipelError('UNREACHABLE', 'the line was cut')
    }
  }
})

test('an early end is not an end: it asks on, and gives up when nothing comes', async (t) => {
  const { from, meta } = await source(t)
  const port = spoolIn(await t.tmpdir())
  let calls = 0
  await port.receive(KEY, meta, {
    inline: [],
    fetch: (item, offset) => {
      calls++
      return from.read(KEY, item, { offset, limit: 100_000 })
    },
  })
  assert.ok(calls > 5)
  const other = spoolIn(await t.tmpdir())
  await rejects(other.receive(KEY, meta, { inline: [], fetch: () => chunked(Buffer.alloc(0), 1) }), 'PROTOCOL')
})

test('what an earlier result of the same attempt left is not mixed in', async (t) => {
  const { from, meta } = await source(t)
  const dir = await t.tmpdir()
  const port = spoolIn(dir)
  const half = async function* () {
    yield Buffer.from(`[1,"of another run"]\n`.repeat(5000))
    throw new ArchipelError('UNREACHABLE', 'cut')
  }
  await rejects(port.receive(KEY, meta, { inline: [], fetch: half }), 'UNREACHABLE')
  await port.receive(KEY, meta, { inline: [], fetch: reading(from) })
  assert.is(sha256(await bytesOf(port.read(KEY, TABLE_ITEM, { offset: 0 }))), meta.items[0]!.sha256)
  const sizes = await Promise.all(
    (await readdir(join(dir, KEY.task, '1'))).map((name) =>
      import('node:fs/promises').then((fs) => fs.stat(join(dir, KEY.task, '1', name))),
    ),
  )
  assert.is(
    await port.bytes(),
    sizes.reduce((sum, s) => sum + s.size, 0),
  )
})

test('bytes that are not what the hash says never count, and the right ones do afterwards', async (t) => {
  const { from, meta } = await source(t)
  const port = spoolIn(await t.tmpdir())
  const liar = async function* (item: string, offset: number) {
    let first = true
    for await (const chunk of from.read(KEY, item, { offset })) {
      const copy = Buffer.from(chunk)
      if (first) copy[10]! ^= 1
      first = false
      yield copy
    }
  }
  await rejects(port.receive(KEY, meta, { inline: [], fetch: liar }), 'PROTOCOL')
  assert.is(await port.meta(KEY), undefined)
  const wrong = [{ name: 'text.txt', bytes: Buffer.from('dune') }]
  await rejects(port.receive(KEY, meta, { inline: wrong, fetch: reading(from) }), 'PROTOCOL')
  const long = async function* () {
    yield Buffer.alloc(meta.bytes + 1)
  }
  await rejects(port.receive(KEY, meta, { inline: [], fetch: long }), 'PROTOCOL')
  await port.receive(KEY, meta, { inline: [], fetch: reading(from) })
  assert.equal(await port.meta(KEY), meta)
})

test('descriptions that contradict themselves, or name what cannot be, are refused', async (t) => {
  const { meta } = await source(t)
  const dir = await t.tmpdir()
  const port = spoolIn(dir, { resultBytes: 10 * 1024 * 1024 })
  const [table, image, text] = meta.items as [ResultMeta['items'][0], ResultMeta['items'][0], ResultMeta['items'][0]]
  const bad: [string, Partial<ResultMeta>][] = [
    ['bytes', { bytes: 1 }],
    ['two of one name', { items: [table, image, { ...image, bytes: text.bytes }] }],
    ['a table without its item', { items: [image, text], bytes: image.bytes + text.bytes }],
    ['a name that leads away', { items: [table, { ...image, name: '../../../evil' }, text] }],
    ['an absolute name', { items: [table, { ...image, name: '/etc/cron.d/x' }, text] }],
    ['no hash', { items: [{ ...table, sha256: 'zz' }, image, text] }],
    ['a negative size', { items: [{ ...table, bytes: -5 }, image, text] }],
    ['a kind without a table', { table: undefined }],
  ]
  for (const [what, change] of bad) {
    const error = await rejects(port.receive(KEY, { ...meta, ...change }, { inline: [], fetch: nothing }), 'PROTOCOL')
    assert.ok(error.message.includes('result'), what)
  }
  const large = { ...meta, bytes: meta.bytes + 1e9, items: [{ ...table, bytes: table.bytes + 1e9 }, image, text] }
  await rejects(port.receive(KEY, large, { inline: [], fetch: nothing }), 'RESULT_LIMIT')
  assert.equal(await readdir(dir), [])
})

test('a table that has not the rows announced is refused', async (t) => {
  const port = spoolIn(await t.tmpdir())
  for (const [bytes, rowCount] of [
    [Buffer.from('[1,"a"]\n[2,"b"]\n'), 3],
    [Buffer.from('[1,"a"]\n[2,"b"]'), 2],
    [Buffer.from(''), 1],
  ] as const) {
    const items = [{ name: TABLE_ITEM, mediaType: 'application/x-ndjson', bytes: bytes.length, sha256: sha256(bytes) }]
    const meta: ResultMeta = {
      kind: 'table',
      items,
      bytes: bytes.length,
      elapsedMs: 1,
      table: { columns: COLUMNS, rowCount, truncated: false },
    }
    await rejects(port.receive(KEY, meta, { inline: [{ name: TABLE_ITEM, bytes }], fetch: nothing }), 'PROTOCOL')
    await rejects(port.receive(KEY, meta, { inline: [], fetch: () => chunked(bytes, 3) }), 'PROTOCOL')
  }
})

test('rows that are no rows are found when they are read', async (t) => {
  const port = spoolIn(await t.tmpdir())
  const lines = ['{"a":1}', '[1]', 'not json', '['.repeat(100_000)]
  for (const [i, line] of lines.entries()) {
    const key = { ...KEY, attempt: i + 1 }
    const bytes = Buffer.from(`${line}\n`)
    const items = [{ name: TABLE_ITEM, mediaType: 'application/x-ndjson', bytes: bytes.length, sha256: sha256(bytes) }]
    const meta: ResultMeta = {
      kind: 'table',
      items,
      bytes: bytes.length,
      elapsedMs: 1,
      table: { columns: COLUMNS, rowCount: 1, truncated: false },
    }
    await port.receive(key, meta, { inline: [{ name: TABLE_ITEM, bytes }], fetch: nothing })
    await rejects(port.rows(key, { from: 0, limit: 1 }), 'PROTOCOL')
  }
})

test('another result of the same attempt replaces the one that is here', async (t) => {
  const { from, meta } = await source(t)
  const dir = await t.tmpdir()
  const port = spoolIn(dir)
  await writeTable(port, 3)
  await writeFile(join(dir, KEY.task, '1', 'item-1'), 'left by somebody')
  await port.receive(KEY, meta, { inline: [], fetch: reading(from) })
  assert.equal(await port.meta(KEY), meta)
})

test('beyond the bytes of the spool it is refused, and what came is kept for later', async (t) => {
  const { from, meta } = await source(t)
  const dir = await t.tmpdir()
  await rejects(
    spoolIn(dir, { totalBytes: 300_000 }).receive(KEY, meta, { inline: [], fetch: reading(from) }),
    'DISK_FULL',
  )
  const port = spoolIn(dir)
  await port.start(() => true)
  let bytes = 0
  await port.receive(KEY, meta, {
    inline: [],
    fetch: reading(from),
    onBytes: (n) => {
      bytes += n
    },
  })
  assert.ok(bytes < meta.bytes)
})

test.run()
