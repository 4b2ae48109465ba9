import type { Column } from '../model/dataset.ts'
import { compact, type Exported, iriOf, type JsonObject, licenceIri, mediaType, orcidIri } from './common.ts'

/** The context that the specification asks for (Croissant 1.0, "JSON-LD context"). */
const CONTEXT = {
  '@language': 'en',
  '@vocab': 'https://schema.org/',
  citeAs: 'cr:citeAs',
  column: 'cr:column',
  conformsTo: 'dct:conformsTo',
  cr: 'http://mlcommons.org/croissant/',
  rai: 'http://mlcommons.org/croissant/RAI/',
  data: { '@id': 'cr:data', '@type': '@json' },
  dataType: { '@id': 'cr:dataType', '@type': '@vocab' },
  dct: 'http://purl.org/dc/terms/',
  equivalentProperty: 'cr:equivalentProperty',
  examples: { '@id': 'cr:examples', '@type': '@json' },
  extract: 'cr:extract',
  field: 'cr:field',
  fileProperty: 'cr:fileProperty',
  fileObject: 'cr:fileObject',
  fileSet: 'cr:fileSet',
  format: 'cr:format',
  includes: 'cr:includes',
  isLiveDataset: 'cr:isLiveDataset',
  jsonPath: 'cr:jsonPath',
  key: 'cr:key',
  md5: 'cr:md5',
  parentField: 'cr:parentField',
  path: 'cr:path',
  recordSet: 'cr:recordSet',
  references: 'cr:references',
  regex: 'cr:regex',
  repeated: 'cr:repeated',
  replace: 'cr:replace',
  samplingRate: 'cr:samplingRate',
  sc: 'https://schema.org/',
  separator: 'cr:separator',
  source: 'cr:source',
  subField: 'cr:subField',
  transform: 'cr:transform',
}

const FILES = 'files'
const TABLE = 'table'

/**
 * A dataset as Croissant 1.0 (MLCommons) in JSON-LD: its files as one `cr:FileSet`, and for tables a `cr:RecordSet` with a
 * field for each column. The record has no download address; the files are reached through the islands that hold them.
 */
export function toCroissant({ id, publisher, body }: Exported): JsonObject {
  const creators =
    body.creators.length === 0 ? [{ '@type': 'sc:Organization', name: publisher.name }] : body.creators.map(creatorOf)
  const tabular = body.columns !== undefined && body.format !== 'fits'
  const temporal = body.coverage?.temporal
  return compact({
    '@context': CONTEXT,
    '@type': 'sc:Dataset',
    '@id': iriOf(id),
    name: body.name,
    alternateName: body.title,
    description: body.description ?? body.title,
    conformsTo: 'http://mlcommons.org/croissant/1.0',
    identifier: id,
    url: iriOf(id),
    sameAs: body.aliases.map(iriOf),
    license: body.licence === undefined ? undefined : (licenceIri(body.licence) ?? body.licence),
    creator: creators,
    publisher: { '@type': 'sc:Organization', name: publisher.name, identifier: publisher.id },
    datePublished: body.created,
    dateModified: body.modified,
    keywords: body.keywords,
    version: body.version,
    temporalCoverage: temporal === undefined ? undefined : `${temporal.start}/${temporal.end}`,
    distribution: [
      {
        '@type': 'cr:FileSet',
        '@id': FILES,
        name: FILES,
        description: `${body.files} files, ${body.size} bytes in all`,
        encodingFormat: mediaType(body),
        includes: '**',
      },
    ],
    recordSet: tabular
      ? [
          {
            '@type': 'cr:RecordSet',
            '@id': TABLE,
            name: TABLE,
            field: body.columns!.map((column) => fieldOf(column, body.format === 'jsonl')),
          },
        ]
      : [],
  })
}

function creatorOf(creator: Exported['body']['creators'][number]): JsonObject {
  return compact({
    '@type': 'sc:Person',
    '@id': creator.orcid === undefined ? undefined : orcidIri(creator.orcid),
    name: creator.name,
    affiliation:
      creator.affiliation === undefined ? undefined : { '@type': 'sc:Organization', name: creator.affiliation },
  })
}

function fieldOf(column: Column, json: boolean): JsonObject {
  const notes = [
    column.description,
    column.unit === undefined ? undefined : `Unit: ${column.unit}.`,
    column.ucd === undefined ? undefined : `UCD: ${column.ucd}.`,
  ]
  return compact({
    '@type': 'cr:Field',
    '@id': `${TABLE}/${encodeURIComponent(column.name)}`,
    name: column.name,
    description: notes.filter((note) => note !== undefined).join(' ') || undefined,
    dataType: dataType(column.type),
    repeated: column.type.endsWith(']') ? true : undefined,
    source: {
      fileSet: { '@id': FILES },
      extract: json ? { jsonPath: `$[${JSON.stringify(column.name)}]` } : { column: column.name },
    },
  })
}

/** Croissant's data types; what has no simple one is text. */
function dataType(type: string): string {
  const element = type.replace(/\[\d*\]$/, '')
  if (/^(U?(TINY|SMALL|BIG|HUGE)?INT|U?INTEGER)$/.test(element)) return 'sc:Integer'
  if (/^(FLOAT|REAL|DOUBLE|DECIMAL.*)$/.test(element)) return 'sc:Float'
  if (element === 'BOOLEAN') return 'sc:Boolean'
  if (element === 'DATE') return 'sc:Date'
  return element.startsWith('TIMESTAMP') ? 'sc:DateTime' : 'sc:Text'
}
