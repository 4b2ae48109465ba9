import { request } from 'node:http'
import { createClient, type IslandClient } from '../../src/web/client/index.ts'
import { type WebServer, webServer } from '../../src/web/server/web-server.ts'
import type { TestContext } from '../kit/index.ts'
import { type FakeIsland, fakeIsland } from './fake-island.ts'

export const TOKEN = 'owner-token-of-the-tests'

export interface Served {
  island: FakeIsland
  server: WebServer
  client: IslandClient
  url: string
  port: number
  /** What the server logged, each as `[level, object, text]`. */
  log: unknown[][]
}

export async function serve(t: TestContext): Promise<Served> {
  const island = fakeIsland()
  const log: unknown[][] = []
  const note =
    (level: string) =>
    (...args: unknown[]) =>
      void log.push([level, ...args])
  const logger = { debug: note('debug'), warn: note('warn'), error: note('error') } as never
  const server = webServer({ host: '127.0.0.1', port: 0, token: TOKEN, version: '0.1.0' })({ island, logger })
  await server.start()
  const client = createClient({ url: server.url, token: TOKEN })
  t.cleanup(() => server.stop())
  t.cleanup(() => client.close())
  return { island, server, client, url: server.url, port: Number(new URL(server.url).port), log }
}

export interface Raw {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
}

/** A request as written: any header, any path, any body. */
export function raw(
  port: number,
  init: { method?: string; path: string; headers?: Record<string, string>; body?: string | Uint8Array },
): Promise<Raw> {
  return new Promise((resolve, reject) => {
    const { method = 'GET', path, headers = {}, body } = init
    const req = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, async (res) => {
      try {
        const chunks: Buffer[] = []
        for await (const chunk of res) chunks.push(chunk)
        resolve({ status: res.statusCode!, headers: res.headers, text: Buffer.concat(chunks).toString() })
      } catch (error) {
        reject(error)
      }
    })
    req.on('error', reject)
    req.end(body)
  })
}

export const bearer = { authorization: `Bearer ${TOKEN}` }
export const json = { 'content-type': 'application/json' }
