import {
  type DuckDBConnection,
  DuckDBInstance,
  type DuckDBPreparedStatement,
  type DuckDBResult,
  StatementType,
  version,
} from '@duckdb/node-api'
import type { ParamValue } from '../../../protocols/model/task.ts'
import { toCell } from './cells.ts'
import { Failure } from './failure.ts'
import { MACROS } from './macros.ts'
import type { OpenRequest, RunRequest } from './messages.ts'

export const duckdbVersion = version().replace(/^v/, '')

const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`

/**
 * Opens an in-memory database that can read `files` and nothing else, runs the set-up, and locks the configuration.
 * The order matters: `allowed_paths` can only be set while external access is still on, the views are bound (their files
 * opened) when it is off already, and the lock comes last.
 */
export async function openDatabase(request: OpenRequest): Promise<DuckDBConnection> {
  const instance = await DuckDBInstance.create(':memory:', {
    threads: String(request.threads),
    memory_limit: `${Math.floor(request.memoryBytes / 1024)}KiB`,
    temp_directory: '',
    max_temp_directory_size: '0KB',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    allow_community_extensions: 'false',
    allow_persistent_secrets: 'false',
    // What an older version could not store, `json_serialize_sql` leaves out of its tree: the analysis must see all.
    storage_compatibility_version: 'latest',
  })
  const connection = await instance.connect()
  const settings = [
    "SET TimeZone = 'UTC'",
    "SET extension_directory = ''",
    "SET secret_directory = ''",
    "SET home_directory = ''",
    'SET allowed_directories = []',
    `SET allowed_paths = [${request.files.map(quoted).join(', ')}]`,
    'SET enable_external_access = false',
  ]
  for (const sql of [...settings, ...MACROS, ...request.setup, 'SET lock_configuration = true'])
    await connection.run(sql)
  return connection
}

export interface RunSink {
  columns(columns: { name: string; type: string }[]): Promise<void>
  /** Rows as JSON texts. */
  rows(rows: string[]): Promise<void>
}

/** Bytes of rows that are gathered before they are sent. */
const BATCH_BYTES = 256 * 1024
const MAX_COLUMNS = 10_000

/**
 * Runs one statement and hands its rows over as they come, within `maxRows` and `maxBytes` of JSON text.
 * The text is the one that was analysed; it is parsed here once more by DuckDB and refused unless it is one SELECT.
 */
export async function runStatement(
  connection: DuckDBConnection,
  request: RunRequest,
  sink: RunSink,
): Promise<{ truncated: boolean }> {
  const prepared = await prepare(connection, request)
  let ended = false
  try {
    const result = await prepared.stream()
    if (result.columnCount > MAX_COLUMNS)
      throw new Failure('RESULT_LIMIT', `the result has more than ${MAX_COLUMNS} columns`)
    await sink.columns(result.columnNames().map((name, i) => ({ name, type: String(result.columnType(i)) })))
    const outcome = await sendRows(result, request, sink)
    ended = !outcome.truncated
    return outcome
  } finally {
    // Stops the producers of a result that was not read to its end.
    if (!ended) connection.interrupt()
    prepared.destroySync()
  }
}

async function sendRows(result: DuckDBResult, request: RunRequest, sink: RunSink): Promise<{ truncated: boolean }> {
  let rows = 0
  let bytes = 0
  let batch: string[] = []
  let batchBytes = 0
  for (;;) {
    const chunk = await result.fetchChunk()
    if (chunk === null || chunk.rowCount === 0) break
    for (let i = 0; i < chunk.rowCount; i++) {
      const row = rows === request.maxRows ? undefined : JSON.stringify(chunk.convertRowValues(i, toCell))
      const size = row === undefined ? 0 : Buffer.byteLength(row) + 1
      if (size > request.maxBytes)
        throw new Failure('RESULT_LIMIT', `one row of the result has more than ${request.maxBytes} bytes`)
      if (row === undefined || bytes + size > request.maxBytes) {
        await sink.rows(batch)
        return { truncated: true }
      }
      rows++
      bytes += size
      batchBytes += size
      batch.push(row)
      if (batchBytes < BATCH_BYTES) continue
      await sink.rows(batch)
      batch = []
      batchBytes = 0
    }
  }
  await sink.rows(batch)
  return { truncated: false }
}

async function prepare(connection: DuckDBConnection, request: RunRequest): Promise<DuckDBPreparedStatement> {
  const statements = await connection.extractStatements(request.sql)
  if (statements.count !== 1) throw new Failure('SQL_REFUSED', 'one statement at a time')
  const prepared = await statements.prepare(0)
  if (request.mode === 'select' && prepared.statementType !== StatementType.SELECT) {
    prepared.destroySync()
    throw new Failure('SQL_REFUSED', 'only SELECT is allowed')
  }
  try {
    bindParameters(prepared, request.params ?? {})
  } catch (error) {
    prepared.destroySync()
    throw error
  }
  return prepared
}

/** Values, never text: what a parameter holds is no SQL. */
function bindParameters(prepared: DuckDBPreparedStatement, params: Record<string, ParamValue>): void {
  const values = new Map(Object.entries(params).map(([name, value]) => [name.toLowerCase(), value]))
  for (let i = 1; i <= prepared.parameterCount; i++) {
    const name = prepared.parameterName(i)
    const value = values.get(name.toLowerCase())
    if (value === undefined) throw new Failure('SQL_INVALID', `the parameter $${name.slice(0, 100)} has no value`)
    if (value === null) prepared.bindNull(i)
    else if (typeof value === 'boolean') prepared.bindBoolean(i, value)
    else if (typeof value === 'string') prepared.bindVarchar(i, value)
    else if (Number.isSafeInteger(value)) prepared.bindBigInt(i, BigInt(value))
    else prepared.bindDouble(i, value)
  }
}
