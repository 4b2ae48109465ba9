import { z } from 'zod'
import { MAX_ID_LENGTH, shortName } from './ids.ts'

/** The words of DCAT 3 and DataCite 4.5 that a publisher gives; `metadata/` maps them to both. */
export const column = z.object({
  name: z.string().min(1).max(256),
  /** DuckDB's logical type name, e.g. `DOUBLE`, `VARCHAR`, `BIGINT`, `TIMESTAMP`. */
  type: z.string().max(128),
  unit: z.string().max(64).optional(),
  /** IVOA Unified Content Descriptor, where the source gives it or position detection found it (e.g. `pos.eq.ra;meta.main`). */
  ucd: z.string().max(128).optional(),
  description: z.string().max(1000).optional(),
})
export type Column = z.infer<typeof column>

/** How the text files of a table are read: pinned when published, so that every reader sees the same columns. */
export const dialect = z.object({
  delimiter: z.string().min(1).max(4),
  quote: z.string().max(1),
  header: z.boolean(),
  skip: z.number().int().nonnegative(),
  compression: z.enum(['none', 'gzip']),
})
export type Dialect = z.infer<typeof dialect>

export const datasetFormat = z.enum(['csv', 'parquet', 'jsonl', 'fits', 'files'])
export type DatasetFormat = z.infer<typeof datasetFormat>

export const coverage = z.object({
  spatial: z
    .object({
      frame: z.literal('ICRS'),
      /** IVOA MOC 2.0 ASCII serialisation, e.g. `3/12-15 40 4/720`. */
      moc: z.string().max(4096),
      /** Degrees. `raMin` > `raMax` means that the box crosses RA 0. */
      box: z.object({ raMin: z.number(), raMax: z.number(), decMin: z.number(), decMax: z.number() }),
    })
    .optional(),
  /** ISO 8601, UTC. */
  temporal: z.object({ start: z.string().max(40), end: z.string().max(40) }).optional(),
})
export type Coverage = z.infer<typeof coverage>

export const positionColumns = z.object({
  ra: z.string(),
  dec: z.string(),
  encoding: z.enum(['degrees', 'hours', 'sexagesimal']),
})

export const creator = z.object({
  name: z.string().min(1).max(256),
  orcid: z
    .string()
    .regex(/^\d{4}-\d{4}-\d{4}-\d{3}[\dX]$/, 'an ORCID iD is like 0000-0002-1825-0097')
    .optional(),
  affiliation: z.string().max(256).optional(),
})

/** Where a dataset that a task made comes from: what W3C PROV needs. */
export const provenance = z.object({
  /** The task's id. */
  task: z.string().max(128),
  /** The language of the code. */
  kind: z.string().max(32),
  /** Left out where it is long. */
  code: z.string().max(8192).optional(),
  /** Hex. */
  codeSha256: z.string().regex(/^[0-9a-f]{64}$/),
  params: z.record(z.string().max(64), z.union([z.string().max(1024), z.number(), z.boolean(), z.null()])).optional(),
  inputs: z
    .array(
      z.object({
        id: z.string().max(MAX_ID_LENGTH),
        /** Island id of the claim. */
        publisher: z.string().max(64),
        version: z.string().max(64),
      }),
    )
    .max(64),
  /** The action that the task was a run of: its id, and the SHA-256 of its content. */
  action: z
    .object({ id: z.string().max(MAX_ID_LENGTH), publisher: z.string().max(64), version: z.string().max(64) })
    .optional(),
  /** Island where it ran. */
  island: z.object({ id: z.string().max(64), name: z.string().max(100) }),
  /** Who asked, at the publisher's island. */
  user: z.string().max(128).optional(),
  /** ISO 8601 instants. */
  started: z.string().max(40),
  ended: z.string().max(40),
  /** Name and version of the island's software. */
  software: z.string().max(100),
})
export type Provenance = z.infer<typeof provenance>

/** A version that a dataset had before. */
export const earlierVersion = z.object({
  version: z.string().regex(/^[0-9a-f]{64}$/),
  /** ISO 8601 instant of its publishing. */
  modified: z.string().max(40),
  files: z.number().int().positive(),
  size: z.number().int().nonnegative(),
})
export type EarlierVersion = z.infer<typeof earlierVersion>

