/** Files of other islands over HTTP: the pieces that are needed come, once, and stay. */
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { pathIn } from '../../src/node/identity/data-dir.ts'
import { toArchipelError } from '../../src/protocols/model/errors.ts'
import { createClient } from '../../src/web/client/node.ts'
import { SCIENCE_PYTHON } from '../engines/data.ts'
import { settled as converged, found, type Home, joined, restarted } from '../hostile/islands.ts'
import { eventually, rejects, requires, suite, type TestContext } from '../kit/index.ts'
import { bytes, finalFiles, settled, sha256, writeFiles } from './kit.ts'

const test = suite('replicas: reading files that are elsewhere')
const MiB = 1024 * 1024
const SCRIPT = fileURLToPath(new URL('remote-parquet.py', import.meta.url))
const run = promisify(execFile)
const WEB = { 'web.enabled': true }

interface Served extends Home {
  client: ReturnType<typeof createClient>
  token: string
  /** `fetch` of a path of the API with the owner's token. */
  http(path: string, headers?: Record<string, string>, init?: RequestInit): Promise<Response>
  number(metric: string): Promise<number>
}

async function served(t: TestContext, home: Home): Promise<Served> {
  const token = (await readFile(pathIn(home.dataDir, 'token'), 'utf8')).trim()
  const client = createClient({ url: home.url!, token })
  t.cleanup(() => client.close())
  return {
    ...home,
    client,
    token,
    http: (path, headers = {}, init = {}) =>
      fetch(`${home.url}/api/v1${path}`, {
        ...init,
        headers: { authorization: `Bearer ${token}`, ...headers },
        signal: t.signal,
      }),
    async number(metric) {
      const text = await client.metrics()
      return Number(new RegExp(`^${metric} (.+)$`, 'm').exec(text)?.[1])
    },
  }
}

/** Bytes that it gave to others. */
const sent = (island: Served) => island.number('archipel_transfers_sent_bytes_total')

let a: Served
let b: Served
/** It has little room, and a slow line. */
let small: Served

test.before(async (t) => {
  a = await served(t, await found(t, 'a', WEB))
  b = await served(t, await joined(t, a, 'b', { ...WEB, 'transfers.downBytesPerSecond': 8 * MiB }))
  const settings = { 'replicas.quotaBytes': 2 * MiB + 5, 'transfers.downBytesPerSecond': MiB }
  small = await served(t, await joined(t, a, 'small', { ...WEB, ...settings }))
  await converged(t, [a, b, small])
})

async function published(t: TestContext, name: string, content: Record<string, Buffer>, dir?: string): Promise<string> {
  const path = await writeFiles(join(dir ?? (await t.tmpdir()), name), content)
  const { id } = await a.port.publish({ path, name, as: 'files' })
  await eventually(async () => Promise.all([b.port.dataset(id), small.port.dataset(id)]), {
    timeoutMs: 20_000,
    signal: t.signal,
  })
  return id
}

async function all(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return Buffer.concat(parts)
}

/** What counts of it at the island, once so much is durable. */
async function kept(t: TestContext, island: Served, size: number): Promise<void> {
  await eventually(async () => assert.is(await island.number('archipel_replicas_bytes'), size), { signal: t.signal })
}

test('a file that is read to its end is whole and counts as held; own files are read where they are', async (t) => {
  const content = { 'big.bin': bytes(10 * MiB + 1), 'other.bin': bytes(10) }
  const id = await published(t, 'whole', content)
  const answer = await b.http('/datasets/whole/files/big.bin')
  assert.is(sha256(Buffer.from(await answer.arrayBuffer())), sha256(content['big.bin']))
  await kept(t, b, content['big.bin'].length)
  assert.equal([...(await finalFiles(b.dataDir)).keys()], ['big.bin'])
  assert.equal((await b.port.verify(id)).bad, [], 'nobody asked for the rest')
  const said = async (state: string) => {
    const own = (await b.port.dataset(id)).holders.find((h) => h.name === 'b')
    assert.is(own?.state, state)
  }
  await eventually(async () => said('partial'), { timeoutMs: 20_000, signal: t.signal })
  assert.is((await (await b.http('/datasets/whole/files/other.bin')).arrayBuffer()).byteLength, 10)
  await eventually(async () => said('available'), { timeoutMs: 20_000, signal: t.signal })

  const before = await sent(a)
  const own = await a.http('/datasets/whole/files/big.bin', { range: 'bytes=5-9' })
  assert.ok(Buffer.from(await own.arrayBuffer()).equals(content['big.bin'].subarray(5, 10)))
  const again = await b.http('/datasets/whole/files/big.bin', { range: 'bytes=-3' })
  assert.ok(Buffer.from(await again.arrayBuffer()).equals(content['big.bin'].subarray(-3)))
  assert.is(await sent(a), before)
  await b.port.drop(id, { force: true })
  assert.is((await finalFiles(b.dataDir)).size, 0)
})

