import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { inspectFits } from '../../src/node/publish/fits/inspect.ts'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import { coneTest } from '../../src/protocols/sky/cone.ts'
import { parseMoc } from '../../src/protocols/sky/moc.ts'
import { rejects, suite, type TestContext } from '../kit/index.ts'
import { doubleTable, fitsHeader, imageCards, makePublisher, PRIMARY, padded } from './kit.ts'

const test = suite('publish: FITS')
const SAMPLE = new URL('../data/galactic_centre_tan.fits', import.meta.url).pathname
const near = (a: number, b: number, tolerance: number) =>
  assert.ok(Math.abs(a - b) <= tolerance, `${a} is not ${b} ± ${tolerance}`)

async function inspectBytes(t: TestContext, bytes: Buffer) {
  const local = join(await t.tmpdir(), 'x.fits')
  await writeFile(local, bytes)
  return inspectFits([{ path: 'x.fits', local, size: bytes.length, mtimeNs: '0', ctimeNs: '0', ino: '0' }])
}

test('the image of the Galactic centre: headers of both units, outline on the sky', async (t) => {
  const { prepare } = await makePublisher(t)
  const { body } = await prepare({ path: SAMPLE })
  assert.is(body.format, 'fits')
  assert.is(body.rows, undefined)
  assert.is(body.headers!.length, 2)
  assert.is(body.headers![1]!.EXTNAME, 'FOOTPRINT')
  assert.is(body.headers![0]!.CTYPE1, 'RA---TAN')
  const { box, moc } = body.coverage!.spatial!
  // The corners that astropy 8.0 gives; LONPOLE = 0 turns this image upside down.
  near(box.raMin, 266.348526, 2e-6)
  near(box.raMax, 266.446839, 2e-6)
  near(box.decMin, -28.983772, 1e-5)
  near(box.decMax, -28.897768, 1e-5)
  const meets = (ra: number, dec: number) => coneTest({ ra, dec, radius: 0.0001 }).meets(parseMoc(moc))
  assert.ok(meets(266.39311, -28.939779) && meets(266.43, -28.97) && meets(266.36, -28.9))
  assert.not.ok(meets(266.5, -28.94) || meets(266.39, -29.1))
})

test('compressed, the same file says the same', async (t) => {
  const bytes = await readFile(SAMPLE)
  assert.equal(await inspectBytes(t, gzipSync(bytes)), await inspectBytes(t, bytes))
})

test('a folder of images covers what all of them show', async (t) => {
  const { prepare } = await makePublisher(t)
  const dir = await t.tmpdir()
  await copyFile(SAMPLE, join(dir, 'a.fits'))
  await writeFile(
    join(dir, 'b.fits'),
    Buffer.concat([
      fitsHeader(
        imageCards({
          CRVAL1: 10,
          CRVAL2: 60,
          CDELT1: -0.01,
          CDELT2: 0.01,
          'DATE-OBS': '2020-03-01T10:00:00',
          EXPTIME: 60,
        }),
      ),
      padded(Buffer.alloc(40_000)),
    ]),
  )
  const { body } = await prepare({ path: dir })
  assert.is(body.format, 'fits')
  assert.is(body.files, 2)
  const moc = parseMoc(body.coverage!.spatial!.moc)
  for (const [ra, dec] of [
    [266.39311, -28.939779],
    [10, 60],
    [10.9, 60.4],
  ] as const)
    assert.ok(coneTest({ ra, dec, radius: 0.001 }).meets(moc), `${ra} ${dec}`)
  assert.not.ok(coneTest({ ra: 12.5, dec: 60, radius: 0.1 }).meets(moc))
  assert.equal(body.coverage!.temporal, { start: '2020-03-01T10:00:00.000Z', end: '2020-03-01T10:01:00.000Z' })
})

