import { randomBytes } from 'node:crypto'
import { type Dispatcher, Pool } from 'undici'
import { parseLivyJson } from '../../../protocols/livy/json.ts'
import { LivyRefusal } from '../../../protocols/livy/refusal.ts'
import { ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'

/** How this island proves to its Livy who it is: Basic, or any header, e.g. of a gateway before it. */
export type LivyAuth = { user: string; password: string } | { header: string; value: string }

export interface LivyRestInit {
  /** Where Livy is: `http(s)://host:port`, perhaps with a path. */
  url: string
  auth?: LivyAuth
  /** PEM of the authority that signed its certificate, where that is none of the system's. */
  ca?: string
  /** Milliseconds without an answer after which Livy counts as down. Default 60 s: statements are listed only when a session is up. */
  timeoutMs?: number
  /** Bytes of one answer. Default 256 MiB. */
  maxBytes?: number
}

export interface LivyCall {
  query?: Record<string, string | number | undefined>
  body?: unknown
  file?: { part: string; name: string; bytes: Uint8Array }
  signal?: AbortSignal
}

/** Livy's REST interface as it is: paths in, parsed answers out. */
export interface LivyRest {
  /**
   * The parsed answer; undefined where it is empty.
   * @throws LivyRefusal for any answer of Livy that is no success, ENGINE_DOWN where there is none, CANCELLED
   */
  call(method: 'GET' | 'POST' | 'DELETE', path: string, options?: LivyCall): Promise<unknown>
  /** As the last call found it. */
  state(): { up: boolean; reason?: string }
  close(): Promise<void>
}

const TIMEOUT_MS = 60_000
const MAX_BYTES = 256 * 1024 ** 2
/** Calls at a time; Livy has a thread for each. */
const CONNECTIONS = 16
/** Answers of something between us and Livy, or of a Livy that is going down. */
const GONE = new Set([502, 503, 504])

const LIVY_HINT = 'Is Livy running? `archipel status` at the island tells; livy.url in its configuration names it.'
const CA_HINT =
  'livy.ca in the configuration of the island names the file with the certificate (PEM) of the authority that signed that of Livy, which has to name the host of livy.url.'
const AUTH_HINT = 'Check livy.user, livy.password, livy.header and livy.token in the configuration of the island.'

/** Connects to one Livy. Nothing is asked before the first call. */
export function livyRest(init: LivyRestInit): LivyRest {
  const base = new URL(init.url)
  const prefix = base.pathname.replace(/\/$/, '')
  const timeout = init.timeoutMs ?? TIMEOUT_MS
  const maxBytes = init.maxBytes ?? MAX_BYTES
  const pool = new Pool(base.origin, {
    connections: CONNECTIONS,
    headersTimeout: timeout,
    bodyTimeout: timeout,
    connect: { timeout: Math.min(timeout, 10_000), ...(init.ca === undefined ? {} : { ca: init.ca }) },
  })
  const fixed = { accept: 'application/json', 'x-requested-by': 'archipel', ...authHeader(init.auth) }
  let reason: string | undefined

  function down(why: string, hint = LIVY_HINT, cause?: unknown): ArchipelError {
    reason = why
    return new ArchipelError('ENGINE_DOWN', `Livy is down: ${why}`, { hint, cause })
  }

  async function answer(method: 'GET' | 'POST' | 'DELETE', path: string, options: LivyCall) {
    const { headers, body } = bodyOf(options)
    try {
      const response = await pool.request({
        method,
        path: prefix + path + queryOf(options.query),
        headers: { ...fixed, ...headers },
        body,
        signal: options.signal,
      })
      return { status: response.statusCode, text: await textOf(response, maxBytes), type: typeOf(response) }
    } catch (error) {
      if (error instanceof ArchipelError) throw error
      if (options.signal?.aborted) throw toArchipelError(Object.assign(new DOMException('', 'AbortError')))
      const why = words(error)
      throw down(why, why.includes('certificate') ? CA_HINT : LIVY_HINT, error)
    }
  }

  return {
    async call(method, path, options = {}) {
      const { status, text, type } = await answer(method, path, options)
      if (GONE.has(status)) throw down(`what stands before it answers ${status}`)
      if (status === 401 || status === 407) throw down(`it does not accept the credentials (${status})`, AUTH_HINT)
      reason = undefined
      const parsed = type.includes('json') ? parseAnswer(text, status) : text === '' ? undefined : text
      if (status >= 200 && status < 300) return parsed
      throw new LivyRefusal(status, refusalBody(parsed, type))
    },
    state: () => (reason === undefined ? { up: true } : { up: false, reason }),
    async close() {
      if (!pool.destroyed) await pool.destroy()
    },
  }
}

function authHeader(auth: LivyAuth | undefined): Record<string, string> {
  if (auth === undefined) return {}
  if ('header' in auth) return { [auth.header.toLowerCase()]: auth.value }
  return { authorization: `Basic ${Buffer.from(`${auth.user}:${auth.password}`).toString('base64')}` }
}

function queryOf(query: LivyCall['query'] = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined)
  return given.length === 0 ? '' : `?${new URLSearchParams(given.map(([key, value]) => [key, String(value)]))}`
}

