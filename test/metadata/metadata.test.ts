import * as assert from 'uvu/assert'
import { type Exported, iriOf, type Json, type JsonObject } from '../../src/protocols/metadata/common.ts'
import { toCroissant } from '../../src/protocols/metadata/croissant.ts'
import { toDatacite } from '../../src/protocols/metadata/datacite.ts'
import { toDcat } from '../../src/protocols/metadata/dcat.ts'
import type { DatasetBody } from '../../src/protocols/model/dataset.ts'
import { suite } from '../kit/index.ts'

const test = suite('metadata')
const ISLAND = `isl${'a'.repeat(32)}`
const VERSION = 'ab'.repeat(32)

const BARE: DatasetBody = {
  name: 'bare',
  title: 'Bare',
  keywords: [],
  creators: [],
  created: '2026-01-02T03:04:05.000Z',
  modified: '2026-02-02T03:04:05.000Z',
  version: VERSION,
  size: 10,
  files: 1,
  format: 'files',
  aliases: [],
}

const FULL: DatasetBody = {
  ...BARE,
  description: 'Nebulae "and" <galaxies>',
  keywords: ['galaxies', 'nebulae'],
  licence: 'CC-BY-SA-4.0',
  creators: [{ name: 'Verga, Mattia', orcid: '0000-0002-1825-0097', affiliation: 'OpenNGC' }, { name: 'Others' }],
  format: 'csv',
  rows: 7,
  dialect: { delimiter: ';', quote: '"', header: true, skip: 0, compression: 'gzip' },
  columns: [
    { name: 'RA', type: 'VARCHAR', unit: 'h:m:s', ucd: 'pos.eq.ra;meta.main' },
    { name: 'Cstar U/Mag', type: 'DOUBLE', description: 'Magnitude.' },
    { name: 'n', type: 'BIGINT' },
    { name: 'flag', type: 'BOOLEAN' },
    { name: 'day', type: 'DATE' },
    { name: 'at', type: 'TIMESTAMP WITH TIME ZONE' },
    { name: 'flux', type: 'FLOAT[3]' },
    { name: 'odd', type: 'STRUCT(a INTEGER)' },
  ],
  coverage: {
    spatial: { frame: 'ICRS', moc: '3/1-4', box: { raMin: 350, raMax: 10, decMin: -5, decMax: 5 } },
    temporal: { start: '2020-01-01T00:00:00Z', end: '2020-12-31T00:00:00Z' },
  },
  aliases: ['doi:10.5281/zenodo.7', 'ivo://cds/vii/118', 'urn:ab:c', 'https://example.org/x'],
}

function exported(body: DatasetBody, id = `archipel:${ISLAND}/${body.name}`): Exported {
  return {
    id,
    publisher: { id: ISLAND, name: 'Strasbourg' },
    body,
    holders: [
      { island: ISLAND, name: 'Strasbourg', state: 'available', version: VERSION },
      { island: `isl${'b'.repeat(32)}`, name: 'Lyon', state: 'partial', version: VERSION },
      { island: `isl${'c'.repeat(32)}`, name: 'Nice', state: 'stale', version: VERSION },
      { island: `isl${'d'.repeat(32)}`, name: 'Paris', state: 'available', version: 'cd'.repeat(32) },
    ],
  }
}

const object = (value: Json | undefined) => value as JsonObject
const list = (value: Json | undefined) => value as JsonObject[]

/** Subject-predicate-object of a JSON-LD tree with prefixes only: enough of the expansion algorithm for these documents. */
function triples(document: JsonObject): [string, string, string][] {
  const context = document['@context'] as Record<string, string>
  const expand = (term: string): string => {
    const [prefix, ...rest] = term.split(':') as [string, ...string[]]
    return rest.length > 0 && Object.hasOwn(context, prefix) ? `${context[prefix]}${rest.join(':')}` : term
  }
  const found: [string, string, string][] = []
  let blanks = 0
  const visit = (node: JsonObject): string => {
    const subject = node['@id'] === undefined ? `_:b${blanks++}` : expand(String(node['@id']))
    for (const [key, value] of Object.entries(node)) {
      if (key === '@context' || key === '@id') continue
      if (key === '@type') {
        found.push([subject, 'a', expand(String(value))])
        continue
      }
      assert.match(expand(key), /^https?:/, `${key} is a term of the context`)
      for (const item of Array.isArray(value) ? value : [value!]) {
        const o = item as JsonObject
        const isNode = typeof item === 'object' && item !== null && o['@value'] === undefined
        const literal =
          typeof item === 'object' && item !== null ? `${o['@value']}^^${expand(String(o['@type']))}` : String(item)
        found.push([subject, expand(key), isNode ? visit(o) : literal])
      }
    }
    return subject
  }
  visit(document)
  return found
}

