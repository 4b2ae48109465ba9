/** Islands as processes: one that is killed, or away while others publish, has everything afterwards, each once. */
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { eventually, suite } from '../kit/index.ts'
import { Fleet } from '../network/fleet.ts'
import { bytes, finalFiles, sha256, writeFiles } from '../replicas/kit.ts'

const test = suite('subscriptions: kills and absence')
const QUICK = ['engine.kind=disabled']

test(
  'killed where it asks, and away while others publish, it fetches everything once',
  async (t) => {
    const fleet = await Fleet.create(t)
    const a = await fleet.found('a', { set: QUICK })
    const c = await fleet.join('c', a, { set: QUICK })
    const content: string[] = []
    const publish = async (name: string) => {
      const data = bytes(50_000)
      content.push(sha256(data))
      const path = await writeFiles(join(a.files, name), { [`${name}.bin`]: data })
      await a.client().publish({ path, name, keywords: ['stars'], as: 'files' })
    }
    const { id } = await fleet.json<{ id: string }>(c, ['subscribe', 'keyword=stars'])
    for (const name of ['one', 'two', 'three']) await publish(name)
    // It may be anywhere: before it asks, between asking and writing that down, or fetching.
    await eventually(
      async () => assert.ok(Object.keys((await c.client().subscriptions.show(id)).datasets).length > 0),
      { timeoutMs: 30_000, signal: t.signal },
    )
    await fleet.stop(c, 'SIGKILL')
    for (const name of ['four', 'five']) await publish(name)
    await fleet.up(c)
    await publish('six')
    const view = await eventually(
      async () => {
        const now = await c.client().subscriptions.show(id)
        assert.equal(now.datasets, { available: 6 }, JSON.stringify(now.recent))
        return now
      },
      { timeoutMs: 60_000, signal: t.signal },
    )
    const files = [...(await finalFiles(c.dataDir)).values()].map(sha256)
    assert.equal(files.sort(), content.sort())
    const { items } = await c.client().transfers.list()
    assert.equal(items.map((each) => each.name).sort(), ['five', 'four', 'one', 'six', 'three', 'two'])
    assert.is(new Set(view.recent?.map((each) => each.transfer)).size, 6)

    // Nothing begins again by a restart.
    await fleet.stop(c, 'SIGKILL')
    await fleet.up(c)
    await publish('seven')
    await eventually(async () => assert.equal((await c.client().subscriptions.show(id)).datasets, { available: 7 }), {
      timeoutMs: 60_000,
      signal: t.signal,
    })
    assert.is((await c.client().transfers.list()).total, 7)
    const shown = await fleet.run(c, ['subscriptions', 'show', id], { json: false })
    assert.match(shown, /^filter {5}keyword=stars$/m)
    assert.match(shown, /^datasets {3}7 available$/m)
    assert.match(await fleet.run(c, ['subscriptions', 'explain', id, 'seven'], { json: false }), /is available\n$/)
  },
  { timeoutMs: 300_000 },
)

test.run()
