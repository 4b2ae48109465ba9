import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import {
  type LivyAnswer,
  type LivyAsk,
  type LivyPushFrame,
  livySpec,
  outputSpec,
  PIECE_BYTES,
  uploadSpec,
} from '../../../protocols/livy/messages.ts'
import type { LivyStatement } from '../../../protocols/livy/objects.ts'
import { livyBatch, livyJob, livyLog, livySession, livyStatement } from '../../../protocols/livy/schemas.ts'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import { call, callSeries, isUnsupported, type StreamOpener } from '../../../protocols/wire/client.ts'
import { checked } from '../../../protocols/wire/frames.ts'
import { openLink } from '../../../protocols/wire/link-client.ts'
import type { CallOptions, Line, OnChange } from '../calls.ts'
import type { SiteChange } from '../site.ts'
import { fromJson, unpackRefusal } from './frames.ts'

const engine = z.enum(['livy', 'embedded'])
const made = z.object({ engine, session: livySession.optional(), batch: livyBatch.optional() })
const attached = z.array(
  z.object({
    key: z.string(),
    state: z.enum(['there', 'later', 'lost']),
    session: livySession.optional(),
    batch: livyBatch.optional(),
    why: z.string().optional(),
  }),
)
const candidates = z.array(z.string())
/** Milliseconds for what has to start or stop something at the other side. */
const SLOW_MS = 180_000

/** The way to the sites of another island. @throws UNREACHABLE, NOT_A_MEMBER, CANCELLED */
export async function remoteLine(
  network: StreamOpener,
  peerId: string,
  onChange: OnChange,
  options: { signal: AbortSignal },
): Promise<Line> {
  const link = await openLink(network, peerId, livySpec, (push) => take(push), options).catch((cause: unknown) => {
    if (!isUnsupported(cause)) throw cause
    throw new ArchipelError('LANGUAGE_MISSING', 'an island of an older version runs nothing for Livy clients', {
      cause,
    })
  })

  async function outputOf(key: string, statement: number): Promise<LivyStatement['output']> {
    const pieces: Uint8Array[] = []
    for await (const { bytes } of callSeries(network, peerId, outputSpec, { key, statement })) pieces.push(bytes)
    return checked(livyStatement, { ...EMPTY, output: fromJson(Buffer.concat(pieces).toString()) }, 'livy-output')
      .output
  }

  function take(push: LivyPushFrame): void {
    const { key } = push
    if (push.type !== 'statement') {
      onChange(key, changeOf(push))
      return
    }
    const statement = read(livyStatement, push.json)
    if (push.outputBytes === undefined) {
      onChange(key, { type: 'statement', statement })
      return
    }
    void whole(key, statement).then(
      (complete) => onChange(key, { type: 'statement', statement: complete }),
      // A link without this statement would be believed: the next one tells it again.
      () => link.close(),
    )
  }

  /** With the output that was left out. */
  const whole = async (key: string, statement: LivyStatement): Promise<LivyStatement> => ({
    ...statement,
    output: await outputOf(key, statement.id),
  })

  async function ask(request: LivyAsk, options: CallOptions & { timeoutMs?: number } = {}): Promise<LivyAnswer> {
    const answer = await link.call(request, options)
    unpackRefusal(answer)
    return answer
  }

  async function value<T>(
    schema: z.ZodType<T>,
    request: LivyAsk,
    options: CallOptions & { timeoutMs?: number } = {},
  ): Promise<T> {
    return read(schema, (await ask(request, options)).json ?? 'null')
  }

  const slow = (options: CallOptions = {}) => ({ ...options, timeoutMs: SLOW_MS })

  return {
    ended: link.ended,
    close: () => link.close(),
    attach: (entries, options) => value(attached, { op: 'attach', entries }, options) as ReturnType<Line['attach']>,
    create: ({ request, ...making }, options) =>
      value(made, { op: 'create', ...making, request: JSON.stringify(request) }, slow(options)) as ReturnType<
        Line['create']
      >,
    async delete(key, options) {
      await ask({ op: 'delete', key }, slow(options))
    },
    async stop(key, options) {
      await ask({ op: 'stop', key }, slow(options))
    },
    log: (key, range, options) => value(livyLog, { op: 'log', key, ...range }, options),
    async statements(key, options) {
      const answer = await ask({ op: 'statements', key }, options)
      const all = read(z.array(livyStatement), answer.json ?? '[]')
      const cut = new Set((answer.outputs ?? []).map((o) => o.statement))
      return await Promise.all(all.map((s) => (cut.has(s.id) ? whole(key, s) : s)))
    },
    async submit(key, request, expect, options) {
      const answer = await ask({ op: 'submit', key, request: JSON.stringify(request), expect }, options)
      const statement = read(livyStatement, answer.json ?? 'null')
      return answer.outputs === undefined ? statement : await whole(key, statement)
    },
    async cancel(key, statement, options) {
      await ask({ op: 'cancel', key, statement }, options)
    },
    complete: (key, request, options) => value(candidates, { op: 'complete', key, ...request }, options),
    submitJob: (key, way, request, options) => value(livyJob, { op: 'submit-job', key, way, ...request }, options),
    job: (key, job, options) => value(livyJob, { op: 'job', key, job }, options),
    async cancelJob(key, job, options) {
      await ask({ op: 'cancel-job', key, job }, options)
    },
    async add(key, what, uri, options) {
      await ask({ op: 'add', key, what, uri }, options)
    },
    async upload(key, what, { name, bytes }, options) {
      const upload = randomUUID()
      const total = bytes.length
      let offset = 0
      do {
        const piece = bytes.subarray(offset, offset + PIECE_BYTES)
        const request = { key, what, name, upload, total, offset, bytes: piece }
        unpackRefusal(await call(network, peerId, uploadSpec, request, options))
        offset += piece.length
      } while (offset < total)
    },
  }
}

function changeOf(push: Exclude<LivyPushFrame, { type: 'statement' }>): SiteChange {
  if (push.type === 'lost') return { type: 'lost', why: push.why }
  if (push.type === 'session') return { type: 'session', session: read(livySession, push.json) }
  return { type: 'batch', batch: read(livyBatch, push.json) }
}

const EMPTY = { id: 0, code: '', state: 'available', progress: 1, started: 0, completed: 0 }

function read<T>(schema: z.ZodType<T>, json: string): T {
  return checked(schema, fromJson(json), 'livy-watch')
}
