import * as assert from 'uvu/assert'
import type { Exported, JsonObject } from '../../src/protocols/metadata/common.ts'
import { toDcat } from '../../src/protocols/metadata/dcat.ts'
import { toProvJson, toProvO } from '../../src/protocols/metadata/prov.ts'
import { type DatasetBody, datasetBody, type Provenance } from '../../src/protocols/model/dataset.ts'
import { suite } from '../kit/index.ts'

const test = suite('provenance')
const ISLAND = `isl${'a'.repeat(32)}`
const RUNNER = `isl${'b'.repeat(32)}`
const OTHER = `isl${'c'.repeat(32)}`
const VERSION = 'ab'.repeat(32)
const TASK = `task-${ISLAND}-m1x2y3z4`

const PROVENANCE: Provenance = {
  task: TASK,
  kind: 'sql',
  code: 'SELECT "a" FROM stars WHERE x < $limit -- <&>',
  codeSha256: '12'.repeat(32),
  params: { limit: 3 },
  inputs: [
    { id: 'doi:10.5281/zenodo.7', publisher: OTHER, version: 'cd'.repeat(32) },
    { id: `archipel:${OTHER}/galaxies`, publisher: OTHER, version: 'ef'.repeat(32) },
    { id: 'ivo://cds/vii/118', publisher: RUNNER, version: '01'.repeat(32) },
    { id: 'https://example.org/x?y=1', publisher: RUNNER, version: '23'.repeat(32) },
    { id: 'urn:ab:c', publisher: RUNNER, version: '45'.repeat(32) },
  ],
  island: { id: RUNNER, name: 'Lyon' },
  user: 'ann o’hara',
  started: '2026-01-02T03:04:05.000Z',
  ended: '2026-01-02T03:04:09.250Z',
  software: 'archipel 0.1.0',
}

function exported(provenance: Provenance | undefined, id = `archipel:${ISLAND}/result`): Exported {
  const body: DatasetBody = {
    name: 'result',
    title: 'A "result"',
    keywords: [],
    creators: [{ name: 'Verga, Mattia', orcid: '0000-0002-1825-0097' }, { name: 'Others' }],
    created: '2026-01-02T03:04:10.000Z',
    modified: '2026-01-02T03:04:10.000Z',
    version: VERSION,
    size: 10,
    files: 1,
    format: 'parquet',
    aliases: [],
    ...(provenance !== undefined && { provenance }),
  }
  return { id, publisher: { id: ISLAND, name: 'Strasbourg' }, body: datasetBody.parse(body), holders: [] }
}

type Section = Record<string, JsonObject>
const section = (document: JsonObject, name: string) => (document[name] ?? {}) as Section

/** What a relation may point at (PROV-JSON, section 3). */
const POINTERS: Record<string, 'entity' | 'activity' | 'agent'> = {
  'prov:entity': 'entity',
  'prov:plan': 'entity',
  'prov:usedEntity': 'entity',
  'prov:generatedEntity': 'entity',
  'prov:specificEntity': 'entity',
  'prov:generalEntity': 'entity',
  'prov:activity': 'activity',
  'prov:agent': 'agent',
  'prov:delegate': 'agent',
  'prov:responsible': 'agent',
}
const RELATIONS = [
  'wasGeneratedBy',
  'used',
  'wasDerivedFrom',
  'wasAssociatedWith',
  'actedOnBehalfOf',
  'wasAttributedTo',
  'specializationOf',
]

test('every relation of PROV-JSON points at something that is described, and every name has its prefix', () => {
  const document = toProvJson(exported(PROVENANCE))
  const prefixes = document.prefix as Record<string, string>
  assert.equal(Object.keys(document).sort(), ['activity', 'agent', 'entity', 'prefix', ...RELATIONS].sort())
  let pointers = 0
  for (const relation of RELATIONS) {
    for (const [id, attributes] of Object.entries(section(document, relation))) {
      assert.ok(id.startsWith('_:'), `${relation} ${id} is a blank name`)
      for (const [key, value] of Object.entries(attributes)) {
        if (!Object.hasOwn(POINTERS, key)) continue
        pointers++
        assert.ok(
          Object.hasOwn(section(document, POINTERS[key]!), String(value)),
          `${relation} ${key} ${value} is described as ${POINTERS[key]}`,
        )
      }
    }
  }
  assert.ok(pointers > 30)
  for (const kind of ['entity', 'activity', 'agent'])
    for (const name of Object.keys(section(document, kind)))
      assert.ok(Object.hasOwn(prefixes, name.slice(0, name.indexOf(':'))), `the prefix of ${name} is declared`)
})

