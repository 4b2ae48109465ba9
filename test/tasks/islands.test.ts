import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import * as assert from 'uvu/assert'
import { type Dev, startDev } from '../../src/node/dev.ts'
import { createClient, type IslandClient } from '../../src/web/client/node.ts'
import { eventually, rejects, suite } from '../kit/index.ts'

const test = suite('tasks of real islands in one process')

const STARS = fileURLToPath(new URL('../../examples/data/bright_stars.csv', import.meta.url))
const COUNT = 'SELECT count(*) AS n FROM bright_stars'
const LONG = 'SELECT count(*) AS n FROM bright_stars a, bright_stars b, bright_stars c WHERE a.ra + b.dec + c.ra > 100'

let dev: Dev
let clients: IslandClient[]

test.before(
  async (t) => {
    dev = await startDev({ islands: 3, baseDir: undefined, signal: t.signal, logger: pino({ level: 'silent' }) })
    t.cleanup(() => dev.stop())
    clients = dev.islands.map(({ url, token }) => createClient({ url, token }))
    for (const client of clients) t.cleanup(() => client.close())
    await clients[1]!.publish({ path: STARS })
    for (const client of clients)
      await eventually(async () => (await client.datasets({})).total === 1, { timeoutMs: 20_000, signal: t.signal })
  },
  { timeoutMs: 120_000 },
)

test(
  'a statement is a task, known by its id at every island',
  async () => {
    const [asker, holder, other] = clients as [IslandClient, IslandClient, IslandClient]
    const { id, result, ranAt } = await asker.sql({ sql: COUNT })
    assert.is(Number(result.rows[0]![0]), 9096)
    assert.is(ranAt?.island, dev.islands[1]!.id)
    for (const client of [asker, holder, other]) {
      const view = await client.tasks.show(id)
      assert.is(view.state, 'succeeded')
      assert.is(view.code, COUNT)
      assert.equal((await client.tasks.rows(id, { from: 0, limit: 5 })).rows, result.rows)
    }
    const { items } = await asker.tasks.list({ limit: 1 })
    assert.is(items[0]?.id, id)
    assert.equal((await other.tasks.list({ all: true })).items, [])
    assert.is((await holder.tasks.list({ all: true })).items[0]?.id, id)
  },
  { timeoutMs: 60_000 },
)

test(
  'who leaves a statement cancels it, down to the process that runs it',
  async (t) => {
    const [asker, holder] = clients as [IslandClient, IslandClient]
    const leave = new AbortController()
    const asking = asker.sql({ sql: LONG }, { signal: leave.signal })
    asking.catch(() => {})
    const running = async () => (await asker.tasks.list({ state: 'running' })).items[0]
    const { id } = (await eventually(async () => (await running()) ?? Promise.reject(new Error('not yet')), {
      timeoutMs: 30_000,
      signal: t.signal,
    }))!
    leave.abort()
    await rejects(asking, 'CANCELLED')
    await eventually(async () => (await asker.tasks.show(id)).state === 'cancelled', {
      timeoutMs: 20_000,
      signal: t.signal,
    })
    await eventually(async () => (await holder.islands()).items.find((i) => i.self)?.load?.running !== 1, {
      timeoutMs: 20_000,
      signal: t.signal,
    })
    assert.is(Number((await asker.sql({ sql: COUNT })).result.rows[0]![0]), 9096)
  },
  { timeoutMs: 90_000 },
)

test(
  'data that two islands publish under one id are one dataset, and either runs the work',
  async (t) => {
    const [asker, holder, other] = clients as [IslandClient, IslandClient, IslandClient]
    const id = 'doi:10.1234/both'
    const copy = join(await t.tmpdir(), 'bright_stars.csv')
    await copyFile(STARS, copy)
    await holder.publish({ path: copy, id, name: 'both' })
    await other.publish({ path: copy, id, name: 'both' })
    await eventually(async () => (await asker.dataset('both')).holders.length >= 1, { signal: t.signal })
    const known = async () => (await asker.resolve({ ref: id })).holders.filter((h) => h.confirmed).length === 2
    await eventually(known, { timeoutMs: 20_000, signal: t.signal })
    for (const island of [dev.islands[1]!, dev.islands[2]!]) {
      const { ranAt, result } = await asker.sql({ sql: `SELECT count(*) AS n FROM "${id}"`, on: island.name })
      assert.is(ranAt?.island, island.id)
      assert.is(Number(result.rows[0]![0]), 9096)
    }
  },
  { timeoutMs: 90_000 },
)

test.run()
