import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import {
  defaultDatasetId,
  MAX_ID_LENGTH,
  normaliseId,
  parseRef,
  shortName,
  suggestName,
} from '../../src/protocols/model/ids.ts'
import { rejects, suite } from '../kit/index.ts'

const test = suite('ids')
const island = `isl${'a'.repeat(32)}`

test('the spellings of a DOI are one id', () => {
  const spellings = [
    '10.5281/ZENODO.123',
    'doi:10.5281/zenodo.123',
    'DOI:10.5281/Zenodo.123',
    'doi: 10.5281/zenodo.123',
    'DOI 10.5281/zenodo.123',
    'doi://10.5281/zenodo.123',
    'https://doi.org/10.5281/zenodo.123',
    'http://dx.doi.org/10.5281/zenodo.123',
    'https://www.doi.org/10.5281/ZENODO.123',
    'doi.org/10.5281/zenodo.123',
    'https://doi.org/10.5281%2Fzenodo.123',
    'https://doi.org/10.5281/zenodo.123?ref=x#top',
    'https://doi.org/doi:10.5281/zenodo.123',
    'info:doi/10.5281/zenodo.123',
    'urn:doi:10.5281/zenodo.123',
    'doi:10.5281%2Fzenodo.123',
    '  10.5281/zenodo.123\n',
  ]
  for (const text of spellings) assert.is(normaliseId(text), 'doi:10.5281/zenodo.123', text)
})

test('DOIs that differ stay apart', () => {
  const ids = [
    '10.1000/a',
    'https://doi.org/10.1000/a%23b',
    '10.1000/a%2541',
    '10.1000/a/',
    '10.1002/(SICI)1096-8644(199601)99:1<1::AID-AJPA1>3.0.CO;2-1',
  ].map(normaliseId)
  assert.is(new Set(ids).size, ids.length)
  assert.is(ids[1], 'doi:10.1000/a#b')
})

test('ivo, urn and https ids have one spelling', () => {
  const pairs: [string, string][] = [
    ['IVO://CDS.VizieR/I/355/', 'ivo://cds.vizier/i/355'],
    ['ivo://org.gavo.dc/~?feros/data/F89411.vot#Spectral', 'ivo://org.gavo.dc/~?feros/data/F89411.vot#Spectral'],
    ['URN:ISBN:0-395-36341-1', 'urn:isbn:0-395-36341-1'],
    ['urn:example:a%2fb?+r?=q#f', 'urn:example:a%2Fb'],
    ['urn:uuid:F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6', 'urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6'],
    ['HTTP://Example.org:80/a/../b/#top', 'https://example.org/b'],
    ['https://example.org//', 'https://example.org'],
    ['https://example.org/?q=a/', 'https://example.org/?q=a/'],
    ['https://example.org/%7euser/%2f', 'https://example.org/~user/%2F'],
    ['https://example.org:80/x', 'https://example.org:80/x'],
    [`ARCHIPEL:${island.toUpperCase()}/Stars`, `archipel:${island}/Stars`],
  ]
  for (const [text, id] of pairs) assert.is(normaliseId(text), id, text)
})

test('what is no id is refused with BAD_ID', async () => {
  const bad = [
    '',
    ' ',
    'stars',
    'a b',
    'javascript:alert(1)',
    'file:///etc/passwd',
    'ivo:x',
    'ivo://ab',
    'ivo://auth/%64oes',
    'urn:x:y',
    'urn:ab:',
    'urn:ab:#f',
    'https://',
    'https://u:p@example.org/',
    'https://example.org/%zz',
    'https://example.org/a b',
    'http://exa\tmple.org',
    'archipel:isl/x',
    `archipel:${island}/../x`,
    'doi:10.1/x',
    'doi:10.1000/',
    'doi:10.1000/a\u200bb',
    '10.1000/a\u0000b',
    '10.1000/\ud800',
    `https://example.org/${'é'.repeat(400)}`,
    `10.1000/${'x'.repeat(600)}`,
  ]
  for (const text of bad) await rejects(() => normaliseId(text), 'BAD_ID')
})

test('normalising twice changes nothing, and any text gives an id or BAD_ID', () => {
  const piece = fc.constantFrom(
    '10.1000/',
    'doi:',
    'https://',
    'http://',
    'doi.org/',
    'example.org',
    'ivo://',
    'urn:',
    'uuid:',
    'ab:',
    '%41',
    '%',
    '%2f',
    '4',
    '1',
    '/',
    '//',
    '?',
    '#',
    '?+',
    ':',
    '..',
    'É',
    'Z',
    ' ',
    '443',
    ':443',
    '<',
    '\u212a',
    `archipel:${island}/`,
  )
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.array(piece, { maxLength: 10 }).map((parts) => parts.join('')),
  )
  let ids = 0
  fc.assert(
    fc.property(text, (input) => {
      let id: string
      try {
        id = normaliseId(input)
      } catch (error) {
        return error instanceof ArchipelError && error.code === 'BAD_ID'
      }
      ids++
      return id.length <= MAX_ID_LENGTH && normaliseId(id) === id
    }),
    { numRuns: 5000, examples: [['https://doi.org/10.1000/a%2541'], ['https://x.org/%%341'], ['http://x.org:443//']] },
  )
  assert.ok(ids > 50, `${ids} of the texts were ids`)
})

test('a reference is a short name or an id', async () => {
  assert.equal(parseRef(' bright_stars '), { name: 'bright_stars' })
  assert.equal(parseRef('10.5281/X'), { id: 'doi:10.5281/x' })
  await rejects(() => parseRef('../etc/passwd'), 'BAD_ID')
  await rejects(() => parseRef('-x'), 'BAD_ID')
  assert.is(defaultDatasetId(island, 'a.b'), `archipel:${island}/a.b`)
  await rejects(() => defaultDatasetId(island, 'a/b'), 'BAD_ID')
})

test('a suggested name is always a short name', () => {
  assert.is(suggestName('/data/Bright Stars.csv'), 'Bright_Stars')
  assert.is(suggestName('/data/éclipses (v2).csv.gz'), 'eclipses_v2')
  assert.is(suggestName('/data/folder///'), 'folder')
  assert.is(suggestName('星.fits'), 'dataset')
  assert.is(suggestName('.csv'), 'dataset')
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', maxLength: 200 }),
      (text) => shortName.safeParse(suggestName(text)).success,
    ),
    { numRuns: 1000 },
  )
})

test.run()
