import type { Provenance } from '../model/dataset.ts'
import { compact, type Exported, iriOf, type Json, type JsonObject, orcidIri } from './common.ts'

/**
 * What is said of a dataset in the words of the PROV Data Model (PROV-DM, W3C Recommendation, 30 April 2013), from which both
 * serialisations are made.
 */
interface Statements {
  entities: Map<string, JsonObject>
  activities: Map<string, JsonObject>
  agents: Map<string, JsonObject>
  generated: { entity: string; activity: string; time: string } | undefined
  used: { activity: string; entity: string }[]
  derived: { generated: string; used: string; activity: string }[]
  associated: { activity: string; agent: string; plan?: string }[]
  onBehalf: { delegate: string; responsible: string; activity: string }[]
  attributed: { entity: string; agent: string }[]
  specialised: { specific: string; general: string }[]
}

export const islandIri = (island: string) => `archipel:${island}`
export const activityIri = (task: string) => `archipel:${task}`
/** One immutable state of a dataset; its hash names it everywhere. */
export const versionIri = (version: string) => `archipel:version/${version}`
const codeIri = (sha256: string) => `archipel:code/${sha256}`
const userIri = (island: string, user: string) => `archipel:${island}/user/${encodeURIComponent(user)}`

function statementsOf({ id, publisher, body }: Exported): Statements {
  const dataset = iriOf(id)
  const version = versionIri(body.version)
  const statements: Statements = {
    entities: new Map([
      [dataset, { type: 'prov:Entity', label: body.title, identifier: id }],
      [
        version,
        {
          type: 'dcat:Dataset',
          label: `${body.title}, version ${body.version.slice(0, 12)}`,
          identifier: body.version,
        },
      ],
    ]),
    activities: new Map(),
    agents: new Map([
      [islandIri(publisher.id), { type: 'prov:Organization', label: publisher.name, identifier: publisher.id }],
    ]),
    generated: undefined,
    used: [],
    derived: [],
    associated: [],
    onBehalf: [],
    attributed: [{ entity: version, agent: islandIri(publisher.id) }],
    specialised: [{ specific: version, general: dataset }],
  }
  for (const [i, creator] of body.creators.entries()) {
    const agent = creator.orcid === undefined ? `${dataset}#creator-${i + 1}` : orcidIri(creator.orcid)
    statements.agents.set(agent, { type: 'prov:Person', label: creator.name })
    statements.attributed.push({ entity: dataset, agent })
  }
  if (body.provenance !== undefined) addTask(statements, version, publisher.id, body.provenance)
  return statements
}

function addTask(statements: Statements, version: string, publisher: string, from: Provenance): void {
  const activity = activityIri(from.task)
  const code = codeIri(from.codeSha256)
  const ranAt = islandIri(from.island.id)
  statements.activities.set(activity, {
    label: `Task ${from.task}`,
    identifier: from.task,
    started: from.started,
    ended: from.ended,
    software: from.software,
    parameters: from.params === undefined ? undefined : JSON.stringify(from.params),
  })
  statements.entities.set(code, {
    type: 'prov:Plan',
    label: `${from.kind} code`,
    identifier: `sha256:${from.codeSha256}`,
    language: from.kind,
    value: from.code,
  })
  statements.used.push({ activity, entity: code })
  // The same island may publish the result and have run the task.
  if (!statements.agents.has(ranAt))
    statements.agents.set(ranAt, { type: 'prov:SoftwareAgent', label: from.island.name, identifier: from.island.id })
  statements.associated.push({ activity, agent: ranAt, plan: code })
  if (from.user !== undefined) {
    const user = userIri(publisher, from.user)
    statements.agents.set(user, { type: 'prov:Agent', label: from.user })
    statements.associated.push({ activity, agent: user })
    statements.onBehalf.push({ delegate: ranAt, responsible: user, activity })
  }
  statements.generated = { entity: version, activity, time: from.ended }
  for (const input of from.inputs) {
    const used = versionIri(input.version)
    const general = iriOf(input.id)
    if (!statements.entities.has(used))
      statements.entities.set(used, {
        type: 'dcat:Dataset',
        label: `${input.id}, version ${input.version.slice(0, 12)}`,
        identifier: input.version,
      })
    if (!statements.entities.has(general))
      statements.entities.set(general, { type: 'prov:Entity', label: input.id, identifier: input.id })
    const by = islandIri(input.publisher)
    if (!statements.agents.has(by))
      statements.agents.set(by, { type: 'prov:Organization', label: input.publisher, identifier: input.publisher })
    statements.used.push({ activity, entity: used })
    statements.derived.push({ generated: version, used, activity })
    statements.attributed.push({ entity: used, agent: by })
    statements.specialised.push({ specific: used, general })
  }
}

