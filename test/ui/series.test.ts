/** What a chart draws of a table, without a browser. */
import * as assert from 'uvu/assert'
import { histogram, points } from '../../src/web/ui/parts/chart/series.ts'
import { suite } from '../kit/index.ts'

const test = suite('the page: what a chart draws')

const choice = { kind: 'scatter', x: 0, y: 1, reverseX: false, reverseY: false, logX: false, logY: false } as const
const types = ['DOUBLE', 'DOUBLE']

test('rows whose value is no finite number are left out and counted', () => {
  const rows = [
    [2, 20],
    ['NaN', 1],
    [1, 'Infinity'],
    [1, 10],
    ['-Infinity', 1],
    [null, 1],
    [1, 1.7e308],
  ]
  assert.equal(points(rows, types, choice), { xs: [1, 2], ys: [10, 20], left: 5 })
  const bins = histogram(rows, types, choice)
  assert.is(
    bins.ys.reduce((a, b) => a + b, 0),
    4,
  )
  assert.is(bins.left, 3)
  assert.ok([...bins.xs, bins.width].every(Number.isFinite))
})

test('of nothing but such values nothing is drawn', () => {
  const rows = [
    ['NaN', 1],
    ['Infinity', 2],
    [1.7e308, 1],
    [-1.7e308, 1],
  ]
  assert.equal(points(rows, types, choice), { xs: [], ys: [], left: 4 })
  assert.equal(histogram(rows, types, choice), { xs: [], ys: [], left: 4, width: 1 })
})

test('a logarithm leaves out what is not above 0', () => {
  const rows = [
    [0, 1],
    [-1, 1],
    [10, 1],
  ]
  assert.equal(points(rows, types, { ...choice, logX: true }), { xs: [10], ys: [1], left: 2 })
})

test.run()