test('what is read before a transfer, while it runs and while it is paused fits into it', async (t) => {
  const big = bytes(12 * MiB)
  const id = await published(t, 'moving', { 'big.bin': big })
  const file = await b.port.read({ ref: id, path: 'big.bin' })
  await all(file.open({ from: 0, to: 10 }))
  await kept(t, b, MiB)
  const first = await b.port.get(id)
  assert.is(first.done.bytes, MiB, 'the piece that was read')
  assert.ok((await all(file.open({ from: 11 * MiB, to: 12 * MiB }))).equals(big.subarray(11 * MiB)))
  await b.port.transfers.pause(first.id)
  assert.ok((await all(file.open({ from: 10 * MiB, to: 11 * MiB }))).equals(big.subarray(10 * MiB, 11 * MiB)))
  await eventually(async () => assert.ok((await b.port.transfers.show(first.id)).done.bytes >= 2 * MiB), {
    signal: t.signal,
  })
  await b.port.transfers.resume(first.id)
  const done = await settled(b.port, first.id, t)
  assert.is(done.state, 'available', JSON.stringify(done.problem))
  assert.equal(done.done, done.wanted)
  assert.is(sha256((await finalFiles(b.dataDir)).get('big.bin')!), sha256(big))
  assert.is(await b.number('archipel_replicas_bytes'), big.length)
  assert.equal((await b.port.verify(id)).bad, [])
  await b.port.drop(id, { force: true })
})

test('a replica that is dropped while it is read is gone, the reader is told, and the next one begins anew', async (t) => {
  const big = bytes(12 * MiB)
  const id = await published(t, 'dropped', { 'big.bin': big })
  const file = await b.port.read({ ref: id, path: 'big.bin' })
  const chunks = file.open({ from: 0, to: big.length })[Symbol.asyncIterator]()
  await chunks.next()
  await b.port.drop(id)
  const rest = all({ [Symbol.asyncIterator]: () => chunks })
  await rejects(
    rest.then(({ length }) => length),
    'CANCELLED',
  )
  assert.ok((await all(file.open({ from: 5, to: 9 }))).equals(big.subarray(5, 9)))
  await b.port.drop(id)
  assert.is(await b.number('archipel_replicas_bytes'), 0)
})

test('what was only read is not asked for: nobody pins it, no version takes it over; a get makes it a replica like others', async (t) => {
  const content = { 'big.bin': bytes(2 * MiB), 'changing.bin': bytes(20) }
  const dir = await t.tmpdir()
  const id = await published(t, 'only', content, dir)
  assert.is((await (await b.http('/datasets/only/files/big.bin')).arrayBuffer()).byteLength, 2 * MiB)
  await kept(t, b, 2 * MiB)
  const here = async () => (await b.port.replicas()).items.filter((r) => r.id === id)
  assert.equal(
    (await here()).map((r) => [r.read, r.mode, r.held.files]),
    [[true, undefined, 1]],
  )
  await rejects(b.port.pin(id), 'DATASET_NOT_FOUND')
  await rejects(b.port.follow(id), 'DATASET_NOT_FOUND')

  const asked = await settled(b.port, (await b.port.get(id, { files: ['changing.bin'] })).id, t)
  assert.is(asked.state, 'available', JSON.stringify(asked.problem))
  assert.equal(
    (await here()).map((r) => [r.read, r.files]),
    [[undefined, ['changing.bin']]],
  )
  assert.is((await b.port.pin(id)).mode, 'pin')
  await b.port.drop(id, { force: true })

  assert.is((await (await b.http('/datasets/only/files/big.bin')).arrayBuffer()).byteLength, 2 * MiB)
  await kept(t, b, 2 * MiB)
  await writeFile(join(dir, 'only', 'changing.bin'), bytes(30))
  const { version } = await a.port.update('only')
  await converged(t, [a, b, small])
  const next = await settled(b.port, (await b.port.get(id)).id, t)
  assert.is(next.version, version)
  assert.is(
    next.sources.reduce((sum, { bytes: came }) => sum + came, 0),
    2 * MiB + 30,
    'all of it came',
  )
  assert.equal(
    (await here()).map((r) => [r.version, r.state, r.read]),
    [[version, 'available', undefined]],
    'and it took the place of what was read',
  )
  assert.is(await b.number('archipel_replicas_bytes'), 2 * MiB + 30)
  await b.port.drop(id, { force: true })
})

