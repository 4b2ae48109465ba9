import * as assert from 'uvu/assert'
import type { LivyStatement } from '../../src/protocols/livy/objects.ts'
import { LivyRefusal } from '../../src/protocols/livy/refusal.ts'
import { eventually, rejects, suite } from '../kit/index.ts'
import { by, type Gate, gates } from './gates.ts'

const test = suite('the Livy gateway')
const AT_B = { 'spark.archipel.island': 'island-1' }
type Who = ReturnType<typeof by>

async function refused(work: Promise<unknown>): Promise<{ status: number; body: unknown }> {
  const error = await work.then(
    () => undefined,
    (cause: unknown) => cause,
  )
  assert.instance(error, LivyRefusal, String((error as Error | undefined)?.stack ?? 'it resolved'))
  const { status, body } = error as LivyRefusal
  return { status, body }
}

async function idle({ gateway }: Gate, id: number, who: Who) {
  return await eventually(async () => {
    const session = await gateway.sessions.show(id, who)
    if (session.state !== 'idle') throw new Error(session.state)
    return session
  })
}

const text = ({ output }: LivyStatement) => (output?.status === 'ok' ? output.data['text/plain'] : output)

test('a session at another island, its statements, their results, and what is shown of it', async (t) => {
  const { a, b, who } = await gates(t, 2)
  const { sessions } = a.gateway
  const conf = { ...AT_B, 'spark.driver.memory': '1g' }
  const made = await sessions.create({ kind: 'pyspark', conf, heartbeatTimeoutInSecond: 60, name: 'work' }, who)
  assert.equal([made.id, made.owner, made.name, made.kind, made.conf], [0, 'ana', 'work', 'pyspark', conf])
  assert.is(made.heartbeatTimeoutInSecond, 60)
  assert.is(made.appInfo.archipelIsland, 'island-1')
  assert.match(made.appInfo.archipelWhy!, /spark.archipel.island/)
  const [asked] = b.livy.asked
  const request = { kind: 'pyspark', name: 'work', conf: { 'spark.driver.memory': '1g' } }
  assert.equal(asked, { request, user: `ana@${a.id}`, datasets: [] })
  assert.equal(b.asked, [
    { island: a.id, user: 'ana', action: 'task:run', kind: 'python', engine: 'livy', datasets: [] },
  ])

  await idle(a, 0, who)
  const first = await sessions.submit(0, { code: 'one' }, who)
  assert.is(first.id, 0)
  assert.is(text(await sessions.statement(0, 0, who)), 'one')
  const [second, third] = await Promise.all([
    sessions.submit('work', { code: 'two', kind: 'sql' }, who),
    sessions.submit('work', { code: 'three' }, who),
  ])
  assert.equal([second.id, third.id], [1, 2])
  await sessions.statement(0, 2, who)
  assert.equal(b.livy.ran, ['one', 'two', 'three'])
  const { total_statements, statements } = await sessions.statements(0, { descending: true, from: 1, size: 1 }, who)
  assert.equal([total_statements, statements.map((s) => s.id)], [3, [1]])
  assert.equal(b.asked.at(-1)?.kind, 'sql', 'each kind of code is asked for')

  assert.equal(await sessions.complete(0, { code: 'spa', kind: 'pyspark', cursor: 3 }, who), { candidates: ['spa()'] })
  await sessions.upload(0, 'pyfile', { name: 'x.py', bytes: new Uint8Array(2_500_000) }, who)
  await sessions.add(0, 'jar', 'hdfs:/x.jar', who)
  assert.equal(b.livy.ran.slice(3), ['upload pyfile x.py 2500000', 'add jar hdfs:/x.jar'])
  const log = await sessions.log(0, {}, who)
  assert.equal([log.id, log.total], [0, 2])

  const { gateway } = a
  const [view] = gateway.views()
  assert.equal([view?.id, view?.remoteId, view?.island.id, view?.engine], [0, 41, b.id, 'livy'])
  await sessions.delete(0, who)
  assert.is(b.livy.sessions.size, 0)
  assert.equal(await refused(sessions.show(0, who)), { status: 404, body: { msg: "Session '0' not found." } })
  assert.equal((await sessions.create({ kind: 'sql' }, who)).id, 1)
  assert.is(a.livy.sessions.size, 1, 'without a word of where, it is here')
})

