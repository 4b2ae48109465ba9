/** Hono and nothing else: answers with the bytes that it is given, and tells any number of readers what is posted. */
import { readFileSync } from 'node:fs'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { streamSSE } from 'hono/streaming'
import type { Recorded } from '../bare.ts'

const recorded = new Map(
  (JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as Recorded[]).map(({ path, headers, body }) => [
    path,
    { headers, body: Buffer.from(body, 'base64') },
  ]),
)
const readers = new Set<(data: string) => void>()
const hono = new Hono()

hono.get('/sse', (c) =>
  streamSSE(c, async (stream) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const tell = (data: string) => void stream.writeSSE({ data, event: 'told', id: '1' })
    readers.add(tell)
    stream.onAbort(() => {
      readers.delete(tell)
      resolve()
    })
    await stream.write(':\n\n')
    await promise
  }),
)
hono.post('/tell', async (c) => {
  const data = await c.req.text()
  for (const tell of readers) tell(data)
  return c.json({ told: readers.size })
})
hono.get('*', (c) => {
  const { pathname, search } = new URL(c.req.url)
  const found = recorded.get(pathname + search)
  return found === undefined ? c.notFound() : c.body(found.body, 200, found.headers)
})

const server = serve({ fetch: hono.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => console.log(port))
process.once('SIGTERM', () => {
  server.close()
  process.exit(0)
})
