/** Islands in one process: what is fetched is what was published, and counts as held. */
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { pathIn } from '../../src/node/identity/data-dir.ts'
import { settled as converged, found, joined } from '../hostile/islands.ts'
import { eventually, rejects, suite, type TestContext } from '../kit/index.ts'
import { bytes, finalFiles, settled, sha256, writeFiles } from './kit.ts'

const test = suite('replicas: getting, holding, dropping')

const MiB = 1024 * 1024

async function three(t: TestContext) {
  const a = await found(t, 'a')
  const b = await joined(t, a, 'b')
  const c = await joined(t, a, 'c')
  await converged(t, [a, b, c])
  return { a, b, c }
}

test('a dataset is fetched whole, resolves here, feeds a third island, and is dropped again', async (t) => {
  const { a, b, c } = await three(t)
  const content: Record<string, Buffer> = {
    'big.bin': bytes(5 * MiB + 17),
    'x/one.bin': bytes(MiB),
    'x/empty': bytes(0),
  }
  for (let i = 0; i < 300; i++) content[`small/${i}.bin`] = bytes(100 + i)
  const path = await writeFiles(join(await t.tmpdir(), 'data'), content)
  const { id } = await a.port.publish({ path, name: 'mixed', as: 'files' })
  await converged(t, [a, b, c])

  const plan = await b.port.getPlan(id)
  assert.is(plan.missing.files, 303)
  assert.equal(
    plan.sources.map((s) => [s.name, s.confirmed]),
    [['a', true]],
  )
  assert.is((await finalFiles(b.dataDir)).size, 0, 'a plan moves nothing')

  const asked = await b.port.get(id)
  const done = await settled(b.port, asked.id, t)
  assert.is(done.state, 'available', JSON.stringify(done.problem))
  assert.equal(done.done, done.wanted)
  const files = await finalFiles(b.dataDir)
  assert.is(files.size, 303)
  for (const [name, expected] of Object.entries(content))
    assert.is(sha256(files.get(name)!), sha256(expected), `${name} is what was published`)

  await converged(t, [a, b, c])
  const holders = (await c.port.resolve({ ref: id })).holders.filter((h) => h.confirmed)
  assert.equal(holders.map((h) => h.name).sort(), ['a', 'b'])

  const third = await settled(c.port, (await c.port.get(id)).id, t)
  assert.is(third.state, 'available')
  assert.equal(third.sources.map((s) => s.name).sort(), ['a', 'b'])
  assert.ok(
    third.sources.every((s) => s.bytes > 0),
    `both gave some: ${JSON.stringify(third.sources)}`,
  )

  const to = join(await t.tmpdir(), 'mine')
  const brought = await settled(b.port, (await b.port.get(id, { to, files: ['x/**'] })).id, t)
  assert.is(brought.state, 'available', JSON.stringify(brought.problem))
  assert.is(sha256(await readFile(join(to, 'x/one.bin'))), sha256(content['x/one.bin']!))
  assert.is((await b.port.resolve({ ref: id })).holders.filter((h) => h.confirmed).length, 3, 'a link changes no bytes')

  await b.port.drop(id)
  assert.is((await finalFiles(b.dataDir)).size, 0)
  await c.port.drop(id)
  assert.is(sha256(await readFile(join(to, 'x/one.bin'))), sha256(content['x/one.bin']!), 'what was brought stays')
  await rejects(c.port.drop(id), 'DATASET_NOT_FOUND')
})

