import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { embeddedEngine } from '../../src/node/engines/embedded/embedded.ts'
import type { BoundDataset, EngineSession, SessionInit } from '../../src/node/engines/port.ts'
import type { Cell, ParamValue } from '../../src/protocols/model/task.ts'
import { rejects, suite } from '../kit/index.ts'
import { brightStars, parquet } from './data.ts'

const test = suite('SQL for astronomers')
let open: (datasets?: BoundDataset[], params?: SessionInit['params']) => Promise<EngineSession>
let session: EngineSession

test.before(async (t) => {
  const limits = {
    memoryBytes: 512 * 1024 ** 2,
    statementMs: 20_000,
    cpuMs: 60_000,
    resultRows: 5_000,
    resultBytes: 1024 ** 2,
    threads: 2,
  }
  const engine = embeddedEngine({
    limits,
    maxSessions: 50,
    queue: 0,
    sandbox: 'auto',
    spares: 0,
    scratchDir: await t.tmpdir(),
    python: 'none',
    r: 'none',
  })()
  t.cleanup(() => engine.stop())
  await engine.start()
  open = (datasets = [], params = {}) => engine.createSession({ kind: 'sql', datasets, params })
  session = await open([await brightStars(await t.tmpdir())])
})

const value = async (expression: string): Promise<Cell> =>
  (await session.run(`SELECT ${expression} AS v`)).result.rows[0]![0]!

const close = (got: Cell, wanted: number, relative: number, what: string) =>
  assert.ok(
    typeof got === 'number' && Math.abs(got - wanted) <= Math.abs(wanted) * relative + 1e-12,
    `${what}: ${got}, not ${wanted}`,
  )

const SEPARATIONS: [number, number, number, number, number][] = [
  [0, 0, 0, 0, 0],
  [10, 20, 10, 20, 0],
  [0, 0, 90, 0, 90],
  [0, 0, 180, 0, 180],
  [0, 90, 123, -90, 180],
  [0, 90, 123, 90, 0],
  [0, 89.9999, 180, 89.9999, 0.0002],
  [359.9999, 0, 0.0001, 0, 0.0002],
  [10, 0, 10, 1e-9, 1e-9],
  [10, 60, 10 + 2e-9, 60, 1e-9],
  [-10, 0, 350, 0, 0],
  // Betelgeuse and Rigel, Vega and Altair: from their catalogue positions.
  [88.792939, 7.407064, 78.634467, -8.201638, 18.61],
  [279.234735, 38.783689, 297.695827, 8.868321, 34.2],
]

test('the distance of two places is exact when they are close, opposite, at a pole, or over RA 0', async () => {
  for (const [ra1, dec1, ra2, dec2, wanted] of SEPARATIONS) {
    const what = `separation(${ra1}, ${dec1}, ${ra2}, ${dec2})`
    const relative = wanted > 18 && wanted < 90 ? 1e-2 : 1e-6
    close(await value(what), wanted, relative, what)
    close(await value(`separation(${ra2}, ${dec2}, ${ra1}, ${dec1})`), wanted, relative, `${what}, the other way`)
  }
})

test('distances agree with those of unit vectors, and micro-arcseconds keep their digits', async () => {
  const place = fc.tuple(fc.double({ min: 0, max: 360, noNaN: true }), fc.double({ min: -90, max: 90, noNaN: true }))
  const pairs = fc.sample(fc.tuple(place, place), { numRuns: 300, seed: 4 })
  const rows = pairs.map(([[a, b], [c, d]]) => `(${a}::DOUBLE, ${b}::DOUBLE, ${c}::DOUBLE, ${d}::DOUBLE)`).join(', ')
  const { result } = await session.run(`SELECT separation(a, b, c, d) FROM (VALUES ${rows}) t(a, b, c, d)`)
  const rad = Math.PI / 180
  const vector = ([ra, dec]: [number, number]) => [
    Math.cos(dec * rad) * Math.cos(ra * rad),
    Math.cos(dec * rad) * Math.sin(ra * rad),
    Math.sin(dec * rad),
  ]
  for (const [i, [p, q]] of pairs.entries()) {
    const [u, v] = [vector(p), vector(q)]
    const chord = Math.hypot(...u.map((x, k) => x - v[k]!))
    const sum = Math.hypot(...u.map((x, k) => x + v[k]!))
    close(result.rows[i]![0]!, (2 * Math.atan2(chord, sum)) / rad, 1e-9, `${p} to ${q}`)
  }
  const uas = 1 / 3600e6
  for (const dec of [-89, -45, 0, 30, 80])
    close(await value(`separation(200, ${dec}, 200, ${dec}::DOUBLE + ${uas})`), uas, 1e-4, `declination ${dec}`)
})

