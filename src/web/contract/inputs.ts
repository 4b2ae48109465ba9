/** What the web service accepts: path and query parameters (always text) and bodies, with their bounds. */
import { z } from 'zod'
import { MAX_PATH_BYTES } from '../../protocols/manifest/paths.ts'
import { actionBody as actionBody_ } from '../../protocols/model/action.ts'
import { creator } from '../../protocols/model/dataset.ts'
import { MAX_ID_LENGTH, shortName } from '../../protocols/model/ids.ts'
import { replicateBody as replicateBody_ } from '../../protocols/model/replica-request.ts'
import { batchArgs, className, engineName, mainName, sha256Text, sparkResources } from '../../protocols/model/spark.ts'
import { subscriptionRequest } from '../../protocols/model/subscription.ts'
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
import { MAX_TOKEN_MS, TOKEN_NAME, TOKEN_NAME_RULE } from '../../protocols/model/token-rules.ts'
import { MAX_GLOB_LENGTH, MAX_GLOBS, transferPriority } from '../../protocols/model/transfer.ts'
import { SCOPES, scope } from './scopes.ts'

/** JSON Schema of a query parameter as its user sees it, where the text form would say too little. */
export const parameterShape = new WeakMap<object, { schema: z.ZodType; text?: string }>()

/** A number in a query string. */
function queryNumber(schema: z.ZodNumber) {
  const codec = z.codec(z.string().regex(/^-?\d{1,20}(\.\d{1,20})?$/, 'not a number'), schema, {
    decode: (text) => Number(text),
    encode: (number) => String(number),
  })
  parameterShape.set(codec, { schema })
  return codec
}

/** A parameter that may be repeated. One value arrives as text, several as a list. */
function queryList(item: z.ZodString, max: number) {
  const list = z.array(item).max(max)
  const codec = z.codec(z.union([z.string(), z.array(z.string())]), list, {
    decode: (value) => (typeof value === 'string' ? [value] : value),
    encode: (value) => value,
  })
  parameterShape.set(codec, { schema: list })
  return codec
}

const coneText = z
  .string()
  .regex(
    /^-?\d+(\.\d+)?(e-?\d+)?,[-+]?\d+(\.\d+)?(e-?\d+)?,\d+(\.\d+)?(e-?\d+)?$/,
    'a cone is "ra,dec,radius" in degrees, e.g. 83.8,-5.4,1',
  )
const coneShape = z.object({
  ra: z.number().min(0).max(360),
  dec: z.number().min(-90).max(90),
  radius: z.number().gt(0).max(180),
})
const cone = z.codec(coneText, coneShape, {
  decode: (text) => {
    const [ra, dec, radius] = text.split(',').map(Number)
    return { ra: ra!, dec: dec!, radius: radius! }
  },
  encode: ({ ra, dec, radius }) => `${ra},${dec},${radius}`,
})
parameterShape.set(cone, {
  schema: coneText,
  text: 'Datasets whose coverage meets this cone: ra,dec,radius in degrees, ICRS.',
})

const reference = z
  .string()
  .min(1)
  .max(MAX_ID_LENGTH)
  .describe('A dataset: its id in any spelling, percent-encoded, or its short name.')
const islandRef = z.string().min(1).max(100).describe('Id or name of an island.')

const cursor = z.string().min(1).max(2000).optional().describe('`next` of the page before.')

export const refParams = z.strictObject({ ref: reference })

export const datasetsQuery = z.strictObject({
  text: z
    .string()
    .max(1000)
    .optional()
    .describe('Free text over title, description, keywords, creators, column names and id.'),
  keyword: queryList(z.string().min(1).max(100), 20).optional().describe('May be repeated; all must match.'),
  island: islandRef.optional().describe('Id or name of an island that publishes or holds the dataset.'),
  format: z.string().min(1).max(32).optional().describe('csv, parquet, jsonl, fits or files.'),
  minSize: queryNumber(z.number().int().nonnegative()).optional().describe('Bytes.'),
  maxSize: queryNumber(z.number().int().nonnegative()).optional().describe('Bytes.'),
  cone: cone.optional(),
  limit: queryNumber(z.number().int().min(1).max(500)).optional().describe('Datasets on one page; 50 by default.'),
  cursor,
})

export const pageQuery = z.strictObject({
  limit: queryNumber(z.number().int().min(1).max(500)).optional().describe('Entries on one page; 100 by default.'),
  cursor,
})

