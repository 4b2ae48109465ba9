/** What the web service accepts: path and query parameters (always text) and bodies, with their bounds. */
import { z } from 'zod'
import { MAX_PATH_BYTES } from '../../protocols/manifest/paths.ts'
import { creator } from '../../protocols/model/dataset.ts'
import { MAX_ID_LENGTH, shortName } from '../../protocols/model/ids.ts'
import { replicateBody as replicateBody_ } from '../../protocols/model/replica-request.ts'
import { subscriptionRequest } from '../../protocols/model/subscription.ts'
import { MAX_TOKEN_MS, TOKEN_NAME, TOKEN_NAME_RULE } from '../../protocols/model/token-rules.ts'
import { MAX_GLOB_LENGTH, MAX_GLOBS, transferPriority } from '../../protocols/model/transfer.ts'
import { cone, parameterShape, queryList, queryNumber } from './query.ts'
import { SCOPES, scope } from './scopes.ts'

const reference = z
  .string()
  .min(1)
  .max(MAX_ID_LENGTH)
  .describe('A dataset: its id in any spelling, percent-encoded, or its short name.')
export const islandRef = z.string().min(1).max(100).describe('Id or name of an island.')

export const cursor = z.string().min(1).max(2000).optional().describe('`next` of the page before.')

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
