/** Datasets whose files stay where they are, outside of all islands: published, asked, fetched, and changed. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { ArchipelError } from '../../src/protocols/model/errors.ts'
import { settled as converged, found, joined } from '../hostile/islands.ts'
import { eventually, rejects, suite } from '../kit/index.ts'
import { bytes, finalFiles, settled, sha256, writeFiles } from '../replicas/kit.ts'
import { webServer } from './kit.ts'

const test = suite('outside sources: islands')
const MiB = 1024 * 1024

test('a table of a web server is described, answers SQL, is fetched by others, and is never served once it changed', async (t) => {
  const web = await webServer(t)
  const rows = Array.from({ length: 1000 }, (_, n) => `${n},star ${n}`)
  const csv = Buffer.from(`n,name\n${rows.join('\n')}\n`)
  web.files.set('survey/stars.csv', { bytes: csv, etag: '"1"' })
  const a = await found(t, 'a', { 'outside.sources': [`${web.url}survey/`], 'engine.kind': 'embedded' })
  const b = await joined(t, a, 'b')
  await converged(t, [a, b])

  const phases = new Set<string>()
  const path = `${web.url}survey/stars.csv`
  const view = await a.port.publish({ path }, { onProgress: ({ phase }) => phases.add(phase) })
  assert.equal([view.body.name, view.body.format, view.body.rows], ['stars', 'csv', 1000])
  assert.ok(phases.has('fetch'))
  const answer = await a.port.sql({ sql: 'SELECT CAST(sum(n) AS INTEGER) AS s FROM stars' })
  assert.equal(answer.result.rows, [[499_500]])
  const reads = web.log.filter((line) => line.includes(`bytes=0-${csv.length - 1}`))
  assert.is(reads.length, 1, `its bytes are read once: ${web.log.join('; ')}`)

  await converged(t, [a, b])
  assert.not.match(JSON.stringify(await b.port.dataset(view.id)), /127\.0\.0\.1/, 'nobody is told where it is')
  const done = await settled(b.port, (await b.port.get(view.id)).id, t)
  assert.is(done.state, 'available', JSON.stringify(done.problem))
  assert.is(sha256((await finalFiles(b.dataDir)).get('stars.csv')!), sha256(csv))
  await b.port.drop(view.id)

  const other = Buffer.from(csv.toString().replace('star 1\n', 'STAR 1\n'))
  web.files.set('survey/stars.csv', { bytes: other, etag: '"2"' })
  const again = await b.port.get(view.id)
  await eventually(
    async () => (await b.port.resolve({ ref: view.id })).holders.find((h) => h.name === 'a')?.state === 'stale',
    { timeoutMs: 30_000, signal: t.signal },
  )
  await b.port.transfers.cancel(again.id)
  assert.is((await finalFiles(b.dataDir)).size, 0, 'no byte of it counts')
  const refused = await a.port.sql({ sql: 'SELECT count(*) FROM stars' }).catch((error: ArchipelError) => error)
  // Which of the two depends on whether the change has been written down already.
  assert.ok('code' in refused && ['STALE', 'NO_HOLDER'].includes(refused.code), JSON.stringify(refused))
  await rejects(a.port.publish({ path: `${web.url}other.csv` }), 'SOURCE_NOT_ALLOWED')

  const update = await a.port.update(view.id)
  assert.is(update.changed, true)
  assert.equal((await a.port.sql({ sql: 'SELECT name FROM stars WHERE n = 1' })).result.rows, [['STAR 1']])
})

test('what is larger than the room for copies is hashed on its way, and fetched from there by others', async (t) => {
  const web = await webServer(t)
  const content = bytes(2 * MiB + 77)
  web.files.set('big.csv', { bytes: content, etag: '"1"' })
  const a = await found(t, 'a', { 'outside.sources': [web.url], 'outside.cacheBytes': MiB })
  const b = await joined(t, a, 'b')
  await converged(t, [a, b])
  await rejects(a.port.publish({ path: `${web.url}big.csv`, as: 'csv' }), 'QUOTA_EXCEEDED')
  const view = await a.port.publish({ path: `${web.url}big.csv` })
  assert.is(view.body.format, 'files')
  assert.equal(await readdir(join(a.dataDir, 'outside')).catch(() => []), [], 'nothing is copied')
  const verified = await a.port.verify(view.id, { checksums: true })
  assert.equal(verified.bad, [])
  assert.equal(verified.checksums, [{ path: 'big.csv', sha256: sha256(content) }])
  await converged(t, [a, b])
  const done = await settled(b.port, (await b.port.get(view.id)).id, t)
  assert.is(done.state, 'available', JSON.stringify(done.problem))
  assert.is(sha256((await finalFiles(b.dataDir)).get('big.csv')!), sha256(content))

  web.before = (_, response) => Boolean(response.writeHead(403).end())
  await rejects(a.port.verify(view.id), 'SOURCE_REFUSED')
})

test('with its holder away a dataset comes from its public origin, and never once other bytes are there', async (t) => {
  const web = await webServer(t)
  const folder = await t.tmpdir()
  const contents = new Map<string, Buffer>()
  const a = await found(t, 'a')
  const b = await joined(t, a, 'b', { 'outside.sources': [`${web.url}open/`] })
  for (const name of ['kept.bin', 'changed.bin', 'listed/x.bin', 'listed/y z.bin']) {
    const content = bytes(2 * MiB + name.length)
    contents.set(name, content)
    web.files.set(`open/${name}`, { bytes: content, etag: '"1"' })
  }
  await writeFiles(folder, Object.fromEntries(contents))
  const [kept, changed, listed] = await Promise.all(
    ['kept.bin', 'changed.bin', 'listed/'].map((name) =>
      a.port.publish({ path: join(folder, name), origin: `${web.url}open/${name}` }),
    ),
  )
  await rejects(a.port.publish({ path: join(folder, 'kept.bin'), id: 'x', origin: 'https://u:p@h/f' }), 'BAD_INPUT')
  await converged(t, [a, b])
  // What is in a folder of a web server only an island knows, and has to tell before it goes.
  const { sources } = await b.port.getPlan(listed!.id)
  assert.equal(
    sources.map(({ name }) => name),
    ['a', 'its origin'],
    'asked beside the holders',
  )
  await a.stop()
  const other = Buffer.from(contents.get('changed.bin')!)
  other[MiB] = other[MiB]! ^ 1
  web.files.set('open/changed.bin', { bytes: other, etag: '"2"' })

  for (const view of [kept!, listed!]) {
    const done = await settled(b.port, (await b.port.get(view.id)).id, t)
    assert.is(done.state, 'available', JSON.stringify(done.problem))
  }
  const files = await finalFiles(b.dataDir)
  for (const [path, name] of [
    ['kept.bin', 'kept.bin'],
    ['x.bin', 'listed/x.bin'],
    ['y z.bin', 'listed/y z.bin'],
  ] as const)
    assert.is(sha256(files.get(path)!), sha256(contents.get(name)!), `${path} is what was published`)
  await rejects(b.port.get(changed!.id), 'BAD_DATA')
  assert.not.ok((await finalFiles(b.dataDir)).has('changed.bin'), 'nothing of it has its name')
})

test.run()
