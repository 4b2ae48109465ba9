import { corners_nest, order2nside, pix2ang_nest, pixcoord2vec_nest } from '@hscmap/healpix'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  cellOf,
  checkedCone,
  coneBox,
  coneTest,
  direction,
  plainBoxes,
  separation,
} from '../../src/protocols/sky/cone.ts'
import {
  degrade,
  fitMoc,
  formatMoc,
  holds,
  type Moc,
  meets,
  mocOfCells,
  parseMoc,
} from '../../src/protocols/sky/moc.ts'
import { rejects, suite } from '../kit/index.ts'

const test = suite('sky')
const deg = (rad: number) => (rad * 180) / Math.PI
const ra = fc.double({ min: 0, max: 360, noNaN: true, maxExcluded: true })
const dec = fc.double({ min: -90, max: 90, noNaN: true })

test('a MOC text is read and written in normal form', () => {
  assert.is(formatMoc(parseMoc('3/12-15 40 4/720')), '2/3 3/40 4/720')
  assert.is(formatMoc(parseMoc('0/0,1,2-11')), '0/0-11')
  assert.is(formatMoc(parseMoc('1/0 1 2 3 2/16')), '0/0 2/16')
  assert.is(formatMoc(parseMoc('')), '')
  assert.is(formatMoc(parseMoc('29/0 5/')), '24/0')
  assert.is(formatMoc(parseMoc('29/3458764513820540927')), '24/3377699720527871')
})

test('text that is no MOC is RECORD_INVALID', async () => {
  for (const text of [
    'x',
    '12',
    '3/12-',
    '3/-1',
    '30/1',
    '0/12',
    '3/5-4',
    '3/1.5',
    '29/99999999999999999999',
    '3//1',
    's3/1',
  ])
    await rejects(() => parseMoc(text), 'RECORD_INVALID')
})

test('cells survive the way through text, and coarsening only adds', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 10 }),
      fc.array(fc.nat(), { maxLength: 60 }),
      fc.integer({ min: 0, max: 10 }),
      (order, cells, coarser) => {
        const moc = mocOfCells(
          order,
          cells.map((c) => c % (12 * 4 ** order)),
        )
        assert.equal([...parseMoc(formatMoc(moc))], [...moc])
        const coarse = degrade(moc, Math.min(order, coarser))
        for (let i = 0; i < moc.length; i += 2) assert.ok(holds(coarse, moc[i]!, moc[i + 1]!))
        const text = fitMoc(moc, order, 60)
        const fitted = parseMoc(text)
        for (let i = 0; i < moc.length; i += 2) assert.ok(holds(fitted, moc[i]!, moc[i + 1]!))
        assert.ok(text.length <= 60, text)
      },
    ),
    { numRuns: 300 },
  )
})

test('a cone of no size meets exactly the cell its point is in', () => {
  fc.assert(
    fc.property(ra, dec, fc.integer({ min: 0, max: 10 }), fc.nat(), (a, d, order, other) => {
      const cell = cellOf(order, a, d)
      const cone = coneTest({ ra: a, dec: d, radius: 0 })
      assert.ok(cone.meets(mocOfCells(order, [cell])))
      const far = other % (12 * 4 ** order)
      const touching = corners_nest(order2nside(order), far).some((v) => separation(v, direction(a, d)) < 1e-3)
      if (far !== cell && !touching && !nearEdge(order, far, a, d)) assert.not.ok(cone.meets(mocOfCells(order, [far])))
    }),
    { numRuns: 500 },
  )
})

test('every direction is in a cell, where base cells meet, too', () => {
  const edge = (Math.asin(2 / 3) * 180) / Math.PI
  for (const ra of [0, 45, 90, 135, 180, 270, 360])
    for (const dec of [edge, -edge, 41.810314895778525, -41.810314895778525, 0, 90, -90])
      for (let order = 0; order <= 13; order++) {
        const cell = cellOf(order, ra, dec)
        assert.ok(cell >= 0 && cell < 12 * 4 ** order, `${order} ${ra} ${dec}: ${cell}`)
        assert.ok(coneTest({ ra, dec, radius: 0 }).meets(mocOfCells(order, [cell])), `${order} ${ra} ${dec}`)
      }
})