/** Namespaces of PROV-JSON; an IRI is written with the longest that fits. */
const NAMESPACES: [prefix: string, namespace: string][] = [
  ['archipel', 'archipel:'],
  ['doi', 'https://doi.org/'],
  ['orcid', 'https://orcid.org/'],
  ['https', 'https:'],
  ['ivo', 'ivo:'],
  ['urn', 'urn:'],
]
const WORDS: [prefix: string, namespace: string][] = [
  ['dcat', 'http://www.w3.org/ns/dcat#'],
  ['dcterms', 'http://purl.org/dc/terms/'],
  ['schema', 'https://schema.org/'],
]

/** A dataset's origin as PROV-JSON (W3C Member Submission, 24 April 2013). A dataset that no task made has no activity. */
export function toProvJson(dataset: Exported): JsonObject {
  const s = statementsOf(dataset)
  const used = new Set<string>()
  const name = (iri: string): string => {
    const [prefix, namespace] = NAMESPACES.find(([, ns]) => iri.startsWith(ns)) ?? ['archipel', 'archipel:']
    used.add(prefix)
    return `${prefix}:${iri.startsWith(namespace) ? iri.slice(namespace.length) : encodeURIComponent(iri)}`
  }
  const attributes = (given: JsonObject): JsonObject =>
    compact({
      'prov:type': given.type === undefined || given.type === 'prov:Entity' ? undefined : qualified(given.type),
      'prov:label': given.label,
      'dcterms:identifier': given.identifier,
      'prov:startTime': given.started,
      'prov:endTime': given.ended,
      'schema:programmingLanguage': given.language,
      'prov:value': given.value,
      'archipel:software': given.software,
      'archipel:parameters': given.parameters,
    })
  const all = (map: Map<string, JsonObject>) =>
    Object.fromEntries([...map].map(([iri, given]) => [name(iri), attributes(given)]))
  const relations = (list: JsonObject[], letter: string) =>
    Object.fromEntries(list.map((relation, i) => [`_:${letter}${i + 1}`, compact(relation)]))

  used.add('archipel')
  const document: JsonObject = {
    entity: all(s.entities),
    activity: all(s.activities),
    agent: all(s.agents),
    wasGeneratedBy: relations(
      s.generated === undefined
        ? []
        : [
            {
              'prov:entity': name(s.generated.entity),
              'prov:activity': name(s.generated.activity),
              'prov:time': s.generated.time,
            },
          ],
      'g',
    ),
    used: relations(
      s.used.map((u) => ({ 'prov:activity': name(u.activity), 'prov:entity': name(u.entity) })),
      'u',
    ),
    wasDerivedFrom: relations(
      s.derived.map((d) => ({
        'prov:generatedEntity': name(d.generated),
        'prov:usedEntity': name(d.used),
        'prov:activity': name(d.activity),
      })),
      'd',
    ),
    wasAssociatedWith: relations(
      s.associated.map((a) => ({
        'prov:activity': name(a.activity),
        'prov:agent': name(a.agent),
        'prov:plan': a.plan === undefined ? undefined : name(a.plan),
      })),
      'a',
    ),
    actedOnBehalfOf: relations(
      s.onBehalf.map((b) => ({
        'prov:delegate': name(b.delegate),
        'prov:responsible': name(b.responsible),
        'prov:activity': name(b.activity),
      })),
      'b',
    ),
    wasAttributedTo: relations(
      s.attributed.map((a) => ({ 'prov:entity': name(a.entity), 'prov:agent': name(a.agent) })),
      't',
    ),
    specializationOf: relations(
      s.specialised.map((p) => ({ 'prov:specificEntity': name(p.specific), 'prov:generalEntity': name(p.general) })),
      's',
    ),
  }
  const prefix = Object.fromEntries([...NAMESPACES.filter(([p]) => used.has(p)), ...WORDS])
  const filled = Object.entries(document).filter(([, value]) => Object.keys(value as JsonObject).length > 0)
  return { prefix, ...Object.fromEntries(filled) }
}

