import { randomBytes } from 'node:crypto'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { IndexEntry } from '../../src/node/search/port.ts'
import { MAX_RANKED } from '../../src/node/search/query.ts'
import { searchIndex } from '../../src/node/search/search-index.ts'
import { matchOf } from '../../src/node/search/words.ts'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import type { DatasetFilter } from '../../src/protocols/model/views.ts'
import { coneTest } from '../../src/protocols/sky/cone.ts'
import { parseMoc } from '../../src/protocols/sky/moc.ts'
import { rejects, suite, type TestContext } from '../kit/index.ts'
import { entry, field, island } from './kit.ts'

const test = suite('search')

function index(t: TestContext, entries: IndexEntry[] = [], path = ':memory:') {
  const search = searchIndex({ path })()
  t.cleanup(() => search.close())
  search.putMany(entries)
  return search
}

const names = (search: ReturnType<typeof index>, filter: DatasetFilter) =>
  search.search(filter).items.map((item) => item.id.split('/').at(-1))

const SOME = [
  entry('bright_stars', {
    title: 'Yale Bright Star Catalogue',
    keywords: ['Stars', 'photometry'],
    creators: [{ name: 'Hoffleit', affiliation: 'Yale' }],
    columns: [{ name: 'vmag', type: 'DOUBLE', description: 'visual magnitude' }],
    size: 400_000,
    coverage: field(180, 0, 20),
    aliases: ['doi:10.5281/zenodo.7'],
  }),
  entry(
    'openngc',
    {
      title: 'Nébuleuses and galaxies',
      keywords: ['galaxies'],
      description: 'A star is not in it',
      size: 4_000_000,
      coverage: field(0, 0, 4),
    },
    { recordedAt: 1_700_000_000_001 },
  ),
  entry(
    'gaia_dr3',
    {
      title: 'Gaia DR3 源',
      keywords: ['stars', 'astrometry'],
      format: 'parquet',
      size: 10 ** 12,
      coverage: field(10, 89.5, 3),
    },
    { publisher: island('b'), holders: [island('c')], recordedAt: 1_700_000_000_002 },
  ),
  entry('images', { format: 'fits', size: 5 }, { recordedAt: 1_700_000_000_003 }),
]

test('words are found in titles, keywords, creators, columns, descriptions and ids, the last one as a beginning', (t) => {
  const search = index(t, SOME)
  assert.equal(names(search, { text: 'bright' }), ['bright_stars'])
  assert.equal(names(search, { text: 'YALE catal' }), ['bright_stars'])
  assert.equal(names(search, { text: 'catal yale' }), [], 'only the last word is a beginning')
  assert.equal(names(search, { text: 'catal ' }), [], 'a space ends the word')
  assert.equal(names(search, { text: 'nebuleuses' }), ['openngc'])
  assert.equal(names(search, { text: 'hoffleit' }), ['bright_stars'])
  assert.equal(names(search, { text: 'vmag' }), ['bright_stars'])
  assert.equal(names(search, { text: 'magnitude' }), ['bright_stars'])
  assert.equal(names(search, { text: 'doi:10.5281/zenodo.7' }), ['bright_stars'])
  assert.equal(names(search, { text: '源' }), ['gaia_dr3'])
  assert.equal(
    names(search, { text: 'star' }),
    ['bright_stars', 'gaia_dr3', 'openngc'],
    'names weigh more than descriptions',
  )
  assert.equal(names(search, { text: 'nowhere' }), [])
})

test('without words the newest come first; empty words are no words, and words without a letter find nothing', (t) => {
  const search = index(t, SOME)
  assert.equal(names(search, {}), ['images', 'gaia_dr3', 'openngc', 'bright_stars'])
  assert.equal(names(search, { text: '  ' }), ['images', 'gaia_dr3', 'openngc', 'bright_stars'])
  assert.equal(search.search({ text: '***' }), { items: [], total: 0 })
})

