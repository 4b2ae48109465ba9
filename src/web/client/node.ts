/** The client in Node: with connections of its own, and no deadlines but those of the contract. */
import { Agent, fetch } from 'undici'
import { type ClientInit, createClient as create, type IslandClient } from './index.ts'

export * from './index.ts'

const CONNECT_TIMEOUT_MS = 5_000
/** More calls at once wait. */
const MAX_CONNECTIONS = 64

/** As in a browser; the `fetch` of Node gives up after 300 s without a head, and its connections cannot be ended. @throws BAD_INPUT */
export function createClient(init: ClientInit): IslandClient {
  const dispatcher = new Agent({
    connect: { timeout: CONNECT_TIMEOUT_MS },
    headersTimeout: 0,
    bodyTimeout: 0,
    connections: MAX_CONNECTIONS,
  })
  const own = (input: unknown, request: object = {}) => fetch(input as string, { ...request, dispatcher })
  const client = create({ fetch: own as unknown as typeof globalThis.fetch, ...init })
  return {
    ...client,
    async close() {
      await client.close()
      await dispatcher.destroy()
    },
  }
}