test('frames and projections lead to the right place on the sky', async (t) => {
  const place = async (cards: Record<string, string | number | boolean>) =>
    (
      await inspectBytes(
        t,
        Buffer.concat([
          fitsHeader(imageCards({ CDELT1: -0.001, CDELT2: 0.001, ...cards })),
          padded(Buffer.alloc(40_000)),
        ]),
      )
    ).coverage?.spatial?.box
  const centre = (box: Awaited<ReturnType<typeof place>>) =>
    [(box!.raMin + box!.raMax) / 2, (box!.decMin + box!.decMax) / 2] as const
  // Galactic centre and pole, ecliptic pole, B1950 origin: textbook values.
  const cases: [Record<string, string | number>, number, number][] = [
    [{ CTYPE1: 'GLON-TAN', CTYPE2: 'GLAT-TAN', CRVAL1: 0, CRVAL2: 0 }, 266.40499, -28.93617],
    [{ CTYPE1: 'ELON-TAN', CTYPE2: 'ELAT-TAN', CRVAL1: 90, CRVAL2: 0 }, 90, 23.43929],
    [{ CRVAL1: 0, CRVAL2: 0, EQUINOX: 1950 }, 0.64069, 0.27841],
    [{ CRVAL1: 120, CRVAL2: 30, CTYPE1: 'RA---SIN', CTYPE2: 'DEC--SIN' }, 120, 30],
    [{ CRVAL1: 120, CRVAL2: 30, CTYPE1: 'RA---ARC', CTYPE2: 'DEC--ARC' }, 120, 30],
    [{ CRVAL1: 120, CRVAL2: -30, CTYPE1: 'RA---ZEA', CTYPE2: 'DEC--ZEA' }, 120, -30],
    [{ CRVAL1: 120, CRVAL2: -30, CTYPE1: 'RA---STG', CTYPE2: 'DEC--STG' }, 120, -30],
    [{ CRVAL1: 120, CRVAL2: 0, CTYPE1: 'RA---CAR', CTYPE2: 'DEC--CAR' }, 120, 0],
    [{ CRVAL1: 120, CRVAL2: 0, CTYPE1: 'RA---AIT', CTYPE2: 'DEC--AIT' }, 120, 0],
    [
      {
        CRVAL1: 120,
        CRVAL2: 30,
        CTYPE1: 'RA---TAN-SIP',
        CTYPE2: 'DEC--TAN-SIP',
        CD1_1: -0.001,
        CD1_2: 0,
        CD2_1: 0,
        CD2_2: 0.001,
      },
      120,
      30,
    ],
  ]
  for (const [cards, ra, dec] of cases) {
    const [a, d] = centre(await place(cards))
    near(a, ra, 0.002)
    near(d, dec, 0.002)
  }
  const nowhere: Record<string, string | number>[] = [
    { CTYPE1: 'RA---XYZ', CTYPE2: 'DEC--XYZ', CRVAL1: 0, CRVAL2: 0 },
    { CTYPE1: 'FREQ', CTYPE2: 'STOKES' },
    { CRVAL1: 0 },
    { CRVAL1: 0, CRVAL2: 0, CDELT1: 0 },
    { CRVAL1: 0, CRVAL2: 95 },
  ]
  for (const cards of nowhere) assert.is(await place(cards), undefined, JSON.stringify(cards))
})

test('an image over a pole, over RA 0, rotated, and of the whole sky', async (t) => {
  const box = async (cards: Record<string, string | number>, n = 100) =>
    (
      await inspectBytes(
        t,
        Buffer.concat([
          fitsHeader(
            imageCards({ BITPIX: 8, NAXIS1: n, NAXIS2: n, CRPIX1: n / 2 + 0.5, CRPIX2: n / 2 + 0.5, ...cards }),
          ),
          padded(Buffer.alloc(n * n)),
        ]),
      )
    ).coverage!.spatial!
  const pole = await box({ CRVAL1: 30, CRVAL2: 89.5, CDELT1: -0.02, CDELT2: 0.02 })
  assert.ok(pole.box.raMin === 0 && pole.box.raMax === 360 && pole.box.decMax === 90 && pole.box.decMin > 87)
  const south = await box({ CRVAL1: 30, CRVAL2: -89.5, CDELT1: -0.02, CDELT2: 0.02 })
  assert.ok(south.box.decMin === -90 && south.box.decMax < -87)
  const zero = await box({ CRVAL1: 0, CRVAL2: 10, CDELT1: -0.01, CDELT2: 0.01 })
  assert.ok(zero.box.raMin > 359 && zero.box.raMax < 1)
  const turned = await box({ CRVAL1: 50, CRVAL2: 0, CDELT1: -0.01, CDELT2: 0.01, CROTA2: 45 })
  near(turned.box.raMax - turned.box.raMin, Math.SQRT2, 0.01)
  const sky = await box({ CTYPE1: 'RA---CAR', CTYPE2: 'DEC--CAR', CRVAL1: 0, CRVAL2: 0, CDELT1: -3.6, CDELT2: 1.8 })
  assert.is(sky.moc, '0/0-11')
  assert.ok(sky.box.raMin === 0 && sky.box.raMax === 360)
})