test('keyword, island, format and size narrow the search, together and alone', (t) => {
  const search = index(t, SOME)
  assert.equal(names(search, { keyword: ['stars'] }), ['gaia_dr3', 'bright_stars'])
  assert.equal(names(search, { keyword: ['STARS ', 'photometry'] }), ['bright_stars'])
  assert.equal(names(search, { island: island('b') }), ['gaia_dr3'])
  assert.equal(names(search, { island: island('c') }), ['gaia_dr3'])
  assert.equal(names(search, { island: 'nobody' }), [])
  assert.equal(names(search, { format: 'fits' }), ['images'])
  assert.equal(names(search, { minSize: 400_000, maxSize: 4_000_000 }), ['openngc', 'bright_stars'])
  assert.equal(
    names(search, {
      text: 'star',
      keyword: ['stars'],
      format: 'csv',
      minSize: 1,
      island: island('a'),
      cone: { ra: 180, dec: 0, radius: 1 },
    }),
    ['bright_stars'],
  )
})

test('a cone finds what it meets and nothing else, over RA 0 and the pole', (t) => {
  const search = index(t, SOME)
  const at = (ra: number, dec: number, radius: number) => names(search, { cone: { ra, dec, radius } })
  assert.equal(at(180, 0, 1), ['bright_stars'])
  assert.equal(at(359.5, 0.5, 0.1), ['openngc'])
  assert.equal(at(0.5, 0.5, 0.1), ['openngc'])
  assert.equal(at(200, 89.9, 0.5), ['gaia_dr3'])
  assert.equal(at(0, 0, 180), ['gaia_dr3', 'openngc', 'bright_stars'])
  assert.equal(at(90, -45, 10), [])
  assert.equal(at(195, 0, 4), [], 'five degrees beyond the edge')
  assert.equal(at(-180, 0, 1), ['bright_stars'])
})

test('cone searches agree with a test of every coverage', (t) => {
  const coverage = fc.record({
    ra: fc.double({ min: 0, max: 359.9, noNaN: true }),
    dec: fc.double({ min: -88, max: 88, noNaN: true }),
    side: fc.double({ min: 0.1, max: 40, noNaN: true }),
  })
  const cone = fc.record({
    ra: fc.double({ min: 0, max: 360, noNaN: true }),
    dec: fc.double({ min: -90, max: 90, noNaN: true }),
    radius: fc.double({ min: 0, max: 60, noNaN: true }),
  })
  let hits = 0
  fc.assert(
    fc.property(fc.array(coverage, { minLength: 1, maxLength: 15 }), cone, (fields, asked) => {
      const entries = fields.map((f, i) => {
        const found = field(f.ra, f.dec, f.side)
        // The box here is that of the cells, to see the search and not the fixture.
        return entry(`f${i}`, {
          coverage: { spatial: { ...found.spatial!, box: { raMin: 0, raMax: 360, decMin: -90, decMax: 90 } } },
        })
      })
      const search = index(t, entries)
      const tester = coneTest(asked)
      const expected = entries
        .filter((e) => tester.meets(parseMoc(e.body.coverage!.spatial!.moc)))
        .map((e) => e.body.name)
      assert.equal(names(search, { cone: asked }).sort(), expected.sort())
      hits += expected.length
      search.close()
    }),
    { numRuns: 100 },
  )
  assert.ok(hits > 20, `${hits} hits`)
})

test('coverage that makes no sense is indexed without it', (t) => {
  const box = { raMin: 10, raMax: 20, decMin: 30, decMax: -30 }
  const spatial = (more: object) => ({
    coverage: {
      spatial: { frame: 'ICRS' as const, moc: '0/0-11', box: { raMin: 10, raMax: 20, decMin: -1, decMax: 1 }, ...more },
    },
  })
  const search = index(t, [
    entry('upside', spatial({ box })),
    entry('nonsense', spatial({ moc: '99/x' })),
    entry('empty', spatial({ moc: '' })),
    entry('vast', spatial({ box: { raMin: -1e300, raMax: 1e300, decMin: -1e300, decMax: 1e300 } })),
  ])
  assert.is(search.count(), 4)
  assert.equal(names(search, { cone: { ra: 15, dec: 0, radius: 1 } }).sort(), ['empty', 'nonsense', 'vast'])
})

