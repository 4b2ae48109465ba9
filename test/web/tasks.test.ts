/** The routes of tasks: keys, changes, files, tables. */
import * as assert from 'uvu/assert'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import type { TaskView } from '../../src/protocols/model/views.ts'
import { eventually, rejects, suite } from '../kit/index.ts'
import { SELF } from './fake-island.ts'
import { fakeTaskId } from './fake-tasks.ts'
import { bearer, json, raw, serve } from './harness.ts'

const test = suite('web: tasks')
const SQL = { kind: 'sql' as const, code: 'SELECT * FROM stars' }
const ROWS = [
  ['Vega', 0.03],
  ['Sirius', -1.46],
]

async function collect(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of bytes) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

test('an idempotency key may be a field or a header, quoted or not; both have to agree', async (t) => {
  const { port, island } = await serve(t)
  const post = (headers: Record<string, string>, body: object = {}) =>
    raw(port, {
      method: 'POST',
      path: '/api/v1/tasks',
      headers: { ...bearer, ...json, ...headers },
      body: JSON.stringify({ ...SQL, ...body }),
    })
  const first = await post({ 'idempotency-key': '"night 7"' })
  assert.is(first.status, 200, first.text)
  for (const again of [
    await post({ 'idempotency-key': 'night 7' }),
    await post({}, { idempotencyKey: 'night 7' }),
    await post({ 'idempotency-key': 'night 7' }, { idempotencyKey: 'night 7' }),
  ])
    assert.is(JSON.parse(again.text).id, JSON.parse(first.text).id)
  assert.is(island.fake.ids.length, 1)
  assert.is((await post({ 'idempotency-key': 'a' }, { idempotencyKey: 'b' })).status, 400)
  assert.is((await post({ 'idempotency-key': '""' })).status, 400)
  assert.is((await post({ 'idempotency-key': 'x'.repeat(201) })).status, 400)
  assert.is((await post({}, { idempotencyKey: 'night 7', code: 'SELECT 2' })).status, 409)
  assert.is(island.fake.ids.length, 1)
})

test('a task that is not as the contract says is refused before the island sees it', async (t) => {
  const { client, island } = await serve(t)
  const bad: object[] = [
    { kind: 'cobol' },
    { code: '' },
    { code: 'é'.repeat(600_000) },
    { params: { '1x': 1 } },
    { params: { x: [1] } },
    { params: Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`p${n}`, n])) },
    { datasets: Array.from({ length: 65 }, () => 'stars') },
    { datasets: [''] },
    { timeoutMs: 0 },
    { maxRows: 0.5 },
    { leaseMs: 10 },
    { publish: {} },
    { publish: { id: 'x', owner: 'me' } },
    { name: '' },
    { user: 'root' },
  ]
  for (const more of bad) {
    await rejects(client.tasks.submit({ ...SQL, ...more } as never), 'BAD_INPUT')
    await rejects(client.tasks.place({ ...SQL, ...more } as never), 'BAD_INPUT')
  }
  assert.is(island.fake.ids.length, 0)
  const big = await client.tasks.submit({ ...SQL, code: `SELECT '${'"'.repeat(1024 * 1024 - 20)}'` })
  assert.is(big.code.length, 1024 * 1024 - 11)
})

test('watching gives each change once and ends with the end; a watcher that leaves is forgotten', async (t) => {
  const { client, island } = await serve(t)
  const { id } = await client.tasks.submit(SQL)
  const seen: string[] = []
  for await (const view of client.tasks.watch(id, { signal: t.signal })) {
    seen.push(view.state)
    if (view.state === 'queued') island.fake.move(id, { state: 'running' })
    if (view.state === 'running') island.fake.succeed(id, { rows: ROWS })
  }
  assert.equal(seen, ['queued', 'running', 'succeeded'])
  const ended: string[] = []
  for await (const view of client.tasks.watch(id)) ended.push(view.state)
  assert.equal(ended, ['succeeded'])

  let aborted = false
  island.script({
    tasks: {
      async *watch(_, { signal } = {}) {
        yield await island.fake.show(id)
        await new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve()))
        aborted = true
      },
    },
  })
  const watching = client.tasks.watch(id)[Symbol.asyncIterator]()
  await watching.next()
  await watching.return?.()
  await eventually(() => aborted, { signal: t.signal })
})

