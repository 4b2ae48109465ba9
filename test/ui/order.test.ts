/** The order of rows in the page, without a browser. */
import * as assert from 'uvu/assert'
import type { Cell } from '../../src/protocols/model/task.ts'
import { sortRows } from '../../src/web/ui/text/order.ts'
import { suite } from '../kit/index.ts'

const test = suite('the page: the order of rows')

const sorted = (type: string, cells: Cell[], descending = false): Cell[] =>
  sortRows(
    cells.map((cell) => [cell]),
    0,
    type,
    descending,
  ).map((row) => row[0]!)

test('whole numbers are compared exactly, though large ones come as text', () => {
  const [a, b, c] = ['9007199254740993', '9007199254740994', '170141183460469231731687303715884105727']
  for (const type of ['BIGINT', 'UBIGINT', 'HUGEINT', 'UHUGEINT', 'int64'])
    assert.equal(sorted(type, [c, 7, b, `-${a}`, a, -3]), [`-${a}`, -3, 7, a, b, c], type)
  assert.equal(sorted('BIGINT', [a, 7, b], true), [b, a, 7])
})

test('decimals are compared exactly', () => {
  const cells = [
    '10.00',
    '9.50',
    '-0.10',
    '-0.20',
    '12345678901234567890123456789.02',
    '12345678901234567890123456789.01',
  ]
  assert.equal(sorted('DECIMAL(38,2)', cells), [cells[3], cells[2], cells[1], cells[0], cells[5], cells[4]])
})

test('floating numbers go from -Infinity to Infinity, then NaN', () => {
  const cells = ['NaN', 2, 'Infinity', null, -1.5, '-Infinity', 10]
  assert.equal(sorted('DOUBLE', cells), ['-Infinity', -1.5, 2, 10, 'Infinity', 'NaN', null])
  assert.equal(sorted('DOUBLE', cells, true), ['NaN', 'Infinity', 10, 2, -1.5, '-Infinity', null])
})

test('texts are compared by code points, whether they look like numbers or not', () => {
  assert.equal(sorted('VARCHAR', ['9', '10', '', '1e3', 'b', 'B', 'é', 'a']), [
    '',
    '10',
    '1e3',
    '9',
    'B',
    'a',
    'b',
    'é',
  ])
  assert.equal(sorted('VARCHAR', ['\u{1f600}', '\uffff', '\ue000', 'z']), ['z', '\ue000', '\uffff', '\u{1f600}'])
  assert.equal(sorted('VARCHAR', ['NaN', 'Infinity', '0x10', 'ab', 'a']), ['0x10', 'Infinity', 'NaN', 'a', 'ab'])
  assert.equal(sorted('BOOLEAN', [true, null, false]), [false, true, null])
  const times = ['2024-01-01T10:00:00.5Z', '2024-01-01T10:00:00Z', '2023-12-31T00:00:00Z']
  assert.equal(sorted('TIMESTAMP WITH TIME ZONE', times), times.toReversed())
})

test('NULL is last in both directions, and equal rows stay in their order', () => {
  for (const type of ['BIGINT', 'DOUBLE', 'VARCHAR'])
    for (const descending of [false, true])
      assert.equal(sorted(type, [null, '1', null, '1'], descending), ['1', '1', null, null], type)
  const rows: Cell[][] = [
    [1, 'x'],
    [0, 'y'],
    [1, 'z'],
  ]
  assert.equal(
    sortRows(rows, 0, 'INTEGER', true).map((row) => row[1]),
    ['x', 'z', 'y'],
  )
})

test.run()