test('DCAT: the triples of a full dataset', () => {
  const id = `archipel:${ISLAND}/bare`
  const all = triples(toDcat(exported(FULL)))
  const has = (s: string, p: string, o: string) =>
    assert.ok(
      all.some((t) => t[0] === s && t[1] === p && t[2] === o),
      `${s} ${p} ${o}\n${all.filter((t) => t[1] === p).join('\n')}`,
    )
  const dcat = 'http://www.w3.org/ns/dcat#'
  const dcterms = 'http://purl.org/dc/terms/'
  const xsd = 'http://www.w3.org/2001/XMLSchema#'
  has(id, 'a', `${dcat}Dataset`)
  has(id, `${dcterms}identifier`, id)
  has(id, `${dcterms}title`, 'Bare')
  has(id, `${dcat}keyword`, 'nebulae')
  has(id, `${dcterms}license`, 'https://spdx.org/licenses/CC-BY-SA-4.0')
  has(id, `${dcterms}creator`, 'https://orcid.org/0000-0002-1825-0097')
  has(id, `${dcterms}issued`, `2026-01-02T03:04:05.000Z^^${xsd}dateTime`)
  has(id, `${dcat}version`, VERSION)
  has(id, `${dcterms}publisher`, `archipel:${ISLAND}`)
  const distributions = all.filter((t) => t[1] === `${dcat}distribution`).map((t) => t[2])
  assert.equal(
    distributions,
    [`${id}#${ISLAND}`, `${id}#isl${'b'.repeat(32)}`],
    'holders of this version, whole or in part',
  )
  has(distributions[0]!, 'a', `${dcat}Distribution`)
  has(distributions[0]!, `${dcat}byteSize`, `10^^${xsd}nonNegativeInteger`)
  assert.not.ok(
    all.some((t) => t[0] === distributions[1] && t[1] === `${dcat}byteSize`),
    'a part has no known size',
  )
  has(distributions[0]!, `${dcat}mediaType`, 'https://www.iana.org/assignments/media-types/text/csv')
  has(distributions[0]!, `${dcat}compressFormat`, 'https://www.iana.org/assignments/media-types/application/gzip')
  const checksum = all.find((t) => t[0] === distributions[0] && t[1] === 'http://spdx.org/rdf/terms#checksum')![2]
  has(checksum, 'http://spdx.org/rdf/terms#checksumValue', `${VERSION}^^${xsd}hexBinary`)
  has(checksum, 'http://spdx.org/rdf/terms#algorithm', 'http://spdx.org/rdf/terms#checksumAlgorithm_sha256')
  const location = all.find((t) => t[1] === `${dcterms}spatial`)![2]
  has(location, 'a', `${dcterms}Location`)
  has(location, `${dcat}bbox`, 'Polygon ICRS 350 -5 10 -5 10 5 350 5')
  has(location, 'http://www.w3.org/ns/locn#geometry', '3/1-4^^https://www.ivoa.net/documents/MOC/20220727/')
  const period = all.find((t) => t[1] === `${dcterms}temporal`)![2]
  has(period, `${dcat}startDate`, `2020-01-01T00:00:00Z^^${xsd}dateTime`)
  assert.is(all.filter((t) => t[1] === 'http://www.w3.org/ns/adms#identifier').length, 4)
})

test('DCAT: what was not said is not there', () => {
  const bare = toDcat({ ...exported(BARE), holders: [] })
  for (const key of [
    'dcterms:description',
    'dcat:keyword',
    'dcterms:license',
    'dcterms:creator',
    'dcterms:spatial',
    'dcterms:temporal',
    'dcat:distribution',
    'adms:identifier',
  ])
    assert.not.ok(key in bare, key)
  assert.equal(object(toDcat(exported({ ...BARE, licence: 'ask me first' }))['dcterms:license']), {
    '@type': 'dcterms:LicenseDocument',
    'rdfs:label': 'ask me first',
  })
})

test('ids become IRIs', () => {
  assert.is(iriOf('doi:10.5281/zenodo.7'), 'https://doi.org/10.5281/zenodo.7')
  assert.is(iriOf('doi:10.1002/(sici)1<1::aid#x>3.0'), 'https://doi.org/10.1002/(sici)1%3C1::aid%23x%3E3.0')
  assert.is(iriOf('ivo://cds/vii/118'), 'ivo://cds/vii/118')
  assert.is(list(toDcat(exported(BARE, 'ivo://x.y/z#part'))['dcat:distribution'])[0]!['@id'], undefined)
})

