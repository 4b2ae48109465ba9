/** Objects with Livy's fields and nothing else: clients of Livy fail on fields that they do not know. */
import type { LivyBatch, LivySession, LivyStatement } from '../../protocols/livy/objects.ts'

function only<T extends object>(from: T, fields: readonly (keyof T)[]): T {
  return Object.fromEntries(fields.map((field) => [field, from[field]])) as T
}

const SESSION = [
  'id',
  'name',
  'appId',
  'owner',
  'proxyUser',
  'state',
  'kind',
  'appInfo',
  'log',
  'ttl',
  'idleTimeout',
  'driverMemory',
  'driverCores',
  'executorMemory',
  'executorCores',
  'conf',
  'archives',
  'files',
  'heartbeatTimeoutInSecond',
  'jars',
  'numExecutors',
  'pyFiles',
  'queue',
] as const satisfies (keyof LivySession)[]
const BATCH = [
  'id',
  'name',
  'owner',
  'proxyUser',
  'state',
  'appId',
  'appInfo',
  'log',
] as const satisfies (keyof LivyBatch)[]
const STATEMENT = [
  'id',
  'code',
  'state',
  'output',
  'progress',
  'started',
  'completed',
] as const satisfies (keyof LivyStatement)[]

export const sessionBody = (session: LivySession) => only(session, SESSION)
export const batchBody = (batch: LivyBatch) => only(batch, BATCH)
export const statementBody = (statement: LivyStatement) => only(statement, STATEMENT)