test('pages hold every match once, in the order of one large page, with and without words', (t) => {
  const entries = Array.from({ length: 500 }, (_, i) =>
    entry(
      `set_${i}`,
      { title: `star ${'star '.repeat(i % 7)} x${i % 3}`, coverage: field(i % 360, 0, 2) },
      { recordedAt: 1_700_000_000_000 + (i % 20) },
    ),
  )
  const search = index(t, entries)
  for (const filter of [
    {},
    { text: 'star' },
    { cone: { ra: 180, dec: 0, radius: 90 } },
    { text: 'star', cone: { ra: 180, dec: 0, radius: 90 } },
    { format: 'csv', text: 'x1' },
  ] as DatasetFilter[]) {
    const all = search.search({ ...filter, limit: 1000 })
    assert.is(all.next, undefined)
    assert.is(all.total, all.items.length)
    const paged: unknown[] = []
    let cursor: string | undefined
    do {
      const page = search.search({ ...filter, limit: 7, ...(cursor && { cursor }) })
      assert.is(page.total, all.total)
      paged.push(...page.items)
      cursor = page.next
    } while (cursor !== undefined)
    assert.equal(paged, all.items, JSON.stringify(filter))
  }
})

test('pages go on rightly while records arrive and go', (t) => {
  const search = index(
    t,
    Array.from({ length: 100 }, (_, i) => entry(`old_${i}`, {}, { recordedAt: 1_700_000_000_000 + i })),
  )
  const first = search.search({ limit: 50 })
  search.putMany(Array.from({ length: 30 }, (_, i) => entry(`new_${i}`, {}, { recordedAt: 1_800_000_000_000 + i })))
  search.remove(first.items.at(-1)!)
  const second = search.search({ limit: 50, cursor: first.next! })
  const seen = [...first.items, ...second.items].map((item) => item.id)
  assert.is(new Set(seen).size, 100)
})

test('bad limits, sizes, cones and cursors are BAD_INPUT', async (t) => {
  const search = index(t, SOME)
  const cursor = search.search({ limit: 1 }).next!
  const forged = (parts: unknown) => Buffer.from(JSON.stringify(parts)).toString('base64url')
  const bad: DatasetFilter[] = [
    { limit: 0 },
    { limit: 1001 },
    { limit: 1.5 },
    { minSize: -1 },
    { maxSize: Number.NaN },
    { cone: { ra: 0, dec: 100, radius: 1 } },
    { cone: { ra: Number.NaN, dec: 0, radius: 1 } },
    { cursor: 'x' },
    { cursor: '' },
    { cursor, format: 'csv' },
    { cursor: forged(['x', 1, 1]) },
    { cursor: forged({}) },
    { cursor: forged([JSON.parse(Buffer.from(cursor, 'base64url').toString())[0], 'a', 'b']) },
  ]
  for (const filter of bad) await rejects(() => search.search(filter), 'BAD_INPUT')
  assert.is(search.search({ cursor, limit: 3 }).items.length, 3)
})

test('no words crash a search or reach the query language', (t) => {
  const search = index(t, SOME)
  assert.is(matchOf('a"b OR NOT (x) NEAR/2 title:y ^z*'), '"a" "b" "OR" "NOT" "x" "NEAR" "2" "title" "y" "z"*')
  assert.is(matchOf('́'), undefined)
  assert.equal(names(search, { text: 'yale OR gaia' }), [], 'OR is a word like others')
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary', maxLength: 50 }),
        fc
          .array(
            fc.constantFrom('"', '*', 'OR', 'NEAR(', ')', '^', ':', '-', '+', "'", '{', 'star', ' ', '\0', '源', 'é'),
            { maxLength: 12 },
          )
          .map((w) => w.join('')),
        fc.constant('x '.repeat(5000)),
      ),
      (text) => {
        const { items, total } = search.search({ text, keyword: [text], island: text })
        return items.length === total
      },
    ),
    { numRuns: 2000 },
  )
})