test('DataCite: every mandatory property, with and without a DOI', () => {
  for (const [body, id] of [
    [FULL, 'doi:10.5281/zenodo.9'],
    [FULL, undefined],
    [BARE, undefined],
  ] as const) {
    const out = toDatacite(exported(body, id))
    assert.is(out.schemaVersion, 'http://datacite.org/schema/kernel-4')
    assert.is(object(out.types).resourceTypeGeneral, 'Dataset')
    assert.ok(list(out.creators).length > 0 && list(out.creators).every((c) => typeof c.name === 'string'))
    assert.is(list(out.titles)[0]!.title, 'Bare')
    assert.is(object(out.publisher).name, 'Strasbourg')
    assert.is(out.publicationYear, '2026')
    assert.is(out.version, VERSION)
    if (id === undefined) {
      assert.is(out.doi, undefined)
      assert.is(list(out.alternateIdentifiers)[0]!.alternateIdentifier, `archipel:${ISLAND}/bare`)
    } else assert.is(out.doi, '10.5281/zenodo.9')
  }
})

test('DataCite: creators, rights, dates and relations', () => {
  const out = toDatacite(exported(FULL))
  assert.equal(list(out.creators)[0], {
    name: 'Verga, Mattia',
    nameType: 'Personal',
    affiliation: [{ name: 'OpenNGC' }],
    nameIdentifiers: [
      {
        nameIdentifier: 'https://orcid.org/0000-0002-1825-0097',
        nameIdentifierScheme: 'ORCID',
        schemeUri: 'https://orcid.org',
      },
    ],
  })
  assert.equal(list(out.creators)[1], { name: 'Others' })
  assert.is(list(out.rightsList)[0]!.rightsIdentifier, 'CC-BY-SA-4.0')
  assert.equal(list(out.dates).at(-1), { date: '2020-01-01T00:00:00Z/2020-12-31T00:00:00Z', dateType: 'Collected' })
  assert.equal(
    list(out.relatedIdentifiers).map((r) => [r.relatedIdentifier, r.relatedIdentifierType, r.relationType]),
    [
      ['10.5281/zenodo.7', 'DOI', 'IsIdenticalTo'],
      ['urn:ab:c', 'URN', 'IsIdenticalTo'],
      ['https://example.org/x', 'URL', 'IsIdenticalTo'],
    ],
  )
  assert.equal(
    list(out.alternateIdentifiers).map((a) => [a.alternateIdentifier, a.alternateIdentifierType]),
    [
      [`archipel:${ISLAND}/bare`, 'archipel'],
      ['ivo://cds/vii/118', 'IVOID'],
    ],
  )
  assert.equal(Object.keys(list(out.geoLocations)[0]!), ['geoLocationPlace'])
  assert.equal(out.sizes, ['10 bytes', '1 file', '7 rows'])
  assert.equal(list(toDatacite(exported(BARE)).creators), [{ name: 'Strasbourg', nameType: 'Organizational' }])
})

test('Croissant: what the specification requires, and a field for each column', () => {
  const out = toCroissant(exported(FULL))
  assert.is(out['@type'], 'sc:Dataset')
  assert.is(out.conformsTo, 'http://mlcommons.org/croissant/1.0')
  for (const key of ['@context', 'name', 'description', 'license', 'url', 'creator', 'datePublished'])
    assert.ok(out[key] !== undefined, key)
  const [files] = list(out.distribution)
  assert.equal([files!['@type'], files!.encodingFormat, files!.includes], ['cr:FileSet', 'text/csv', '**'])
  const [table] = list(out.recordSet)
  const fields = list(table!.field)
  assert.equal(
    fields.map((f) => f.dataType),
    ['sc:Text', 'sc:Float', 'sc:Integer', 'sc:Boolean', 'sc:Date', 'sc:DateTime', 'sc:Float', 'sc:Text'],
  )
  assert.is(fields[0]!.description, 'Unit: h:m:s. UCD: pos.eq.ra;meta.main.')
  assert.is(fields[1]!['@id'], 'table/Cstar%20U%2FMag')
  assert.equal(fields[1]!.source, { fileSet: { '@id': files!['@id'] }, extract: { column: 'Cstar U/Mag' } })
  assert.is(fields[6]!.repeated, true)
  assert.is(new Set(fields.map((f) => f['@id'])).size, fields.length)
  assert.is(toCroissant(exported(BARE)).recordSet, undefined)
  assert.is(toCroissant(exported({ ...FULL, format: 'fits' })).recordSet, undefined)
  assert.equal(
    object(list(list(toCroissant(exported({ ...FULL, format: 'jsonl' })).recordSet)[0]!.field)[0]!.source).extract,
    { jsonPath: '$["RA"]' },
  )
})

test('every document is plain JSON', () => {
  for (const body of [FULL, BARE])
    for (const to of [toDcat, toDatacite, toCroissant]) {
      const out = to(exported(body))
      assert.equal(JSON.parse(JSON.stringify(out)), out)
    }
})

test.run()
