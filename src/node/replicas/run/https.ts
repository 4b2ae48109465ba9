/** Ranges by HTTPS from islands that offer it: the key that answers has to be the one that the island's card names. */
import { createHash } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import type { Logger } from 'pino'
import { buildConnector, type Dispatcher, Pool } from 'undici'
import { ArchipelError, errorFromInfo } from '../../../protocols/model/errors.ts'
import type { Card } from '../../../protocols/model/island.ts'
import { decodeStrict, encodeCanonical } from '../../../protocols/record/cbor.ts'
import type { Signer } from '../../../protocols/record/keys.ts'
import {
  AUTH_SCHEME,
  ERROR_TRAILER,
  PROOF_HEADER,
  proofOf,
  RANGES_PATH,
} from '../../../protocols/transfer/capability.ts'
import { cutter } from '../../../protocols/transfer/cut.ts'
import {
  type CapabilityAnswer,
  type CapabilityRequest,
  MAX_CAPABILITY_CHARS,
  MAX_CAPABILITY_PATTERNS,
  type RangeItem,
  type RangesRequest,
  rangesSpec,
} from '../../../protocols/transfer/messages.ts'
import { answerOf } from '../../../protocols/wire/frames.ts'

export interface HttpsSourcesComponents {
  /** What its card says of it. */
  offerOf(island: string): Card['https']
  /** Asks it for leave; undefined where it knows nothing of that (any more). */
  leave(island: string, request: CapabilityRequest, signal: AbortSignal): Promise<CapabilityAnswer | undefined>
  /** Of this island. */
  signer: Signer
  /** Told of all bytes that come, whose buffers are soon of no use. */
  passed?(bytes: number): void
  now?: () => number
  logger: Logger
}

export interface HttpsSources {
  /**
   * @param files patterns of what this work will ask for; none: all
   * @returns undefined where the bytes do not come this way now: there is no offer, or nobody answers as it should
   * @throws what the other side answered
   */
  ranges(
    island: string,
    request: RangesRequest,
    files: readonly string[],
    signal: AbortSignal,
  ): Promise<AsyncIterable<RangeItem> | undefined>
  /** Bytes received this way since the start, verified or not. */
  receivedBytes(): number
  stop(): Promise<void>
}

type Offer = NonNullable<Card['https']>

const CONNECT_MS = 3_000
/** Requests under way at one island: it gives eight to each. */
const CONNECTIONS = 8
const IDLE_MS = 20_000
/** Milliseconds for which an island that could not be reached this way is asked the other way. */
const REST_MS = 60_000
/** Milliseconds before its end at which leave is asked for anew. */
const RENEW_MS = 30_000
const MAX_REFUSAL_BYTES = 64 * 1024
const MAX_LEAVES = 256
const MAX_ISLANDS = 64
/** Bytes that have come and were not taken. */
const READ_AHEAD_BYTES = 1024 * 1024

interface Line {
  offer: Offer
  pools: Pool[]
  /** The one that answered last. */
  best: number
  restsUntil: number
  users: number
}

