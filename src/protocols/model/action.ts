/** Actions: named, reusable pieces of work. */
import { z } from 'zod'
import { islandId, MAX_ID_LENGTH, shortName } from './ids.ts'
import { batchWork, engineName, sha256Text, sparkResources } from './spark.ts'
import { MAX_PARAMS, MAX_TASK_DATASETS, paramName, paramValue, taskKind } from './task.ts'

/** Bytes of the code of an action: it has to fit into a record of the catalog, with the rest. */
export const MAX_ACTION_CODE_BYTES = 48 * 1024

export const actionParamType = z.enum(['text', 'number', 'integer', 'boolean'])
export type ActionParamType = z.infer<typeof actionParamType>

export const actionParam = z.strictObject({
  type: actionParamType,
  /** Without one, a run has to give a value. */
  default: paramValue.optional(),
  description: z.string().max(1000).optional(),
})
export type ActionParam = z.infer<typeof actionParam>

const bytesOf = (text: string) => new TextEncoder().encode(text).byteLength

/** What is run, without who asks: the body of a record of kind `action`, whose id is the name. Newer versions may say more. */
export const actionBody = z.object({
  name: shortName,
  description: z.string().max(10_000).optional(),
  kind: taskKind,
  /** Empty where a main file is the program. */
  code: z
    .string()
    .max(MAX_ACTION_CODE_BYTES)
    .refine((code) => bytesOf(code) <= MAX_ACTION_CODE_BYTES, `longer than ${MAX_ACTION_CODE_BYTES / 1024} KiB`),
  /** Refs of datasets that it reads, where a run names no others. */
  datasets: z.array(z.string().min(1).max(MAX_ID_LENGTH)).max(MAX_TASK_DATASETS),
  params: z
    .record(paramName, actionParam)
    .refine((params) => Object.keys(params).length <= MAX_PARAMS, `at most ${MAX_PARAMS} parameters`),
  engine: engineName.optional(),
  spark: sparkResources.optional(),
  /** In `args`, `{name}` stands for the value of a parameter. */
  batch: batchWork.optional(),
  timeoutMs: z.number().int().positive().optional(),
  maxRows: z.number().int().positive().optional(),
})
export type ActionBody = z.infer<typeof actionBody>

/** The action that a task is a run of. */
export const actionUse = z.object({
  /** `archipel:<island>/<name>` */
  id: z.string().max(MAX_ID_LENGTH),
  publisher: islandId,
  /** SHA-256 of the body. */
  version: sha256Text,
})
export type ActionUse = z.infer<typeof actionUse>