test('a get, a drop and a reader at the same time: in the end it is here whole, or nothing is', async (t) => {
  const content = { 'x.bin': bytes(1_500_000), 'y.bin': bytes(30) }
  const id = await published(t, 'all-at-once', content)
  for (let round = 0; round < 8; round++) {
    const file = await b.port.read({ ref: id, path: 'y.bin' })
    await all(file.open({ from: 0, to: 5 }))
    const reading = all((await b.port.read({ ref: id, path: 'x.bin' })).open({ from: 0, to: 1_200_000 }))
    const [read, got] = await Promise.allSettled([reading, b.port.get(id), b.port.drop(id, { force: true })])
    if (read.status === 'rejected') assert.is(toArchipelError(read.reason).code, 'CANCELLED')
    assert.is(got.status, 'fulfilled', String(got.status === 'rejected' && got.reason))
    const { id: transfer } = (got as PromiseFulfilledResult<{ id: string }>).value
    const state = await eventually(
      async () => {
        const now = (await b.port.transfers.show(transfer)).state
        assert.ok(now === 'available' || now === 'cancelled', now)
        return now
      },
      { timeoutMs: 30_000, signal: t.signal },
    )
    if (state === 'available')
      for (const [name, expected] of Object.entries(content))
        assert.is(sha256((await finalFiles(b.dataDir)).get(name)!), sha256(expected))
    await b.port
      .drop(id, { force: true })
      .catch((cause: unknown) => assert.is(toArchipelError(cause).code, 'DATASET_NOT_FOUND'))
    assert.is((await finalFiles(b.dataDir)).size, 0)
    assert.is(await b.number('archipel_replicas_bytes'), 0)
  }
})

test('over the quota nothing is fetched, and a reader who leaves ends the fetching', async (t) => {
  const big = bytes(6 * MiB)
  const id = await published(t, 'much', { 'big.bin': big })
  const leaving = new AbortController()
  const before = await sent(a)
  const file = await small.port.read({ ref: id, path: 'big.bin' }, { signal: leaving.signal })
  const pending = all(file.open({ from: 0, to: MiB })).then(
    () => 'came',
    () => 'left',
  )
  await eventually(async () => assert.ok((await sent(a)) > before), { signal: t.signal })
  leaving.abort()
  assert.is(await pending, 'left')
  assert.is(await small.number('archipel_replicas_bytes'), 0, 'what had not come whole is nothing')
  const more = await small.port.read({ ref: id, path: 'big.bin' })
  await all(more.open({ from: 0, to: MiB }))
  await all(more.open({ from: MiB, to: 2 * MiB }))
  await kept(t, small, 2 * MiB)
  const refused = await small.http('/datasets/much/files/big.bin', { range: `bytes=${3 * MiB}-${3 * MiB}` })
  assert.is(refused.status, 507)
  assert.is(((await refused.json()) as { code: string }).code, 'QUOTA_EXCEEDED')
  assert.ok((await all(more.open({ from: 0, to: 9 }))).equals(big.subarray(0, 9)), 'what is here is read')
  await small.port.drop(id)
})