export function httpsSources(components: HttpsSourcesComponents): HttpsSources {
  const { logger } = components
  const now = components.now ?? (() => performance.now())
  const lines = new Map<string, Line>()
  const leaves = new Map<string, { answer: Promise<CapabilityAnswer | undefined>; at: number }>()
  let received = 0

  function lineTo(island: string): Line | undefined {
    const offer = components.offerOf(island)
    if (offer === undefined) return undefined
    const known = lines.get(island)
    if (known !== undefined && sameOffer(known.offer, offer)) return known
    if (known !== undefined) close(known)
    for (const [name, line] of lines) {
      if (lines.size < MAX_ISLANDS) break
      if (line.users > 0) continue
      lines.delete(name)
      close(line)
    }
    const line = { offer, pools: offer.urls.map((url) => pinned(url, offer.key)), best: 0, restsUntil: 0, users: 0 }
    lines.set(island, line)
    return line
  }

  /** Ends what is idle now, and the rest when it is done. */
  function close(line: Line): void {
    for (const pool of line.pools) pool.close().catch(() => {})
  }

  function rest(island: string, line: Line, why: unknown): void {
    line.restsUntil = now() + REST_MS
    logger.info({ island, why: (why as Error).message }, 'bytes do not come by HTTPS, they are asked for over libp2p')
  }

  async function leaveFor(
    island: string,
    request: CapabilityRequest,
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    const key = JSON.stringify([island, request])
    const known = leaves.get(key)
    if (known !== undefined) {
      // Whoever asks first asks for all; where that fails, perhaps since it left, the others ask for themselves.
      const given = await known.answer.catch(() => undefined)
      if (given !== undefined && now() < known.at + given.validMs - RENEW_MS) return given.capability
    }
    const made = { answer: components.leave(island, request, signal), at: now() }
    leaves.set(key, made)
    made.answer.catch(() => leaves.get(key) === made && leaves.delete(key))
    for (const oldest of leaves.keys()) {
      if (leaves.size <= MAX_LEAVES) break
      leaves.delete(oldest)
    }
    return (await made.answer)?.capability
  }

  /** Leave that was refused is not used again. */
  function forget(island: string, request: CapabilityRequest): void {
    leaves.delete(JSON.stringify([island, request]))
  }

  /** @returns undefined where no address answers */
  async function ask(
    island: string,
    line: Line,
    raw: Uint8Array,
    body: Uint8Array,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData | undefined> {
    const base64 = (value: Uint8Array) => Buffer.from(value).toString('base64url')
    const headers = {
      authorization: AUTH_SCHEME + base64(raw),
      [PROOF_HEADER]: base64(proofOf(raw, body, components.signer)),
      'content-type': 'application/cbor',
    }
    let why: unknown
    for (let i = 0; i < line.pools.length; i++) {
      const number = (line.best + i) % line.pools.length
      try {
        const answer = await line.pools[number]!.request({
          path: RANGES_PATH,
          method: 'POST',
          headers,
          body: Buffer.from(body),
          signal,
          highWaterMark: READ_AHEAD_BYTES,
        })
        line.best = number
        return answer
      } catch (cause) {
        if (signal.aborted) throw new ArchipelError('CANCELLED', 'the bytes are not wanted any more', { cause })
        why = cause
      }
    }
    rest(island, line, why)
    return undefined
  }

  async function* items(
    island: string,
    line: Line,
    { ranges }: RangesRequest,
    answer: Dispatcher.ResponseData,
    signal: AbortSignal,
  ): AsyncGenerator<RangeItem> {
    line.users++
    const cut = cutter(ranges)
    try {
      // What has come meanwhile is joined: large parts are worth a copy.
      for await (const chunk of answer.body as AsyncIterable<Buffer>) {
        received += chunk.length
        components.passed?.(chunk.length)
        yield* cut(chunk)
      }
      const ended = answer.trailers[ERROR_TRAILER]
      if (ended !== undefined) answerOf(decoded(Buffer.from(String(ended), 'base64url')))
    } catch (cause) {
      if (cause instanceof ArchipelError) throw cause
      if (signal.aborted) throw new ArchipelError('CANCELLED', 'the bytes are not wanted any more', { cause })
      rest(island, line, cause)
      throw new ArchipelError('UNREACHABLE', 'the connection by HTTPS failed', { cause })
    } finally {
      line.users--
      discard(answer)
    }
  }

  return {
    async ranges(island, request, files, signal) {
      const line = lineTo(island)
      if (line === undefined || now() < line.restsUntil) return undefined
      const body = encodeCanonical(request)
      const { dataset, version } = request
      const asked = { dataset, version, files: fits(files) ? [...files] : [] }
      for (let attempt = 0; attempt < 2; attempt++) {
        const raw = await leaveFor(island, asked, signal)
        if (raw === undefined) return undefined
        const answer = await ask(island, line, raw, body, signal)
        if (answer === undefined) return undefined
        if (answer.statusCode === 200) return items(island, line, request, answer, signal)
        const refusal = await refusalOf(answer)
        if (refusal.code !== 'CAPABILITY_EXPIRED' && refusal.code !== 'CAPABILITY_INVALID') throw refusal
        forget(island, asked)
        if (attempt > 0) rest(island, line, refusal)
      }
      return undefined
    },
    receivedBytes: () => received,
    async stop() {
      await Promise.all([...lines.values()].flatMap(({ pools }) => pools.map((pool) => pool.destroy())))
    },
  }
}

const sameOffer = (a: Offer, b: Offer) => a.key === b.key && a.urls.join() === b.urls.join()

const fits = (files: readonly string[]) =>
  files.length <= MAX_CAPABILITY_PATTERNS && files.join('').length <= MAX_CAPABILITY_CHARS

/** Connections to one address, on which nothing is sent before the key was looked at. */
function pinned(url: string, pin: string): Pool {
  // A session that is taken up again shows no certificate.
  const connect = buildConnector({
    timeout: CONNECT_MS,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.3',
    maxCachedSessions: 0,
  })
  return new Pool(url, {
    connect(options, callback) {
      connect(options, (error, socket) => {
        if (error !== null) return callback(error, null)
        const problem = isPinned(socket as TLSSocket, pin)
          ? undefined
          : new ArchipelError('UNREACHABLE', 'another key answers there than the card names')
        if (problem === undefined) return callback(null, socket)
        socket.destroy()
        callback(problem, null)
      })
    },
    connections: CONNECTIONS,
    pipelining: 1,
    keepAliveTimeout: IDLE_MS,
    headersTimeout: rangesSpec.timeoutMs,
    bodyTimeout: rangesSpec.timeoutMs,
  })
}

function isPinned(socket: TLSSocket, pin: string): boolean {
  const key = socket.getPeerX509Certificate()?.publicKey.export({ format: 'der', type: 'spki' })
  return key !== undefined && createHash('sha256').update(key).digest('hex') === pin
}

function decoded(bytes: Uint8Array): unknown {
  try {
    return decodeStrict(bytes, { maxBytes: MAX_REFUSAL_BYTES })
  } catch (cause) {
    throw new ArchipelError('PROTOCOL', 'a refusal that is not canonical CBOR', { cause })
  }
}

/** What it says instead of the bytes. */
async function refusalOf(answer: Dispatcher.ResponseData): Promise<ArchipelError> {
  const parts: Buffer[] = []
  let length = 0
  try {
    for await (const part of answer.body as AsyncIterable<Buffer>) {
      length += part.length
      if (length > MAX_REFUSAL_BYTES) break
      parts.push(part)
    }
    const said = decoded(Buffer.concat(parts)) as { error?: unknown } | null
    if (typeof said?.error === 'object' && said.error !== null) return errorFromInfo(said.error)
  } catch {
    // It is no island that answers.
  } finally {
    discard(answer)
  }
  return new ArchipelError('PROTOCOL', `a status ${answer.statusCode} that says nothing`)
}

/** A body that is left before its end says that it was. */
function discard({ body }: Dispatcher.ResponseData): void {
  body.on('error', () => {})
  body.destroy()
}
