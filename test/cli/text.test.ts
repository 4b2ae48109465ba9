import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { clean, safeJson } from '../../src/node/cli/clean.ts'
import { parseFilter } from '../../src/node/cli/dataset-filter.ts'
import { durationOf, EXPIRES, LEASE, TIMEOUT } from '../../src/node/cli/duration.ts'
import { age, bytes, csvLine, milliseconds } from '../../src/node/cli/format.ts'
import { prettyLine } from '../../src/node/cli/logger.ts'
import { table } from '../../src/node/cli/table.ts'
import { fit, widthOf } from '../../src/node/cli/width.ts'
import { datasetTest } from '../../src/protocols/metadata/dataset-test.ts'
import { needsQuotes } from '../../src/protocols/model/sql-names.ts'
import { inviteBody } from '../../src/web/contract/inputs.ts'
import { submitBody } from '../../src/web/contract/work-inputs.ts'
import { rejects, suite } from '../kit/index.ts'
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
  const yes = (words: string[], ...conditions: string[]) =>
    datasetTest(parseFilter(words, conditions))(view).length === 0
  assert.ok(yes([]))
  assert.ok(
    yes(['BRIGHT', 'vmag'], 'keyword=Stars', 'island=garching', 'format=csv', 'size>=1MB', 'size<=2MB', 'cone=85,0,1'),
  )
  assert.equal(parseFilter([], ['minSize=1MB', 'maxSize=2GiB']), parseFilter([], ['size>=1MB', 'size<=2GiB']))
  for (const condition of [
    'keyword=x',
    'island=grenoble',
    'format=fits',
    'minSize=2MB',
    'maxSize=1MB',
    'size>=2MB',
    'size<=1MB',
    'size=1MB',
  ])
    assert.not.ok(yes([], condition), condition)
  assert.not.ok(yes(['galaxies']))
  assert.not.ok(yes(['***']))
  const none = datasetView('none', { coverage: undefined })
  const broken = datasetView('broken', {
    coverage: { spatial: { frame: 'ICRS', moc: '//', box: { raMin: 0, raMax: 1, decMin: 0, decMax: 1 } } },
  })
  assert.ok(yes(['bri']), 'the last word may be a beginning')
  assert.not.ok(yes(['bri', 'vmag']))
  assert.not.ok(yes(['right']), 'words are whole, as in the index')
  const cone = datasetTest(parseFilter([], ['cone=85,0,1']))
  assert.equal(cone(none), ['cone=85,0,1'])
  assert.equal(cone(broken), ['cone=85,0,1'])
})

test('a duration has a unit and bounds, said in the unit that was written', async () => {
  assert.is(durationOf('24h', EXPIRES), 86_400_000)
  assert.is(durationOf(' 1.5 d ', EXPIRES), 129_600_000)
  assert.is(durationOf('250ms', LEASE), 250)
  for (const [text, option, message] of [
    ['24', EXPIRES, '--expires: 24 has no unit; write 24h, 30m or 7d'],
    ['0', EXPIRES, '--expires: 0 has no unit; write 24h, 30m or 7d'],
    ['0', TIMEOUT, '--timeout: 0 has no unit; write 30s, 15m or 2h'],
    ['0s', TIMEOUT, '--timeout: 0s is too short; it has to be at least 1ms'],
    ['1000000d', EXPIRES, '--expires: 1000000d is too long; it may be at most 90d'],
    ['99999h', EXPIRES, '--expires: 99999h is too long; it may be at most 2160h'],
    ['99999999999999999999999999d', EXPIRES, 'is too long; it may be at most 90d'],
    ['61m', LEASE, '--lease: 61m is too long; it may be at most 60m'],
    ['0.01s', LEASE, '--lease: 0.01s is too short; it has to be at least 200ms'],
    ['soon', TIMEOUT, '--timeout: "soon" is not a duration'],
    ['3 fortnights', TIMEOUT, 'is not a duration'],
    ['-1h', TIMEOUT, 'is not a duration'],
    ['', EXPIRES, 'is not a duration'],
  ] as const) {
    const error = await rejects(() => durationOf(text, option), 'BAD_INPUT')
    assert.match(error.message, message)
  }
})

test('the bounds of durations are those of the web service', () => {
  const task = { kind: 'sql', code: 'SELECT 1' }
  for (const [{ min, max, flag }, accepts] of [
    [EXPIRES, (ms: number) => inviteBody.safeParse({ expiresMs: ms }).success],
    [TIMEOUT, (ms: number) => submitBody.safeParse({ ...task, timeoutMs: ms }).success],
    [LEASE, (ms: number) => submitBody.safeParse({ ...task, leaseMs: ms }).success],
  ] as const)
    assert.equal([min - 1, min, max, max + 1].map(accepts), [false, true, true, false], flag)
})

test('a table whose name DuckDB does not take bare is quoted in what is suggested', async (t) => {
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  t.cleanup(() => connection.closeSync())
  const words = async (condition: string) =>
    (await connection.runAndReadAll(`SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category ${condition}`))
      .getRows()
      .map(([word]) => String(word))
  const kept = await words("IN ('reserved', 'type_function')")
  assert.ok(kept.length > 100)
  for (const word of kept) assert.ok(needsQuotes(word) && needsQuotes(word.toUpperCase()), word)
  for (const word of await words("NOT IN ('reserved', 'type_function')")) {
    assert.not.ok(needsQuotes(word), word)
    await connection.run(`CREATE OR REPLACE TABLE "${word}" AS SELECT 1`)
    await connection.run(`SELECT count(*) FROM ${word}`)
  }
  for (const name of ['2mass', 'a-b', 'a.b', '']) assert.ok(needsQuotes(name), name)
  assert.not.ok(needsQuotes('bright_stars'))
})

test.run()