test('by id: the claims of all publishers, then those that call it an alias; by name: as written before any case', (t) => {
  const search = index(t, [
    ...SOME,
    entry('bright_stars', {}, { publisher: island('b') }),
    { ...entry('copy'), id: 'doi:10.5281/zenodo.7' },
    entry('Copy'),
    entry('self', { aliases: [`archipel:${island('a')}/self`] }),
  ])
  assert.equal(
    search.byId('doi:10.5281/zenodo.7').map((c) => c.body.name),
    ['copy', 'bright_stars'],
  )
  assert.equal(
    search.byName('bright_stars').map((c) => c.publisher),
    [island('a'), island('b')],
  )
  assert.equal(
    search.byName('BRIGHT_STARS').map((c) => c.publisher),
    [island('a'), island('b')],
  )
  assert.is(search.byName('Copy').length, 1)
  assert.is(search.byName('COPY').length, 2)
  assert.is(search.byId(`archipel:${island('a')}/self`).length, 1)
  assert.equal(search.byId('doi:10.1000/none'), [])
  assert.equal(search.byId("' OR 1=1 --"), [])
  const [claim] = search.byId('doi:10.5281/zenodo.7')
  assert.equal(claim, {
    publisher: island('a'),
    id: 'doi:10.5281/zenodo.7',
    body: { name: 'copy', version: '0'.repeat(64), aliases: [] },
    recordedAt: 1_700_000_000_000,
  })
})

test('an entry replaces the one of its key, and holders outlive it', (t) => {
  const search = index(t, SOME)
  const gaia = SOME[2]!
  search.put({
    ...gaia,
    holders: undefined,
    recordedAt: 5,
    body: { ...gaia.body, title: 'Renamed', keywords: ['new'], aliases: ['urn:ab:c'], coverage: field(200, 0, 2) },
  })
  assert.is(search.count(), 4)
  assert.equal(names(search, { text: 'renamed' }), ['gaia_dr3'])
  assert.equal(names(search, { text: '源' }), [])
  assert.equal(names(search, { keyword: ['astrometry'] }), [])
  assert.equal(names(search, { island: island('c') }), ['gaia_dr3'])
  assert.equal(names(search, { cone: { ra: 200, dec: 0, radius: 0.1 } }), ['gaia_dr3'])
  assert.equal(names(search, { cone: { ra: 10, dec: 89.5, radius: 0.1 } }), [])
  assert.is(search.byId('urn:ab:c').length, 1)
  search.setHolders(gaia, [island('d'), island('d')])
  assert.equal(names(search, { island: island('c') }), [])
  assert.equal(names(search, { island: island('d') }), ['gaia_dr3'])
  search.setHolders({ publisher: 'nobody', id: 'nothing' }, [island('d')])
  search.remove(gaia)
  search.remove(gaia)
  assert.equal(names(search, { island: island('d') }), [])
  assert.is(search.byId('urn:ab:c').length, 0)
  search.removePublisher(island('a'))
  assert.is(search.count(), 0)
  assert.equal(search.versions(), [])
  assert.equal(search.search({ text: 'star' }), { items: [], total: 0 })
})

test('a batch with a bad entry leaves nothing behind', async (t) => {
  const search = index(t, SOME)
  const bad = {
    ...entry('bad'),
    recordedAt: 'x'.repeat(5) as unknown as number,
    body: { ...entry('bad').body, size: {} as unknown as number },
  }
  assert.throws(() => search.putMany([entry('good'), bad]))
  assert.is(search.count(), 4)
  assert.equal(names(search, { text: 'good' }), [])
  search.put(entry('good'))
  assert.is(search.count(), 5)
})

test('versions and counts tell what the index holds', (t) => {
  const search = index(t, SOME)
  assert.equal(
    search.versions().find((v) => v.publisher === island('b')),
    { publisher: island('b'), id: SOME[2]!.id, recordedAt: 1_700_000_000_002 },
  )
  assert.equal([...search.countByPublisher()].sort(), [
    [island('a'), 3],
    [island('b'), 1],
  ])
})