export const filesQuery = z.strictObject({
  limit: queryNumber(z.number().int().min(1).max(1000)).optional().describe('Files on one page; 100 by default.'),
  cursor,
})

export const previewQuery = z.strictObject({
  rows: queryNumber(z.number().int().min(1).max(100)).optional().describe('Rows at most; 20 by default.'),
})

export const METADATA_FORMATS = ['json', 'dcat', 'datacite', 'croissant', 'prov', 'prov-o'] as const
export type MetadataFormat = (typeof METADATA_FORMATS)[number]
export const metadataQuery = z.strictObject({
  format: z
    .enum(METADATA_FORMATS)
    .default('json')
    .describe('json is the dataset as archipel shows it; prov is PROV-JSON, prov-o the same in JSON-LD.'),
})

export const publishBody = z.strictObject({
  path: z
    .string()
    .min(1)
    .max(4096)
    .describe(
      'Absolute path of a file or folder on the machine of the island, or a place in one of its outside sources, e.g. s3://survey/dr1/.',
    ),
  id: z.string().min(1).max(MAX_ID_LENGTH).optional(),
  name: shortName.optional(),
  title: z.string().min(1).max(500).optional(),
  description: z.string().max(10_000).optional(),
  keywords: z.array(z.string().min(1).max(100)).max(100).optional(),
  licence: z.string().max(500).optional(),
  creators: z.array(creator).max(200).optional(),
  aliases: z.array(z.string().max(MAX_ID_LENGTH)).max(20).optional(),
  origin: z
    .string()
    .min(1)
    .max(2048)
    .optional()
    .describe(
      'A public place of the same files, http(s) or S3 without credentials: told to all islands, which may fetch them there.',
    ),
  as: z.enum(['csv', 'parquet', 'jsonl', 'fits', 'files']).optional().describe('Overrides detection.'),
})

export const updateBody = publishBody
  .omit({ id: true, path: true })
  .extend({
    path: publishBody.shape.path
      .optional()
      .describe('Absolute path of a file or folder on the machine of the island; that of before when absent.'),
    dryRun: z.boolean().optional().describe('Say what would change, and write nothing.'),
  })
  .describe('What is not given stays as it is.')

const versionText = z.string().regex(/^[0-9a-fA-F]{8,64}$/)

const globs = z
  .array(z.string().min(1).max(MAX_GLOB_LENGTH))
  .max(MAX_GLOBS)
  .optional()
  .describe('Patterns of paths, `**` for any folders; all files when absent.')
const versionStart = z
  .string()
  .regex(/^[0-9a-fA-F]{8,64}$/)
  .optional()
  .describe('A version, or its first eight digits or more; the newest when absent.')

export const diffQuery = z.strictObject({
  from: versionText.describe('A version, or its first eight digits or more.'),
  to: versionText.optional().describe('The same; the present version when absent.'),
  limit: filesQuery.shape.limit,
  cursor,
})

/** Any file of a dataset; the path may have slashes as they are. */
export const readParams = refParams.extend({
  path: z.string().min(1).max(MAX_PATH_BYTES).describe('The path of a file in the dataset.'),
})
export const byUrlParams = z.strictObject({
  capability: z.string().max(8000).describe('What was signed, as the address has it.'),
  name: z.string().max(MAX_PATH_BYTES).describe('The last part of the path of the file.'),
})
export const readQuery = z.strictObject({ version: versionStart })

export const planQuery = z.strictObject({
  files: queryList(z.string().min(1).max(MAX_GLOB_LENGTH), MAX_GLOBS)
    .optional()
    .describe('Patterns of paths; may be repeated.'),
  version: versionStart,
})

export const getBody = z.strictObject({
  files: globs,
  version: versionStart,
  to: z
    .string()
    .min(1)
    .max(4096)
    .optional()
    .describe('Absolute path of a folder on the machine of the island, where the files shall be, too.'),
  priority: transferPriority.optional(),
  follow: z.boolean().optional().describe('Fetch new versions, too, as they are published. Not with `version`.'),
})

export const pinBody = z.strictObject({
  version: versionText.optional().describe('Of several that are here: this one, or its first eight digits.'),
})

export const dropQuery = z.strictObject({
  force: z
    .stringbool()
    .optional()
    .describe('Also where no other island is known to have it, or a rule asks for it; false by default.'),
})
parameterShape.set(dropQuery.shape.force, { schema: z.boolean() })