test('a cone has its border, goes over RA 0 and round a pole, and finds the Pleiades', async () => {
  for (const [expression, wanted] of [
    ['in_cone(10, 0, 10, 1, 1)', true],
    ['in_cone(10, 0, 10, 1, 0.999)', false],
    ['in_cone(359.5, 0, 0.5, 0, 1.0000001)', true],
    ['in_cone(359.5, 0, 0.5, 0, 0.9999999)', false],
    ['in_cone(180, 89.5, 0, 89.5, 1)', true],
    ['in_cone(180, 89.4, 0, 89.5, 1)', false],
    ['in_cone(NULL, 1, 2, 3, 4)', null],
  ] as const)
    assert.is(await value(expression), wanted, expression)
  const { result } = await session.run(
    `SELECT name FROM bright_stars WHERE in_cone(ra, dec, hms_to_deg('03:47:29'), dms_to_deg('+24:06:18'), 1) AND vmag < 4 ORDER BY vmag`,
  )
  assert.equal(result.rows[0], ['Alcyone'])
})

test('a declination beyond a pole has no distance, and a cone that cannot be is told', async () => {
  for (const expression of [
    'separation(0, 91, 0, 0)',
    'separation(0, 0, 0, -90.1)',
    'in_cone(0, 91, 0, 90, 5)',
    'in_cone(0, 1, 0, NULL, 5)',
  ])
    assert.is(await value(expression), null, expression)
  close(await value('separation(0, 90.0000000001, 0, 89)'), 1, 1e-6, 'a pole that was calculated')
  for (const [cone, words] of [
    ['in_cone(ra, dec, 10, 95, 1)', 'the centre has a declination of 95'],
    ['in_cone(ra, dec, 10, -90.5, 1)', 'declination of -90.5'],
    ['in_cone(ra, dec, 10, 20, -1)', 'a radius of -1 cannot be'],
  ] as const)
    assert.match(
      (await rejects(session.run(`SELECT * FROM bright_stars WHERE ${cone}`), 'ENGINE_FAILED')).message,
      words,
    )
})

const HMS: [string, number | null][] = [
  ['12:34:56.7', 188.73625],
  ['12 34 56.7', 188.73625],
  ['12h34m56.7s', 188.73625],
  ['12h 34m 56.7s', 188.73625],
  [' 12:34 ', 188.5],
  ['12h34.5m', 188.625],
  ['00:00:00', 0],
  ['-00:30:00', -7.5],
  ['+01:00:00', 15],
  ['12:60:00', null],
  ['12:34:60', null],
  ['24:00:00', 360],
  ['24:00:00.001', null],
  ['25:00:00', null],
  ['-25:00', null],
  ['99h', null],
  ['12', null],
  ['', null],
  ['twelve', null],
  ['12:34:56.7 and more', null],
  ['12.5', null],
]

