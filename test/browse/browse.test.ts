import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import * as assert from 'uvu/assert'
import { browse } from '../../src/node/browse/browse.ts'
import { searchIndex } from '../../src/node/search/search-index.ts'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import { Archipelago } from '../catalog/archipelago.ts'
import { eventually, suite, type TestContext } from '../kit/index.ts'
import { entry } from '../search/kit.ts'

const test = suite('browse')

const idOf = (n: number) => `doi:10.5072/set${n}`

async function shelf(t: TestContext, datasets: number) {
  const island = await new Archipelago(t).island()
  const put = (n: number, more = {}) =>
    island.cat.append('dataset', idOf(n), { ...entry(`set${n}`, { title: `star number ${n}`, ...more }).body })
  for (let n = 0; n < datasets; n++) await put(n)
  const path = join(await t.tmpdir(), 'search.db')
  const search = searchIndex({ path })()
  const port = browse({
    catalog: island.cat,
    search,
    nameOf: (id) => id,
    islandNamed: (id) => id,
    isMember: () => true,
    logger: pino({ level: 'silent' }),
  })
  t.cleanup(async () => {
    await port.stop()
    search.close()
  })
  await port.start()
  return { port, search, path, put, island }
}

/** Breaks the pages of an index that is open. */
async function harm(path: string): Promise<void> {
  for (const suffix of ['', '-wal', '-shm']) {
    const bytes = await readFile(path + suffix).catch(() => undefined)
    if (bytes === undefined) continue
    await writeFile(path + suffix, bytes.fill(0xa5))
  }
}

test('an index that breaks while it is used is built again by itself, and a search does not notice', async (t) => {
  const { port, path } = await shelf(t, 300)
  await harm(path)
  const found = await port.datasets({ text: 'star', limit: 10 })
  assert.is(found.total, 300)
  assert.is(port.count(), 300)
  assert.is(port.byId(idOf(7)).length, 1)
})

test('a look-up that finds the index broken is told to come back, and then finds', async (t) => {
  const { port, path } = await shelf(t, 50)
  await harm(path)
  let refused = 0
  const claims = await eventually(() => {
    try {
      return port.byName('set7')
    } catch (error) {
      refused++
      assert.ok(error instanceof ArchipelError)
      assert.is(error.code, 'RECOVERING')
      assert.match(error.message, 'search index')
      throw error
    }
  })
  assert.ok(refused > 0, 'the damage was noticed')
  assert.equal(
    claims.map((c) => c.id),
    [idOf(7)],
  )
})

test('what changes while the index is built again is in it afterwards', async (t) => {
  const { port, path, put, island } = await shelf(t, 300)
  await harm(path)
  const searching = port.datasets({ text: 'star' })
  await Promise.all([
    put(3, { title: 'planet number 3' }),
    put(400),
    island.cat.withdraw('dataset', idOf(5)),
    searching,
  ])
  await eventually(async () => {
    assert.is((await port.datasets({ text: 'star' })).total, 299)
    assert.is((await port.datasets({ text: 'planet' })).total, 1)
  })
  assert.is(port.count(), 300)
})

test('a change that finds the index broken has it built again', async (t) => {
  const { port, path, put } = await shelf(t, 20)
  await writeFile(path, randomBytes(100_000))
  await harm(path)
  await put(77)
  await eventually(() => port.byId(idOf(77)).length === 1)
  assert.is((await port.datasets({ text: 'star' })).total, 21)
})

test.run()