test('watching a task that is not there has its status, and one that breaks later ends with the error', async (t) => {
  const { client, island, port } = await serve(t)
  const missing = fakeTaskId(SELF.id, 99)
  const first = (id: string) => client.tasks.watch(id)[Symbol.asyncIterator]().next()
  await rejects(first(missing), 'TASK_NOT_FOUND')
  assert.is((await raw(port, { path: `/api/v1/tasks/${missing}/events`, headers: bearer })).status, 404)
  const view = await client.tasks.submit(SQL)
  island.script({
    tasks: {
      async *watch() {
        yield view
        throw new ArchipelError('UNREACHABLE', 'the other island went away')
      },
    },
  })
  const seen: TaskView[] = []
  const error = await rejects(
    (async () => {
      for await (const v of client.tasks.watch(view.id)) seen.push(v)
    })(),
    'UNREACHABLE',
  )
  assert.is(error.message, 'the other island went away')
  assert.is(seen.length, 1)
})

test('log and rows come in pages', async (t) => {
  const { client, island, port } = await serve(t)
  const { id } = await client.tasks.submit(SQL)
  await rejects(client.tasks.rows(id, { from: 0, limit: 1 }), 'TASK_STATE')
  island.fake.print(id, 'one\ntwo\n')
  const page = await client.tasks.log(id, { offset: 4, limit: 2 })
  assert.equal(page, { text: 'tw', offset: 4, next: 6, total: 8, ended: false })
  island.fake.succeed(id, { rows: ROWS })
  const all = JSON.parse((await raw(port, { path: `/api/v1/tasks/${id}/rows`, headers: bearer })).text)
  assert.equal([all.rows, all.from, all.total], [ROWS, 0, 2])
  assert.equal((await client.tasks.rows(id, { from: 1, limit: 5 })).rows, [ROWS[1]])
  assert.is((await client.tasks.log(id, { offset: 8, limit: 2 })).ended, true)
  await rejects(client.tasks.rows(id, { from: 0, limit: 10_001 }), 'BAD_INPUT')
  await rejects(client.tasks.log(id, { offset: -1, limit: 1 }), 'BAD_INPUT')
})

test('an item comes with its type, under a safe name, never as a page', async (t) => {
  const { client, island, port } = await serve(t)
  const { id } = await client.tasks.submit(SQL)
  const items = {
    'figure-1.png': ['image/png', 'PNG'],
    'out/Grüße "x".html': ['text/html', '<script>'],
    'odd.bin': ['text/html\r\nset-cookie: a=b', 'x'],
    'empty.txt': ['text/plain', ''],
  } as const
  island.fake.succeed(id, { items: items as never })
  const get = (name: string) =>
    raw(port, { path: `/api/v1/tasks/${id}/items/${encodeURIComponent(name)}`, headers: bearer })
  const image = await get('figure-1.png')
  assert.is(image.headers['content-type'], 'image/png')
  assert.is(image.headers['content-length'], '3')
  assert.is(image.text, 'PNG')
  const page = await get('out/Grüße "x".html')
  assert.is(page.text, '<script>')
  assert.is(
    page.headers['content-disposition'],
    `attachment; filename="Gr__e _x_.html"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%22x%22.html`,
  )
  assert.is(page.headers['x-content-type-options'], 'nosniff')
  assert.match(String(page.headers['content-security-policy']), "default-src 'none'")
  const odd = await get('odd.bin')
  assert.is(odd.headers['content-type'], 'application/octet-stream')
  assert.is(odd.headers['set-cookie'], undefined)
  const empty = await get('empty.txt')
  assert.equal([empty.status, empty.text, empty.headers['content-length']], [200, '', '0'])
  assert.is((await get('missing.txt')).status, 404)
  assert.is((await get('../owner.token')).status, 404)
  assert.is(await collect(client.tasks.read(id, 'out/Grüße "x".html')), '<script>')
})

