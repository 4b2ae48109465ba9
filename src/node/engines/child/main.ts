/**
 * A SQL child: DuckDB alone in a process, spoken to in frames over stdin and stdout. It imports nothing of the daemon
 * but types, so that its sandbox holds this folder, DuckDB and Node only. It ends when its stdin ends.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import { analyseSql } from './analyse.ts'
import { duckdbVersion, openDatabase, runStatement } from './database.ts'
import { Failure, toFailure } from './failure.ts'
import { encodeFrame, encodeText, frameReader } from './frames.ts'
import type { ChildReply, ChildRequest } from './messages.ts'

const MAX_REQUEST_BYTES = 16 * 1024 * 1024

let connection: DuckDBConnection | undefined
let running = false
let queue: Promise<void> = Promise.resolve()

/** Resolves when the daemon has taken it: a reader that stops reading stops the statement. */
function write(frame: Buffer): Promise<void> {
  return new Promise((resolve) => {
    if (process.stdout.write(frame)) resolve()
    else process.stdout.once('drain', () => resolve())
  })
}

const send = (reply: ChildReply) => write(encodeFrame(reply))

const sendRows = async (id: number, rows: string[]) => {
  if (rows.length > 0) await write(encodeText(`{"id":${id},"is":"rows","rows":[${rows.join(',')}]}`))
}

async function answer(request: Exclude<ChildRequest, { op: 'interrupt' }>): Promise<void> {
  const { id } = request
  try {
    if (request.op === 'open') {
      connection = await openDatabase(request)
      return await send({ id, is: 'opened', version: duckdbVersion })
    }
    if (connection === undefined) throw new Failure('ENGINE_FAILED', 'the session is not open')
    if (request.op === 'analyse')
      return await send({ id, is: 'analysed', ...(await analyseSql(connection, request.sql)) })
    running = true
    const outcome = await runStatement(connection, request, {
      columns: (columns) => send({ id, is: 'columns', columns }),
      rows: (rows) => sendRows(id, rows),
    }).finally(() => {
      running = false
    })
    await send({ id, is: 'done', ...outcome })
  } catch (error) {
    const failure = toFailure(error)
    await send({
      id,
      is: 'failed',
      code: failure.code,
      message: failure.message,
      ...(failure.fatal && { fatal: true }),
    })
  }
}

const reader = frameReader(MAX_REQUEST_BYTES, (message) => {
  const request = message as ChildRequest
  if (request.op === 'interrupt') {
    if (running) connection?.interrupt()
    return
  }
  queue = queue.then(() => answer(request))
})

process.stdin.on('data', (chunk: Buffer) => {
  if (!reader.push(chunk)) process.exit(70)
})
// The daemon is gone: end at once, whatever DuckDB is doing; an orderly exit would wait for its threads.
const end = () => process.kill(process.pid, 'SIGKILL')
process.stdin.on('end', end)
process.stdin.on('error', end)
process.stdout.on('error', end)
process.on('uncaughtException', () => process.exit(70))
