import {
  compact,
  type Exported,
  iriOf,
  isSpdx,
  type JsonObject,
  licenceIri,
  mediaType,
  orcidIri,
  skyText,
} from './common.ts'

/**
 * A dataset in DataCite's JSON form of Metadata Schema 4.5. All mandatory properties are there: a dataset without
 * creators is its publisher's; one without a DOI has its id as an alternate identifier, and no `doi`.
 */
export function toDatacite({ id, publisher, body }: Exported): JsonObject {
  const doi = id.startsWith('doi:') ? id.slice(4) : undefined
  const temporal = body.coverage?.temporal
  const sky = skyText(body)
  const creators =
    body.creators.length === 0 ? [{ name: publisher.name, nameType: 'Organizational' }] : body.creators.map(creatorOf)
  return compact({
    schemaVersion: 'http://datacite.org/schema/kernel-4',
    doi,
    url: doi === undefined ? iriOf(id) : undefined,
    types: { resourceTypeGeneral: 'Dataset', resourceType: body.columns === undefined ? 'Files' : 'Table' },
    creators,
    titles: [{ title: body.title }],
    publisher: { name: publisher.name },
    publicationYear: body.created.slice(0, 4),
    subjects: body.keywords.map((subject) => ({ subject })),
    dates: [
      { date: body.created, dateType: 'Issued' },
      { date: body.modified, dateType: 'Updated' },
      ...(temporal === undefined ? [] : [{ date: `${temporal.start}/${temporal.end}`, dateType: 'Collected' }]),
    ],
    alternateIdentifiers: [
      ...(doi === undefined ? [id] : []),
      ...body.aliases.filter((a) => relatedType(a) === undefined),
    ].map((identifier) => ({
      alternateIdentifier: identifier,
      alternateIdentifierType: identifier.startsWith('ivo:') ? 'IVOID' : identifier.slice(0, identifier.indexOf(':')),
    })),
    relatedIdentifiers: body.aliases.flatMap((alias) => {
      const type = relatedType(alias)
      return type === undefined
        ? []
        : [
            {
              relatedIdentifier: type === 'DOI' ? alias.slice(4) : alias,
              relatedIdentifierType: type,
              relationType: 'IsIdenticalTo',
            },
          ]
    }),
    sizes: [
      `${body.size} bytes`,
      `${body.files} ${body.files === 1 ? 'file' : 'files'}`,
      ...(body.rows === undefined ? [] : [`${body.rows} rows`]),
    ],
    formats: [mediaType(body)],
    version: body.version,
    rightsList: body.licence === undefined ? [] : [rightsOf(body.licence)],
    descriptions:
      body.description === undefined ? [] : [{ description: body.description, descriptionType: 'Abstract' }],
    // A place in words: the schema's boxes and points are on Earth.
    geoLocations: sky === undefined ? [] : [{ geoLocationPlace: sky }],
  })
}

function creatorOf(creator: Exported['body']['creators'][number]): JsonObject {
  return compact({
    name: creator.name,
    nameType: creator.orcid === undefined ? undefined : 'Personal',
    affiliation: creator.affiliation === undefined ? [] : [{ name: creator.affiliation }],
    nameIdentifiers:
      creator.orcid === undefined
        ? []
        : [{ nameIdentifier: orcidIri(creator.orcid), nameIdentifierScheme: 'ORCID', schemeUri: 'https://orcid.org' }],
  })
}

/** Kinds of identifier that the schema lists. */
function relatedType(alias: string): 'DOI' | 'URL' | 'URN' | undefined {
  if (alias.startsWith('doi:')) return 'DOI'
  if (alias.startsWith('https:')) return 'URL'
  return alias.startsWith('urn:') ? 'URN' : undefined
}

function rightsOf(licence: string): JsonObject {
  if (!isSpdx(licence)) return compact({ rights: licence, rightsUri: licenceIri(licence) })
  return {
    rights: licence,
    rightsUri: licenceIri(licence),
    rightsIdentifier: licence,
    rightsIdentifierScheme: 'SPDX',
    schemeUri: 'https://spdx.org/licenses/',
  }
}
