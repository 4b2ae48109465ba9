import type { Provenance } from '../model/dataset.ts'
import {
  compact,
  type Exported,
  iriOf,
  type Json,
  type JsonObject,
  licenceIri,
  mediaType,
  orcidIri,
  skyText,
} from './common.ts'
import { activityIri, versionIri } from './prov.ts'

const CONTEXT = {
  dcat: 'http://www.w3.org/ns/dcat#',
  dcterms: 'http://purl.org/dc/terms/',
  foaf: 'http://xmlns.com/foaf/0.1/',
  org: 'http://www.w3.org/ns/org#',
  adms: 'http://www.w3.org/ns/adms#',
  skos: 'http://www.w3.org/2004/02/skos/core#',
  rdfs: 'http://www.w3.org/2000/01/rdf-schema#',
  locn: 'http://www.w3.org/ns/locn#',
  spdx: 'http://spdx.org/rdf/terms#',
  prov: 'http://www.w3.org/ns/prov#',
  xsd: 'http://www.w3.org/2001/XMLSchema#',
}

/** Datatype of a MOC in its ASCII serialisation. */
const MOC_TYPE = 'https://www.ivoa.net/documents/MOC/20220727/'

/**
 * A dataset as DCAT 3 (W3C Recommendation, 22 August 2024) in JSON-LD 1.1: a `dcat:Dataset` with one `dcat:Distribution` for each
 * island that holds it. The checksum is that of the manifest's root, which names every file by its hash.
 */
export function toDcat({ id, publisher, body, holders }: Exported): JsonObject {
  const spatial = body.coverage?.spatial
  const temporal = body.coverage?.temporal
  return compact({
    '@context': CONTEXT,
    '@id': iriOf(id),
    '@type': 'dcat:Dataset',
    'dcterms:identifier': id,
    'dcterms:title': body.title,
    'dcterms:description': body.description,
    'dcat:keyword': body.keywords,
    'dcterms:license': body.licence === undefined ? undefined : licence(body.licence),
    'dcterms:creator': body.creators.map((creator) =>
      compact({
        '@id': creator.orcid === undefined ? undefined : orcidIri(creator.orcid),
        '@type': 'foaf:Agent',
        'foaf:name': creator.name,
        'org:memberOf':
          creator.affiliation === undefined
            ? undefined
            : { '@type': 'foaf:Organization', 'foaf:name': creator.affiliation },
      }),
    ),
    'dcterms:publisher': agent(publisher),
    'dcterms:issued': dateTime(body.created),
    'dcterms:modified': dateTime(body.modified),
    'dcat:version': body.version,
    'adms:identifier': body.aliases.map((alias) => ({ '@type': 'adms:Identifier', 'skos:notation': alias })),
    'dcterms:spatial':
      spatial === undefined
        ? undefined
        : compact({
            '@type': 'dcterms:Location',
            'skos:prefLabel': skyText(body),
            // STC-S; the ranges of both properties are open to any encoding of a geometry (DCAT 3, 6.16.2 and 6.16.3).
            'dcat:bbox': stcPolygon(spatial.box),
            'locn:geometry': spatial.moc === '' ? undefined : { '@type': MOC_TYPE, '@value': spatial.moc },
          }),
    'dcterms:temporal':
      temporal === undefined
        ? undefined
        : {
            '@type': 'dcterms:PeriodOfTime',
            'dcat:startDate': dateTime(temporal.start),
            'dcat:endDate': dateTime(temporal.end),
          },
    'prov:wasDerivedFrom': body.provenance?.inputs.map((input) => ({ '@id': iriOf(input.id) })),
    'prov:wasGeneratedBy': body.provenance === undefined ? undefined : activity(body.provenance),
    'dcat:distribution': holders
      .filter((h) => h.version === body.version && (h.state === 'available' || h.state === 'partial'))
      .map((holder) =>
        compact({
          '@id': id.includes('#') ? undefined : `${iriOf(id)}#${holder.island}`,
          '@type': 'dcat:Distribution',
          'dcterms:title': `${body.title}, held by ${holder.name}`,
          'dcat:byteSize':
            holder.state === 'available'
              ? { '@type': 'xsd:nonNegativeInteger', '@value': String(body.size) }
              : undefined,
          'dcat:mediaType': { '@id': `https://www.iana.org/assignments/media-types/${mediaType(body)}` },
          'dcat:compressFormat':
            body.dialect?.compression === 'gzip'
              ? { '@id': 'https://www.iana.org/assignments/media-types/application/gzip' }
              : undefined,
          'dcat:accessService': {
            '@id': `archipel:${holder.island}`,
            '@type': 'dcat:DataService',
            'dcterms:title': holder.name,
            'dcterms:identifier': holder.island,
          },
          'spdx:checksum': {
            '@type': 'spdx:Checksum',
            'spdx:algorithm': { '@id': 'spdx:checksumAlgorithm_sha256' },
            'spdx:checksumValue': { '@type': 'xsd:hexBinary', '@value': body.version },
            'rdfs:comment': 'SHA-256 of the root of the manifest, which names every file by its hash',
          },
        }),
      ),
  })
}

/** The task that made it; `prov.ts` says more of it. */
function activity(from: Provenance): JsonObject {
  return {
    '@id': activityIri(from.task),
    '@type': 'prov:Activity',
    'prov:startedAtTime': dateTime(from.started),
    'prov:endedAtTime': dateTime(from.ended),
    'prov:used': from.inputs.map((input) => ({ '@id': versionIri(input.version) })),
    'prov:wasAssociatedWith': { ...agent(from.island), '@type': 'prov:Agent' },
  }
}

function agent({ id, name }: { id: string; name: string }): JsonObject {
  return { '@id': `archipel:${id}`, '@type': 'foaf:Agent', 'foaf:name': name, 'dcterms:identifier': id }
}

/** The range is a `dcterms:LicenseDocument`: one that has a URL is named by it. */
function licence(text: string): Json {
  const iri = licenceIri(text)
  return iri === undefined ? { '@type': 'dcterms:LicenseDocument', 'rdfs:label': text } : { '@id': iri }
}

function dateTime(value: string): Json {
  return { '@type': 'xsd:dateTime', '@value': value }
}

function stcPolygon(box: { raMin: number; raMax: number; decMin: number; decMax: number }): string {
  const { raMin, raMax, decMin, decMax } = box
  return `Polygon ICRS ${raMin} ${decMin} ${raMax} ${decMin} ${raMax} ${decMax} ${raMin} ${decMax}`
}
