import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { DuckDBInstance } from '@duckdb/node-api'
import * as assert from 'uvu/assert'
import { cellsSql } from '../../src/node/publish/inspect/sky-sql.ts'
import { readCsv, readJsonLines } from '../../src/node/publish/inspect/sql.ts'
import type { DatasetBody } from '../../src/protocols/model/dataset.ts'
import { cellOf, coneTest } from '../../src/protocols/sky/cone.ts'
import { parseMoc } from '../../src/protocols/sky/moc.ts'
import { rejects, suite } from '../kit/index.ts'
import { makePublisher } from './kit.ts'

const test = suite('publish: tables')
const EXAMPLES = new URL('../../examples/data/', import.meta.url).pathname
const types = (body: DatasetBody) => Object.fromEntries(body.columns!.map((c) => [c.name, c.type]))
const column = (body: DatasetBody, name: string) => body.columns!.find((c) => c.name === name)!

/** Reads a table as any reader would: with what was published and nothing else. */
async function reread(body: DatasetBody, files: string[], select: string): Promise<unknown[][]> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  const from =
    body.format === 'csv'
      ? readCsv(files, body.columns!, body.dialect!)
      : readJsonLines(files, body.columns!, body.dialect!.compression)
  const result = await connection.runAndReadAll(`SELECT ${select} FROM ${from}`)
  connection.closeSync()
  return result.getRowsJson()
}

test('openngc.csv: sexagesimal positions, 13,969 rows, 7 of them nowhere', async (t) => {
  const { prepare } = await makePublisher(t)
  const { id, body, source, manifest } = await prepare({
    path: join(EXAMPLES, 'openngc.csv'),
    title: 'OpenNGC',
    keywords: ['nebulae', ' nebulae ', ''],
    creators: [{ name: 'Mattia Verga' }],
  })
  assert.match(id, /^archipel:isl.*\/openngc$/)
  assert.is(body.format, 'csv')
  assert.is(body.rows, 13_969)
  assert.equal(body.dialect, { delimiter: ';', quote: '"', header: true, skip: 0, compression: 'none' })
  assert.equal(body.position, { ra: 'RA', dec: 'Dec', encoding: 'sexagesimal' })
  assert.is(body.columns!.length, 32)
  assert.is(types(body).RA, 'VARCHAR')
  assert.is(types(body)['V-Mag'], 'DOUBLE')
  assert.is(column(body, 'RA').ucd, 'pos.eq.ra;meta.main')
  assert.is(column(body, 'Dec').ucd, 'pos.eq.dec;meta.main')
  assert.equal(body.keywords, ['nebulae'])
  assert.is(body.title, 'OpenNGC')
  assert.ok(body.coverage!.spatial!.moc.length <= 1500)
  assert.equal(await reread(body, [source[0]!.local], 'count(*), count(RA), count("Dec"), max(M)'), [
    ['13969', '13962', '13962', '110'],
  ])
  assert.is(manifest.size, 2)
})

test('every position of a table lies in its coverage', async (t) => {
  const { prepare } = await makePublisher(t)
  const { body } = await prepare({ path: join(EXAMPLES, 'openngc.csv') })
  const moc = parseMoc(body.coverage!.spatial!.moc)
  const box = body.coverage!.spatial!.box
  const rows = (await readFile(join(EXAMPLES, 'openngc.csv'), 'utf8'))
    .split('\n')
    .slice(1)
    .map((line) => line.split(';'))
  let positions = 0
  for (const [name, , ra, dec] of rows) {
    if (!ra) continue
    const [h, m, s] = ra.split(':').map(Number) as [number, number, number]
    const [d, dm, ds] = dec!.replace(/^[+-]/, '').split(':').map(Number) as [number, number, number]
    const a = 15 * (h + m / 60 + s / 3600)
    const b = (dec!.startsWith('-') ? -1 : 1) * (d + dm / 60 + ds / 3600)
    positions++
    assert.ok(coneTest({ ra: a, dec: b, radius: 0.0001 }).meets(moc), `${name} at ${a} ${b}`)
    assert.ok(b >= box.decMin && b <= box.decMax, name)
  }
  assert.is(positions, 13_962)
})