/** Earlier versions that a record names. */
export const MAX_EARLIER_VERSIONS = 20

/** Body of a record of kind `dataset`; its `id` is the record's id. Unknown fields of newer versions are kept in the bytes and ignored here. */
export const datasetBody = z.object({
  name: shortName,
  title: z.string().min(1).max(500),
  description: z.string().max(10_000).optional(),
  keywords: z.array(z.string().min(1).max(100)).max(100),
  /** SPDX id or URL. */
  licence: z.string().max(500).optional(),
  creators: z.array(creator).max(200),
  /** ISO 8601 instants. */
  created: z.string().max(40),
  modified: z.string().max(40),
  /** SHA-256 of the manifest's root, hex: names this immutable state. */
  version: z.string().regex(/^[0-9a-f]{64}$/),
  /** Bytes, all files together. */
  size: z.number().int().nonnegative(),
  files: z.number().int().positive(),
  format: datasetFormat,
  rows: z.number().int().nonnegative().optional(),
  columns: z.array(column).max(2000).optional(),
  dialect: dialect.optional(),
  position: positionColumns.optional(),
  /** Name of the column that holds the observation time, if one was found. */
  timeColumn: z.string().optional(),
  coverage: coverage.optional(),
  /** For FITS: a summary of the headers, `EXTNAME`-like words to values. */
  headers: z
    .array(z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])))
    .max(50)
    .optional(),
  /** Other normalised ids that the publisher says mean this dataset. */
  aliases: z.array(z.string().max(MAX_ID_LENGTH)).max(20),
  /** Of a dataset that is the result of a task. */
  provenance: provenance.optional(),
  /** Where everybody may have the same files: an `http(s):` or `s3:` place that asks for no credentials. */
  origin: z.string().max(2048).optional(),
  /** The newest first, the present one left out. */
  previous: z.array(earlierVersion).max(MAX_EARLIER_VERSIONS).optional(),
})
export type DatasetBody = z.infer<typeof datasetBody>

export const replicaState = z.enum([
  'requested',
  'transferring',
  'verifying',
  'available',
  'partial',
  'stale',
  'failed',
])
export type ReplicaState = z.infer<typeof replicaState>

/** Body of a record of kind `replica`: "this island holds that version of that publisher's dataset". */
export const replicaBody = z.object({
  dataset: z.string().max(MAX_ID_LENGTH),
  /** Island id of the claim `(dataset, publisher)` that the replica is of. */
  publisher: z.string(),
  version: z.string().regex(/^[0-9a-f]{64}$/),
  state: replicaState,
  /** Of the files that are there. */
  bytes: z.number().int().nonnegative(),
  /**
   * Of a replica that is not whole: how many files of the version are there, and which: `hash` is the SHA-256, hex, of
   * their bits in the order of the manifest, which `transfer-have` answers with.
   */
  part: z
    .object({
      files: z.number().int().nonnegative(),
      of: z.number().int().positive(),
      hash: z
        .string()
        .regex(/^[0-9a-f]{64}$/)
        .optional(),
    })
    .optional(),
  /** Another version, which is being fetched while this one is still there. */
  coming: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
})
export type ReplicaBody = z.infer<typeof replicaBody>

/** The record id of the replica that an island holds of `(dataset, publisher)`. */
export function replicaRecordId(publisher: string, dataset: string): string {
  return `${publisher}/${dataset}`
}

export const loss = z.enum(['all', 'some'])
/** `all`: no island says that it has a file of it any more; `some`: there are parts only. */
export type Loss = z.infer<typeof loss>

const PARTS: ReadonlySet<ReplicaState> = new Set(['partial', 'transferring', 'verifying'])

/** What is lost of a version by what its holders say of theirs; undefined while one has all of it. */
export function lossOf(
  version: string,
  holders: readonly { state: ReplicaState; version: string }[],
): Loss | undefined {
  const states = holders.filter((h) => h.version === version).map((h) => h.state)
  if (states.includes('available')) return undefined
  return states.some((state) => PARTS.has(state)) ? 'some' : 'all'
}