/** Within about an arcsecond of the cell's edge, sampled. */
function nearEdge(order: number, cell: number, a: number, d: number): boolean {
  const p = direction(a, d)
  for (let i = 0; i <= 400; i++) {
    for (const [x, y] of [
      [i / 400, 0],
      [i / 400, 1],
      [0, i / 400],
      [1, i / 400],
    ] as const) {
      if (separation(pixcoord2vec_nest(order2nside(order), cell, x, y), p) < 4 / 2 ** order / 400) return true
    }
  }
  return false
}

test('cone against cells agrees with a dense sampling of the cell', () => {
  let hits = 0
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 8 }),
      fc.nat(),
      ra,
      fc.double({ min: 0, max: 3, noNaN: true }),
      fc.double({ min: 0.1, max: 3, noNaN: true }),
      (order, index, angle, distance, size) => {
        const nside = order2nside(order)
        const cell = index % (12 * nside * nside)
        const { theta, phi } = pix2ang_nest(nside, cell)
        const width = deg(Math.sqrt(Math.PI / 3) / nside)
        // A cone somewhere around the cell.
        const d = Math.max(-90, Math.min(90, 90 - deg(theta) + distance * width * Math.sin(angle)))
        const a =
          (((deg(phi) + (distance * width * Math.cos(angle)) / Math.max(0.1, Math.cos((d * Math.PI) / 180))) % 360) +
            360) %
          360
        const cone = { ra: a, dec: d, radius: Math.min(180, size * width) }
        const centre = direction(a, d)
        let nearest = Number.POSITIVE_INFINITY
        for (let x = 0; x <= 60; x++)
          for (let y = 0; y <= 60; y++)
            nearest = Math.min(nearest, deg(separation(pixcoord2vec_nest(nside, cell, x / 60, y / 60), centre)))
        const met = coneTest(cone).meets(mocOfCells(order, [cell]))
        if (nearest <= cone.radius) assert.ok(met, 'a point of the cell lies in the cone')
        else if (nearest > cone.radius + width / 20) assert.not.ok(met, 'no point of the cell is near the cone')
        if (met) hits++
      },
    ),
    { numRuns: 400 },
  )
  assert.ok(hits > 50 && hits < 390, `${hits} of 400 met`)
})

test('the box of a cone holds it, over the pole and RA 0 too', () => {
  assert.equal(coneBox({ ra: 10, dec: 89, radius: 2 }), { raMin: 0, raMax: 360, decMin: 87, decMax: 90 })
  const wrap = coneBox({ ra: 0.5, dec: 0, radius: 1 })
  assert.ok(wrap.raMin > wrap.raMax)
  assert.is(plainBoxes(wrap).length, 2)
  fc.assert(
    fc.property(ra, dec, fc.double({ min: 0, max: 90, noNaN: true }), ra, dec, (a, d, radius, a2, d2) => {
      if (deg(separation(direction(a, d), direction(a2, d2))) > radius) return true
      return plainBoxes(coneBox({ ra: a, dec: d, radius })).some(
        (b) => a2 >= b.raMin - 1e-9 && a2 <= b.raMax + 1e-9 && d2 >= b.decMin - 1e-9 && d2 <= b.decMax + 1e-9,
      )
    }),
    { numRuns: 2000 },
  )
})

test('a cone out of range is BAD_INPUT', async () => {
  for (const cone of [
    { ra: Number.NaN, dec: 0, radius: 1 },
    { ra: 0, dec: 91, radius: 1 },
    { ra: 0, dec: 0, radius: -1 },
    { ra: 0, dec: 0, radius: 181 },
    { ra: 0, dec: Number.NaN, radius: 1 },
  ]) {
    await rejects(() => checkedCone(cone), 'BAD_INPUT')
  }
  assert.is(checkedCone({ ra: -10, dec: 0, radius: 1 }).ra, 350)
})

test('ranges answer what they hold and meet', () => {
  const moc: Moc = Float64Array.of(10, 20, 30, 40)
  assert.ok(meets(moc, 19, 20) && meets(moc, 5, 11) && meets(moc, 0, 100))
  assert.not.ok(meets(moc, 20, 30) || meets(moc, 0, 10) || meets(moc, 40, 50))
  assert.ok(holds(moc, 10, 20) && !holds(moc, 10, 21) && !holds(moc, 15, 35))
})

test.run()
