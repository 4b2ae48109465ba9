/** Answers in Livy's form: JSON on one line, its bare strings and empty bodies, and failures in its words. */
import { promisify } from 'node:util'
import { deflate, gzip } from 'node:zlib'
import { type LivyRefusal, notFound } from '../../protocols/livy/refusal.ts'
import type { ArchipelError } from '../../protocols/model/errors.ts'

export interface Answer {
  status: number
  /** Without it the body is empty. */
  json?: unknown
  headers?: Record<string, string>
}

const MEDIA_TYPE = 'application/json;charset=utf-8'
/** Smaller ones are not worth the compression. */
const COMPRESS_BYTES = 2048
/** The lowest level: bodies are seen once. */
const LEVEL = { level: 1 }

const packers = { gzip: promisify(gzip), deflate: promisify(deflate) }

/** What the asker takes, gzip before deflate. */
function coding(accept: string | undefined): keyof typeof packers | undefined {
  const taken = (name: string) => new RegExp(`(^|[\\s,])${name}\\b(?!\\s*;\\s*q=0(\\.0*)?\\s*(,|$))`, 'i')
  if (accept === undefined) return undefined
  if (taken('gzip').test(accept)) return 'gzip'
  return taken('deflate').test(accept) ? 'deflate' : undefined
}

/** @param accept the header `Accept-Encoding` */
export async function respond({ status, json, headers = {} }: Answer, accept: string | undefined): Promise<Response> {
  if (json === undefined) return new Response(null, { status, headers })
  const body = Buffer.from(JSON.stringify(json))
  const head = { ...headers, 'content-type': MEDIA_TYPE }
  const packed = body.length < COMPRESS_BYTES ? undefined : coding(accept)
  if (packed === undefined)
    return new Response(body, { status, headers: { ...head, 'content-length': `${body.length}` } })
  const bytes = await packers[packed](body, LEVEL)
  return new Response(bytes, {
    status,
    headers: { ...head, 'content-encoding': packed, vary: 'accept-encoding', 'content-length': `${bytes.length}` },
  })
}

/** What was asked for, where an error of ours needs Livy's words for it. */
export interface Asked {
  /** The session or batch of the path. */
  ref?: string | number | undefined
  /** It would have made a session or a batch. */
  creates?: boolean
}

const oneLine = (text: string) => text.replace(/\s*\n\s*/g, ' ')

/** The message, and what to do about it: Livy has no field for that. */
function words({ message, hint }: ArchipelError): string {
  const text = oneLine(message)
  return `${text}${/[.!?]$/.test(text) ? '' : '.'} ${oneLine(hint)}`
}

export function refusalAnswer({ status, body }: LivyRefusal): Answer {
  return body === undefined ? { status } : { status, json: body }
}

/**
 * An error of ours as Livy would say it. Its own clients know 400 with `msg`, 404 of a session, and 500 with a bare string; what
 * only this endpoint can say (who asks, how often, how much) has its own status, with `msg`.
 */
export function errorAnswer(error: ArchipelError, { ref, creates = false }: Asked): Answer {
  const { code, status } = error
  if (code === 'SESSION_NOT_FOUND' && ref !== undefined) return refusalAnswer(notFound(ref))
  if (code === 'STATEMENT_NOT_FOUND') return { status: 404, json: 'Statement not found' }
  // Clients send again what is answered with 5xx; where the data are does not change by that.
  if (creates && (code === 'NO_HOLDER' || (status < 500 && ![401, 403, 499].includes(status))))
    return { status: 400, json: { msg: `Rejected, Reason: ${words(error)}` } }
  if ([401, 403, 413, 429].includes(status)) return { status, json: { msg: words(error) }, headers: extra(error) }
  return status < 500 ? { status: 400, json: { msg: words(error) } } : { status: 500, json: words(error) }
}

function extra({ status, details }: ArchipelError): Record<string, string> {
  if (status === 401) return { 'www-authenticate': 'Basic realm="archipel", charset="UTF-8"' }
  const { retryAfterMs: after } = details ?? {}
  return typeof after === 'number' ? { 'retry-after': String(Math.ceil(after / 1000)) } : {}
}
