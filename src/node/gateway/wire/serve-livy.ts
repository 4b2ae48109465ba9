import type { z } from 'zod'
import {
  type LivyAnswer,
  type LivyAsk,
  livySpec,
  outputSpec,
  PIECE_BYTES,
  uploadSpec,
} from '../../../protocols/livy/messages.ts'
import { LivyRefusal } from '../../../protocols/livy/refusal.ts'
import { livyBatchRequest, livySessionRequest, livyStatementRequest } from '../../../protocols/livy/schemas.ts'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import { checked } from '../../../protocols/wire/frames.ts'
import { serveLink } from '../../../protocols/wire/link-server.ts'
import { serve } from '../../../protocols/wire/server.ts'
import type { NetworkPort } from '../../network/port.ts'
import type { LivyCalls, Making } from '../calls.ts'
import type { Provider } from '../provider/provider.ts'
import { fromJson, packAnswer, packChange, packStatement, packStatements } from './frames.ts'
import { uploads } from './uploads.ts'

/** Shows this island's sites to members. */
export async function serveLivy(
  network: Pick<NetworkPort, 'archipelagoId' | 'handleStream'>,
  provider: Provider,
  options: { stopping: AbortSignal },
): Promise<void> {
  const files = uploads()
  const lines = new Map<string, LivyCalls>()

  await serveLink(
    network,
    livySpec,
    ({ island = '' }, push) => {
      const line = provider.line(island, (key, change) => push(packChange(key, change)))
      lines.set(island, line)
      return {
        answer: (request, { signal }) => answer(line, request, signal),
        ended() {
          line.close()
          if (lines.get(island) === line) lines.delete(island)
        },
      }
    },
    options,
  )
  await serve(
    network,
    outputSpec,
    async function* ({ key, statement }, { remote }) {
      const { output } = await provider.statement(remote.island ?? '', key, statement).catch(coded)
      const bytes = Buffer.from(JSON.stringify(output))
      for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield { bytes: bytes.subarray(at, at + PIECE_BYTES) }
    },
    options,
  )
  await serve(
    network,
    uploadSpec,
    async (piece, { remote }) => {
      const line = lines.get(remote.island ?? '')
      if (line === undefined) throw new ArchipelError('UNREACHABLE', 'files come for sessions, over an open link')
      const bytes = files.take(remote.island ?? '', piece)
      return bytes === undefined
        ? {}
        : await packAnswer(line.upload(piece.key, piece.what, { name: piece.name, bytes }))
    },
    options,
  )
}

/** A stream of its own has no place for Livy's answers. */
function coded(cause: unknown): never {
  if (!(cause instanceof LivyRefusal)) throw cause
  throw new ArchipelError('STATEMENT_NOT_FOUND', 'there is no such output here', { cause })
}

/** One request of a link. */
async function answer(line: LivyCalls, ask: LivyAsk, signal: AbortSignal): Promise<LivyAnswer> {
  const { op } = ask
  if (op === 'attach') return await packAnswer(line.attach(ask.entries))
  const { key } = ask
  switch (op) {
    case 'create': {
      const { type, user, datasets, engine } = ask
      const more = { key, user, datasets, ...(engine === undefined ? {} : { engine }) }
      const making: Making =
        type === 'session'
          ? { ...more, type, request: parsed(livySessionRequest, ask.request) }
          : { ...more, type, request: parsed(livyBatchRequest, ask.request) }
      return await packAnswer(line.create(making))
    }
    case 'delete':
      return await packAnswer(line.delete(key))
    case 'stop':
      return await packAnswer(line.stop(key))
    case 'log': {
      const { from, size } = ask
      const range = { ...(from === undefined ? {} : { from }), ...(size === undefined ? {} : { size }) }
      return await packAnswer(line.log(key, range, { signal }))
    }
    case 'statements': {
      let packed: LivyAnswer | undefined
      const answered = await packAnswer(
        line.statements(key, { signal }).then((all) => {
          packed = packStatements(all)
        }),
      )
      return packed ?? answered
    }
    case 'submit': {
      let packed: LivyAnswer | undefined
      const answered = await packAnswer(
        line.submit(key, parsed(livyStatementRequest, ask.request), ask.expect).then((statement) => {
          const { json, outputBytes } = packStatement(statement)
          packed =
            outputBytes === undefined ? { json } : { json, outputs: [{ statement: statement.id, bytes: outputBytes }] }
        }),
      )
      return packed ?? answered
    }
    case 'cancel':
      return await packAnswer(line.cancel(key, ask.statement))
    case 'complete':
      return await packAnswer(line.complete(key, { code: ask.code, kind: ask.kind, cursor: ask.cursor }, { signal }))
    case 'submit-job':
      return await packAnswer(line.submitJob(key, ask.way, { job: ask.job, jobType: ask.jobType }))
    case 'job':
      return await packAnswer(line.job(key, ask.job, { signal }))
    case 'cancel-job':
      return await packAnswer(line.cancelJob(key, ask.job))
    case 'add':
      return await packAnswer(line.add(key, ask.what, ask.uri))
  }
}

/** @throws PROTOCOL */
function parsed<T>(schema: z.ZodType<T>, json: string): T {
  return checked(schema, fromJson(json), 'livy-watch')
}
