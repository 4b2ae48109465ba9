import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { clean, safeJson } from '../../src/node/cli/clean.ts'
import { matcher, parseFilter } from '../../src/node/cli/dataset-filter.ts'
import { age, bytes, csvLine, milliseconds } from '../../src/node/cli/format.ts'
import { prettyLine } from '../../src/node/cli/logger.ts'
import { table } from '../../src/node/cli/table.ts'
import { fit, widthOf } from '../../src/node/cli/width.ts'
import { suite } from '../kit/index.ts'
import { datasetView } from '../web/fake-island.ts'

const test = suite('cli: text')

test('a table never has a line wider than the terminal, whatever is in it', () => {
  const cell = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('星表', '👩‍🚀', 'é', '', 'x'.repeat(300)),
  )
  const grid = fc
    .integer({ min: 1, max: 12 })
    .chain((n) =>
      fc.tuple(
        fc.array(cell, { minLength: n, maxLength: n }),
        fc.array(fc.array(cell, { minLength: n, maxLength: n }), { maxLength: 8 }),
      ),
    )
  fc.assert(
    fc.property(grid, fc.integer({ min: 20, max: 200 }), ([headers, rows], width) => {
      const text = table(
        headers.map((header) => ({ header })),
        rows,
        { width },
      )
      for (const line of text.split('\n'))
        assert.ok(widthOf(line) <= width, `${widthOf(line)} > ${width}: ${JSON.stringify(line)}`)
    }),
    { numRuns: 500 },
  )
})

test('the widest column is cut first, with an ellipsis', () => {
  const columns = [{ header: 'A' }, { header: 'B', align: 'right' as const }, { header: 'C' }]
  const text = table(columns, [['short', '12', 'a long text that does not fit into the line']], { width: 30 })
  assert.is(text, 'A       B  C\nshort  12  a long text that d…')
})

test('optional columns are left out before that, the last one first', () => {
  const columns = [
    { header: 'NAME' },
    { header: 'FIRST', optional: true },
    { header: 'LAST' },
    { header: 'SECOND', optional: true },
  ]
  const rows = [['a-long-name', 'first-text', 'last-text', 'second-text']]
  assert.equal(table(columns, rows, { width: 24 }).split('\n')[0]!.split(/ +/), ['NAME', 'FIRST', 'LAST'])
  assert.is(table(columns, rows, { width: 20 }).split('\n')[1], 'a-long-n…  last-text')
})

test('a row that cannot fit becomes a block', () => {
  const columns = Array.from({ length: 10 }, (_, n) => ({ header: `column${n}` }))
  const text = table(columns, [columns.map((c) => `value of ${c.header}`)], { width: 40 })
  assert.is(text.split('\n')[3], 'column3  value of column3')
})

test('without a terminal nothing is cut', () => {
  const long = 'x'.repeat(5000)
  assert.is(table([{ header: 'A' }], [[long]], { width: Number.POSITIVE_INFINITY }), `A\n${long}`)
})

test('wide characters are cut at their edges', () => {
  assert.is(fit('星星星', 4), '星…')
  assert.is(fit('abc', 3), 'abc')
  assert.is(fit('abcd', 3), 'ab…')
  assert.is(fit('abcd', 0), '')
  assert.is(widthOf('星'), 2)
})

test('cleaned text holds no control and no mark that reorders, whatever it was', () => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
  const unsafe = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/
  const piece = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('\u001b[', '\u001b]8;;', '\u009b', '\u0007', '\u001b\\', '31m', '\u202e', '\r\n'),
  )
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const text = pieces.join('')
      assert.not.match(clean(text), unsafe)
      assert.not.match(safeJson({ text }), unsafe)
      assert.equal(JSON.parse(safeJson({ text })), { text })
    }),
    { numRuns: 2000 },
  )
  assert.is(clean('a\u001b[31mred\u001b[0m \u001b]8;;http://x\u0007link\u001b]8;;\u0007'), 'ared link')
  assert.is(clean('Ünïcödé 星 e\u0301'), 'Ünïcödé 星 e\u0301')
})

test('numbers and times are short', () => {
  assert.equal([0, 999, 1000, 1_234_567, 99_960, 999_950_000, 2e15].map(bytes), [
    '0 B',
    '999 B',
    '1.0 kB',
    '1.2 MB',
    '100 kB',
    '1.0 GB',
    '2.0 PB',
  ])
  assert.equal([0.04, 1.25, 12.5, 999, 1500].map(milliseconds), ['0 ms', '1.3 ms', '13 ms', '999 ms', '1.5 s'])
  const now = Date.parse('2026-01-10T00:00:00Z')
  const ages = [
    '2026-01-10T00:00:00Z',
    '2026-01-09T23:59:00Z',
    '2026-01-09T23:50:00Z',
    '2026-01-09T20:00:00Z',
    '2026-01-01T00:00:00Z',
    'x',
    undefined,
  ]
  assert.equal(
    ages.map((instant) => age(instant, now)),
    ['0 s', '60 s', '10 min', '4 h', '9 d', '-', '-'],
  )
  assert.is(csvLine(['a', 'b,c', 'd"e', 'f\ng', '']), 'a,"b,c","d""e","f\ng",\n')
})

test('a log line for people holds the words and no control', () => {
  const line = JSON.stringify({
    level: 40,
    time: 0,
    component: 'net',
    peer: '\u001b[31mx',
    err: { type: 'Error', message: 'no' },
    msg: 'a\u0007b',
  })
  assert.match(prettyLine(line, false), /^\d\d:\d\d:\d\d warn {2}net: ab peer=x err=Error: no\n$/)
})

test('a change is matched against the filter as the island would', () => {
  const view = datasetView('stars')
  const yes = (words: string[], ...conditions: string[]) => matcher(parseFilter(words, conditions))(view)
  assert.ok(yes([]))
  assert.ok(
    yes(['BRIGHT', 'vmag'], 'keyword=Stars', 'island=garching', 'format=csv', 'size>=1MB', 'size<=2MB', 'cone=85,0,1'),
  )
  for (const condition of ['keyword=x', 'island=grenoble', 'format=fits', 'size>=2MB', 'size<=1MB', 'size=1MB'])
    assert.not.ok(yes([], condition), condition)
  assert.not.ok(yes(['galaxies']))
  const none = datasetView('none', { coverage: undefined })
  const broken = datasetView('broken', {
    coverage: { spatial: { frame: 'ICRS', moc: '//', box: { raMin: 0, raMax: 1, decMin: 0, decMax: 1 } } },
  })
  const cone = matcher(parseFilter([], ['cone=85,0,1']))
  assert.not.ok(cone(none))
  assert.not.ok(cone(broken))
})

test.run()