test('a binary table: columns with units, rows, and the sky of its positions', async (t) => {
  const rows = Array.from({ length: 3000 }, (_, i) => [i, 150 + (i % 100) / 100, 2 + i / 3000, Number.NaN])
  const bytes = Buffer.concat([
    fitsHeader(PRIMARY),
    doubleTable(
      [
        { name: 'ID' },
        { name: 'RAJ2000', unit: 'deg' },
        { name: 'DEJ2000', unit: 'deg' },
        { name: 'FLUX', unit: 'mJy' },
      ],
      rows,
    ),
  ])
  const found = await inspectBytes(t, bytes)
  assert.is(found.rows, 3000)
  assert.equal(found.columns![1], { name: 'RAJ2000', type: 'DOUBLE', unit: 'deg', ucd: 'pos.eq.ra;meta.main' })
  assert.equal(found.columns![3], { name: 'FLUX', type: 'DOUBLE', unit: 'mJy' })
  assert.equal(found.position, { ra: 'RAJ2000', dec: 'DEJ2000', encoding: 'degrees' })
  const { box } = found.coverage!.spatial!
  near(box.raMin, 150, 1e-5)
  near(box.raMax, 150.99, 1e-5)
  assert.ok(coneTest({ ra: 150.5, dec: 2.5, radius: 0.01 }).meets(parseMoc(found.coverage!.spatial!.moc)))
  const wrong = await inspectBytes(
    t,
    Buffer.concat([
      fitsHeader(PRIMARY),
      doubleTable(
        [{ name: 'ra' }, { name: 'dec' }],
        rows.map((r) => [r[0]! * 1000, r[0]!]),
      ),
    ]),
  )
  assert.is(wrong.position, undefined)
  assert.is(wrong.coverage, undefined)
})

test('formats of columns, long strings, HIERARCH and odd cards are read', async (t) => {
  const cards: [string, string | number | boolean][] = [
    ['XTENSION', 'BINTABLE'],
    ['BITPIX', 8],
    ['NAXIS', 2],
    ['NAXIS1', 62],
    ['NAXIS2', 0],
    ['PCOUNT', 0],
    ['GCOUNT', 1],
    ['TFIELDS', 8],
  ]
  for (const [i, form] of ['K', '3E', '10A', 'L', '1PD(9)', '12X', 'C', 'I'].entries())
    cards.push([`TFORM${i + 1}`, form])
  cards.push(['TTYPE1', 'source_id'], ['TCOMM1', 'An id'], ['TUCD1', 'meta.id'])
  const table = fitsHeader(cards, [
    "OBJECT  = 'a long &'",
    "CONTINUE  'name that &'",
    "CONTINUE  'goes on'",
    "HIERARCH ESO DET ID = 'x'",
    'COMMENT  = hello',
    'EXPTIME = 1.5D2 / seconds',
    "TELESCOP= 'O''HIGGINS",
    'FILTER  =',
    'BUNIT   = bad value',
  ])
  const { columns, headers, rows } = await inspectBytes(t, Buffer.concat([fitsHeader(PRIMARY), table]))
  assert.equal(
    columns!.map((c) => c.type),
    ['BIGINT', 'FLOAT[3]', 'VARCHAR', 'BOOLEAN', 'DOUBLE[]', 'BIT', 'FLOAT[2]', 'SMALLINT'],
  )
  assert.equal(columns![0], { name: 'source_id', type: 'BIGINT', ucd: 'meta.id', description: 'An id' })
  assert.is(columns![1]!.name, 'col2')
  assert.is(rows, 0)
  assert.is(headers![1]!.OBJECT, 'a long name that goes on')
  assert.is(headers![1]!.EXPTIME, 150)
  assert.is(headers![1]!.TELESCOP, "O'HIGGINS")
  assert.is(headers![1]!.FILTER, undefined)
})

