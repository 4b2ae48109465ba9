import { request } from 'node:http'
import { join } from 'node:path'
import { openTokenBook } from '../../src/node/identity/token-book.ts'
import { journalled, tokenPort } from '../../src/node/token-port.ts'
import { createClient, type IslandClient } from '../../src/web/client/node.ts'
import type { LivyPort } from '../../src/web/livy/port.ts'
import { type WebServer, type WebServerInit, webServer } from '../../src/web/server/web-server.ts'
import type { TestContext } from '../kit/index.ts'
import { type FakeIsland, fakeHealth, fakeIsland, SELF } from './fake-island.ts'

export const TOKEN = 'owner-token-of-the-tests'

export interface Served {
  tokens: Awaited<ReturnType<typeof testTokens>>
  island: FakeIsland
  server: WebServer
  client: IslandClient
  url: string
  port: number
  /** What the server logged, each as `[level, object, text]`. */
  log: unknown[][]
}

/** A token book in a directory of its own, with what the island and the server need of it. */
export async function testTokens(t: TestContext, init: { now?: () => number; waiting?: string[] } = {}) {
  const path = join(await t.tmpdir(), 'tokens.json')
  const book = await openTokenBook({ path, owner: TOKEN, ...init })
  t.cleanup(() => book.stop())
  const entries: object[] = []
  const journal = { write: (entry: object) => void entries.push(entry), read: async () => ({ items: [] }) }
  return { path, book, entries, port: tokenPort(book, journal, SELF.id), access: journalled(book, journal, SELF.id) }
}

/** Tests ask more in a second than people. */
const UNLIMITED = { perSecond: 1e6, burst: 1e6, failuresPerMinute: 1e6 }

type More = Partial<Omit<WebServerInit, 'id'>> & { now?: () => number; waiting?: string[]; livy?: LivyPort }

export async function serve(t: TestContext, { now, waiting = [], livy, ...init }: More = {}): Promise<Served> {
  const tokens = await testTokens(t, now === undefined ? {} : { now })
  const island = fakeIsland(tokens.port)
  const log: unknown[][] = []
  const note =
    (level: string) =>
    (...args: unknown[]) =>
      void log.push([level, ...args])
  const logger = { debug: note('debug'), warn: note('warn'), error: note('error') } as never
  const server = webServer({ id: SELF.id, host: '127.0.0.1', port: 0, version: '0.1.0', rate: UNLIMITED, ...init })({
    island,
    health: fakeHealth(waiting),
    access: tokens.access,
    livy,
    logger,
  })
  await server.start()
  const client = createClient({ url: server.url, token: TOKEN })
  t.cleanup(() => server.stop())
  t.cleanup(() => client.close())
  return { tokens, island, server, client, url: server.url, port: Number(new URL(server.url).port), log }
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
