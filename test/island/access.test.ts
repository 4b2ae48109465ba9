/** Tokens at real islands: whose name is on what they do, and what is left of them after a restart and after leaving. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import * as assert from 'uvu/assert'
import { createArchipelago } from '../../src/node/archipelago.ts'
import { loadConfig } from '../../src/node/config/load.ts'
import { startDev } from '../../src/node/dev.ts'
import { startIsland } from '../../src/node/island.ts'
import { createClient } from '../../src/web/client/node.ts'
import { eventually, rejects, suite, type TestContext } from '../kit/index.ts'

const test = suite('island: who calls')
const logger = pino({ level: 'silent' })

const STARS = fileURLToPath(new URL('../../examples/data/bright_stars.csv', import.meta.url))
const COUNT = 'SELECT count(*) AS n FROM bright_stars'

function clientOf(t: TestContext, url: string, token: string) {
  const client = createClient({ url, token })
  t.cleanup(() => client.close())
  return client
}

test(
  'tasks, datasets and the journals of both islands have the name of the token',
  async (t) => {
    const dev = await startDev({ islands: 2, baseDir: undefined, signal: t.signal, logger })
    t.cleanup(() => dev.stop())
    const [here, there] = dev.islands as [(typeof dev.islands)[0], (typeof dev.islands)[0]]
    const owner = clientOf(t, here.url, here.token)
    const holder = clientOf(t, there.url, there.token)
    await holder.publish({ path: STARS })
    await eventually(async () => (await owner.datasets({})).total === 1, { timeoutMs: 20_000, signal: t.signal })

    const { token } = await owner.tokens.create({ name: 'ada', scopes: ['run', 'publish'] })
    const ada = clientOf(t, here.url, token)
    const task = await ada.tasks.submit({ kind: 'sql', code: COUNT, idempotencyKey: 'one' })
    assert.is(task.user, 'ada')
    const { id } = await ada.sql({ sql: COUNT })
    assert.is((await owner.tasks.show(id)).user, 'ada')
    await eventually(async () => (await ada.tasks.show(task.id)).state === 'succeeded', { timeoutMs: 20_000 })
    assert.is((await owner.tasks.retry(task.id)).user, 'owner', 'whoever retries it answers for it')
    assert.not.ok((await owner.tasks.submit({ kind: 'sql', code: COUNT, idempotencyKey: 'one' })).id === task.id)
    assert.equal((await owner.tasks.list({ user: 'ada' })).items.map((i) => i.id).sort(), [task.id, id].sort())
    const { id: dataset } = await ada.publish({ path: STARS, name: 'mine' })
    await ada.unpublish(dataset)
    await rejects(ada.invite({ local: true }), 'SCOPE_MISSING')
    await rejects(ada.journal({ limit: 1 }), 'SCOPE_MISSING')

    const by = `ada@${here.id}`
    const entries = async (client: typeof owner) =>
      (await client.journal({ limit: 200 })).items.map((e) => `${e.actor} ${e.action} ${e.subject}`)
    await eventually(async () => (await entries(owner)).includes(`${by} dataset:unpublish ${dataset}`), {
      timeoutMs: 5000,
    })
    const own = await entries(owner)
    for (const line of [
      `owner@${here.id} token:create ada (run, publish)`,
      `${by} task:submit ${task.id}`,
      `${by} dataset:publish ${dataset}`,
    ])
      assert.ok(own.includes(line), `${line} in ${own.join('\n')}`)
    const other = await entries(holder)
    assert.ok(
      other.some((line) => line.startsWith(`${by} task:`)),
      other.join('\n'),
    )
  },
  { timeoutMs: 120_000 },
)

test(
  'tokens outlive a restart of the island, and end when it leaves',
  async (t) => {
    const dataDir = join(await t.tmpdir(), 'data')
    const set = ['network.listen=none', 'web.port=0', 'engine.kind=disabled', 'network.dhtEnabled=false']
    const config = loadConfig({ flags: { dataDir, set }, env: {} })
    await createArchipelago({ config, name: 'tests' })
    const start = async () => {
      const island = await startIsland({ config, signal: t.signal, logger })
      t.cleanup(() => island.stop())
      const owner = clientOf(t, island.url!, (await readFile(join(dataDir, 'owner.token'), 'utf8')).trim())
      return { island, owner, as: (token: string) => clientOf(t, island.url!, token) }
    }
    const first = await start()
    const { token } = await first.owner.tokens.create({ name: 'ada', scopes: ['read'] })
    const { token: gone } = await first.owner.tokens.create({ name: 'gone', scopes: ['read'] })
    await first.owner.tokens.revoke('gone')
    assert.is((await stat(join(dataDir, 'tokens.json'))).mode & 0o777, 0o600)
    await first.as(token).status()
    await first.island.stop()

    const second = await start()
    assert.is((await second.as(token).status()).name, config.name)
    await rejects(second.as(gone).status(), 'TOKEN_REVOKED')
    await second.owner.leave()
    await second.island.stopped
    await eventually(async () => !(await readdir(dataDir)).includes('tokens.json'), { timeoutMs: 5000 })
  },
  { timeoutMs: 60_000 },
)

test.run()