test('an entry that is shown is ended by its owner or an administrator, and refused in our words', async (t) => {
  const { a, b, who } = await gates(t, 2)
  const { shown, sessions } = a.gateway
  const { id } = await sessions.create({ kind: 'pyspark', conf: AT_B }, who)
  await idle(a, id, who)
  assert.match((await rejects(shown.end('sessions', id, { user: 'ben', onlyOwn: true }), 'FORBIDDEN')).message, /0/)
  assert.match((await rejects(shown.end('batches', id), 'SESSION_NOT_FOUND')).message, /batch 0/)
  assert.is(b.livy.sessions.size, 1)
  assert.equal(await shown.end('sessions', id, { user: 'ana', onlyOwn: true }), { id })
  assert.is(b.livy.sessions.size, 0)
  await rejects(shown.end('sessions', id), 'SESSION_NOT_FOUND')
  const other = await sessions.create({ kind: 'pyspark', conf: AT_B }, who)
  assert.equal(await shown.end('sessions', other.id, { user: 'ben' }), { id: other.id })
  assert.equal(await shown.list(), { items: [], total: 0 })
})

test('a request for something unfinished is held until it changes, and no longer than configured', async (t) => {
  const { a, b, who } = await gates(t, 2, { holdMs: 400 })
  const { sessions, batches } = a.gateway
  await sessions.create({ kind: 'spark', conf: { ...AT_B, slow: '1' } }, who)
  let began = performance.now()
  assert.is((await sessions.show(0, who)).state, 'starting')
  assert.ok(performance.now() - began >= 390, 'held')
  const waiting = sessions.state(0, who)
  b.livy.open('start')
  assert.is((await waiting).state, 'idle')
  began = performance.now()
  await sessions.show(0, who)
  await sessions.list({ from: 0, size: 100 }, who)
  assert.ok(performance.now() - began < 200, 'nothing to wait for')

  await sessions.submit(0, { code: 'gate x' }, who)
  began = performance.now()
  assert.is.not((await sessions.statement(0, 0, who)).state, 'available')
  assert.ok(performance.now() - began >= 390, 'held')
  const result = sessions.statement(0, 0, who)
  b.livy.open('x')
  assert.is((await result).state, 'available')

  await batches.create({ file: 'job.py', conf: AT_B }, who)
  await eventually(async () => (await batches.list({ from: 0, size: 1 }, who)).sessions[0]?.state === 'running')
  const ended = batches.state(0, who)
  b.livy.open('job.py')
  assert.is((await ended).state, 'success')
})