test('the file is kept between runs, and begun anew when it is broken, of another version or somebody else’s', async (t) => {
  const path = join(await t.tmpdir(), 'search.db')
  const reopened = () => {
    const search = index(t, [], path)
    const state = { needsRebuild: search.needsRebuild, count: search.count() }
    return { search, state }
  }
  const first = index(t, SOME, path)
  assert.ok(first.needsRebuild)
  first.rebuilt()
  first.close()
  const second = reopened()
  assert.equal(second.state, { needsRebuild: false, count: 4 })
  assert.equal(names(second.search, { text: 'gaia' }), ['gaia_dr3'])
  second.search.invalidate()
  assert.is(second.search.count(), 0)
  assert.ok(second.search.needsRebuild)
  second.search.close()

  const damage: [string, () => Promise<unknown>][] = [
    ['noise', () => writeFile(path, randomBytes(50_000))],
    ['empty file', () => writeFile(path, '')],
    ['cut', async () => writeFile(path, (await readFile(path)).subarray(0, 3000))],
    ['other version', async () => withDb(path, (db) => db.exec('PRAGMA user_version = 99'))],
    ['missing table', async () => withDb(path, (db) => db.exec('DROP TABLE keyword'))],
    [
      'somebody else’s',
      async () => {
        await writeFile(path, '')
        withDb(path, (db) => db.exec('CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)'))
      },
    ],
  ]
  for (const [what, damaged] of damage) {
    const whole = index(t, SOME, path)
    whole.rebuilt()
    whole.close()
    await damaged()
    const { search, state } = reopened()
    assert.equal(state, { needsRebuild: true, count: 0 }, what)
    search.putMany(SOME)
    assert.is(search.search({ text: 'star' }).total, 3, what)
    search.invalidate()
    search.close()
  }
})

test('pages that break while the index is in use are found, and the index begins anew', async (t) => {
  const path = join(await t.tmpdir(), 'search.db')
  const build = index(
    t,
    Array.from({ length: 3000 }, (_, i) => entry(`set_${i}`, { title: `star number ${i}` })),
    path,
  )
  build.rebuilt()
  await build.close()
  const whole = await readFile(path)
  let found = 0
  for (let part = 0.05; part < 0.95; part += 0.05) {
    const bytes = Buffer.from(whole)
    bytes.fill(0xa5, Math.floor(bytes.length * part), Math.floor(bytes.length * (part + 0.05)))
    await writeFile(path, bytes)
    const search = index(t, [], path)
    if (search.needsRebuild) {
      search.close()
      continue
    }
    const calls = [
      () => search.search({ text: 'star' }),
      () => search.versions(),
      () => search.putMany(Array.from({ length: 500 }, (_, i) => entry(`set_${i * 6}`, { title: 'planet' }))),
    ]
    const before = found
    for (const call of calls) {
      try {
        call()
      } catch (error) {
        assert.ok(error instanceof ArchipelError && error.code === 'RECOVERING', String(error))
        found++
        break
      }
    }
    // Not every page is used by these calls.
    assert.is(search.needsRebuild, found > before, `damage at ${part}`)
    if (found === before) search.invalidate()
    search.putMany(SOME)
    assert.is(search.search({ text: 'star' }).total, 3)
    search.invalidate()
    search.close()
  }
  assert.ok(found > 0)
})

test('words that are in more datasets than can be ranked give the newest first, page by page', async (t) => {
  const many = MAX_RANKED + 100
  // In no order of time; every third is about something else.
  const times = Array.from({ length: many }, (_, i) => (i * 7919) % many)
  const search = index(
    t,
    times.map((n, i) =>
      entry(`n_${n}`, { title: i % 3 === 0 ? 'quasars' : 'stars', description: 'survey' }, { recordedAt: n }),
    ),
  )
  const newest = Array.from({ length: many }, (_, n) => `n_${many - 1 - n}`)
  const seen: string[] = []
  let cursor: string | undefined
  for (let page = 0; page < 4; page++) {
    const found = search.search({ text: 'survey', limit: 7, ...(cursor === undefined ? {} : { cursor }) })
    assert.is(found.total, many)
    seen.push(...found.items.map((i) => i.id.split('/').at(-1)!))
    cursor = found.next
  }
  assert.equal(seen, newest.slice(0, 28))
  assert.is(search.search({ text: 'survey quasars', limit: 7 }).total, times.filter((_, i) => i % 3 === 0).length)
  assert.is(search.search({ text: 'survey', keyword: ['none'], limit: 7 }).total, 0)
})

test('nothing is opened before it is used', async (t) => {
  const path = join(await t.tmpdir(), 'search.db')
  const search = searchIndex({ path })()
  search.close()
  await stat(path).then(
    () => assert.unreachable(),
    (error: NodeJS.ErrnoException) => assert.is(error.code, 'ENOENT'),
  )
})

function withDb(path: string, work: (db: DatabaseSync) => void): void {
  const db = new DatabaseSync(path)
  work(db)
  db.close()
}

test.run()