test('the cells computed in SQL are those of the HEALPix library', async () => {
  const positions = Array.from({ length: 20_000 }, (_, i) => ({
    ra: (i * 137.507_764) % 360,
    dec: (Math.asin(1 - (2 * (i + 0.5)) / 20_000) * 180) / Math.PI,
  }))
  positions.push({ ra: 0, dec: 90 }, { ra: 0, dec: -90 }, { ra: 359.999_999, dec: 0.1 }, { ra: 45.000_1, dec: 89.999 })
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  await connection.run('CREATE TABLE t (i INTEGER, ra DOUBLE, dec DOUBLE)')
  for (let at = 0; at < positions.length; at += 2000) {
    const rows = positions.slice(at, at + 2000).map((p, i) => `(${at + i}, ${p.ra}, ${p.dec})`)
    await connection.run(`INSERT INTO t VALUES ${rows.join(', ')}`)
  }
  const result = await connection.runAndReadAll(`${cellsSql('t', 'ra', 'dec')} SELECT ra, dec, cell FROM cells`)
  connection.closeSync()
  const rows = result.getRows() as [number, number, bigint][]
  assert.is(rows.length, positions.length)
  const differ = rows.filter(([ra, dec, cell]) => Number(cell) !== cellOf(10, ra, dec))
  // Positions on an edge to the last bit may fall to either side.
  assert.ok(differ.length <= 2, `${differ.length} differ, e.g. ${differ[0]}`)
})

test('bright_stars.csv: decimal degrees, 9,096 rows, the whole sky', async (t) => {
  const { prepare } = await makePublisher(t)
  const { body, source } = await prepare({ path: join(EXAMPLES, 'bright_stars.csv') })
  assert.is(body.rows, 9096)
  assert.equal(body.position, { ra: 'ra', dec: 'dec', encoding: 'degrees' })
  assert.is(column(body, 'ra').unit, 'deg')
  assert.is(body.title, 'bright stars')
  const box = body.coverage!.spatial!.box
  assert.ok(box.raMin === 0 && box.raMax === 360 && box.decMin < -88 && box.decMax > 89)
  assert.equal(await reread(body, [source[0]!.local], 'count(*), sum(hr)'), [['9096', '41449336']])
})

test('a small field, over RA 0 too, has a tight box and a fine MOC', async (t) => {
  const { prepare } = await makePublisher(t)
  const dir = await t.tmpdir()
  const rows = Array.from(
    { length: 500 },
    (_, i) => `${i},${(359.5 + (i % 25) / 25) % 360},${-30 + Math.floor(i / 25) / 20}`,
  )
  await writeFile(join(dir, 'field.csv'), `id,ra,dec\n${rows.join('\n')}\n`)
  const { body } = await prepare({ path: join(dir, 'field.csv') })
  const { box, moc } = body.coverage!.spatial!
  assert.ok(box.raMin > 359.4 && box.raMax < 0.5 && box.decMin === -30, JSON.stringify(box))
  assert.ok(coneTest({ ra: 0, dec: -29.9, radius: 0.05 }).meets(parseMoc(moc)))
  assert.not.ok(coneTest({ ra: 5, dec: -29.9, radius: 1 }).meets(parseMoc(moc)))
})