export const verifyBody = z.strictObject({
  checksums: z.boolean().optional().describe('Answer with the SHA-256 of each whole file, too.'),
})

export const transferParams = z.strictObject({ id: z.string().min(1).max(100).describe('Id of a transfer.') })

export const replicateBody = replicateBody_
export const requestsQuery = pageQuery.extend({
  direction: z.enum(['incoming', 'outgoing']).optional().describe('Both when absent.'),
})
export const requestParams = z.strictObject({ id: z.string().min(1).max(100).describe('Id of a request.') })

export const subscriptionBody = subscriptionRequest
export const subscriptionParams = z.strictObject({ id: z.string().min(1).max(100).describe('Id of a subscription.') })
export const subscribedParams = subscriptionParams.extend(refParams.shape)
export const subscriptionResumeBody = z.strictObject({
  maxBytes: subscriptionRequest.shape.maxBytes.describe('The new bound; that of before when absent.'),
})

export const priorityBody = z.strictObject({ priority: transferPriority })

export const resolveQuery = z.strictObject({
  via: z.enum(['catalog', 'dht', 'both']).optional().describe('Which paths may be used; both by default.'),
  confirm: z.stringbool().optional().describe('Ask the holders themselves; true by default.'),
  version: versionText.optional().describe('Holders of this version only; its first eight digits are enough.'),
})
parameterShape.set(resolveQuery.shape.confirm, { schema: z.boolean() })

export const sqlBody = z.strictObject({
  sql: z.string().min(1).max(100_000),
  on: islandRef.optional().describe('Island that has to run the statement.'),
  timeoutMs: z.number().int().min(1).max(86_400_000).optional().describe('The limit of the island when absent.'),
  maxRows: z.number().int().min(1).max(10_000_000).optional(),
})

export const inviteBody = z.strictObject({
  expiresMs: z
    .number()
    .int()
    .min(1000)
    .max(90 * 86_400_000)
    .optional()
    .describe('24 hours by default.'),
  mayInvite: z.boolean().optional().describe('Whether the new member may invite others.'),
  local: z.boolean().optional().describe('Allow addresses that only this machine or network reaches.'),
})

export const revokeBody = z
  .strictObject({
    member: islandRef.optional(),
    ticket: z.string().min(1).max(4096).optional().describe('Id of a ticket, or the ticket.'),
    invitees: z.enum(['keep', 'revoke']).optional().describe('What becomes of those the member invited.'),
    recoveryKey: z.string().min(1).max(1000).optional(),
  })
  .refine(
    (body) => (body.member === undefined) !== (body.ticket === undefined),
    'name a member or a ticket, one of them',
  )

export const pardonBody = z.strictObject({
  island: islandRef,
  recoveryKey: z.string().min(1).max(1000).optional(),
})

/** Leaving takes no input; a body is asked for so that no stray request does it. */
export const leaveBody = z.strictObject({})

export const journalQuery = z.strictObject({
  limit: queryNumber(z.number().int().min(1).max(1000)).optional().describe('Newest first; 100 by default.'),
  cursor,
})

export const tokenBody = z.strictObject({
  name: z
    .string()
    .regex(TOKEN_NAME, TOKEN_NAME_RULE)
    .describe('As the journal and tasks will have it; one token of a name at a time.'),
  scopes: z.array(scope).min(1).max(SCOPES.length).describe('run and publish imply read; admin implies all.'),
  expiresMs: z
    .number()
    .int()
    .min(1000)
    .max(MAX_TOKEN_MS)
    .optional()
    .describe('Milliseconds from now; it does not expire when absent.'),
})

export const tokensQuery = z.strictObject({
  all: z.stringbool().optional().describe('Also those that have expired or were revoked.'),
  limit: queryNumber(z.number().int().min(1).max(1000)).optional().describe('Newest first; 100 by default.'),
  cursor,
})
parameterShape.set(tokensQuery.shape.all, { schema: z.boolean() })

export const tokenParams = z.strictObject({
  ref: z.string().min(1).max(64).describe('Id of a token, or the name of an active one.'),
})

export const signInCodeBody = z.strictObject({
  scopes: tokenBody.shape.scopes.optional().describe('What the browser may do; admin when absent.'),
})

export const signInBody = z.strictObject({
  code: z.string().min(1).max(200).describe('Of the link that `archipel open` prints.'),
})

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
