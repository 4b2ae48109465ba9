/** What the web service accepts about work: tasks, actions, sessions and statements, with their bounds. */
import { z } from 'zod'
import { actionBody as actionBody_ } from '../../protocols/model/action.ts'
import { MAX_ID_LENGTH } from '../../protocols/model/ids.ts'
import { batchArgs, className, engineName, mainName, sha256Text, sparkResources } from '../../protocols/model/spark.ts'
import {
  MAX_CODE_BYTES,
  MAX_PARAMS,
  MAX_TASK_DATASETS,
  paramName,
  paramValue,
  tableFormat,
  taskId,
  taskKind,
  taskState,
} from '../../protocols/model/task.ts'
import { cursor, islandRef, pageQuery } from './inputs.ts'
import { parameterShape, queryNumber } from './query.ts'

const DAY_MS = 86_400_000
/** Bytes of a task as it is sent: its code and parameters, escaped. */
export const MAX_TASK_BODY_BYTES = 8 * 1024 * 1024
export const idempotencyKey = z.string().min(1).max(200)

const batchBody = z.strictObject({
  main: z
    .strictObject({ name: mainName, sha256: sha256Text, bytes: z.number().int().positive().optional() })
    .optional()
    .describe('A file that was uploaded to /mains, as its answer names it; without one the code is the program.'),
  className: className.optional().describe('The class of a JAR that is run.'),
  args: batchArgs.optional(),
})

const submitShape = z.strictObject({
  kind: taskKind,
  code: z
    .string()
    .max(MAX_CODE_BYTES)
    .refine((code) => new TextEncoder().encode(code).byteLength <= MAX_CODE_BYTES, 'longer than 1 MiB')
    .describe('Empty where a main file is the program.'),
  datasets: z
    .array(z.string().min(1).max(MAX_ID_LENGTH))
    .max(MAX_TASK_DATASETS)
    .optional()
    .describe('Ids or short names; those of a statement are found in the statement.'),
  params: z
    .record(paramName, paramValue)
    .refine((params) => Object.keys(params).length <= MAX_PARAMS, `at most ${MAX_PARAMS} parameters`)
    .optional(),
  on: islandRef.optional().describe('Island that has to run it.'),
  timeoutMs: z
    .number()
    .int()
    .min(1)
    .max(7 * DAY_MS)
    .optional()
    .describe('Of one attempt; the limit of the island when absent.'),
  maxRows: z.number().int().min(1).max(10_000_000).optional(),
  idempotencyKey: idempotencyKey
    .optional()
    .describe('The same key is the same task. May also be the header Idempotency-Key.'),
  atMostOnce: z.boolean().optional().describe('Never begin it a second time.'),
  name: z.string().min(1).max(200).optional().describe('A word for people.'),
  publish: z
    .strictObject({
      id: z.string().min(1).max(MAX_ID_LENGTH),
      title: z.string().min(1).max(500).optional(),
      description: z.string().max(10_000).optional(),
      keywords: z.array(z.string().min(1).max(100)).max(100).optional(),
      licence: z.string().max(500).optional(),
    })
    .optional()
    .describe('Publish the result as a dataset of this id or name.'),
  leaseMs: z.number().int().min(200).max(3_600_000).optional().describe('60 s by default.'),
  engine: engineName
    .optional()
    .describe('livy is Spark, embedded the built-in engine; what needs Spark goes to Spark without it, too.'),
  spark: sparkResources.optional().describe("What Spark is asked for, in Livy's own fields."),
  batch: batchBody
    .optional()
    .describe('Run it as a program in a Spark of its own: a JAR always, Python where this is given.'),
})

export const submitBody = submitShape.refine(({ code, batch }) => code !== '' || batch?.main !== undefined, {
  path: ['code'],
  error: 'there is none, and no main file either',
})

export const mainQuery = z.strictObject({
  name: mainName.describe('What the file is called; .jar or .py.'),
})

const { datasets, params, ...ofAction } = actionBody_.shape
/** The name is what a run calls it by. */
export const actionBody = z.strictObject({
  ...ofAction,
  datasets: datasets.optional().describe('Ids or short names that it reads, where a run names no others.'),
  params: params
    .optional()
    .describe('By name: text, number, integer or boolean; those without a default have to be given.'),
  batch: batchBody.optional(),
})
export const actionParams = z.strictObject({
  ref: z.string().min(1).max(MAX_ID_LENGTH).describe('An action: its id, percent-encoded, or its name.'),
})
export const actionsQuery = z.strictObject({
  text: z.string().max(200).optional().describe('In its name, description or publisher.'),
  island: islandRef.optional().describe('Id or name of the island that publishes it.'),
  limit: pageQuery.shape.limit,
  cursor,
})
/** What a run decides. */
export const actionRunBody = submitShape.omit({
  kind: true,
  code: true,
  engine: true,
  spark: true,
  batch: true,
})

export const taskParams = z.strictObject({ id: taskId.describe('Id of a task, of any island.') })
export const itemParams = z.strictObject({
  id: taskParams.shape.id,
  name: z.string().min(1).max(255).describe('Name of an item of the result, percent-encoded.'),
})

export const tasksQuery = z.strictObject({
  state: taskState.optional(),
  user: z.string().min(1).max(128).optional(),
  all: z.stringbool().optional().describe('Also what this island runs or ran for others.'),
  limit: queryNumber(z.number().int().min(1).max(500)).optional().describe('Newest first; 50 by default.'),
  cursor,
})
parameterShape.set(tasksQuery.shape.all, { schema: z.boolean() })

/** Bytes of a page of a log, rows of a page of a table, where nothing else is asked for. */
const LOG_LIMIT = 64 * 1024
const ROWS_LIMIT = 1000
export const logQuery = z.strictObject({
  offset: queryNumber(z.number().int().nonnegative()).default(0).describe('In bytes; `next` of the page before.'),
  limit: queryNumber(
    z
      .number()
      .int()
      .min(1)
      .max(1024 * 1024),
  )
    .default(LOG_LIMIT)
    .describe(`Bytes at most; ${LOG_LIMIT} by default.`),
})

export const rowsQuery = z.strictObject({
  from: queryNumber(z.number().int().nonnegative()).default(0).describe('The first row, counted from 0.'),
  limit: queryNumber(z.number().int().min(1).max(10_000))
    .default(ROWS_LIMIT)
    .describe(`Rows at most; ${ROWS_LIMIT} by default.`),
})

export const tableQuery = z.strictObject({ format: tableFormat.default('csv') })

const number = queryNumber(z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER))
export const sessionParams = z.strictObject({ session: number.describe('Number of a session.') })
export const statementParams = z.strictObject({
  session: sessionParams.shape.session,
  statement: number.describe('Number of a statement, from 0.'),
})

export const livyEntryParams = z.strictObject({
  type: z.enum(['sessions', 'batches']),
  id: number.describe('Number of a session or batch of the Livy endpoint.'),
})

export const sessionBody = z.strictObject({
  kind: taskKind.exclude(['jar']),
  name: z.string().min(1).max(200).optional().describe('A word for people.'),
  datasets: z
    .array(z.string().min(1).max(MAX_ID_LENGTH))
    .max(MAX_TASK_DATASETS)
    .optional()
    .describe('Ids or short names of datasets that this island holds.'),
  params: submitShape.shape.params,
})

export const statementBody = z.strictObject({
  code: submitShape.shape.code.min(1),
  maxRows: z.number().int().min(1).max(10_000).optional().describe('1,000 by default.'),
  timeoutMs: z.number().int().min(1).max(DAY_MS).optional().describe('The limit of the island when absent.'),
})
