/** What work on Spark has besides its code: Livy's own fields, and main files by their hash. */
import { z } from 'zod'

/** Which engine of an island: Spark through Livy, or the built-in one. */
export const engineName = z.enum(['livy', 'embedded'])
export type EngineName = z.infer<typeof engineName>

/** The engine that work asks for: the built-in one unless it says so, or is of a kind that needs Spark. */
export function wantedEngine({ kind, engine }: { kind: string; engine?: EngineName }): EngineName {
  return engine ?? (kind === 'scala' || kind === 'jar' ? 'livy' : 'embedded')
}

const MAX_LIST = 100
const word = z.string().min(1).max(256)
const address = z.string().min(1).max(4096)
const addresses = z.array(address).max(MAX_LIST)
const cores = z.number().int().min(1).max(100_000)
/** As Spark writes it: `512m`, `4g`. */
const memory = z.string().regex(/^\d{1,9}[bkmgtp]?b?$/i, 'an amount of memory is like 512m or 4g')

/** Livy's fields of sessions and batches, named as Livy names them. Addresses are those of the site that runs it. */
export const sparkResources = z.strictObject({
  proxyUser: word.optional(),
  jars: addresses.optional(),
  pyFiles: addresses.optional(),
  files: addresses.optional(),
  archives: addresses.optional(),
  driverMemory: memory.optional(),
  driverCores: cores.optional(),
  executorMemory: memory.optional(),
  executorCores: cores.optional(),
  numExecutors: cores.optional(),
  queue: word.optional(),
  name: word.optional(),
  conf: z
    .record(z.string().min(1).max(256), z.string().max(16_384))
    .refine((conf) => Object.keys(conf).length <= 200, 'at most 200 settings')
    .optional(),
})
export type SparkResources = z.infer<typeof sparkResources>

/** Hex. */
export const sha256Text = z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 has 64 hexadecimal digits')

/** What a main file may be called: a plain name that says what it is. */
export const mainName = z
  .string()
  .max(128)
  .regex(
    /^[A-Za-z0-9_][A-Za-z0-9_.+-]*\.(jar|py)$/,
    'a main file is called <letters, digits, ".", "_", "-">.jar or .py',
  )

/** A main file, which is named by its content. */
export const mainFile = z.object({
  name: mainName,
  sha256: sha256Text,
  bytes: z.number().int().positive(),
})
export type MainFile = z.infer<typeof mainFile>

export const className = z
  .string()
  .max(512)
  .regex(/^[\p{L}_$][\p{L}\p{N}_$]*(\.[\p{L}_$][\p{L}\p{N}_$]*)*$/u, 'a class is named like org.example.Main')
export const batchArgs = z.array(z.string().max(65_536)).max(1000)

/** A program from its start to its end, in a Spark of its own. Without a main file its code is the program. */
export const batchWork = z.object({
  main: mainFile.optional(),
  className: className.optional(),
  args: batchArgs.optional(),
})
export type BatchWork = z.infer<typeof batchWork>
