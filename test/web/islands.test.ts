/** The web service of real islands: what only they can answer. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import * as assert from 'uvu/assert'
import { type Dev, startDev } from '../../src/node/dev.ts'
import type { FilePage, FileView, IslandEvent, StatementView, TaskSummary } from '../../src/protocols/model/views.ts'
import { createClient, type IslandClient } from '../../src/web/client/node.ts'
import { eventually, rejects, suite } from '../kit/index.ts'

const test = suite('web: of real islands')

const STARS = fileURLToPath(new URL('../../examples/data/bright_stars.csv', import.meta.url))
const COUNT = 'SELECT count(*) AS n FROM bright_stars'

let dev: Dev
let clients: IslandClient[]

test.before(
  async (t) => {
    dev = await startDev({ islands: 2, baseDir: undefined, signal: t.signal, logger: pino({ level: 'silent' }) })
    t.cleanup(() => dev.stop())
    clients = dev.islands.map(({ url, token }) => createClient({ url, token }))
    for (const client of clients) t.cleanup(() => client.close())
    await clients[1]!.publish({ path: STARS })
    for (const client of clients)
      await eventually(async () => (await client.datasets({})).total === 1, { timeoutMs: 20_000, signal: t.signal })
  },
  { timeoutMs: 120_000 },
)

/** Events up to the first that is asked for, that one included; `act` runs when the reader is there. */
async function eventsUntil(
  client: IslandClient,
  last: (event: IslandEvent) => boolean,
  act: () => Promise<unknown>,
): Promise<IslandEvent[]> {
  const seen: IslandEvent[] = []
  // An id that it never gave: the first answer is that something may be lost, and says that the reader is there.
  const events = client.events({ lastEventId: 'none' })
  await events.next()
  const acted = act()
  for await (const event of events) {
    if ('lost' in event) continue
    seen.push(event)
    if (last(event)) break
  }
  await acted
  return seen
}

const taskOf = (event: IslandEvent): TaskSummary | undefined => (event.type === 'task:changed' ? event.task : undefined)

test('each state of a task is in the stream of events of the island that asked, and nowhere else', async () => {
  const [asker, holder] = clients as [IslandClient, IslandClient]
  let id = ''
  const ended = (event: IslandEvent) => {
    const task = taskOf(event)
    return task !== undefined && task.id === id && task.state === 'succeeded'
  }
  const submit = async () => {
    id = (await asker.tasks.submit({ kind: 'sql', code: COUNT, name: 'count' })).id
  }
  const other = eventsUntil(
    holder,
    (event) => event.type === 'dataset:changed',
    async () => {
      await eventsUntil(asker, ended, submit).then((events) => {
        const seen = events.flatMap((event) => taskOf(event) ?? []).filter((task) => task.id === id)
        const states = seen.map((task) => task.state)
        assert.is(states[0], 'queued')
        assert.is(states.at(-1), 'succeeded')
        assert.is(new Set(states.filter((s) => s === 'running' || s === 'staging')).size > 0, true, states.join())
        const last = seen.at(-1)!
        assert.is(last.name, 'count')
        assert.is(last.rowCount, 1)
        assert.is(last.ranAt?.island, dev.islands[1]!.id)
      })
      await holder.publish({ path: STARS, title: 'Bright stars' })
    },
  )
  assert.equal(
    (await other).flatMap((event) => taskOf(event) ?? []),
    [],
  )
})

/** Everything below `value` that is text. */
function texts(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(texts) : []
}

test('the files of a dataset are listed in pages, at the island that holds it and at another', async (t) => {
  const [asker, holder] = clients as [IslandClient, IslandClient]
  const dir = await t.tmpdir()
  const folder = join(dir, 'survey')
  await mkdir(join(folder, 'raw'), { recursive: true })
  const names = [...Array(9).keys()].map((i) => `raw/exposure-${i}.fits`)
  for (const name of names) await writeFile(join(folder, name), `not really FITS ${name}`)
  await writeFile(join(folder, 'readme.txt'), 'hello')
  await writeFile(join(folder, 'übersicht "1".dat'), '')
  const { id } = await holder.publish({ path: folder, as: 'files' })
  await eventually(() => asker.dataset(id), { timeoutMs: 20_000, signal: t.signal })
  for (const client of [asker, holder]) {
    const seen: FileView[] = []
    let next: string | undefined
    do {
      const page: FilePage = await client.files(id, { limit: 4, ...(next === undefined ? {} : { cursor: next }) })
      assert.ok(page.items.length <= 4)
      assert.is(page.total, 11)
      seen.push(...page.items)
      next = page.next
    } while (next !== undefined)
    assert.equal(
      seen.map((file) => file.path),
      [...names, 'readme.txt', 'übersicht "1".dat'],
    )
    assert.is(seen[0]?.mediaType, 'application/fits')
    assert.is(seen[9]?.bytes, 5)
    assert.is(seen[10]?.bytes, 0)
    assert.match(seen[9]?.pieces ?? '', /^[0-9a-f]{64}$/)
    assert.not.ok(texts(seen).some((text) => text.includes(dir)))
    for (const cursor of ['!', 'a', 'AAAA====', Buffer.from([255, 254]).toString('base64url')])
      await rejects(client.files(id, { cursor }), 'BAD_INPUT')
    await rejects(client.files('nothing', {}), 'DATASET_NOT_FOUND')
    await rejects(client.preview(id, {}), 'NOT_FOUND')
  }
})

