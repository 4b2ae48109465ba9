import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import * as assert from 'uvu/assert'
import { type Dev, startDev } from '../../src/node/dev.ts'
import { createClient, type IslandClient } from '../../src/web/client/node.ts'
import { eventually, rejects, suite, type TestContext } from '../kit/index.ts'

const test = suite('actions of real islands')

const STARS = fileURLToPath(new URL('../../examples/data/bright_stars.csv', import.meta.url))
const SQL = fileURLToPath(new URL('../../examples/tasks/brighter.sql', import.meta.url))

let dev: Dev
let clients: IslandClient[]

test.before(
  async (t) => {
    dev = await startDev({ islands: 2, baseDir: undefined, signal: t.signal, logger: pino({ level: 'silent' }) })
    t.cleanup(() => dev.stop())
    clients = dev.islands.map(({ url, token }) => createClient({ url, token }))
    for (const client of clients) t.cleanup(() => client.close())
    await clients[0]!.publish({ path: STARS })
    for (const client of clients)
      await eventually(async () => (await client.datasets({})).total === 1, { timeoutMs: 20_000, signal: t.signal })
  },
  { timeoutMs: 120_000 },
)

async function seen(t: TestContext, client: IslandClient, ref: string, version?: string): Promise<void> {
  const there = async () => {
    const view = await client.actions.show(ref).catch(() => undefined)
    return view !== undefined && (version === undefined || view.version === version)
  }
  await eventually(there, { timeoutMs: 20_000, signal: t.signal })
}

test(
  'an action is saved, shared, run at another island, changed, and withdrawn; its tasks say what they ran',
  async (t) => {
    const [holder, asker] = clients as [IslandClient, IslandClient]
    const [home, other] = dev.islands as [Dev['islands'][number], Dev['islands'][number]]
    const saved = await holder.actions.save({
      name: 'brighter',
      description: 'Stars brighter than a magnitude',
      kind: 'sql',
      code: await readFile(SQL, 'utf8'),
      params: { magnitude: { type: 'number', default: 0, description: 'visual' } },
    })
    assert.is(saved.id, `archipel:${home.id}/brighter`)
    assert.is(saved.shared, undefined)
    await rejects(asker.actions.show('brighter'), 'ACTION_NOT_FOUND')

    const shared = await holder.actions.share('brighter')
    assert.is(shared.shared?.version, saved.version)
    await seen(t, asker, 'brighter')
    const there = await asker.actions.show('brighter')
    assert.equal([there.id, there.version, there.own], [saved.id, saved.version, false])
    assert.equal(
      (await asker.actions.list({ text: 'MAGNITUDE' })).items.map((a) => a.name),
      ['brighter'],
    )
    assert.equal((await asker.actions.list({ island: other.id })).items, [])

    const { id } = await asker.actions.run('brighter', { params: { magnitude: 0.1 }, publish: { id: 'brightest' } })
    let view = await asker.tasks.show(id)
    for await (const each of asker.tasks.watch(id)) view = each
    assert.is(view.state, 'succeeded', JSON.stringify(view.error))
    assert.is(view.ranAt?.island, home.id)
    assert.equal(view.params, { magnitude: 0.1 })
    const action = { id: saved.id, publisher: home.id, version: saved.version }
    assert.equal(view.action, action)
    assert.equal((await asker.dataset('brightest')).body.provenance?.action, action)
    assert.equal((await asker.tasks.rows(id, { from: 0, limit: 1 })).rows[0]?.[0], 'Sirius')
    const plain = await asker.actions.run('brighter', {})
    for await (const _ of asker.tasks.watch(plain.id));
    assert.equal((await asker.tasks.retry(plain.id)).action, action, 'a retry is of the same action')

    for (const params of [{ magnitude: 'bright' }, { colour: 'red' }])
      await rejects(asker.actions.run('brighter', { params } as never), 'BAD_INPUT')
    await rejects(asker.actions.share('brighter'), 'ACTION_NOT_FOUND')
    await rejects(asker.actions.remove(saved.id), 'ACTION_NOT_FOUND')

    await asker.actions.save({ name: 'brighter', kind: 'sql', code: 'SELECT 1 AS one' })
    const which = await rejects(asker.actions.run('brighter', {}), 'AMBIGUOUS')
    assert.equal(
      ((which.details?.candidates ?? []) as { id: string }[]).map((c) => c.id).sort(),
      [saved.id, `archipel:${other.id}/brighter`].sort(),
    )
    assert.is((await asker.actions.show(`brighter@${home.id}`)).id, saved.id)
    await asker.actions.remove(`archipel:${other.id}/brighter`)

    const changed = await holder.actions.save({ name: 'brighter', kind: 'sql', code: 'SELECT 2 AS two' })
    assert.not.equal(changed.version, saved.version)
    assert.is(changed.shared?.version, saved.version, 'others see the one before')
    await holder.actions.share('brighter')
    await seen(t, asker, saved.id, changed.version)

    assert.equal(await holder.actions.remove('brighter'), { id: saved.id })
    await eventually(async () => (await asker.actions.list({})).items.length === 0, {
      timeoutMs: 20_000,
      signal: t.signal,
    })
    assert.is((await asker.tasks.show(id)).action?.id, saved.id, 'what was run stays')
    const journal = (await holder.journal({})).items.map((e) => `${e.action} ${e.subject} ${e.outcome}`)
    for (const word of ['save', 'share', 'remove']) assert.ok(journal.includes(`action:${word} brighter ok`), word)
  },
  { timeoutMs: 120_000 },
)

test(
  'a user changes own actions only, and needs the scope to show them to others',
  async (t) => {
    const [home] = dev.islands as [Dev['islands'][number]]
    const as = async (name: string, scopes: ('run' | 'publish')[]) => {
      const { token } = await clients[0]!.tokens.create({ name, scopes })
      const client = createClient({ url: home.url, token })
      t.cleanup(() => client.close())
      return client
    }
    const [ada, bob] = [await as('ada', ['run', 'publish']), await as('bob', ['run'])]
    const one = { name: 'mine', kind: 'sql' as const, code: 'SELECT 1 AS one' }
    assert.is((await ada.actions.save(one)).user, 'ada')
    await rejects(bob.actions.save({ ...one, code: 'SELECT 2 AS two' }), 'FORBIDDEN')
    await rejects(bob.actions.remove('mine'), 'FORBIDDEN')
    await rejects(bob.actions.share('mine'), 'SCOPE_MISSING')
    assert.is((await bob.actions.run('mine', {})).user, 'bob')
    await rejects(bob.actions.run('mine', { publish: { id: 'x' } }), 'SCOPE_MISSING')
    await ada.actions.share('mine')
    assert.is((await clients[0]!.actions.save({ ...one, description: 'by the owner' })).user, 'ada')
    assert.is((await ada.actions.remove('mine')).id, `archipel:${home.id}/mine`)
    await bob.actions.save(one)
    await bob.actions.remove('mine')
  },
  { timeoutMs: 60_000 },
)

test.run()