const DMS: [string, number | null][] = [
  ['+41:16:09', 41.26916666666667],
  ['41 16 09', 41.26916666666667],
  ['41d16m09s', 41.26916666666667],
  [`41°16'09"`, 41.26916666666667],
  ['41° 16′ 09″', 41.26916666666667],
  ['-00:30', -0.5],
  ['−00:30:00', -0.5],
  ['-5:23:28', -5.391111111111111],
  ['-05 23.5', -5.391666666666667],
  ['359:59:59.999', 359.9999997222222],
  ['91:00', 91],
  ['360:00:00', 360],
  ['360:00:01', null],
  ['-361:00', null],
  ['41:60:00', null],
  ['41:00:60', null],
  ['1:2:3:4', null],
  ['--1:00', null],
]

const literal = (text: string) => `'${text.replaceAll("'", "''")}'`

test('sexagesimal text of the usual spellings becomes degrees, and what is none becomes NULL', async () => {
  for (const [name, cases] of [
    ['hms_to_deg', HMS],
    ['dms_to_deg', DMS],
  ] as const) {
    for (const [text, wanted] of cases) {
      const got = await value(`${name}(${literal(text)})`)
      if (wanted === null) assert.is(got, null, `${name} of "${text}"`)
      else close(got, wanted, 1e-13, `${name} of "${text}"`)
    }
    assert.is(await value(`${name}(NULL)`), null)
  }
})

test('degrees become text that is rounded first and never shows 60 seconds', async () => {
  for (const [expression, wanted] of [
    ['deg_to_hms(188.73625)', '12:34:56.70'],
    ['deg_to_hms(188.73625, 0)', '12:34:57'],
    ['deg_to_hms(0.1, 3)', '00:00:24.000'],
    ['deg_to_hms(359.99999999)', '00:00:00.00'],
    ['deg_to_hms(-7.5)', '23:30:00.00'],
    ['deg_to_hms(720)', '00:00:00.00'],
    ['deg_to_dms(41.269166666666667)', '+41:16:09.0'],
    ['deg_to_dms(-0.5)', '-00:30:00.0'],
    ['deg_to_dms(-0.0000001)', '+00:00:00.0'],
    ['deg_to_dms(89.999999999, 2)', '+90:00:00.00'],
    ['deg_to_dms(-5.391111111111111, 0)', '-05:23:28'],
    ["deg_to_dms('nan'::DOUBLE)", null],
    ['deg_to_hms(NULL)', null],
  ] as const)
    assert.is(await value(expression), wanted, expression)
})

test('degrees come back from their text', async () => {
  const angles = fc.sample(fc.double({ min: -89.99, max: 89.99, noNaN: true }), { numRuns: 200, seed: 9 })
  const rows = angles.map((a) => `(${a}::DOUBLE)`).join(', ')
  const { result } = await session.run(
    `SELECT abs(dms_to_deg(deg_to_dms(a, 4)) - a), abs((hms_to_deg(deg_to_hms(a, 5)) - a + 540) % 360 - 180) FROM (VALUES ${rows}) t(a)`,
  )
  for (const [i, [dms, hms]] of result.rows.entries()) {
    assert.ok((dms as number) < 2e-8, `${angles[i]} by degrees: ${dms}`)
    assert.ok((hms as number) < 3e-8, `${angles[i]} by hours: ${hms}`)
  }
})

test('what the helpers are made of is not to be called', async () => {
  for (const sql of [
    'SELECT __ten(3)',
    'SELECT __clock(1, 2)',
    'SELECT __sexagesimal(NULL, 1)',
    'SELECT __is_dec(1)',
    'SELECT __centre(1, 2)',
  ])
    await rejects(session.run(sql), 'SQL_REFUSED')
})