test('refusals of Livy pass as they are, use a number up, and leave nothing behind', async (t) => {
  const { a, b, who } = await gates(t, 2)
  const { sessions } = a.gateway
  const body = { msg: 'Rejected, Reason: no R here' }
  assert.equal(await refused(sessions.create({ kind: 'sparkr', conf: AT_B }, who)), { status: 400, body })
  assert.equal((await sessions.list({ from: 0, size: 100 }, who)).total, 0)
  assert.is((await sessions.create({ kind: 'sql', name: 'x', conf: AT_B }, who)).id, 1)
  const twice = { msg: 'Rejected, Reason: Duplicate session name: Some(x) for session 2' }
  assert.equal(await refused(sessions.create({ kind: 'sql', name: 'x' }, who)), { status: 400, body: twice })
  assert.is((await sessions.create({ kind: 'sql', conf: { ...AT_B, slow: '1' } }, who)).id, 3)
  const starting = { status: 500, body: 'java.lang.IllegalStateException: Session is in state starting' }
  assert.equal(await refused(sessions.submit(3, { code: 'x' }, who)), starting)
  assert.equal(await refused(sessions.statement(1, 5, who)), { status: 404, body: 'Statement not found' })
  await sessions.stop(1, who)
  assert.is((await sessions.show(1, who)).state, 'dead')
  const dead = { status: 500, body: 'java.lang.IllegalStateException: Session is in state dead' }
  assert.equal(await refused(sessions.submit(1, { code: 'x' }, who)), dead)
  assert.equal(await refused(sessions.statements(1, {}, who)), {
    status: 400,
    body: { msg: "requirement failed: Session isn't active." },
  })
  b.forbids = ({ engine }) => engine === 'livy'
  await rejects(sessions.create({ kind: 'pyspark', conf: AT_B }, who), 'FORBIDDEN')
  assert.equal(
    b.journal.map((e) => [e.action, e.outcome, e.code]),
    [
      ['livy:session', 'failed', 'HTTP 400'],
      ['livy:session', 'ok', undefined],
      ['livy:session', 'ok', undefined],
      ['livy:session', 'refused', 'FORBIDDEN'],
    ],
  )
})

test('an entry is its owner’s: others see that it is there', async (t) => {
  const { a, who } = await gates(t, 1)
  const { sessions, batches } = a.gateway
  await sessions.create({ kind: 'sql' }, who)
  await idle(a, 0, who)
  const ben = by(t, 'ben')
  const { log, state } = await sessions.show(0, ben)
  assert.equal([log, state], [[], 'idle'])
  for (const work of [
    sessions.log(0, {}, ben),
    sessions.statements(0, {}, ben),
    sessions.submit(0, { code: 'x' }, ben),
    sessions.delete(0, ben),
    sessions.stop(0, ben),
  ])
    assert.equal(await refused(work), { status: 403, body: undefined })
  await batches.create({ file: 'x.py' }, who)
  assert.equal(await refused(batches.delete(0, ben)), { status: 403, body: undefined })
  await sessions.delete(0, by(t, 'root', true))
})

test('data by name: the island that holds it all, with the reason; nobody, with the reason of each', async (t) => {
  const { gates: all, a, who } = await gates(t, 3)
  const [, b, c] = all as [Gate, Gate, Gate]
  b.holds.add('stars')
  c.holds.add('stars').add('galaxies')
  const conf = { 'spark.archipel.datasets': 'stars, galaxies' }
  const { appInfo } = await a.gateway.sessions.create({ kind: 'sql', conf }, who)
  assert.equal([appInfo.archipelIsland, appInfo.archipelDatasets], ['island-2', 'stars,galaxies'])
  assert.match(appInfo.archipelWhy!, /holds the data/)
  assert.equal(c.livy.asked[0]?.datasets, ['stars', 'galaxies'])

  b.forbids = () => true
  const stars = await a.gateway.sessions.create({ kind: 'sql', conf: { 'spark.archipel.datasets': 'stars' } }, who)
  assert.is(stars.appInfo.archipelIsland, 'island-2', 'the next one takes it')
  c.forbids = () => true
  const error = await rejects(
    a.gateway.sessions.create({ kind: 'sql', conf: { 'spark.archipel.datasets': 'stars' } }, who),
    'FORBIDDEN',
  )
  assert.match(error.message, /island-1: not for you; island-2: not for you|island-2.*island-1/)
  b.forbids = undefined
  b.holds.add('moons')
  const apart = await rejects(
    a.gateway.sessions.create({ kind: 'sql', conf: { 'spark.archipel.datasets': 'galaxies,moons' } }, who),
    'NO_HOLDER',
  )
  assert.is(apart.message, 'no island holds all of this: galaxies is at island-2; moons is at island-1')
  await rejects(
    a.gateway.sessions.create({ kind: 'sql', conf: { 'spark.archipel.datasets': 'unknown' } }, who),
    'DATASET_NOT_FOUND',
  )
})