test('separators, quotes, gzip, a missing header and a byte order mark are found and pinned', async (t) => {
  const { prepare } = await makePublisher(t)
  const dir = await t.tmpdir()
  const cases: [string, string | Buffer, Partial<NonNullable<DatasetBody['dialect']>>, number, string[]][] = [
    ['a.tsv', 'a\tb\n1\tx\n2\ty\n', { delimiter: '\t' }, 2, ['a', 'b']],
    ['b.csv', 'a|b\n1|x\n2|y\n', { delimiter: '|' }, 2, ['a', 'b']],
    ['c.csv', 'a;"b;c"\n1;"x;y"\n', { delimiter: ';', quote: '"' }, 1, ['a', 'b;c']],
    ['d.csv.gz', gzipSync('a,b\n1,x\n2,y\n'), { compression: 'gzip' }, 2, ['a', 'b']],
    ['e.csv', '1,2.5,x\n2,3.5,y\n', { header: false }, 2, ['column0', 'column1', 'column2']],
    ['f.csv', '\ufeffa,b\r\n1,2\r\n', { delimiter: ',' }, 1, ['a', 'b']],
    ['g.csv', 'a,b\n', { header: true }, 0, ['a', 'b']],
    ['h.csv', 'x\n1\n2\n', {}, 2, ['x']],
    ["i 'q' [1]*.csv", 'a,b\n1,2\n', {}, 1, ['a', 'b']],
  ]
  for (const [name, content, dialect, rows, columns] of cases) {
    await writeFile(join(dir, name), content)
    const { body, source } = await prepare({ path: join(dir, name) })
    assert.is(body.rows, rows, name)
    assert.equal(
      body.columns!.map((c) => c.name),
      columns,
      name,
    )
    for (const [key, value] of Object.entries(dialect)) assert.is(body.dialect![key as 'quote'], value, name)
    if (!name.includes('*')) assert.equal(await reread(body, [source[0]!.local], 'count(*)'), [[String(rows)]], name)
  }
})

test('types hold for every value: what would be cut or refused is read as text or as a wider number', async (t) => {
  const { prepare } = await makePublisher(t)
  const dir = await t.tmpdir()
  const rows = Array.from(
    { length: 30_000 },
    (_, i) => `${i},${i},${i},,2020-01-01,${i},00:00:0${i % 10}.50,6917528997577384320,true,2020-01-01`,
  )
  rows.push('1.7,x,007,,soon,"a, b",23:59:59.90,-9223372036854775808,1,2020-01-01 10:00:00')
  await writeFile(join(dir, 'late.csv'), `double,text,zeros,empty,date,quoted,time,big,flag,day\n${rows.join('\n')}\n`)
  const { body, source } = await prepare({ path: join(dir, 'late.csv') })
  assert.equal(types(body), {
    double: 'DOUBLE',
    text: 'VARCHAR',
    zeros: 'VARCHAR',
    empty: 'VARCHAR',
    date: 'VARCHAR',
    quoted: 'VARCHAR',
    time: 'VARCHAR',
    big: 'BIGINT',
    flag: 'VARCHAR',
    day: 'VARCHAR',
  })
  assert.is(body.rows, 30_001)
  const last = await reread(
    body,
    [source[0]!.local],
    "max(double) FILTER (text = 'x'), max(zeros) FILTER (text = 'x'), max(quoted) FILTER (text = 'x'), min(time), min(big)",
  )
  assert.equal(last, [[1.7, '007', 'a, b', '00:00:00.50', '-9223372036854775808']])
})

test('JSON lines: nested and missing values, integers that turn out not to be', async (t) => {
  const { prepare } = await makePublisher(t)
  const dir = await t.tmpdir()
  const lines = Array.from({ length: 30_000 }, (_, i) =>
    JSON.stringify({ n: i, ra: i % 360, dec: 12.5, nested: { a: i }, none: null, ...(i % 2 && { odd: true }) }),
  )
  lines.push(JSON.stringify({ n: 1.5, ra: 10.5, dec: -12, late: 'x' }))
  await writeFile(join(dir, 'x.jsonl'), `${lines.join('\n')}\n`)
  const { body, source } = await prepare({ path: join(dir, 'x.jsonl') })
  assert.is(body.format, 'jsonl')
  assert.is(body.rows, 30_001)
  assert.is(types(body).n, 'DOUBLE')
  assert.is(types(body).ra, 'DOUBLE')
  assert.equal(body.position, { ra: 'ra', dec: 'dec', encoding: 'degrees' })
  assert.equal(await reread(body, [source[0]!.local], 'count(*), max(n) filter (dec < 0)'), [['30001', 1.5]])
})

