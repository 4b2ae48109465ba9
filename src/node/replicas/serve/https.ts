/** The second carrier of bytes: HTTPS with a key of its own, for islands that can reach each other. It serves members only, with leave. */
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Logger } from 'pino'
import { ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import { decodeStrict, encodeCanonical } from '../../../protocols/record/cbor.ts'
import type { Signer } from '../../../protocols/record/keys.ts'
import {
  AUTH_SCHEME,
  type Capability,
  capabilityInvalid,
  decodeCapability,
  ERROR_TRAILER,
  encodeCapability,
  isProof,
  PROOF_HEADER,
  RANGES_PATH,
} from '../../../protocols/transfer/capability.ts'
import { capabilitySpec, type RangesRequest, rangesRequest, rangesSpec } from '../../../protocols/transfer/messages.ts'
import { checked } from '../../../protocols/wire/frames.ts'
import { quotas } from '../../../protocols/wire/quota.ts'
import { type StreamAcceptor, serve } from '../../../protocols/wire/server.ts'
import { matches } from '../names.ts'
import type { Provider } from './provider.ts'

export interface HttpsInit {
  self: string
  archipelagoId: string
  host: string
  /** 0: any free one. */
  port: number
  /** PEM. */
  key: string
  cert: string
  /** Milliseconds for which a reader may take nothing. Default 30 s. */
  slowMs?: number
}

export interface HttpsComponents {
  network: StreamAcceptor
  provider: Pick<Provider, 'check' | 'ranges'>
  /** Of this island. */
  signer: Signer
  /** Told of all bytes that go. */
  passed?(bytes: number): void
  /** The key of a member. */
  keyOf(island: string): Uint8Array | undefined
  now?: () => number
  logger: Logger
}

export interface HttpsCarrier {
  /** @throws ADDRESS_IN_USE, UNREACHABLE (no such address here) */
  start(options: { stopping: AbortSignal }): Promise<void>
  stop(): Promise<void>
  port(): number
  /** Bytes sent this way since the start. */
  sentBytes(): number
}

/** Milliseconds for which leave is given, and which the asker may count on. */
const GRANT_MS = 5 * 60_000
const MAX_CONNECTIONS = 512
const HANDSHAKE_MS = 10_000
const HEADERS_MS = 10_000
const REQUEST_MS = 30_000
const IDLE_MS = 30_000
const CHECK_EVERY_MS = 5_000
const MAX_HEADER_BYTES = 16 * 1024
/** One item is on its way to the socket while the next is read. */
const ITEMS_IN_USE = 2
/** AES with hardware first: the bytes are verified by their hashes anyway, what is hidden is hidden by any of them. */
const CIPHERS = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256'

export function httpsCarrier(init: HttpsInit, components: HttpsComponents): HttpsCarrier {
  const { provider, signer, logger } = components
  const now = components.now ?? Date.now
  const limits = quotas(rangesSpec.quota)
  const stopping = new AbortController()
  let sent = 0

  const server = createServer(
    {
      key: init.key,
      cert: init.cert,
      minVersion: 'TLSv1.3',
      ciphers: CIPHERS,
      honorCipherOrder: true,
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout: HANDSHAKE_MS,
      headersTimeout: HEADERS_MS,
      requestTimeout: REQUEST_MS,
      keepAliveTimeout: IDLE_MS,
      connectionsCheckingInterval: CHECK_EVERY_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
    },
    (request, response) => {
      answer(request, response).catch((err: unknown) => {
        logger.debug({ err }, 'an answer by HTTPS broke')
        response.destroy()
      })
    },
  )
  server.maxConnections = MAX_CONNECTIONS
  server.on('tlsClientError', (error) => logger.trace({ error: error.message }, 'a connection that is no TLS'))

  /** @throws CAPABILITY_INVALID, CAPABILITY_EXPIRED, NOT_A_MEMBER */
  function leaveOf(request: IncomingMessage): { raw: Buffer; capability: Capability } {
    const header = request.headers.authorization ?? ''
    if (!header.startsWith(AUTH_SCHEME)) throw capabilityInvalid('there is none')
    const raw = Buffer.from(header.slice(AUTH_SCHEME.length), 'base64url')
    const capability = decodeCapability(raw, signer.publicKey)
    if (capability.issuer !== init.self || capability.archipelago !== init.archipelagoId)
      throw capabilityInvalid('it was given by another island')
    if (capability.expires <= now()) throw new ArchipelError('CAPABILITY_EXPIRED', 'the capability has run out')
    const key = components.keyOf(capability.holder)
    if (key === undefined) throw new ArchipelError('NOT_A_MEMBER', 'the island that the capability names is no member')
    if (Buffer.compare(key, capability.key) !== 0) throw capabilityInvalid('its key is not that of the member')
    return { raw, capability }
  }

  /** @throws CAPABILITY_INVALID, PROTOCOL */
  function requestOf(
    body: Buffer,
    proof: string | undefined,
    { raw, capability }: ReturnType<typeof leaveOf>,
  ): RangesRequest {
    if (!isProof(Buffer.from(proof ?? '', 'base64url'), raw, body, capability.key))
      throw capabilityInvalid('the request is not signed by the island that it names')
    const asked = checked(rangesRequest, decoded(body), rangesSpec.name)
    if (asked.dataset !== capability.dataset || asked.version !== capability.version)
      throw capabilityInvalid('it is for another dataset or version')
    const other = asked.ranges.find(({ path }) => !matches(capability.files, path))
    if (other !== undefined) throw capabilityInvalid(`it is not for ${JSON.stringify(other.path)}`)
    return asked
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController()
    response.once('close', () => gone.abort(new ArchipelError('CANCELLED', 'the asker closed the connection')))
    const signal = AbortSignal.any([gone.signal, stopping.signal])
    let leave: (() => void) | undefined
    try {
      if (request.url !== RANGES_PATH) throw new ArchipelError('NOT_FOUND', 'there is nothing here')
      if (request.method !== 'POST') throw new ArchipelError('METHOD_NOT_ALLOWED', 'ranges are asked for by POST')
      const granted = leaveOf(request)
      const { holder } = granted.capability
      leave = limits.enter(holder)
      const body = await bodyOf(request)
      const asked = requestOf(body, headerOf(request, PROOF_HEADER), granted)
      await send(response, provider.ranges(asked, { island: holder, signal, inUse: ITEMS_IN_USE }), signal)
    } catch (cause) {
      refuse(request, response, toArchipelError(cause))
    } finally {
      leave?.()
    }
  }

  async function send(
    response: ServerResponse,
    items: AsyncGenerator<{ bytes: Uint8Array }>,
    signal: AbortSignal,
  ): Promise<void> {
    // Not begun before the first bytes are there: what is refused is refused by a status.
    let next = await items.next()
    response.writeHead(200, { 'content-type': 'application/octet-stream', trailer: ERROR_TRAILER })
    let writing: Promise<void> = Promise.resolve()
    try {
      while (next.done !== true) {
        await writing
        writing = written(response, next.value.bytes, signal)
        // Said by the next wait.
        writing.catch(() => {})
        sent += next.value.bytes.length
        components.passed?.(next.value.bytes.length)
        next = await items.next()
      }
      await writing
      response.end()
    } finally {
      await items.return(undefined)
    }
  }

  /** @throws DEADLINE where the reader takes nothing */
  async function written(response: ServerResponse, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const fail = () => reject(signal.reason)
    const timer = setTimeout(() => {
      response.destroy()
      reject(new ArchipelError('DEADLINE', 'the reader takes nothing'))
    }, init.slowMs ?? REQUEST_MS)
    signal.addEventListener('abort', fail, { once: true })
    try {
      if (signal.aborted) fail()
      response.write(bytes, (error) => (error ? reject(error) : resolve()))
      await promise
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', fail)
    }
  }

  function refuse(request: IncomingMessage, response: ServerResponse, error: ArchipelError): void {
    if (response.destroyed) return
    const body = encodeCanonical({ error: error.toInfo() })
    if (response.headersSent) {
      response.addTrailers({ [ERROR_TRAILER]: Buffer.from(body).toString('base64url') })
      response.end()
      return
    }
    // What was not read of the request is not waited for.
    if (!request.complete) response.setHeader('connection', 'close')
    response.writeHead(error.status, { 'content-type': 'application/cbor', 'content-length': body.length })
    response.end(body)
  }

  return {
    async start(options) {
      await serve(
        components.network,
        capabilitySpec,
        async ({ dataset, version, files }, { remote: { island = '' } }) => {
          provider.check({ dataset, version }, island)
          const key = components.keyOf(island)
          if (key === undefined) throw new ArchipelError('NOT_A_MEMBER', 'leave is given to members only')
          const granted: Capability = {
            v: 1,
            archipelago: init.archipelagoId,
            issuer: init.self,
            holder: island,
            key,
            dataset,
            version,
            files,
            expires: now() + GRANT_MS,
          }
          return { capability: encodeCapability(granted, signer), validMs: GRANT_MS }
        },
        options,
      )
      server.listen(init.port, init.host)
      await once(server, 'listening').catch((cause: NodeJS.ErrnoException) => {
        const where = `${init.host}:${init.port}`
        if (cause.code === 'EADDRINUSE')
          throw new ArchipelError('ADDRESS_IN_USE', `another program listens on ${where}`, {
            hint: 'Choose another with transfers.https.listen, or "off".',
            cause,
          })
        throw new ArchipelError('UNREACHABLE', `it cannot listen on ${where}`, {
          hint: 'transfers.https.listen is an address of this machine and a port.',
          cause,
        })
      })
    },
    async stop() {
      stopping.abort(new ArchipelError('CANCELLED', 'the island stops'))
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
    port: () => (server.address() as AddressInfo | null)?.port ?? 0,
    sentBytes: () => sent,
  }
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name]
  return Array.isArray(value) ? value[0] : value
}

/** @throws TOO_LARGE */
async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  let length = 0
  // Left before its end it stays open: the refusal goes out on it.
  for await (const part of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    length += part.length
    if (length > rangesSpec.maxRequestBytes)
      throw new ArchipelError('TOO_LARGE', `a request has at most ${rangesSpec.maxRequestBytes} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts)
}

function decoded(body: Buffer): unknown {
  try {
    return decodeStrict(body, { maxBytes: rangesSpec.maxRequestBytes })
  } catch (cause) {
    throw new ArchipelError('PROTOCOL', 'a request that is not canonical CBOR', { cause })
  }
}
