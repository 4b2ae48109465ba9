import { z } from 'zod'

export const engineInfo = z.object({
  kind: z.enum(['livy', 'embedded', 'disabled']),
  /** Kinds of work: `sql`, `python`, `r`, `spark`, `pyspark`, `sparkr`. */
  languages: z.array(z.string().max(32)).max(20),
  version: z.string().max(64),
  /** Of each language, where it is known: `{ sql: 'duckdb 1.5.6', python: '3.11.7' }`. */
  versions: z.record(z.string().max(32), z.string().max(64)).optional(),
  /** Memory that one session may use, where the engine limits it. */
  memoryBytes: z.number().int().positive().optional(),
})
export type EngineInfo = z.infer<typeof engineInfo>

export const place = z.object({
  name: z.string().max(200).optional(),
  country: z
    .string()
    .regex(/^[A-Z]{2}$/, 'a country is two capital letters, as in ISO 3166-1')
    .optional(),
  latitude: z.number().min(-90).max(90).optional(),
  longitude: z.number().min(-180).max(180).optional(),
})

/** Body of a record of kind `island`; the record's id is the island's id. */
export const card = z.object({
  name: z.string().min(1).max(100),
  site: z.string().max(200).optional(),
  place: place.optional(),
  peerId: z.string().max(128),
  /** Multiaddrs that others may dial; empty for an island that only dials out. */
  addresses: z.array(z.string().max(256)).max(16),
  engines: z.array(engineInfo).max(8),
  services: z
    .array(z.object({ type: z.string().max(64), url: z.string().max(512), version: z.string().max(64).optional() }))
    .max(32),
  /** Where it gives bytes of datasets by HTTPS, and the SHA-256 of the public key (SPKI) that answers there, in hex. */
  https: z
    .object({
      urls: z
        .array(
          z
            .string()
            .max(256)
            .regex(/^https:\/\/[^/?#@\s]+$/),
        )
        .min(1)
        .max(8),
      key: z.string().regex(/^[0-9a-f]{64}$/),
    })
    .optional(),
  software: z.string().max(64),
  /** The operator's own words for the island, which work may ask for: `gpu`, `near-telescope`. */
  labels: z.array(z.string().min(1).max(64)).max(32).optional(),
  /** Whose rules about copies it obeys beside its own: islands (ids), or `members`. */
  rulesFrom: z.array(z.string().max(64)).max(64).optional(),
})
export type Card = z.infer<typeof card>

export const liveness = z.enum(['live', 'suspect', 'lost', 'unknown'])
export type Liveness = z.infer<typeof liveness>

/** What a heartbeat carries; never a record, never part of a digest. */
export const load = z.object({
  /** Statements running and waiting at the island's engines. */
  running: z.number().int().nonnegative(),
  waiting: z.number().int().nonnegative(),
  /** Fractions 0..1 of the machine. */
  cpu: z.number().min(0).max(1),
  memory: z.number().min(0).max(1),
  /** Pieces of work that may run at once. */
  slots: z.number().int().nonnegative().optional(),
  /** Milliseconds that a new piece would wait now, as the island judges by its own history. */
  queueWaitMs: z.number().nonnegative().optional(),
})
export type Load = z.infer<typeof load>
