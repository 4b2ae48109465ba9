import * as assert from 'uvu/assert'
import { eventually, suite } from '../kit/index.ts'
import { type Gate, gates } from './gates.ts'

const test = suite('data that change while the gateway has them in use')
const STARS = { 'spark.archipel.datasets': 'stars' }
const WHY = 'the files of stars changed'

const outcomes = async ({ gateway }: Gate, who: Parameters<Gate['gateway']['sessions']['statements']>[2]) =>
  (await gateway.sessions.statements(0, {}, who)).statements.map(({ output }) =>
    output?.status === 'error' ? output.evalue : output?.status,
  )

test('a statement over them is an error and the log says why; what came before stays, whoever restarts', async (t) => {
  const { a, b, who } = await gates(t, 2)
  const { sessions } = a.gateway
  b.holds.add('stars')
  await sessions.create({ kind: 'pyspark', conf: STARS }, who)
  await sessions.create({ kind: 'pyspark', conf: { 'spark.archipel.island': 'island-1' } }, who)
  await eventually(async () => (await sessions.show(0, who)).state === 'idle')
  await sessions.submit(0, { code: 'one' }, who)
  await eventually(async () => (await sessions.statement(0, 0, who)).state === 'available')
  await sessions.submit(0, { code: 'gate x' }, who)
  b.changed.add('stars')
  b.livy.open('x')
  await eventually(async () => (await sessions.statement(0, 1, who)).state === 'available')
  const { output } = await sessions.statement(0, 1, who)
  assert.equal(output?.status === 'error' && [output.ename, output.evalue], ['Error', WHY])
  await sessions.submit(0, { code: 'big 5000000' }, who)
  await eventually(async () => (await sessions.statement(0, 2, who)).state === 'available')
  assert.equal(await outcomes(a, who), ['ok', WHY, WHY])
  assert.is((await sessions.show(0, who)).log.at(-1), `STALE: ${WHY}`)
  const whole = await sessions.log(0, { from: 0 }, who)
  assert.equal([whole.total, whole.log.at(-1)], [3, `STALE: ${WHY}`])
  assert.equal((await sessions.log(0, { size: 1 }, who)).log, [`STALE: ${WHY}`])
  assert.equal((await sessions.log(0, { from: 0, size: 2 }, who)).log.length, 2)
  assert.equal((await sessions.log(0, { from: 2, size: 2 }, who)).log, [`STALE: ${WHY}`])
  assert.equal((await sessions.log(0, { from: 3 }, who)).log, [])

  await sessions.submit(1, { code: 'none of it' }, who)
  await eventually(async () => (await sessions.statement(1, 0, who)).state === 'available')
  assert.is((await sessions.statement(1, 0, who)).output?.status, 'ok', 'who named no data loses nothing')

  await Promise.all([a.kill(), b.kill()])
  await b.start()
  await a.start()
  await eventually(async () => (await a.gateway.sessions.show(0, who)).state === 'idle')
  assert.equal(await outcomes(a, who), ['ok', WHY, WHY])
})

test('a batch over them is dead and says why; one that was over before stays a success', async (t) => {
  const { a, b, who } = await gates(t, 2, { holdMs: 100 })
  const { batches } = a.gateway
  b.holds.add('stars')
  for (const file of ['before.py', 'during.py']) await batches.create({ file, conf: STARS }, who)
  b.livy.open('before.py')
  await eventually(async () => (await batches.show(0, who)).state === 'success')
  b.changed.add('stars')
  b.livy.open('during.py')
  const dead = await eventually(async () => {
    const now = await batches.show(1, who)
    assert.is(now.state, 'dead')
    return now
  })
  assert.is(dead.log.at(-1), `STALE: ${WHY}`)
  assert.is((await batches.log(1, {}, who)).log.at(-1), `STALE: ${WHY}`)
  await b.kill()
  await b.start()
  await eventually(async () => (await batches.log(0, {}, who)).total === 2)
  assert.equal([(await batches.show(0, who)).state, (await batches.show(1, who)).state], ['success', 'dead'])
})

test.run()