test('damaged and absurd files are UNREADABLE', async (t) => {
  const good = await readFile(SAMPLE)
  const header = (values: Record<string, string | number | boolean>) =>
    fitsHeader(Object.entries({ SIMPLE: true, BITPIX: 8, NAXIS: 0, ...values }))
  const noEnd = Buffer.from(fitsHeader(PRIMARY).toString('latin1').replace('END', '   '), 'latin1')
  const cases: Record<string, Buffer> = {
    empty: Buffer.alloc(0),
    'not FITS': Buffer.from('hello'.repeat(2000)),
    'no END': noEnd,
    'endless header': Buffer.concat([noEnd, ...Array<Buffer>(1100).fill(Buffer.alloc(2880, 0x20))]),
    'cut in the header': good.subarray(0, 1000),
    'cut in the data': good.subarray(0, 10_000),
    'huge NAXIS': header({ NAXIS: 1000 }),
    'huge axes': header({ NAXIS: 3, NAXIS1: 2_000_000_000, NAXIS2: 2_000_000_000, NAXIS3: 2_000_000_000 }),
    'more data than file': header({ NAXIS: 2, NAXIS1: 1_000_000, NAXIS2: 1_000_000 }),
    'negative axis': header({ NAXIS: 1, NAXIS1: -5 }),
    'missing axis': header({ NAXIS: 1 }),
    'odd BITPIX': header({ BITPIX: 7 }),
    'text BITPIX': header({ BITPIX: 'eight' }),
    'too many columns': Buffer.concat([
      fitsHeader(PRIMARY),
      fitsHeader([
        ['XTENSION', 'BINTABLE'],
        ['BITPIX', 8],
        ['NAXIS', 2],
        ['NAXIS1', 1],
        ['NAXIS2', 0],
        ['TFIELDS', 3000],
      ]),
    ]),
    'no format': Buffer.concat([
      fitsHeader(PRIMARY),
      fitsHeader([
        ['XTENSION', 'BINTABLE'],
        ['BITPIX', 8],
        ['NAXIS', 2],
        ['NAXIS1', 1],
        ['NAXIS2', 0],
        ['TFIELDS', 1],
      ]),
    ]),
    'cut gzip': gzipSync(good).subarray(0, 2000),
    'broken gzip': Buffer.concat([Buffer.of(0x1f, 0x8b), Buffer.from('nonsense'.repeat(100))]),
  }
  for (const [name, bytes] of Object.entries(cases)) {
    await rejects(inspectBytes(t, bytes), 'UNREADABLE').catch((error: Error) =>
      assert.unreachable(`${name}: ${error.message}`),
    )
  }
})

test('what follows the last unit does not matter, nor does missing padding', async (t) => {
  const good = await readFile(SAMPLE)
  const { headers } = await inspectBytes(t, good)
  assert.equal((await inspectBytes(t, Buffer.concat([good, Buffer.alloc(2880)]))).headers, headers)
  assert.is((await inspectBytes(t, good.subarray(0, good.length - 100))).headers!.length, 2)
})

test(
  'no damage to a file does more than make it UNREADABLE',
  async (t) => {
    const good = Buffer.concat([
      (await readFile(SAMPLE)).subarray(0, 2880 + 14_792 + 2488),
      doubleTable(
        [{ name: 'ra' }, { name: 'dec' }],
        [
          [1, 2],
          [3, 4],
        ],
      ),
    ])
    let readable = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(6000), fc.constantFrom(0x20, 0x27, 0x2f, 0x30, 0x39, 0x45, 0x00, 0xff)), {
          maxLength: 8,
        }),
        fc.nat(good.length),
        fc.boolean(),
        async (changes, end, cut) => {
          const bytes = Buffer.from(good)
          // Headers are at both ends of this file.
          for (const [at, value] of changes) bytes[at < 3000 ? at : bytes.length - (at - 2999)] = value
          try {
            await inspectBytes(t, cut ? bytes.subarray(0, end) : bytes)
            readable++
          } catch (error) {
            if (!(error instanceof ArchipelError) || error.code !== 'UNREADABLE') throw error
          }
        },
      ),
      { numRuns: 300 },
    )
    assert.ok(readable > 20, `${readable} were still readable`)
  },
  { timeoutMs: 60_000 },
)

test.run()
