import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import type { LivySession, LivyStatement } from '../../src/protocols/livy/objects.ts'
import { eventually, suite, type TestContext } from '../kit/index.ts'
import { Fleet } from '../network/fleet.ts'
import { livyRest } from './rest.ts'

const test = suite('the Livy endpoint of islands without Spark')
const STARS = fileURLToPath(new URL('../../examples/data/bright_stars.csv', import.meta.url))
const COUNT = 'SELECT count(*) AS n FROM bright_stars'
/** Seconds of work. */
const LONG = `SELECT count(*) AS n FROM bright_stars a, bright_stars b, (SELECT * FROM bright_stars LIMIT 4) c
  WHERE a.ra + b.dec + c.ra > 100`

async function archipelago(t: TestContext) {
  const fleet = await Fleet.create(t)
  const holder = await fleet.found('holder')
  const asker = await fleet.join('asker', holder)
  await fleet.run(holder, ['publish', STARS])
  await fleet.converged([holder, asker], { datasets: 1 })
  const livy = livyRest(asker, t.signal)
  const conf = { 'spark.archipel.datasets': 'bright_stars' }
  const made = await livy.ok<LivySession>('POST', '/sessions', { kind: 'sql', conf })
  assert.equal([made.id, made.appInfo.archipelIsland], [0, 'holder'])
  await livy.session(0, 'idle')
  await livy.ok('POST', '/sessions/0/statements', { code: COUNT })
  const { output } = await livy.statement(0, 0)
  assert.is(output?.status, 'ok', JSON.stringify(output))
  return { fleet, holder, asker, livy, conf }
}

test(
  'a statement runs where the data are; kill -9 of either island in the middle: it goes on, or is said to be lost',
  async (t) => {
    const { fleet, asker, holder, livy, conf } = await archipelago(t)
    const { id } = await livy.ok<LivyStatement>('POST', '/sessions/0/statements', { code: LONG })
    await fleet.stop(asker, 'SIGKILL')
    await fleet.up(asker)
    const { output } = await livy.statement(0, id)
    assert.is(output?.status, 'ok', JSON.stringify(output))
    const { statements } = await livy.ok<{ statements: LivyStatement[] }>('GET', '/sessions/0/statements')
    assert.equal(
      statements.map((s) => [s.id, s.code]),
      [
        [0, COUNT],
        [1, LONG],
      ],
    )

    await livy.ok('POST', '/sessions/0/statements', { code: LONG })
    await fleet.stop(holder, 'SIGKILL')
    await fleet.up(holder)
    const dead = await livy.session(0, 'dead')
    assert.match(dead.log.at(-1)!, /lost at holder/)
    const gone = await livy.ask('GET', '/sessions/0/statements/2')
    assert.equal(gone, { status: 500, body: 'java.lang.IllegalStateException: Session is in state dead' })
    assert.is((await livy.statement(0, 1)).output?.status, 'ok', 'the result that had come is there')
    await fleet.stop(asker, 'SIGKILL')
    await fleet.up(asker)
    assert.is((await livy.statement(0, 1)).output?.status, 'ok', 'and stays, though the asking island is killed, too')
    const next = await eventually(() => livy.ok<LivySession>('POST', '/sessions', { kind: 'sql', conf }), {
      timeoutMs: 30_000,
      signal: t.signal,
    })
    assert.ok(next.id > 0, 'numbers are not given again')
    await livy.session(next.id, 'idle')
  },
  { timeoutMs: 240_000 },
)

test.run()