test('parameters are values of their types, never text of the statement', async () => {
  const nasty = `x'; DROP VIEW bright_stars; --`
  const params: Record<string, ParamValue> = { t: nasty, n: 3, x: 0.5, big: 1e300, yes: true, gone: null }
  const own = await open([await stars()], params)
  const { result } = await own.run(
    'SELECT $t, $n + 1, $x * 2, $big, $yes, $gone, typeof($n), typeof($t) FROM bright_stars LIMIT $n',
  )
  assert.equal(result.rows, Array(3).fill([nasty, 4, 1, 1e300, true, null, 'BIGINT', 'VARCHAR']))
  const named = await own.run('SELECT count(*) FROM bright_stars WHERE name = $T', {})
  assert.equal(named.result.rows, [[0]])
  assert.match((await rejects(own.run('SELECT $other'), 'SQL_INVALID')).message, /\$other has no value/)
  assert.match((await rejects(own.run('SELECT $1'), 'SQL_INVALID')).message, /has a name/)
  assert.match((await rejects(own.run('SELECT ?'), 'SQL_INVALID')).message, /has a name/)
  await rejects(own.run('SELECT * FROM $t'), 'SQL_INVALID')
  assert.is(own.state, 'idle')
})

let cached: BoundDataset | undefined
async function stars(): Promise<BoundDataset> {
  cached ??= {
    id: 'ivo://x/stars',
    names: ['stars', 'bright_stars'],
    format: 'csv',
    columns: [
      ...'hr ra dec vmag temp_k name bayer flamsteed constellation'.split(' ').map((name) => ({
        name,
        type: ['name', 'bayer', 'constellation'].includes(name) ? 'VARCHAR' : 'DOUBLE',
        ...(name === 'ra' ? { unit: 'deg', ucd: 'pos.eq.ra;meta.main' } : {}),
        ...(name === 'vmag' ? { unit: 'mag', description: 'Johnson V' } : {}),
      })),
    ],
    paths: [new URL('../../examples/data/bright_stars.csv', import.meta.url).pathname],
  }
  return cached
}

test('a column of a result keeps unit and UCD where it is plainly a column of the data', async (t) => {
  const other = await parquet(await t.tmpdir(), 'other', 'SELECT 1 AS hr, 2.0 AS ra')
  const own = await open([await stars(), { ...other, columns: [{ name: 'ra', type: 'DOUBLE', unit: 'h' }] }])
  const units = async (sql: string) =>
    (await own.run(`${sql} LIMIT 1`)).result.columns.map(({ name, unit, ucd }) =>
      [name, unit ?? '', ucd ?? ''].join(' '),
    )
  const RA = 'pos.eq.ra;meta.main'
  for (const [sql, wanted] of [
    ['SELECT ra, vmag, hr FROM stars', [`ra deg ${RA}`, 'vmag mag ', 'hr  ']],
    ['SELECT s.RA AS x, vmag + 1 AS ra FROM stars s', [`x deg ${RA}`, 'ra  ']],
    [
      'SELECT * EXCLUDE (dec, temp_k, name, bayer, flamsteed, constellation) FROM stars',
      ['hr  ', `ra deg ${RA}`, 'vmag mag '],
    ],
    [
      'SELECT * EXCLUDE (dec, temp_k, name, bayer, flamsteed, constellation) REPLACE (ra / 15 AS ra) FROM stars',
      ['hr  ', 'ra  ', 'vmag mag '],
    ],
    ['SELECT s.ra, o.ra AS hours, vmag FROM stars s, other o', [`ra deg ${RA}`, 'hours h ', 'vmag mag ']],
    ['SELECT s.ra, o.ra FROM stars s, other o', ['ra  ', 'ra  ']],
    ['SELECT ra FROM (SELECT ra / 15 AS ra FROM stars)', ['ra  ']],
    ['WITH stars AS (SELECT 1 AS ra) SELECT ra FROM stars', ['ra  ']],
    ['SELECT ra FROM stars UNION SELECT 1', ['ra  ']],
    ['SELECT ra FROM stars s(ra, hr)', ['ra  ']],
    ['SELECT max(ra) AS ra FROM stars', ['ra  ']],
    ['SELECT vmag FROM stars GROUP BY vmag', ['vmag mag ']],
  ] as const)
    assert.equal(await units(sql), wanted, sql)
  assert.is((await own.run('SELECT vmag FROM stars')).result.columns[0]!.description, 'Johnson V')
})

test.run()