test('pyarrow reads one column of one row group by URL, and little of the file moves', async (t) => {
  await requires(
    'Python with pyarrow, fsspec and aiohttp',
    () => run(SCIENCE_PYTHON, ['-I', '-c', 'import pyarrow, fsspec, aiohttp']),
    'make a virtual environment with them and name its python in ARCHIPEL_TEST_PYTHON',
  )
  const python = async (...args: string[]) =>
    JSON.parse((await run(SCIENCE_PYTHON, ['-I', SCRIPT, ...args], { signal: t.signal })).stdout) as Record<
      string,
      number
    >
  const path = join(await t.tmpdir(), 'rows.parquet')
  const made = await python('make', path)
  const { id } = await a.port.publish({ path, name: 'rows' })
  await eventually(async () => b.port.dataset(id), { timeoutMs: 20_000, signal: t.signal })
  const before = await sent(a)
  const url = `${b.url}/api/v1/datasets/rows/files/rows.parquet`
  const read = await python('read', url, b.token)
  assert.equal(read, { sum: made.sum, rows: 16 * 1024, groups: 60 })
  const moved = (await sent(a)) - before
  assert.ok(made.bytes! > 28 * MiB, `${made.bytes}`)
  assert.ok(moved > 0 && moved <= 6 * MiB, `${moved} of ${made.bytes} bytes`)
  await python('read', url, b.token)
  assert.is((await sent(a)) - before, moved, 'and none of it twice')
  const { url: address } = await b.client.url(id, { path: 'rows.parquet' })
  assert.equal(await python('read', address), read, 'by an address that needs no header')
  assert.is((await sent(a)) - before, moved)
  await b.port.drop(id)
})

test('an address of one file needs no token, gives nothing else, and ends with the token it was made with', async (t) => {
  const content = { 'x/table.csv': Buffer.from('n\n1\n2\n'), 'x/other.csv': Buffer.from('secret') }
  const id = await published(t, 'shared', content)
  const made = await b.client.tokens.create({ name: 'reader', scopes: ['read'] })
  const reader = createClient({ url: b.url!, token: made.token })
  t.cleanup(() => reader.close())
  const known = await reader.url('shared', { path: 'x/table.csv', expiresMs: 60_000 })
  assert.equal([known.dataset, known.path, known.bytes], [id, 'x/table.csv', 6])
  assert.ok(known.url.startsWith(`${b.url}/files/`) && known.url.endsWith('/table.csv'), known.url)
  const curl = async (...args: string[]) => (await run('curl', ['-sS', ...args], { signal: t.signal })).stdout
  assert.is(await curl(known.url), 'n\n1\n2\n')
  assert.is(await curl('-r', '2-3', known.url), '1\n')
  const head = await curl('-I', known.url)
  assert.match(head, /^HTTP\/1\.1 200/)
  assert.match(head, /content-length: 6/i)
  assert.not.match(head, /set-cookie/i)
  assert.is(await curl('-H', 'authorization: Bearer wrong', '-H', 'cookie: archipel=wrong', known.url), 'n\n1\n2\n')
  const refused = async (url: string, status: number, code: string, init: RequestInit = {}) => {
    const answer = await fetch(url, { ...init, signal: t.signal })
    assert.equal([answer.status, ((await answer.json()) as { code: string }).code], [status, code], url)
  }
  await refused(known.url.replace('/table.csv', '/other.csv'), 403, 'URL_INVALID')
  await refused(known.url.replace('/files/', '/files/x'), 403, 'URL_INVALID')
  await refused(known.url.replace(b.url!, a.url!), 403, 'URL_INVALID')
  await refused(known.url, 405, 'METHOD_NOT_ALLOWED', { method: 'DELETE' })
  await refused(`${b.url}/api/v1/datasets/shared/files/x/table.csv`, 401, 'UNAUTHENTICATED')
  await rejects(reader.url('shared', { path: 'x/none.csv' }), 'NOT_FOUND')

  // It stays with its version, which is here; then its token ends.
  const version = { version: known.version }
  await b.client.tokens.revoke('reader')
  await refused(known.url, 403, 'URL_EXPIRED')
  const short = await b.client.url('shared', { path: 'x/table.csv', ...version, expiresMs: 1000 })
  await eventually(() => refused(short.url, 403, 'URL_EXPIRED'), { signal: t.signal })
  const { items } = await b.port.journal({ limit: 100 })
  assert.ok(items.some((e) => e.action === 'file:url' && e.actor.startsWith('reader@') && e.outcome === 'ok'))
  await b.port.drop(id)
})