test('PROV-JSON names the task, its times, the code with its hash, the island, the user and every input with its version', () => {
  const document = toProvJson(exported(PROVENANCE))
  const activity = section(document, 'activity')[`archipel:${TASK}`]!
  assert.is(activity['prov:startTime'], PROVENANCE.started)
  assert.is(activity['prov:endTime'], PROVENANCE.ended)
  assert.is(activity['archipel:software'], 'archipel 0.1.0')
  assert.is(activity['archipel:parameters'], '{"limit":3}')
  const code = section(document, 'entity')[`archipel:code/${PROVENANCE.codeSha256}`]!
  assert.is(code['prov:value'], PROVENANCE.code)
  assert.is(code['dcterms:identifier'], `sha256:${PROVENANCE.codeSha256}`)
  assert.equal(code['prov:type'], { $: 'prov:Plan', type: 'prov:QUALIFIED_NAME' })
  const entities = section(document, 'entity')
  for (const name of ['doi:10.5281/zenodo.7', 'ivo://cds/vii/118', 'https://example.org/x?y=1', 'urn:ab:c'])
    assert.ok(Object.hasOwn(entities, name), `${name} among ${Object.keys(entities).join(' ')}`)
  for (const { version } of PROVENANCE.inputs)
    assert.ok(Object.hasOwn(entities, `archipel:version/${version}`), `version ${version}`)
  const association = Object.values(section(document, 'wasAssociatedWith'))
  assert.ok(association.some((a) => a['prov:agent'] === `archipel:${RUNNER}` && a['prov:plan'] !== undefined))
  assert.is(
    Object.values(section(document, 'actedOnBehalfOf'))[0]!['prov:responsible'],
    `archipel:${ISLAND}/user/ann%20o%E2%80%99hara`,
  )
  assert.is(Object.values(section(document, 'wasDerivedFrom')).length, PROVENANCE.inputs.length)
})

test('a dataset that no task made has its publisher and its creators, and no activity', () => {
  const document = toProvJson(exported(undefined))
  assert.is(document.activity, undefined)
  assert.is(document.wasGeneratedBy, undefined)
  const agents = Object.values(section(document, 'wasAttributedTo')).map((a) => a['prov:agent'])
  assert.equal(agents.sort(), [
    `archipel:${ISLAND}`,
    `archipel:${ISLAND}/result#creator-2`,
    'orcid:0000-0002-1825-0097',
  ])
})

test('code that was left out leaves its hash', () => {
  const { code: _, user: __, params: ___, ...short } = PROVENANCE
  const document = toProvJson(exported(short))
  const code = section(document, 'entity')[`archipel:code/${PROVENANCE.codeSha256}`]!
  assert.is(code['prov:value'], undefined)
  assert.is(document.actedOnBehalfOf, undefined)
})

test('PROV-O says the same: every node that is pointed at is in the graph', () => {
  const document = toProvO(exported(PROVENANCE))
  const graph = document['@graph'] as JsonObject[]
  const nodes = new Map(graph.map((node) => [String(node['@id']), node]))
  assert.is(nodes.size, graph.length)
  let pointed = 0
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const item of value) visit(item)
    else if (typeof value === 'object' && value !== null) {
      const { '@id': id } = value as { '@id'?: string }
      if (id !== undefined) {
        pointed++
        assert.ok(nodes.has(id), `${id} is in the graph`)
      }
      for (const inner of Object.values(value)) visit(inner)
    }
  }
  for (const node of graph) for (const value of Object.values(node)) visit(value)
  assert.ok(pointed > 30)
  const result = nodes.get(`archipel:version/${VERSION}`)!
  assert.equal(result['prov:wasGeneratedBy'], { '@id': `archipel:${TASK}` })
  assert.is((result['prov:wasDerivedFrom'] as unknown[]).length, PROVENANCE.inputs.length)
  const activity = nodes.get(`archipel:${TASK}`)!
  assert.equal(activity['prov:startedAtTime'], { '@type': 'xsd:dateTime', '@value': PROVENANCE.started })
})

test('DCAT links to the task that generated the dataset', () => {
  const document = toDcat(exported(PROVENANCE))
  assert.is((document['prov:wasGeneratedBy'] as JsonObject)['@id'], `archipel:${TASK}`)
  assert.equal((document['prov:wasDerivedFrom'] as JsonObject[])[0], { '@id': 'https://doi.org/10.5281/zenodo.7' })
  assert.is(toDcat(exported(undefined))['prov:wasGeneratedBy'], undefined)
})

test.run()
