import { matchesGlob as systems } from 'node:path'
import * as assert from 'uvu/assert'
import { matches } from '../../src/node/replicas/names.ts'
import { suite } from '../kit/index.ts'

const test = suite('replicas: patterns of files')

const PATTERNS = [
  ...[
    'a.csv',
    '*',
    '*.csv',
    'a*',
    '*a*b*',
    '?.csv',
    '??',
    '[ab].csv',
    '[!a].csv',
    '[^b-z]*',
    'a[',
    '[]a]',
    '[a-]b',
    '**',
    '**/*',
  ],
  ...[
    '2026/**',
    '2026/**/*.csv',
    '**/b',
    '**/a/**/b',
    '*/b',
    'a/**/b/**/c',
    '{a,b}.csv',
    '{2026,2027}/**',
    '{a,{b,c}}.csv',
  ],
  ...['a{b', 'a{b}c', '{{a,b}}', '.*', '**/.x', '.x/**', 'a**b', '**/**/b', 'x{,y}/*.csv', '*é', '+a', '(a)', 'a+'],
]
const PATHS = [
  ...[
    'a',
    'b',
    'ab',
    'a.csv',
    'b.csv',
    'c.csv',
    '.csv',
    '.x',
    'a[',
    'a{b',
    'a{b}c',
    '{a}',
    'axxb',
    'b-',
    '-b',
    ']',
    'né',
    '+a',
    '(a)',
  ],
  ...[
    '2026/a.csv',
    '2026/07/a.csv',
    '2027/b',
    'a/b',
    'a/x/b',
    'x/a/y/z/b',
    'a/b/c',
    'a/b/x/b/c',
    '2026/.x',
    '.x/b',
    'a/.x/b',
    'x/a.csv',
    'xy/a.csv',
  ],
]

test('patterns mean what they mean elsewhere', () => {
  for (const pattern of PATTERNS)
    for (const path of PATHS)
      assert.is(matches([pattern], path), path === pattern || systems(path, pattern), `${pattern} and ${path}`)
  assert.ok(matches([], 'a'), 'none asks for all')
  assert.ok(matches(['b', 'a'], 'a'))
})

test('a pattern that another island sends takes no time and no memory that grows with what it could stand for', () => {
  const long = `${'a'.repeat(250)}/`.repeat(4)
  for (const pattern of [
    '{1..10000000}',
    '{a,b}'.repeat(100),
    `${'*a'.repeat(249)}b`,
    `${'**/a*/'.repeat(80)}b`,
    '{'.repeat(500),
  ])
    assert.not.ok(matches([pattern], `${long}c`), pattern.slice(0, 20))
  assert.ok(matches(['{a,b}'.repeat(6)], 'ababab'), 'so many alternatives are well')
})

test.run()
