/** What has to be true of Livy's objects when they come from another island. Fields that a newer Livy adds pass through. */
import { z } from 'zod'
import { sessionState, statementState } from '../model/task.ts'
import {
  LIVY_KINDS,
  type LivyBatch,
  type LivyBatchRequest,
  type LivyJob,
  type LivyLog,
  type LivySession,
  type LivySessionRequest,
  type LivyStatement,
  type LivyStatementRequest,
} from './objects.ts'

const count = z.number().int().nonnegative()
const text = z.string().nullable()
const texts = z.array(z.string())
const appInfo = z.record(z.string(), text)

export const livySession = z.looseObject({
  id: count,
  name: text,
  appId: text,
  owner: text,
  proxyUser: text,
  state: sessionState,
  kind: z.enum(LIVY_KINDS),
  appInfo,
  log: texts,
  conf: z.record(z.string(), z.string()),
}) as unknown as z.ZodType<LivySession>

export const livyBatch = z.looseObject({
  id: count,
  name: text,
  owner: text,
  proxyUser: text,
  state: sessionState,
  appId: text,
  appInfo,
  log: texts,
}) as unknown as z.ZodType<LivyBatch>

const output = z.looseObject({ status: z.enum(['ok', 'error']) }).nullable()

export const livyStatement = z.looseObject({
  id: count,
  code: z.string(),
  state: statementState,
  output,
  progress: z.number(),
  started: z.number(),
  completed: z.number(),
}) as unknown as z.ZodType<LivyStatement>

export const livyLog = z.looseObject({
  id: count,
  from: z.number().int(),
  total: count,
  log: texts,
}) as unknown as z.ZodType<LivyLog>

export const livyJob = z.looseObject({
  id: count,
  state: z.string().max(64),
  result: text,
  error: text,
}) as unknown as z.ZodType<LivyJob>

const word = z.string().max(8192)
const words = z.array(word).max(10_000)
const number = z.number().int()
const resources = {
  proxyUser: word.optional(),
  jars: words.optional(),
  pyFiles: words.optional(),
  files: words.optional(),
  archives: words.optional(),
  driverMemory: word.optional(),
  driverCores: number.optional(),
  executorMemory: word.optional(),
  executorCores: number.optional(),
  numExecutors: number.optional(),
  queue: word.optional(),
  name: word.optional(),
  conf: z.record(z.string(), z.string()).optional(),
}

export const livySessionRequest = z.strictObject({
  ...resources,
  kind: z.enum(LIVY_KINDS),
  heartbeatTimeoutInSecond: number.optional(),
  ttl: word.optional(),
  idleTimeout: word.optional(),
}) as unknown as z.ZodType<LivySessionRequest>

export const livyBatchRequest = z.strictObject({
  ...resources,
  file: word,
  className: word.optional(),
  args: z.array(z.string()).max(10_000).optional(),
}) as unknown as z.ZodType<LivyBatchRequest>

export const livyStatementRequest = z.strictObject({
  code: z.string(),
  kind: z.enum(['spark', 'pyspark', 'sparkr', 'sql']).optional(),
}) as unknown as z.ZodType<LivyStatementRequest>