test('Parquet: rows, units and UCDs from its metadata, time and coverage', async (t) => {
  const { prepare } = await makePublisher(t)
  const dir = await t.tmpdir()
  const path = join(dir, 'gaia.parquet')
  const votable = `<VOTABLE><RESOURCE><TABLE><FIELD name="mag" datatype="float" unit="mag" ucd="phot.mag;em.opt"><DESCRIPTION>G &amp; band</DESCRIPTION></FIELD><FIELD ID='x' name='RA_ICRS' unit='deg' ucd='pos.eq.ra;meta.main'/></TABLE></RESOURCE></VOTABLE>`
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  await connection.run(
    `COPY (SELECT range AS id, (range % 40)::DOUBLE + 10 AS "RA_ICRS", 5.5 AS "DE_ICRS", 12.5::FLOAT AS mag, 58849 + range / 10.0 AS mjd, {'a': 1} AS extra, NULL::INTEGER AS empty FROM range(100)) TO '${path}' (FORMAT parquet, KV_METADATA {'IVOA.VOTable-Parquet.content': '${votable.replaceAll("'", "''")}'})`,
  )
  connection.closeSync()
  const { body } = await prepare({ path })
  assert.is(body.format, 'parquet')
  assert.is(body.rows, 100)
  assert.equal(column(body, 'mag'), {
    name: 'mag',
    type: 'FLOAT',
    unit: 'mag',
    ucd: 'phot.mag;em.opt',
    description: 'G & band',
  })
  assert.equal(body.position, { ra: 'RA_ICRS', dec: 'DE_ICRS', encoding: 'degrees' })
  assert.is(body.timeColumn, 'mjd')
  assert.equal(body.coverage!.temporal, { start: '2020-01-01T00:00:00.000Z', end: '2020-01-10T21:36:00.000Z' })
  assert.equal(body.coverage!.spatial!.box, { raMin: 10, raMax: 49, decMin: 5.5, decMax: 5.5 })
})

test('positions in hours are told by unit, by name or by filling 0 to 24; longitudes and sentinels are not positions', async (t) => {
  const { prepare } = await makePublisher(t)
  const dir = await t.tmpdir()
  const table = async (name: string, header: string, row: (i: number) => string, n = 2000) => {
    await writeFile(join(dir, name), `${header}\n${Array.from({ length: n }, (_, i) => row(i)).join('\n')}\n`)
    return (await prepare({ path: join(dir, name) })).body
  }
  const hours = (i: number) => `${((i * 24) / 2000).toFixed(4)},${-80 + (i % 160)}`
  assert.is((await table('a.csv', 'ra,dec', hours)).position?.encoding, 'hours')
  assert.is((await table('b.csv', 'ra_hours,dec', hours)).position?.encoding, 'hours')
  assert.is((await table('c.csv', 'ra_deg,dec_deg', hours)).position?.encoding, 'degrees')
  assert.is((await table('d.csv', 'ra,dec', (i) => `${i % 20},${i % 10}`)).position?.encoding, 'degrees')
  assert.is((await table('e.csv', 'lon,lat', hours)).position, undefined)
  assert.is((await table('f.csv', 'ra,dec', (i) => `${i},${i}`)).position, undefined)
  assert.is((await table('g.csv', 'ra,dec', (i) => `name ${i},x`)).position, undefined)
  const sentinel = await table('h.csv', '_RA,_DE', (i) => (i < 20 ? '-999,-999' : `${100 + i / 1000},20`))
  assert.equal(sentinel.position, { ra: '_RA', dec: '_DE', encoding: 'degrees' })
  assert.ok(sentinel.coverage!.spatial!.box.raMin >= 100)
  const spaced = await table(
    'i.csv',
    'RAJ2000,DEJ2000',
    (i) => `05 34 ${(i % 60).toString().padStart(2, '0')}.9,-00 01 0${i % 10}.5`,
  )
  assert.is(spaced.position?.encoding, 'sexagesimal')
  assert.ok(spaced.coverage!.spatial!.box.decMax < 0, 'minus zero degrees is south')
})

