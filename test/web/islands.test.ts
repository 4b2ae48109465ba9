/** The web service of real islands: what only they can answer. */
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import * as assert from 'uvu/assert'
import { type Dev, startDev } from '../../src/node/dev.ts'
import type { IslandEvent, TaskSummary } from '../../src/protocols/model/views.ts'
import { createClient, type IslandClient } from '../../src/web/client/index.ts'
import { eventually, suite } from '../kit/index.ts'

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

test.run()
