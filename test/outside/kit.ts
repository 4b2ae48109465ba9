/** A web server with files of its own, and the outside sources of an island that may read it. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTls } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type OutsideInit, type OutsidePort, outside } from '../../src/node/outside/outside.ts'
import type { Listed } from '../../src/node/outside/port.ts'
import type { SourceFile } from '../../src/node/publish/port.ts'
import type { TestContext } from '../kit/index.ts'

export interface Served {
  bytes: Buffer
  etag: string
}

export interface WebServer {
  /** With a `/` at its end. */
  url: string
  files: Map<string, Served>
  /** `GET /a.csv bytes=0-9`, as they came. */
  log: string[]
  /** Asked before the server answers on its own; true where it has answered. */
  before?: (request: IncomingMessage, response: ServerResponse) => boolean
}

export async function webServer(t: TestContext, pem?: { key: string; cert: string }): Promise<WebServer> {
  const web: WebServer = { url: '', files: new Map(), log: [] }
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    web.log.push(`${request.method} ${request.url} ${request.headers.range ?? ''}`.trim())
    if (web.before?.(request, response)) return
    answer(web.files.get(decodeURIComponent(request.url!.slice(1))), request, response)
  }
  const server = pem === undefined ? createServer(listener) : createTls(pem, listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.cleanup(() => {
    server.closeAllConnections()
    server.close()
  })
  web.url = `${pem === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}/`
  return web
}

function answer(file: Served | undefined, request: IncomingMessage, response: ServerResponse): void {
  if (file === undefined) return void response.writeHead(404).end()
  const { bytes, etag } = file
  const match = request.headers['if-match']
  if (match !== undefined && match !== etag) return void response.writeHead(412).end()
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')
  if (range === null) return void response.writeHead(200, { etag, 'content-length': bytes.length }).end(bytes)
  const [from, to] = [Number(range[1]), Math.min(Number(range[2]), bytes.length - 1)]
  if (from > to) return void response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end()
  const part = bytes.subarray(from, to + 1)
  const headers = { etag, 'content-range': `bytes ${from}-${to}/${bytes.length}`, 'content-length': part.length }
  response.writeHead(206, headers).end(part)
}

export async function sourcesOf(
  t: TestContext,
  init: Partial<OutsideInit> & { sources: string[] },
): Promise<OutsidePort> {
  const port = outside({ dir: join(await t.tmpdir(), 'copies'), cacheBytes: 64 * 1024 * 1024, againMs: 10, ...init })
  t.cleanup(() => port.stop())
  return port
}

export async function listed(port: OutsidePort, place: string, t: TestContext): Promise<Listed[]> {
  const found: Listed[] = []
  for await (const each of port.list(place, t.signal)) found.push(each)
  return found
}

/** As a dataset keeps it. */
export const fileOf = ({ path, url, size, tag }: Listed): SourceFile => ({
  path,
  local: url,
  size,
  mtimeNs: tag,
  ctimeNs: '',
  ino: '',
})

export async function readAll(
  port: OutsidePort,
  file: SourceFile,
  t: TestContext,
  range = { offset: 0, length: file.size },
): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const bytes of port.read(file, range, t.signal)) parts.push(Uint8Array.from(bytes))
  return Buffer.concat(parts)
}