test('the time of observation is a date or a day number, not when a row was made', async (t) => {
  const { prepare } = await makePublisher(t)
  const dir = await t.tmpdir()
  const temporal = async (name: string, content: string) => {
    await writeFile(join(dir, name), content)
    const { body } = await prepare({ path: join(dir, name) })
    return [body.timeColumn, body.coverage?.temporal?.start, body.coverage?.temporal?.end]
  }
  assert.equal(
    await temporal(
      'a.csv',
      'id,created_at,date_obs\n1,2026-01-01 00:00:00,2019-05-01 10:00:00\n2,2026-01-01 00:00:00,2019-06-01 10:00:00\n',
    ),
    ['date_obs', '2019-05-01T10:00:00.000Z', '2019-06-01T10:00:00.000Z'],
  )
  assert.equal(await temporal('b.csv', 'jd,v\n2451545.0,1\n2451546.5,2\n'), [
    'jd',
    '2000-01-01T12:00:00.000Z',
    '2000-01-03T00:00:00.000Z',
  ])
  assert.equal(await temporal('c.csv', 'mjd,v\n99999999,1\n88888888,2\n'), [undefined, undefined, undefined])
  assert.equal(await temporal('d.csv', 'id,updated\n1,2019-05-01 10:00:00\n'), [undefined, undefined, undefined])
})

test('a folder of tables of one schema is one table; of several, or with other files, it is files', async (t) => {
  const { prepare } = await makePublisher(t)
  const dir = await t.tmpdir()
  await mkdir(join(dir, 'part=1'))
  for (let i = 0; i < 20; i++)
    await writeFile(
      join(dir, i % 2 ? 'part=1' : '.', `n${i}.csv`),
      `ra,dec,mag\n${i * 10},${i},${i === 19 ? 'bright' : 7}\n`,
    )
  await writeFile(join(dir, '_SUCCESS'), '')
  const one = (await prepare({ path: dir, name: 'nights' })).body
  assert.is(one.format, 'csv')
  assert.is(one.files, 20)
  assert.is(one.rows, 20)
  assert.is(types(one).mag, 'VARCHAR')
  assert.is(one.name, 'nights')
  await writeFile(join(dir, 'other.csv'), 'ra,dec,other\n1,2,3\n')
  const two = (await prepare({ path: dir })).body
  assert.is(two.format, 'files')
  assert.is(two.columns, undefined)
  assert.is(two.files, 21)
  const mixed = await t.tmpdir()
  await writeFile(join(mixed, 'a.csv'), 'a\n1\n')
  await writeFile(join(mixed, 'README.md'), '# hello')
  assert.is((await prepare({ path: mixed })).body.format, 'files')
  const parquet = await t.tmpdir()
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  for (const i of [1, 2, 3])
    await connection.run(
      `COPY (SELECT range AS id, 1.5 AS ra FROM range(${i})) TO '${join(parquet, `${i}.parquet`)}' (FORMAT parquet)`,
    )
  assert.is((await prepare({ path: parquet })).body.rows, 6)
  await connection.run(`COPY (SELECT 'x' AS id) TO '${join(parquet, '0.parquet')}' (FORMAT parquet)`)
  connection.closeSync()
  assert.is((await prepare({ path: parquet })).body.format, 'files')
})

test('titles and comments before the header are skipped; lines that are rows themselves never are', async (t) => {
  const { prepare } = await makePublisher(t)
  const path = join(await t.tmpdir(), 'table.csv')
  const table = 'a,b\n1,2\n3,4\n5,6\n'
  for (const title of ['Bright stars\n', 'Bright stars\nof 2026\n', '# stars\n', '"stars, bright"\n']) {
    await writeFile(path, title + table)
    const { body } = await prepare({ path })
    assert.equal(
      body.columns!.map((c) => c.name),
      ['a', 'b'],
      title,
    )
    assert.is(body.rows, 3, title)
  }
  await writeFile(path, 'a,b\n1,2\n3\n4,5,6\n')
  assert.match((await rejects(prepare({ path }), 'UNREADABLE')).message, 'do not have one number of columns')
})