test('a part of an item is a range of its bytes, and what is no range is ignored', async (t) => {
  const { client, island, port } = await serve(t)
  const { id } = await client.tasks.submit(SQL)
  island.fake.succeed(id, { items: { 'text.txt': ['text/plain', '0123456789'] } })
  const path = `/api/v1/tasks/${id}/items/text.txt`
  const get = (headers: Record<string, string>) => raw(port, { path, headers: { ...bearer, ...headers } })
  const etag = String((await get({})).headers.etag)
  for (const [range, status, text, content] of [
    ['bytes=0-3', 206, '0123', 'bytes 0-3/10'],
    ['bytes=8-', 206, '89', 'bytes 8-9/10'],
    ['bytes=-3', 206, '789', 'bytes 7-9/10'],
    ['bytes=-30', 206, '0123456789', 'bytes 0-9/10'],
    ['bytes=9-99', 206, '9', 'bytes 9-9/10'],
    ['bytes=0-1,4-5', 200, '0123456789', undefined],
    ['bytes=5-2', 200, '0123456789', undefined],
    ['rows=1-2', 200, '0123456789', undefined],
    ['bytes=-', 200, '0123456789', undefined],
  ] as const) {
    const answer = await get({ range })
    assert.equal([answer.status, answer.text, answer.headers['content-range']], [status, text, content], range)
    assert.is(Number(answer.headers['content-length']), text.length, range)
  }
  for (const range of ['bytes=10-', 'bytes=-0']) {
    const answer = await get({ range })
    assert.is(answer.status, 416, range)
    assert.is(JSON.parse(answer.text).code, 'BAD_RANGE', range)
    assert.is(answer.headers['content-range'], 'bytes */10', range)
  }
  assert.is((await get({ range: 'bytes=5-', 'if-range': etag })).text, '56789')
  assert.is((await get({ range: 'bytes=5-', 'if-range': '"other"' })).text, '0123456789')
  assert.is(await collect(client.tasks.read(id, 'text.txt', { offset: 7 })), '789')
  assert.is(await collect(client.tasks.read(id, 'text.txt', { offset: 10 })), '')
  await rejects(collect(client.tasks.read(id, 'text.txt', { offset: 11 })), 'BAD_RANGE')
})

test('an item that is there already is not sent again, and HEAD reads nothing of it', async (t) => {
  const { client, island, port } = await serve(t)
  const { id } = await client.tasks.submit(SQL)
  island.fake.succeed(id, { items: { 'text.txt': ['text/plain', '0123456789'] } })
  const path = `/api/v1/tasks/${id}/items/text.txt`
  const ask = (headers: Record<string, string>, method = 'GET') =>
    raw(port, { method, path, headers: { ...bearer, ...headers } })
  const whole = await ask({})
  const etag = String(whole.headers.etag)
  assert.is((await ask({ 'if-none-match': '"other"' })).text, '0123456789')
  assert.is((await ask({ 'if-none-match': '"other"', range: 'bytes=8-' })).text, '89')
  // From here on no byte of it can be read.
  island.script({
    tasks: {
      // biome-ignore lint/correctness/useYield: it fails before
      async *read() {
        throw new TypeError('read')
      },
    },
  })
  // The condition comes before the range, even one that is beyond the end.
  for (const method of ['GET', 'HEAD'])
    for (const condition of [etag, `W/${etag}`, `"other", ${etag}`, '*'])
      for (const range of [undefined, 'bytes=0-3', 'bytes=99-']) {
        const answer = await ask({ 'if-none-match': condition, ...(range === undefined ? {} : { range }) }, method)
        assert.equal([answer.status, answer.text, answer.headers.etag], [304, '', etag], `${method} ${condition}`)
      }
  for (const headers of [{}, { range: 'bytes=0-3' }] as Record<string, string>[]) {
    const head = await ask(headers, 'HEAD')
    assert.equal([head.status, head.text], [200, ''])
    for (const name of ['content-type', 'content-length', 'content-disposition', 'accept-ranges', 'etag'])
      assert.is(head.headers[name], whole.headers[name], name)
  }
  assert.is((await raw(port, { method: 'HEAD', path: `${path}x`, headers: bearer })).status, 404)
  assert.is((await raw(port, { method: 'HEAD', path })).status, 401)
  const refused = await ask({}, 'DELETE')
  assert.equal([refused.status, refused.headers.allow], [405, 'GET, HEAD'])
  const table = await raw(port, { method: 'HEAD', path: `/api/v1/tasks/${id}/table`, headers: bearer })
  assert.equal([table.status, table.headers.allow], [405, 'GET'])
  assert.is((await ask({})).status, 500, 'what GET would have met')
})