test('ranges of a file that another island holds: only their pieces come, once, and outlive a restart and the holder', async (t) => {
  const content = { 'x/big.bin': bytes(9 * MiB + 17), 'empty.bin': bytes(0), 'a b%2F.txt': Buffer.from('text') }
  const id = await published(t, 'far', content)
  const big = content['x/big.bin']
  const path = '/datasets/far/files/x/big.bin'
  const before = await sent(a)
  const moved = async () => (await sent(a)) - before

  const head = await b.http(path, {}, { method: 'HEAD' })
  assert.is(head.status, 200)
  assert.is(head.headers.get('content-length'), String(big.length))
  assert.is(head.headers.get('accept-ranges'), 'bytes')
  const etag = head.headers.get('etag')!
  const { items } = await b.client.files(id, { limit: 10 })
  assert.is(etag, `"${items.find((f) => f.path === 'x/big.bin')!.pieces}"`, 'the hash of its content')
  assert.is(await moved(), 0, 'nothing is moved to say what it is')

  const part = await b.http(path, { range: `bytes=${3 * MiB - 5}-${3 * MiB + 4}` })
  assert.is(part.status, 206)
  assert.is(part.headers.get('content-range'), `bytes ${3 * MiB - 5}-${3 * MiB + 4}/${big.length}`)
  assert.ok(Buffer.from(await part.arrayBuffer()).equals(big.subarray(3 * MiB - 5, 3 * MiB + 5)))
  assert.is(await moved(), 2 * MiB, 'the two pieces that it touches')

  const readers = Array.from({ length: 6 }, () => b.http(path, { range: 'bytes=-20' }))
  for (const answer of await Promise.all(readers))
    assert.ok(Buffer.from(await answer.arrayBuffer()).equals(big.subarray(-20)), 'the end')
  assert.is(await moved(), 3 * MiB + 17, 'readers of one piece share it')

  const encoded = await b.http(`/datasets/${encodeURIComponent(id)}/files/${encodeURIComponent('x/big.bin')}`, {
    range: `bytes=${3 * MiB}-${3 * MiB}`,
    'if-range': etag,
  })
  assert.is(encoded.status, 206)
  await encoded.arrayBuffer()
  assert.is((await b.http(path, { 'if-none-match': etag })).status, 304)
  const beyond = await b.http(path, { range: `bytes=${big.length}-` })
  assert.is(beyond.status, 416)
  assert.is(beyond.headers.get('content-range'), `bytes */${big.length}`)
  assert.is((await b.http('/datasets/far/files/none.bin')).status, 404)
  assert.is((await b.http('/datasets/nothing/files/none.bin')).status, 404)
  assert.is((await b.http(path, { authorization: 'Bearer wrong' })).status, 401)
  assert.is(await (await b.http(`/datasets/far/files/${encodeURIComponent('a b%2F.txt')}`)).text(), 'text')
  assert.is((await (await b.http('/datasets/far/files/empty.bin')).arrayBuffer()).byteLength, 0)
  assert.is(await moved(), 3 * MiB + 17 + 4)
  await kept(t, b, 3 * MiB + 17 + 4)

  b = await served(t, await restarted(t, b))
  const same = await b.client.read({ ref: id, path: 'x/big.bin' })
  assert.is(same.bytes, big.length)
  const middle = await all(same.open({ from: 3 * MiB - 5, to: 3 * MiB + 5 }))
  assert.ok(middle.equals(big.subarray(3 * MiB - 5, 3 * MiB + 5)))
  assert.is(await moved(), 3 * MiB + 17 + 4, 'never fetched twice')
  assert.is(await b.number('archipel_replicas_bytes'), 3 * MiB + 17 + 4, 'it counts')

  await a.stop()
  assert.ok((await all(same.open({ from: big.length - 20, to: big.length }))).equals(big.subarray(-20)))
  const missing = await b.http(path, { range: 'bytes=0-9' })
  assert.is(missing.status, 503)
  assert.is(((await missing.json()) as { code: string }).code, 'NO_HOLDER')
})

test.run()