function qualified(name: Json | undefined): Json {
  return { $: String(name), type: 'prov:QUALIFIED_NAME' }
}

const CONTEXT = {
  archipel: 'archipel:',
  prov: 'http://www.w3.org/ns/prov#',
  dcat: 'http://www.w3.org/ns/dcat#',
  dcterms: 'http://purl.org/dc/terms/',
  rdfs: 'http://www.w3.org/2000/01/rdf-schema#',
  schema: 'https://schema.org/',
  xsd: 'http://www.w3.org/2001/XMLSchema#',
}

/** The same in the words of PROV-O (W3C Recommendation, 30 April 2013), as JSON-LD 1.1. */
export function toProvO(dataset: Exported): JsonObject {
  const s = statementsOf(dataset)
  const ids = (list: string[]): Json[] => [...new Set(list)].map((iri) => ({ '@id': iri }))
  const time = (value: Json | undefined): Json | undefined =>
    value === undefined ? undefined : { '@type': 'xsd:dateTime', '@value': value }
  const common = ({ label, identifier }: JsonObject) => ({ 'rdfs:label': label, 'dcterms:identifier': identifier })

  const entities = [...s.entities].map(([iri, given]) =>
    compact({
      '@id': iri,
      '@type': given.type === 'prov:Entity' ? 'prov:Entity' : ['prov:Entity', given.type!],
      ...common(given),
      'schema:programmingLanguage': given.language,
      'prov:value': given.value,
      'prov:wasGeneratedBy': s.generated?.entity === iri ? { '@id': s.generated.activity } : undefined,
      'prov:generatedAtTime': s.generated?.entity === iri ? time(s.generated.time) : undefined,
      'prov:wasDerivedFrom': ids(s.derived.filter((d) => d.generated === iri).map((d) => d.used)),
      'prov:wasAttributedTo': ids(s.attributed.filter((a) => a.entity === iri).map((a) => a.agent)),
      'prov:specializationOf': ids(s.specialised.filter((p) => p.specific === iri).map((p) => p.general)),
    }),
  )
  const activities = [...s.activities].map(([iri, given]) =>
    compact({
      '@id': iri,
      '@type': 'prov:Activity',
      ...common(given),
      'prov:startedAtTime': time(given.started),
      'prov:endedAtTime': time(given.ended),
      'prov:used': ids(s.used.map((u) => u.entity)),
      'prov:wasAssociatedWith': ids(s.associated.map((a) => a.agent)),
      'prov:qualifiedAssociation': s.associated
        .filter((a) => a.plan !== undefined)
        .map((a) => ({
          '@type': 'prov:Association',
          'prov:agent': { '@id': a.agent },
          'prov:hadPlan': { '@id': a.plan! },
        })),
      'archipel:software': given.software,
      'archipel:parameters': given.parameters,
    }),
  )
  const agents = [...s.agents].map(([iri, given]) =>
    compact({
      '@id': iri,
      '@type': given.type === 'prov:Agent' ? 'prov:Agent' : ['prov:Agent', given.type!],
      ...common(given),
      'prov:actedOnBehalfOf': ids(s.onBehalf.filter((b) => b.delegate === iri).map((b) => b.responsible)),
    }),
  )
  return { '@context': CONTEXT, '@graph': [...entities, ...activities, ...agents] }
}