test('settings and islands that are not there are refused, not overlooked; who refuses is named', async (t) => {
  const { a, b, who } = await gates(t, 2)
  const { sessions, batches } = a.gateway
  const misspelt = await rejects(
    sessions.create({ kind: 'sql', conf: { 'spark.archipel.dataset': 'stars' } }, who),
    'BAD_INPUT',
  )
  assert.match(misspelt.message, /spark\.archipel\.dataset,/)
  assert.match(misspelt.hint, /spark\.archipel\.island, spark\.archipel\.datasets, spark\.archipel\.engine/)
  await rejects(batches.create({ file: 'x.py', conf: { 'spark.archipel.x': '1' } }, who), 'BAD_INPUT')
  await rejects(sessions.create({ kind: 'sql', name: 'work@nowhere' }, who), 'NOT_FOUND')
  assert.equal([a.livy.sessions.size, a.livy.batches.size], [0, 0])
  const there = await sessions.create({ kind: 'sql', name: 'work@island-1' }, who)
  assert.is(there.appInfo.archipelIsland, 'island-1')
  await idle(a, there.id, who)

  b.forbids = () => true
  const refusal = 'island-1: not for you'
  assert.is((await rejects(sessions.create({ kind: 'sql', conf: AT_B }, who), 'FORBIDDEN')).message, refusal)
  const work = sessions.submit(there.id, { code: 'x', kind: 'pyspark' }, who)
  assert.is((await rejects(work, 'FORBIDDEN')).message, refusal, 'also of a statement')
})

test('an island without Spark says who has it', async (t) => {
  const { a, b, who } = await gates(t, 2, {
    sites: (livy, i) => [i === 0 ? livy.site('embedded', ['sql', 'pyspark']) : livy.site()],
  })
  a.languages = ['sql', 'python']
  const error = await rejects(a.gateway.sessions.create({ kind: 'spark' }, who), 'LANGUAGE_MISSING')
  assert.match(error.hint, /^island-1 can: /)
  b.forbids = ({ kind }) => kind === 'python'
  assert.is((await a.gateway.sessions.create({ kind: 'sql' }, who)).appInfo.archipelEngine, 'embedded')
})

test('large outputs come in pieces, and the largest are kept on the disk', async (t) => {
  const { a, who } = await gates(t, 2)
  const { sessions } = a.gateway
  await sessions.create({ kind: 'sql', conf: AT_B }, who)
  await idle(a, 0, who)
  for (const [id, size] of [100, 400_000, 3_000_000].entries()) {
    await sessions.submit(0, { code: `big ${size}` }, who)
    const found = await eventually(async () => {
      const statement = await sessions.statement(0, id, who)
      return statement.state === 'available' && statement
    })
    assert.is(String(text(found as LivyStatement)).length, size)
  }
  const spooled = a.gateway.views()[0]!.statements!.map((s) => (s.spooledBytes ?? 0) > 0)
  assert.equal(spooled, [false, false, true])
  const page = await sessions.output(0, 2, { offset: 2_999_990, limit: 1000 }, who)
  assert.ok(page.total > 3_000_000 && Buffer.from(page.bytes).toString().endsWith('x"}}'))
})

test('a client that sends no heartbeat loses its session; what has ended goes after its time', async (t) => {
  const { a, b, who } = await gates(t, 2, { keptMs: 300 })
  const { sessions } = a.gateway
  await sessions.create({ kind: 'sql', conf: AT_B, heartbeatTimeoutInSecond: 1 }, who)
  await sessions.create({ kind: 'sql', conf: AT_B }, who)
  await eventually(async () => (await sessions.list({ from: 0, size: 9 }, who)).total === 1)
  await eventually(() => b.livy.sessions.size === 1)
  await sessions.stop(1, who)
  await eventually(async () => (await sessions.list({ from: 0, size: 9 }, who)).total === 0)
})

test.run()
