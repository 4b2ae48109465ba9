/** Publishing a dataset again: a new version, what of it was read anew, and what is remembered. */
import { cp, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { MAX_EARLIER_VERSIONS } from '../../src/protocols/model/dataset.ts'
import { found } from '../hostile/islands.ts'
import { rejects, suite, type TestContext } from '../kit/index.ts'
import { bytes, writeFiles } from '../replicas/kit.ts'

const test = suite('versions: publishing again')

const KiB = 1024

async function published(t: TestContext) {
  const a = await found(t, 'a')
  const path = await writeFiles(join(await t.tmpdir(), 'data'), {
    'kept.bin': bytes(300 * KiB),
    'x/changing.bin': bytes(20 * KiB),
    'x/going.bin': bytes(5 * KiB),
  })
  const first = await a.port.publish({ path, name: 'set', as: 'files', title: 'A set', keywords: ['stars'] })
  const seq = async () => (await a.port.status()).catalog.seq
  return { a, path, first, seq }
}

test('a new version has what changed, and of the rest nothing is read', async (t) => {
  const { a, path, first } = await published(t)
  await writeFile(join(path, 'x/changing.bin'), bytes(21 * KiB))
  await writeFile(join(path, 'x/new.bin'), bytes(7 * KiB))
  await rm(join(path, 'x/going.bin'))

  const done = await a.port.update('set')
  assert.equal(done.changes, {
    added: { files: 1, bytes: 7 * KiB },
    changed: { files: 1, bytes: 21 * KiB },
    removed: { files: 1, bytes: 5 * KiB },
  })
  assert.equal(
    done.files.map((f) => [f.path, f.change]),
    [
      ['x/changing.bin', 'changed'],
      ['x/going.bin', 'removed'],
      ['x/new.bin', 'added'],
    ],
  )
  assert.equal(done.hashed, { files: 2, bytes: 28 * KiB })
  assert.equal(done.reused, { files: 1, bytes: 300 * KiB })
  assert.is(done.from, first.body.version)
  assert.ok(done.changed && done.recorded)

  const { body } = await a.port.dataset('set')
  assert.is(body.version, done.version)
  assert.is(body.title, 'A set', 'words stay that are not given')
  assert.equal(body.keywords, ['stars'])
  assert.is(body.created, first.body.created)
  const { version, modified, files, size } = first.body
  assert.equal(body.previous, [{ version, modified, files, size }])
})

test('where nothing changed nothing is read, and no record is written', async (t) => {
  const { a, first, seq } = await published(t)
  const before = await seq()
  const done = await a.port.update(first.id)
  assert.not.ok(done.changed || done.recorded)
  assert.equal(done.hashed, { files: 0, bytes: 0 })
  assert.equal(done.reused, { files: 3, bytes: 325 * KiB })
  assert.is(await seq(), before)
  assert.equal((await a.port.dataset('set')).body, first.body)
})

test('a dry run says what would change, and changes nothing', async (t) => {
  const { a, path, first, seq } = await published(t)
  await writeFile(join(path, 'x/new.bin'), bytes(10))
  const before = await seq()
  const dry = await a.port.update('set', { dryRun: true })
  assert.ok(dry.changed && !dry.recorded)
  assert.equal(dry.changes.added, { files: 1, bytes: 10 })
  assert.is((await a.port.dataset('set')).body.version, first.body.version)
  assert.is(await seq(), before)
  assert.is((await a.port.update('set')).version, dry.version, 'it is what becomes of it')
})

test('words may change alone, and then the version stays', async (t) => {
  const { a, first } = await published(t)
  const done = await a.port.update('set', { title: 'Another title', licence: 'MIT' })
  assert.ok(done.recorded)
  assert.is(done.version, first.body.version)
  const { body } = await a.port.dataset('set')
  assert.equal([body.title, body.licence, body.version], ['Another title', 'MIT', first.body.version])
  assert.is(body.previous, undefined, 'the version is not one before itself')
  assert.is(body.format, 'files', 'what was said of the files stays')
})

test('a file whose times changed is read again, and is the same; a file that comes back is the version of before', async (t) => {
  const { a, path, first } = await published(t)
  await utimes(join(path, 'kept.bin'), new Date(1000), new Date(1000))
  const touched = await a.port.update('set')
  assert.not.ok(touched.changed)
  assert.equal(touched.hashed, { files: 1, bytes: 300 * KiB })
  assert.equal((await a.port.update('set')).hashed, { files: 0, bytes: 0 }, 'its times are remembered')

  await rename(join(path, 'kept.bin'), join(path, '../aside'))
  const second = await a.port.update('set')
  await rename(join(path, '../aside'), join(path, 'kept.bin'))
  const back = await a.port.update('set')
  assert.is(back.version, first.body.version)
  assert.equal(
    (await a.port.dataset('set')).body.previous?.map((p) => p.version),
    [second.version],
    'the present version is no earlier one',
  )
})

test('the path may be another one, which is remembered from then on', async (t) => {
  const { a, path } = await published(t)
  const other = join(await t.tmpdir(), 'moved')
  await cp(path, other, { recursive: true })
  assert.not.ok((await a.port.update('set', { path: other })).changed, 'the same files elsewhere are the same version')
  await rm(path, { recursive: true })
  await writeFile(join(other, 'x/new.bin'), bytes(10))
  const done = await a.port.update('set')
  assert.equal(done.changes.added, { files: 1, bytes: 10 })
  assert.equal(done.changes.removed, { files: 0, bytes: 0 })
  assert.equal(await a.port.resolve({ ref: 'set' }).then((r) => r.holders.map((h) => h.state)), ['available'])
})

test('earlier versions are a bounded list, the newest first, by publishing in the old way, too', async (t) => {
  const { a, path, first } = await published(t)
  const versions = [first.body.version]
  for (let i = 0; i < MAX_EARLIER_VERSIONS + 2; i++) {
    await writeFile(join(path, 'x/new.bin'), `number ${i}`)
    if (i % 2 === 0) versions.unshift((await a.port.update('set')).version)
    else versions.unshift((await a.port.publish({ path, name: 'set', as: 'files' })).body.version)
  }
  const { body } = await a.port.dataset('set')
  assert.is(body.version, versions[0])
  assert.equal(
    body.previous?.map((p) => p.version),
    versions.slice(1, MAX_EARLIER_VERSIONS + 1),
  )
})

test('what is not published here cannot be updated', async (t) => {
  const { a } = await published(t)
  await rejects(a.port.update('nothing'), 'DATASET_NOT_FOUND')
})

test.run()
