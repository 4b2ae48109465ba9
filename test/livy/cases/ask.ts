/** One HTTP request as it is written, with nothing added that fetch would add. */
import { type IncomingHttpHeaders, request } from 'node:http'

export interface Ask {
  method: string
  path: string
  headers?: Record<string, string>
  body?: string | Buffer
  /** In two chunks, without a Content-Length. */
  chunked?: boolean
  signal?: AbortSignal
}

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  bytes: Buffer
  text: string
  /** Undefined when it is no JSON. */
  json: unknown
}

/** Waits for "100 Continue" when the headers ask for it. */
export async function ask(base: string, { method, path, headers, body, chunked, signal }: Ask): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const length = body === undefined || chunked ? {} : { 'content-length': Buffer.byteLength(body) }
  const call = request(`${base}${path}`, { method, headers: { ...length, ...headers }, agent: false, signal })
  call.once('error', reject)
  call.once('response', (response) => {
    const chunks: Buffer[] = []
    response.once('error', reject)
    response.on('data', (chunk: Buffer) => chunks.push(chunk))
    response.once('end', () => {
      const bytes = Buffer.concat(chunks)
      const text = bytes.toString()
      resolve({ status: response.statusCode ?? 0, headers: response.headers, bytes, text, json: parsed(text) })
    })
  })
  const send = () => {
    if (chunked && body !== undefined) {
      call.write(body.slice(0, 5))
      call.end(body.slice(5))
    } else call.end(body)
  }
  if (headers?.expect === undefined) send()
  else {
    call.once('continue', send)
    call.flushHeaders()
  }
  return promise
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