function bodyOf({ body, file }: LivyCall): { headers: Record<string, string>; body?: string | Buffer } {
  if (file !== undefined) return multipart(file)
  if (body === undefined) return { headers: {} }
  return { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
}

/** One part; written here because Livy wants the plain name of the file and no more. */
function multipart({ part, name, bytes }: { part: string; name: string; bytes: Uint8Array }) {
  const boundary = `archipel-${randomBytes(16).toString('hex')}`
  const plain = name.replace(/["\r\n]/g, '_')
  const head =
    `--${boundary}\r\nContent-Disposition: form-data; name="${part}"; filename="${plain}"\r\n` +
    'Content-Type: application/octet-stream\r\n\r\n'
  const body = Buffer.concat([Buffer.from(head), bytes, Buffer.from(`\r\n--${boundary}--\r\n`)])
  return { headers: { 'content-type': `multipart/form-data; boundary=${boundary}` }, body }
}

async function textOf({ body }: Dispatcher.ResponseData, maxBytes: number): Promise<string> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of body) {
    bytes += (part as Buffer).length
    if (bytes > maxBytes) {
      body.destroy()
      throw new ArchipelError('RESULT_LIMIT', `Livy's answer has more than ${maxBytes} bytes`)
    }
    parts.push(part as Buffer)
  }
  return Buffer.concat(parts).toString('utf8')
}

const typeOf = ({ headers }: Dispatcher.ResponseData) => String(headers['content-type'] ?? '')

function parseAnswer(text: string, status: number): unknown {
  if (text === '') return undefined
  try {
    return parseLivyJson(text)
  } catch (cause) {
    throw new ArchipelError('PROTOCOL', `Livy's answer (${status}) is not JSON`, { cause })
  }
}

/** Pages of the container are not passed on: they tell of the site's software. */
function refusalBody(parsed: unknown, type: string): string | { msg: string } | undefined {
  if (typeof parsed === 'string') return type.includes('html') ? undefined : parsed
  if (typeof parsed === 'object' && parsed !== null && 'msg' in parsed) return { msg: String(parsed.msg) }
  return undefined
}

/** In words, without the address: what is told to others has none. */
function words(error: unknown): string {
  const code = (error as { code?: string }).code ?? ''
  if (code === 'ECONNREFUSED') return 'nothing listens there'
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'its name is not known'
  if (code.includes('TIMEOUT')) return 'it does not answer in time'
  if (/CERT|SSL|TLS|SELF_SIGNED|UNABLE_TO_(VERIFY|GET)/.test(code)) return `its certificate is not accepted (${code})`
  return `the connection failed${code === '' ? '' : ` (${code})`}`
}