test('a preview is read here without a task, and by one task where another island holds the dataset', async () => {
  const [asker, holder] = clients as [IslandClient, IslandClient]
  const tasksOf = async (client: IslandClient) => (await client.tasks.list({ limit: 500 })).items.length
  const before = [await tasksOf(asker), await tasksOf(holder)]
  const local = await holder.preview('bright_stars', { rows: 3 })
  assert.is(local.rows.length, 3)
  assert.is(local.truncated, true)
  assert.is(local.task, undefined)
  assert.is(local.ranAt?.island, dev.islands[1]!.id)
  const ra = local.columns.find((column) => column.name === 'ra')
  assert.match(ra?.ucd ?? '', 'pos.eq.ra')
  const remote = await asker.preview('bright_stars', { rows: 3 })
  assert.equal(remote.rows, local.rows)
  assert.equal(remote.columns, local.columns)
  assert.is(remote.ranAt?.island, dev.islands[1]!.id)
  assert.equal([await tasksOf(asker), await tasksOf(holder)], [before[0]! + 1, before[1]!])
  for (const view of [local, remote]) assert.not.ok(texts(view).some((text) => text.includes(dirname(STARS))))
})

test('who may only read sees rows that are here, and those elsewhere not', async (t) => {
  const [asker, holder] = clients as [IslandClient, IslandClient]
  const readers = await Promise.all(
    [asker, holder].map(async (client, i) => {
      const { token } = await client.tokens.create({ name: 'reader', scopes: ['read'] })
      const reader = createClient({ url: dev.islands[i]!.url, token })
      t.cleanup(() => reader.close())
      return reader
    }),
  )
  const refused = await rejects(readers[0]!.preview('bright_stars', { rows: 1 }), 'SCOPE_MISSING')
  assert.is(refused.details?.scope, 'run')
  assert.is((await readers[1]!.preview('bright_stars', { rows: 1 })).rows.length, 1)
  assert.is((await readers[0]!.files('bright_stars', {})).total, 1)
  await rejects(readers[0]!.sessions.create({ kind: 'sql' }), 'SCOPE_MISSING')
  await rejects(readers[0]!.config(), 'SCOPE_MISSING')
})

test('a statement with a key goes on when its asker leaves, and is answered when it is asked again', async () => {
  const [asker] = clients as [IslandClient]
  const leave = new AbortController()
  const request = {
    sql: 'SELECT count(*) AS n FROM bright_stars a, bright_stars b WHERE a.ra > b.ra',
    idempotencyKey: 'k-1',
  }
  const left = asker.sql(request, { signal: leave.signal })
  left.catch(() => {})
  await eventually(async () => (await asker.tasks.list({ limit: 1 })).items[0]?.state === 'running')
  leave.abort()
  await rejects(left, 'CANCELLED')
  const { id, result } = await asker.sql(request)
  assert.is(result.rowCount, 1)
  assert.is((await asker.tasks.show(id)).attempts.length, 1)
  assert.is((await asker.sql(request)).id, id)
  await rejects(asker.sql({ ...request, sql: 'SELECT 1 AS n FROM bright_stars LIMIT 1' }), 'IDEMPOTENCY_CONFLICT')
})

test('long cells of a preview are cut, and it ends where its rows are many bytes', async (t) => {
  const [, holder] = clients as [IslandClient, IslandClient]
  const path = join(await t.tmpdir(), 'long.jsonl')
  const long = { text: '☄'.repeat(5000), list: Array(3000).fill(1), n: 1 }
  await writeFile(path, Array(20).fill(JSON.stringify(long)).join('\n'))
  await holder.publish({ path })
  const preview = await holder.preview('long', { rows: 20 })
  assert.is(preview.rows.length, 20)
  assert.is(preview.truncated, false)
  for (const [text, list, n] of preview.rows) {
    assert.is(text, `${'☄'.repeat(1000)}…`)
    assert.is(typeof list, 'string')
    assert.is(Number(n), 1)
  }
  const columns = Object.fromEntries([...Array(120).keys()].map((i) => [`c${i}`, 'x'.repeat(1200)]))
  await writeFile(path, Array(20).fill(JSON.stringify(columns)).join('\n'))
  await holder.publish({ path })
  const wide = await holder.preview('long', { rows: 20 })
  assert.ok(wide.rows.length > 0 && wide.rows.length < 20, `${wide.rows.length} rows`)
  assert.is(wide.truncated, true)
})