test('a part is fetched by patterns, advertises exactly what it holds, and grows to the whole', async (t) => {
  const a = await found(t, 'a')
  const b = await joined(t, a, 'b', { 'web.enabled': true })
  await converged(t, [a, b])
  const path = await writeFiles(join(await t.tmpdir(), 'data'), {
    '2025/a.bin': bytes(2000),
    '2026/b.bin': bytes(3000),
    '2026/c.bin': bytes(3 * MiB),
  })
  const { id } = await a.port.publish({ path, name: 'years', as: 'files' })
  await converged(t, [a, b])
  await rejects(b.port.get(id, { files: ['2024/**'] }), 'NOT_FOUND')
  const part = await settled(b.port, (await b.port.get(id, { files: ['2026/**'] })).id, t)
  assert.is(part.state, 'partial')
  assert.equal([...(await finalFiles(b.dataDir)).keys()].sort(), ['2026/b.bin', '2026/c.bin'])
  await converged(t, [a, b])
  const seen = (await a.port.dataset(id)).holders.find((h) => h.name === 'b')
  assert.is(seen?.state, 'partial')
  await rejects(b.port.drop('nothing-like-it'), 'DATASET_NOT_FOUND')
  const whole = await settled(b.port, (await b.port.get(id)).id, t)
  assert.is(whole.state, 'available')
  assert.is(whole.sources[0]!.bytes, 2000, 'what was there is not fetched again')
  const headers = { authorization: `Bearer ${(await readFile(pathIn(b.dataDir, 'token'), 'utf8')).trim()}` }
  const metrics = await (await fetch(new URL('/metrics', b.url), { headers })).text()
  const bytesByHttps = 2000 + 3000 + 3 * MiB
  assert.match(metrics, `archipel_transfers_https_bytes_total{direction="received"} ${bytesByHttps}`)
})

test('the last copy is not dropped, bad files are found, put aside and fetched again', async (t) => {
  // Here over libp2p.
  const a = await found(t, 'a', { 'transfers.https.listen': 'off' })
  const b = await joined(t, a, 'b')
  await converged(t, [a, b])
  const content = { 'one.bin': bytes(MiB + 1), 'two.bin': bytes(100) }
  const path = await writeFiles(join(await t.tmpdir(), 'data'), content)
  const { id } = await a.port.publish({ path, name: 'last', as: 'files' })
  await converged(t, [a, b])
  await settled(b.port, (await b.port.get(id)).id, t)
  const clean = await b.port.verify(id, { checksums: true })
  assert.equal(clean.checksums, [
    { path: 'one.bin', sha256: sha256(content['one.bin']) },
    { path: 'two.bin', sha256: sha256(content['two.bin']) },
  ])
  const folder = join(b.dataDir, 'replicas')
  const { readdir, chmod } = await import('node:fs/promises')
  const file = join(folder, (await readdir(folder))[0]!, 'files', 'one.bin')
  const broken = Buffer.from(content['one.bin'])
  broken[MiB] = broken[MiB]! ^ 1
  await chmod(file, 0o644)
  await writeFile(file, broken)
  const found2 = await b.port.verify(id)
  assert.equal(found2.bad, ['one.bin'])
  assert.is(found2.state, 'partial')
  const again = await settled(b.port, (await b.port.get(id)).id, t)
  assert.is(again.state, 'available')
  assert.is((await b.port.verify(id)).bad.length, 0)
  assert.is((await stat(file)).size, MiB + 1)
  // The publisher's own file goes bad: now the replica is the last copy.
  await writeFile(join(path, 'two.bin'), bytes(100))
  await eventually(
    async () => {
      const { holders } = await b.port.resolve({ ref: id })
      return holders.find((h) => h.name === 'a')?.state === 'stale'
    },
    { timeoutMs: 20_000, signal: t.signal },
  )
  const known = await a.port.verify(id, { checksums: true })
  assert.equal([known.state, known.bad], ['stale', ['two.bin']])
  assert.equal(
    known.checksums?.map((sum) => sum.path),
    ['one.bin'],
  )
  await rejects(b.port.drop(id), 'LAST_COPY')
  await b.port.drop(id, { force: true })
})

test('work runs on a whole replica, also when its publisher is away', async (t) => {
  const a = await found(t, 'a')
  const b = await joined(t, a, 'b', { 'engine.kind': 'embedded' })
  await converged(t, [a, b])
  const path = await writeFiles(join(await t.tmpdir(), 'data'), { 'x.csv': 'n\n1\n2\n', 'y.csv': 'n\n40\n' })
  const { id } = await a.port.publish({ path, name: 'numbers' })
  await converged(t, [a, b])
  const part = await settled(b.port, (await b.port.get(id, { files: ['x.csv'] })).id, t)
  assert.is(part.state, 'partial')
  await settled(b.port, (await b.port.get(id)).id, t)
  await a.stop()
  const answer = await b.port.sql({ sql: 'SELECT CAST(sum(n) AS INTEGER) AS s FROM numbers' })
  assert.equal(answer.result.rows, [[43]])
  assert.is(answer.ranAt?.name, 'b')
})

test.run()