test(
  'files that are not what their name says are UNREADABLE, and can be published as files',
  async (t) => {
    const { prepare } = await makePublisher(t)
    const dir = await t.tmpdir()
    const random = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7919 + 13) % 256))
    const good = join(dir, 'good.parquet')
    const connection = await (await DuckDBInstance.create(':memory:')).connect()
    await connection.run(`COPY (SELECT range AS a, random() AS b FROM range(10000)) TO '${good}' (FORMAT parquet)`)
    connection.closeSync()
    const parquet = await readFile(good)
    const cases: [string, string | Buffer][] = [
      ['empty.csv', ''],
      ['binary.csv', random],
      ['latin.csv', Buffer.from('a,b\n1,caf\xe9\n', 'latin1')],
      ['ragged.csv', 'a,b\n1,2\n3,4,5\n6\n'],
      ['ragged-header.csv', 'a,b\n1,2\n3\n4,5,6\n'],
      ['ragged-header.tsv', 'a\tb\n1\t2\n3\n4\t5\t6\n7\t8\t9\n'],
      ['late-ragged.csv', `a,b\n${'1,2\n'.repeat(40_000)}1,2,3\n`],
      ['cut.csv.gz', gzipSync(`a,b\n${'1,2\n'.repeat(50_000)}`).subarray(0, 60)],
      ['not.csv.gz', Buffer.concat([Buffer.of(0x1f, 0x8b), random])],
      ['empty.parquet', ''],
      ['cut.parquet', parquet.subarray(0, parquet.length - 100)],
      ['head.parquet', Buffer.concat([parquet.subarray(0, 50), parquet.subarray(-2000)])],
      ['text.parquet', 'PAR1 hello PAR1'],
      ['broken.jsonl', '{"a":1}\n{"a":\n'],
      ['array.jsonl', '[1,2]\n'],
      ['deep.jsonl', `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}\n`],
    ]
    const messages: string[] = []
    for (const [name, content] of cases) {
      await writeFile(join(dir, name), content)
      const error = await rejects(prepare({ path: join(dir, name) }), 'UNREADABLE').catch((e: Error) =>
        assert.unreachable(`${name}: ${e.message}`),
      )
      assert.not.match(String(error?.message), dir)
      assert.not.match(String(error?.message), /<file>|\/data\/|\/sql-/, name)
      messages.push(String(error?.message))
      assert.is((await prepare({ path: join(dir, name), as: 'files' })).body.format, 'files', name)
    }
    for (const name of ['text.parquet', 'broken.jsonl'])
      assert.ok(
        messages.some((message) => message.includes(name)),
        `${name} in ${messages.join('\n')}`,
      )
    await writeFile(join(dir, 'list.json'), '[{"a": 1}]')
    assert.is((await prepare({ path: join(dir, 'list.json') })).body.format, 'files')
    await rejects(prepare({ path: join(dir, 'list.json'), as: 'jsonl' }), 'UNREADABLE')
    await rejects(prepare({ path: join(dir, 'binary.csv'), as: 'parquet' }), 'UNREADABLE')
  },
  { timeoutMs: 60_000 },
)

test('a table too wide for its description to stay small loses notes first, then is refused', async (t) => {
  const { prepare } = await makePublisher(t)
  const dir = await t.tmpdir()
  const wide = (n: number, name: string) =>
    writeFile(
      join(dir, name),
      `${Array.from({ length: n }, (_, i) => `a_rather_long_column_name_${i}`).join(',')}\n${Array.from({ length: n }, () => 1).join(',')}\n`,
    )
  await wide(600, 'wide.csv')
  assert.is((await prepare({ path: join(dir, 'wide.csv') })).body.columns!.length, 600)
  await wide(1500, 'wider.csv')
  await rejects(prepare({ path: join(dir, 'wider.csv') }), 'TOO_LARGE')
  assert.is((await prepare({ path: join(dir, 'wider.csv'), as: 'files' })).body.format, 'files')
})

test.run()
