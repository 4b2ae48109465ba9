import type { z } from 'zod'
import { actionBody } from '../../protocols/model/action.ts'
import { datasetBody, replicaBody } from '../../protocols/model/dataset.ts'
import { card } from '../../protocols/model/island.ts'
import { parseUntrusted } from '../../protocols/model/parse.ts'
import { ruleBody } from '../../protocols/model/rule.ts'
import type { RecordPayload } from '../../protocols/record/envelope.ts'

/** Bodies that are shown only when they fit their schema; other kinds are the business of who reads them. */
const SCHEMAS: Record<string, z.ZodType> = {
  island: card,
  dataset: datasetBody,
  replica: replicaBody,
  action: actionBody,
  rule: ruleBody,
}

/** Why the body does not fit its kind, if so. A record like that stays in its log but is not shown. */
export function bodyProblem(record: Pick<RecordPayload, 'kind' | 'body'>): string | undefined {
  const schema = Object.hasOwn(SCHEMAS, record.kind) ? SCHEMAS[record.kind] : undefined
  const result = schema === undefined ? undefined : parseUntrusted(schema, record.body)
  if (result === undefined || result.success) return undefined
  const issue = result.error.issues[0]
  return `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`
}