test('a session of the engine keeps what was defined, and reads datasets that are held here', async (t) => {
  const [asker, holder] = clients as [IslandClient, IslandClient]
  await rejects(asker.sessions.create({ kind: 'sql', datasets: ['bright_stars'] }), 'DATASET_NOT_FOUND')
  const run = async (session: number, code: string) => {
    const { id } = await holder.statements.create(session, { code })
    const done = async () => {
      const view = await holder.statements.show(session, id)
      return view.state === 'available' && view
    }
    return (await eventually(done, { timeoutMs: 30_000, signal: t.signal })) as StatementView
  }
  const sql = await holder.sessions.create({ kind: 'sql', datasets: ['bright_stars'] })
  const { output } = await run(sql.id, 'SELECT count(*) AS n FROM bright_stars')
  assert.ok(output?.status === 'ok', JSON.stringify(output))
  const table = output.data['application/json'] as { data: unknown[][] }
  assert.is(Number(table.data[0]![0]), 9096)
  const refused = await run(sql.id, "SELECT * FROM read_csv('/etc/passwd')")
  assert.ok(refused.output?.status === 'error')
  assert.is(refused.output.ename, 'SQL_REFUSED')
  const python = await holder.sessions.create({ kind: 'python', params: { n: 20 } })
  await run(python.id, 'import archipel\nx = archipel.params["n"] + 1')
  const answer = await run(python.id, 'print("hello")\n2 * x')
  assert.ok(answer.output?.status === 'ok', JSON.stringify(answer.output))
  assert.match(JSON.stringify(answer.output.data), '42')
  assert.match((await holder.sessions.log(python.id, { offset: 0, limit: 1000 })).text, 'hello')
  await rejects(holder.sessions.create({ kind: 'sql' }), 'TOO_MANY')
  for (const { id } of [sql, python]) await holder.sessions.delete(id)
  assert.equal((await holder.sessions.list()).items, [])
  for (const view of [sql, output, refused]) assert.not.ok(texts(view).some((text) => text.includes(dirname(STARS))))
})

test('each metric that the dashboard names is one of a running island', async () => {
  const [asker] = clients as [IslandClient]
  assert.equal(await asker.ready(), { status: 'ready' })
  const text = await asker.metrics()
  assert.match(text, /^archipel_sessions\{state="idle"\} 0$/m, 'where no session is open')
  const there = new Set([...text.matchAll(/^(archipel_\w+)/gm)].map((match) => match[1]!))
  const board = await readFile(new URL('../../docker/grafana/archipel.json', import.meta.url), 'utf8')
  const named = new Set(texts(JSON.parse(board)).flatMap((text) => text.match(/\barchipel_\w+/g) ?? []))
  assert.ok(named.size > 15, [...named].join())
  for (const name of named) assert.ok(there.has(name), name)
  for (const name of there) {
    const plain = name.replace(/_(bucket|sum|count)$/, '')
    assert.ok(
      [...named].some((n) => n.startsWith(plain)),
      `${name} is on the dashboard`,
    )
  }
  assert.match(text, /^archipel_peers\{way="direct"\} 1$/m)
  assert.match(text, /^archipel_members 2$/m)
})

test('the settings of a running island say where they come from', async () => {
  const { settings } = await clients[0]!.config()
  assert.equal(settings['web.host'], { value: '127.0.0.1', source: 'default' })
  assert.equal(settings['web.port'], { value: 0, source: '--web-port' })
  assert.ok(Object.keys(settings).length > 30)
})

test('the list of files of a dataset whose island is away says where it is', async (t) => {
  const [asker, holder] = clients as [IslandClient, IslandClient]
  const path = join(await t.tmpdir(), 'away.csv')
  await writeFile(path, 'a,b\n1,2\n')
  const { id } = await holder.publish({ path, id: 'urn:test:away' })
  await eventually(() => asker.dataset(id), { timeoutMs: 20_000, signal: t.signal })
  await dev.islands[1]!.stop()
  const error = await rejects(asker.files(id, {}), 'NO_HOLDER')
  assert.equal(
    ((error.details?.islands ?? []) as { island: string }[]).map((i) => i.island),
    [dev.islands[1]!.id],
  )
})

test.run()
