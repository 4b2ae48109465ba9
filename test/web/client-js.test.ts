/** `/client.js` as browsers and programs load it: one file, from an island. */
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'
import * as assert from 'uvu/assert'
import type * as Library from '../../src/web/client/index.ts'
import { eventually, suite, type TestContext } from '../kit/index.ts'
import { blankPage, browser } from './chromium.ts'
import { datasetView, type FakeIsland } from './fake-island.ts'
import { raw, serve, TOKEN } from './harness.ts'

const test = suite('web: /client.js')
const SLOW = { timeoutMs: 60_000 }

/** Searches, runs a task to its rows, and says what an unknown dataset is; runs in pages and here. */
async function useOf(library: typeof Library, init: Library.ClientInit) {
  const client = library.createClient(init)
  const names: string[] = []
  for await (const dataset of library.iterate(client.datasets, { text: 'stars', limit: 2 }))
    names.push(dataset.body.name)
  const { task, columns, rows } = await client.tasks.run({ kind: 'sql', code: 'SELECT * FROM stars' })
  const table: unknown[][] = []
  for await (const row of rows) table.push(row)
  const error = await client.dataset('missing').then(
    () => undefined,
    (cause) => ({ code: cause.code, known: cause instanceof library.ArchipelError }),
  )
  await client.close()
  return { names, state: task.state, columns, table, error }
}

const EXPECTED = {
  names: ['a', 'b', 'c'],
  state: 'succeeded',
  columns: ['name', 'vmag'],
  table: [
    ['Vega', 0.03],
    ['Sirius', -1.46],
  ],
  error: { code: 'DATASET_NOT_FOUND', known: true },
}

/** Three datasets on two pages; each task gets two rows. */
function prepare(island: FakeIsland): void {
  island.script({
    datasets: async ({ cursor }) =>
      cursor === undefined
        ? { items: [datasetView('a'), datasetView('b')], total: 3, next: 'more' }
        : { items: [datasetView('c')], total: 3 },
  })
}

async function withTask<T>(island: FakeIsland, work: Promise<T>): Promise<T> {
  const before = island.fake.ids.length
  const submitted = eventually(() => island.fake.ids.length > before, { timeoutMs: 20_000 })
  await Promise.race([submitted, work])
  island.fake.succeed(island.fake.ids.at(-1)!, { rows: EXPECTED.table as (string | number)[][] })
  return work
}

/** Serves an empty page; the origin. */
async function pageServer(t: TestContext): Promise<string> {
  const server = createServer((_, res) => res.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html>'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.cleanup(() => new Promise((resolve) => server.close(resolve).closeAllConnections()))
  return `http://localhost:${(server.address() as AddressInfo).port}`
}

test('it is small, and has nothing of Node and no schemas in it', async (t) => {
  const { port } = await serve(t)
  const { text } = await raw(port, { path: '/client.js' })
  assert.ok(text.length < 40_000, `${text.length} bytes`)
  assert.ok(gzipSync(text).length < 14_000, `${gzipSync(text).length} bytes compressed`)
  assert.not.match(text, /\bnode:|undici|ZodType|require\(/)
  assert.not.match(text, /^import\b|\bimport\s*\(/m, 'it imports nothing')
})

test('a program in Node uses it as it is', async (t) => {
  const { port, island, url } = await serve(t)
  prepare(island)
  const file = join(await t.tmpdir(), 'client.mjs')
  await writeFile(file, (await raw(port, { path: '/client.js' })).text)
  const library = (await import(pathToFileURL(file).href)) as typeof Library
  assert.equal(await withTask(island, useOf(library, { url, token: TOKEN })), EXPECTED)
})

test(
  'a page of the island signs in by a code, searches, runs a task, follows events, and signs out',
  async (t) => {
    const { island, url, client } = await serve(t)
    prepare(island)
    const page = await blankPage(await browser(t), `${url}/empty.html`)
    const faults: string[] = []
    page.on('pageerror', (error) => faults.push(error.message))
    const { code } = await client.signInCode({})
    const load = `const library = await import('/client.js'); const client = library.createClient();`
    const run = <T>(text: string) => page.evaluate(`(async () => { ${load} ${text} })()`) as Promise<T>
    assert.is(await run(`return client.status().then(() => 'signed in', (e) => e.code)`), 'UNAUTHENTICATED')
    const session = await run<Library.BrowserSession>(`return client.browserSignIn({ code: '${code}' })`)
    assert.ok(session.scopes.length > 0)
    assert.is(await run('return document.cookie'), '', 'no script sees the cookie')
    assert.equal(await withTask(island, run(`return (${useOf})(library, {})`)), EXPECTED)
    const seen = run<string[]>(`
    const states = []
    for await (const event of client.events({ lastEventId: 'none', onState: (s) => states.push(s) })) {
      states.push(Object.keys(event).includes('lost') ? 'missed' : event.type)
      if (states.length === 3) return states
    }`)
    seen.catch(() => {})
    let told = false
    void seen.finally(() => (told = true))
    await eventually(
      () => {
        if (!told) island.emit({ type: 'log:forked', time: '2026-01-02T03:04:05.000Z', id: 'x' })
        return told
      },
      { timeoutMs: 20_000 },
    )
    assert.equal(await seen, ['open', 'missed', 'log:forked'])
    await run('return client.browserSignOut()')
    assert.is(await run(`return client.status().then(() => 'signed in', (e) => e.code)`), 'UNAUTHENTICATED')
    assert.equal(faults, [])
  },
  SLOW,
)

test(
  'a page of a foreign origin uses it with a token where the island names that origin, else nothing arrives',
  async (t) => {
    const origin = await pageServer(t)
    const { island, url } = await serve(t, { origins: [origin] })
    prepare(island)
    const started = await browser(t)
    const page = await started.newPage()
    await page.goto(origin)
    const use = (at: string) =>
      `import('${at}/client.js').then((library) => (${useOf})(library, { url: '${at}', token: '${TOKEN}' }))`
    assert.equal(await withTask(island, page.evaluate(use(url)) as Promise<unknown>), EXPECTED)
    const other = await serve(t)
    const refused = `import('${other.url}/client.js').then(() => 'loaded', () => 'refused')`
    assert.is(await page.evaluate(refused), 'refused')
    const call = `fetch('${other.url}/api/v1/status', { headers: { authorization: 'Bearer ${TOKEN}' } }).then(() => 'read', () => 'refused')`
    assert.is(await page.evaluate(call), 'refused')
  },
  SLOW,
)

test.run()
