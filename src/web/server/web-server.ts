/** Listening and stopping of the web service. */
import { createServer, type Server, STATUS_CODES } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import type { Logger } from 'pino'
import { ArchipelError, toArchipelError } from '../../protocols/model/errors.ts'
import type { LivyPort } from '../livy/port.ts'
import type { AccessPort, IslandHealth, IslandPort } from '../ports.ts'
import type { RateLimits } from './access.ts'
import { app, problemResponse } from './app.ts'
import { eventHub } from './events.ts'
import { STRICT_HEADERS } from './guard.ts'
import { type AnswerStore, answers } from './idempotency.ts'
import { datasetMetadata } from './metadata.ts'
import { metrics } from './metrics.ts'
import { isLoopback, urlHost } from './origins.ts'

export interface WebServerInit {
  /** Of the island. */
  id: string
  /** The address to listen on; one that is not loopback only with `hosts`. */
  host: string
  /** 0 takes any free port. */
  port: number
  /** Names in `Host` that it answers to beside those of loopback. */
  hosts?: readonly string[]
  /** Foreign origins whose pages may call with a token. */
  origins?: readonly string[]
  rate?: RateLimits
  /** Of the software, for OpenAPI. */
  version?: string
}

export interface WebServerComponents {
  island: IslandPort
  access: AccessPort
  health: IslandHealth
  logger: Pick<Logger, 'debug' | 'warn' | 'error'>
  /** What `/livy` serves; without it there is no such endpoint. */
  livy?: LivyPort | undefined
  /** Where answers to idempotency keys outlive the process; in memory only when absent. */
  answerStore?: AnswerStore
}

export interface WebServer {
  /** e.g. `http://127.0.0.1:9411`; known after `start`. */
  readonly url: string
  /** @throws CONFIG_INVALID for a host that is not loopback while no `hosts` are named, ADDRESS_IN_USE, CANCELLED */
  start(options?: { signal?: AbortSignal }): Promise<void>
  /**
   * No new connections; event streams end; answers under way get `GRACE_MS`, then their calls are aborted and the
   * connections cut. Never throws; the second call waits for the first.
   */
  stop(): Promise<void>
}

/** As the settings have it. */
const DEFAULT_RATE: RateLimits = { perSecond: 50, burst: 500, failuresPerMinute: 30 }
const GRACE_MS = 1000
const MAX_CONNECTIONS = 512
/** Milliseconds a client has to send its headers, and the whole request. */
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000
const KEEP_ALIVE_MS = 5_000

export function webServer(init: WebServerInit): (components: WebServerComponents) => WebServer {
  return ({ island, access, health, logger, livy, answerStore }) => {
    const stopping = new AbortController()
    const events = eventHub(island, (err) => logger.warn({ err }, 'the events of the island ended'))
    const measured = metrics(health, { readers: () => events.readers })
    // Until it listens, and from the moment it shall stop.
    let phase: 'starting' | 'up' | 'stopping' = 'starting'
    const remembered = answers({ store: answerStore })
    let port = init.port
    let stopped: Promise<void> | undefined
    const hono = app(
      {
        id: init.id,
        host: init.host,
        port: () => port,
        hosts: init.hosts ?? [],
        origins: init.origins ?? [],
        rate: init.rate ?? DEFAULT_RATE,
        stopping: stopping.signal,
      },
      {
        island,
        access,
        metadata: datasetMetadata,
        version: init.version ?? '0',
        events,
        answers: remembered,
        metrics: measured,
        ...(livy === undefined ? {} : { livy }),
        notReady: () => [...new Set([...(phase === 'up' ? [] : [phase]), ...health.notReady()])],
        logger,
      },
    )
    const server = createServer(
      {
        headersTimeout: HEADERS_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        connectionsCheckingInterval: 2_000,
        keepAliveTimeout: KEEP_ALIVE_MS,
        maxHeaderSize: 16_384,
      },
      getRequestListener(hono.fetch, {
        overrideGlobalObjects: false,
        errorHandler: (cause) =>
          problemResponse(
            cause instanceof Error && cause.name === 'RequestError'
              ? new ArchipelError('BAD_INPUT', 'the request line or the Host header is broken')
              : toArchipelError(cause),
          ),
      }),
    )
    server.maxConnections = MAX_CONNECTIONS
    server.on('clientError', answerBroken)

    return {
      get url() {
        return `http://${urlHost(init.host)}:${port}`
      },
      async start({ signal } = {}) {
        if (!isLoopback(init.host) && !init.hosts?.length) {
          throw new ArchipelError(
            'CONFIG_INVALID',
            `web.host: ${init.host} can be reached from elsewhere, and web.hosts names nobody who may`,
            {
              hint: 'Set web.hosts to the names by which it is called, e.g. island.example.org, and put a proxy with TLS before it; or leave web.host at 127.0.0.1.',
            },
          )
        }
        if (signal?.aborted) throw new ArchipelError('CANCELLED', 'the start was cancelled')
        await remembered.start()
        port = await listen(server, init.host, init.port)
        events.start()
        measured.start()
        phase = 'up'
      },
      stop() {
        stopped ??= shutDown()
        return stopped
      },
    }

    async function shutDown(): Promise<void> {
      phase = 'stopping'
      measured.stop()
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      await events.stop()
      server.closeIdleConnections()
      const abort = setTimeout(() => stopping.abort(), GRACE_MS)
      const cut = setTimeout(() => server.closeAllConnections(), 2 * GRACE_MS)
      // An answer that ends now leaves its connection idle for the keep-alive time; nobody waits for that.
      const idle = setInterval(() => server.closeIdleConnections(), 50)
      await closed
      clearInterval(idle)
      clearTimeout(abort)
      clearTimeout(cut)
    }
  }
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const text = `${host}:${port}`
      if (cause.code === 'EADDRINUSE') reject(new ArchipelError('ADDRESS_IN_USE', `port ${text} is in use`, { cause }))
      else
        reject(
          new ArchipelError('CONFIG_INVALID', `the web service cannot listen on ${text} (${cause.code})`, { cause }),
        )
    })
    server.listen(port, host, () => {
      server.removeAllListeners('error')
      server.on('error', () => {})
      resolve((server.address() as AddressInfo).port)
    })
  })
}

/** What Node's parser refuses never reaches the application; the answer has the same form. */
function answerBroken(cause: NodeJS.ErrnoException, socket: Socket): void {
  // Browsers open connections ahead. One that said nothing is closed without a word: a request that comes at this moment is
  // sent again by itself, while any answer would be taken for the one to it.
  if (cause.code === 'ECONNRESET' || !socket.writable || socket.bytesRead === 0) return void socket.destroy()
  const error =
    cause.code === 'HPE_HEADER_OVERFLOW'
      ? new ArchipelError('TOO_LARGE', 'the headers are too large')
      : cause.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? new ArchipelError('REQUEST_TIMEOUT', 'the request was not complete in time')
        : new ArchipelError('BAD_INPUT', 'this is not HTTP/1.1')
  const response = problemResponse(error)
  response.text().then((body) => {
    const headers = { ...STRICT_HEADERS, 'content-type': 'application/problem+json', connection: 'close' }
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    const status = `${error.status} ${STATUS_CODES[error.status] ?? 'Error'}`
    socket.end(`HTTP/1.1 ${status}\r\n${lines.join('')}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
  })
}