test('a file that breaks on its way is never taken for the whole, and one that nobody reads is given up', async (t) => {
  const { client, island, log } = await serve(t)
  const { id } = await client.tasks.submit(SQL)
  const content = 'x'.repeat(300_000)
  island.fake.succeed(id, { rows: ROWS, items: { 'big.txt': ['text/plain', content] } })
  let returned = 0
  island.script({
    tasks: {
      async *read() {
        yield Buffer.from('x')
        throw new TypeError('cannot read /home/owner/spool')
      },
    },
  })
  await rejects(collect(client.tasks.read(id, 'big.txt')), 'UNREACHABLE')
  assert.is(log.filter(([level]) => level === 'error').length, 1)
  island.script({
    tasks: {
      async *read() {
        yield Buffer.from('too short')
      },
      table: async () => ({
        mediaType: 'text/csv',
        fileName: 'table.csv',
        body: (async function* () {
          try {
            for (;;) yield Buffer.alloc(65_536, 'y')
          } finally {
            returned += 1
          }
        })(),
      }),
    },
  })
  await rejects(collect(client.tasks.read(id, 'big.txt')), 'UNREACHABLE')
  const { body } = await client.tasks.table(id, 'csv')
  for await (const chunk of body) {
    assert.ok(chunk.length > 0)
    break
  }
  await eventually(() => returned === 1, { signal: t.signal })
  island.script({
    tasks: {
      table: async () => ({
        mediaType: 'text/csv',
        fileName: 'table.csv',
        body: (async function* () {
          yield Buffer.from('a\n')
          throw new ArchipelError('DISK_FULL', 'no room')
        })(),
      }),
    },
  })
  await rejects(collect((await client.tasks.table(id, 'csv')).body), 'UNREACHABLE')
})

test('a table is saved in the format asked for; an unknown format and a result without table are refused', async (t) => {
  const { client, island, port } = await serve(t)
  const { id } = await client.tasks.submit(SQL)
  await rejects(client.tasks.table(id, 'csv'), 'TASK_STATE')
  island.fake.succeed(id, { rows: ROWS })
  for (const format of ['csv', 'json', 'ndjson', 'parquet', 'arrow'] as const) {
    const { fileName, body } = await client.tasks.table(id, format)
    assert.is(fileName, `table.${format}`)
    assert.is(await collect(body), `${format}\nVega,0.03\nSirius,-1.46\n`)
  }
  assert.is(
    (await raw(port, { path: `/api/v1/tasks/${id}/table`, headers: bearer })).headers['content-type'],
    'text/csv',
  )
  assert.is((await raw(port, { path: `/api/v1/tasks/${id}/table?format=xls`, headers: bearer })).status, 400)
  const { id: text } = await client.tasks.submit(SQL)
  island.fake.succeed(text, { items: { 'text.txt': ['text/plain', 'x'] } })
  await rejects(client.tasks.table(text, 'csv'), 'NOT_FOUND')
})

test('cancelling ends a task once; retrying makes another', async (t) => {
  const { client } = await serve(t)
  const { id } = await client.tasks.submit(SQL)
  await rejects(client.tasks.retry(id), 'TASK_STATE')
  assert.is((await client.tasks.cancel(id)).state, 'cancelled')
  assert.is((await client.tasks.cancel(id)).state, 'cancelled')
  const again = await client.tasks.retry(id)
  assert.is(again.retryOf, id)
  assert.is.not(again.id, id)
  await rejects(client.tasks.cancel(fakeTaskId(SELF.id, 99)), 'TASK_NOT_FOUND')
})

test.run()
