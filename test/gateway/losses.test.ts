import * as assert from 'uvu/assert'
import { LivyRefusal } from '../../src/protocols/livy/refusal.ts'
import { eventually, suite, type TestContext } from '../kit/index.ts'
import { type Gate, type GateOptions, gates } from './gates.ts'

const test = suite('the Livy gateway through losses')
const AT_B = { 'spark.archipel.island': 'island-1' }

/** A session at b with a statement that has run and one that runs, and a batch that runs. */
async function busy(t: TestContext, options: GateOptions = {}) {
  const world = await gates(t, 2, { holdMs: 100, ...options })
  const { a, who } = world
  const { sessions, batches } = a.gateway
  await sessions.create({ kind: 'pyspark', conf: AT_B, name: 'kept' }, who)
  await eventually(async () => (await sessions.show(0, who)).state === 'idle')
  await sessions.submit(0, { code: 'first' }, who)
  await eventually(async () => (await sessions.statement(0, 0, who)).state === 'available')
  await sessions.submit(0, { code: 'gate x' }, who)
  await batches.create({ file: 'job.py', conf: AT_B }, who)
  await eventually(async () => (await batches.show(0, who)).state === 'running')
  return world
}

/** What was running goes on to its end, once, under the same numbers. */
async function goesOn(t: TestContext, { a, b, who }: Awaited<ReturnType<typeof busy>>) {
  b.livy.open('x')
  b.livy.open('job.py')
  const { sessions, batches } = a.gateway
  await eventually(async () => (await sessions.statement(0, 1, who)).state === 'available', { signal: t.signal })
  await eventually(async () => (await batches.show(0, who)).state === 'success', { signal: t.signal })
  assert.is((await sessions.statement(0, 0, who)).code, 'first', 'the old result is there')
  assert.is((await sessions.submit('kept', { code: 'next' }, who)).id, 2)
  await eventually(async () => (await sessions.statement(0, 2, who)).state === 'available', { signal: t.signal })
  assert.equal(b.livy.ran, ['first', 'gate x', 'job.py', 'next'])
  assert.equal([b.livy.sessions.size, b.livy.batches.size], [1, 1])
  assert.is((await sessions.create({ kind: 'sql', conf: AT_B }, who)).id, 1, 'numbers go on')
  assert.is((await batches.create({ file: 'other.py', conf: AT_B }, who)).id, 1)
}

test('the asking island ends and comes back', async (t) => {
  const world = await busy(t)
  await world.a.kill()
  await world.a.start()
  await goesOn(t, world)
})

test('the island with Livy ends and comes back, also while Livy does not answer at first', async (t) => {
  const world = await busy(t)
  await world.b.kill()
  world.b.livy.up = false
  await world.b.start()
  await eventually(() => world.a.net.connections().length === 1)
  world.b.livy.up = true
  await goesOn(t, world)
})

test('an island that runs its sessions itself ends with them: what was over can be read, the rest is said to be lost', async (t) => {
  const { a, who } = await gates(t, 1, { sites: (livy) => [livy.site('embedded')], holdMs: 100 })
  await a.gateway.sessions.create({ kind: 'pyspark' }, who)
  await eventually(async () => (await a.gateway.sessions.show(0, who)).state === 'idle')
  const codes = ['first', 'big 3000000']
  for (const code of codes) await a.gateway.sessions.submit(0, { code }, who)
  await eventually(async () => (await a.gateway.sessions.statement(0, 1, who)).state === 'available')
  await a.gateway.sessions.submit(0, { code: 'gate x' }, who)
  await eventually(async () => (await a.gateway.sessions.statement(0, 2, who)).state === 'running')
  await a.kill()
  a.livy.forget()
  await a.start()
  const { sessions } = a.gateway
  const dead = await eventually(async () => {
    const now = await sessions.show(0, who)
    assert.is(now.state, 'dead')
    return now
  })
  assert.match(dead.log.at(-1) ?? '', /^lost at island-0: .*the engine was restarted/)
  const lengths = await Promise.all(
    codes.map(async (code, id) => {
      const { output, ...statement } = await sessions.statement(0, id, who)
      assert.equal([statement.code, statement.state, output?.status], [code, 'available', 'ok'])
      return output?.status === 'ok' ? String(output.data['text/plain']).length : 0
    }),
  )
  assert.equal(lengths, [5, 3_000_000])
  const error = await sessions.statement(0, 2, who).catch((cause: unknown) => cause)
  assert.instance(error, LivyRefusal)
  assert.match(String((error as LivyRefusal).body), /Session is in state dead/)
  await sessions.delete(0, who)
})

test('both end, and come back in the other order', async (t) => {
  const world = await busy(t)
  await Promise.all([world.a.kill(), world.b.kill()])
  await world.a.start()
  await world.b.start()
  await goesOn(t, world)
})

test('Livy is restarted and knows nothing: dead, with what was lost; results that came are there', async (t) => {
  const { a, b, who } = await busy(t)
  const { sessions, batches } = a.gateway
  b.livy.forget()
  const session = await eventually(async () => {
    const now = await sessions.show(0, who)
    return now.state === 'dead' && now
  })
  assert.ok(session && session.log.at(-1) === 'Livy was restarted')
  assert.is((await batches.show(0, who)).state, 'dead')
  assert.is((await sessions.statement(0, 0, who)).state, 'available')
  await lostWords(a, who)
  // Livy counts anew: what has the old number is not touched.
  await sessions.create({ kind: 'sql', conf: AT_B }, who)
  assert.equal([...b.livy.sessions.keys()], [41])
  await sessions.delete(0, who)
  assert.equal([...b.livy.sessions.keys()], [41])
})

async function lostWords({ gateway }: Gate, who: Parameters<Gate['gateway']['sessions']['show']>[1]) {
  for (const work of [gateway.sessions.statement(0, 1, who), gateway.sessions.submit(0, { code: 'x' }, who)]) {
    const error = await work.then(
      () => undefined,
      (cause: unknown) => cause as LivyRefusal,
    )
    assert.instance(error, LivyRefusal)
    assert.equal([error!.status, error!.body], [500, 'java.lang.IllegalStateException: Session is in state dead'])
  }
}

test('an island that stays away: dead after the time, ended there when it comes back, a new one beside it', async (t) => {
  const { a, b, who } = await busy(t, { lostMs: 500, batchLostMs: 500 })
  const { sessions, batches } = a.gateway
  await b.kill()
  const before = performance.now()
  assert.is((await sessions.statement(0, 1, who)).state, 'running', 'a short loss only delays')
  await eventually(async () => (await sessions.show(0, who)).state === 'dead')
  assert.ok(performance.now() - before > 400)
  assert.match((await sessions.log(0, {}, who)).log.at(-1)!, /island-1 could not be reached/)
  await eventually(async () => (await batches.show(0, who)).state === 'dead')
  await lostWords(a, who)
  assert.equal([b.livy.sessions.size, b.livy.batches.size], [1, 1])
  await b.start()
  await eventually(() => b.livy.sessions.size === 0 && b.livy.batches.size === 0)
  assert.is((await sessions.show(0, who)).state, 'dead', 'it does not come back to life')
  assert.is((await sessions.create({ kind: 'sql', conf: AT_B }, who)).id, 1)
})

test('while an island is away, what is known is told at once, and a statement is refused in words of a session that comes back', async (t) => {
  const { a, b, who } = await busy(t)
  const { sessions, batches } = a.gateway
  await b.kill()
  let began = performance.now()
  assert.equal((await sessions.log(0, {}, who)).log, ['stdout: ', '\nstderr: '], 'as it was told')
  assert.is((await batches.log(0, {}, who)).id, 0)
  assert.ok(performance.now() - began < 4_000)
  began = performance.now()
  const recovering = [500, 'java.lang.IllegalStateException: Session is in state recovering']
  const refusalOf = async (work: Promise<unknown>) => {
    const error = await work.then(
      () => undefined,
      (cause: unknown) => cause as LivyRefusal,
    )
    assert.instance(error, LivyRefusal)
    return [error!.status, error!.body]
  }
  assert.equal(await refusalOf(sessions.submit(0, { code: 'x' }, who)), recovering)
  assert.ok(performance.now() - began < 8_000)
  began = performance.now()
  assert.is((await sessions.statement(0, 0, who)).state, 'available', 'it is still there')
  assert.equal(await refusalOf(sessions.statement(0, 2, who)), recovering, 'whether it came there nobody knows')
  await sessions.show(0, who)
  await sessions.log(0, {}, who)
  assert.ok(performance.now() - began < 2_000)
  await b.start()
  b.livy.open('x')
  await eventually(async () => (await sessions.statement(0, 1, who)).state === 'available', { signal: t.signal })
  assert.is((await sessions.submit(0, { code: 'again' }, who)).id, 2)
})

test('what is deleted while its island is away is ended there later, also after a restart', async (t) => {
  const { a, b, who } = await busy(t)
  await b.kill()
  const deleting = a.gateway.sessions.delete(0, who)
  await eventually(() => a.gateway.views().length === 2)
  await a.kill()
  await deleting.catch(() => {})
  await a.start()
  await b.start()
  await eventually(async () => (await a.gateway.batches.show(0, who)).state === 'running')
  // Whether the deletion had come to be written decides: never half of it.
  const left = (await a.gateway.sessions.list({ from: 0, size: 9 }, who)).total
  await eventually(() => b.livy.sessions.size === left)
})

test('an island whose asker stays away ends its sessions, and leaves its batches', async (t) => {
  const { a, b } = await busy(t, { abandonedMs: 500 })
  await a.kill()
  await eventually(() => b.livy.sessions.size === 0)
  assert.is(b.livy.batches.size, 1)
})

test('what is being made for long is not taken for lost; who loses the line meanwhile gets the same one', async (t) => {
  const { a, b, who } = await gates(t, 2)
  const making = a.gateway.sessions.create({ kind: 'sql', conf: { ...AT_B, late: '1' } }, who)
  // Longer than the provider takes to look at what it does not know.
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  for (const { peerId } of a.net.connections()) a.net.drop(peerId)
  await eventually(() => a.net.connections().length === 1)
  b.livy.open('create')
  assert.is((await making).id, 0)
  assert.is(b.livy.sessions.size, 1)
  assert.is((await a.gateway.sessions.show(0, who)).state, 'idle')
})

test('nobody touches what is not his', async (t) => {
  const { gates: all, who } = await gates(t, 3)
  const [a, b, c] = all as [Gate, Gate, Gate]
  await a.gateway.sessions.create({ kind: 'sql', conf: AT_B }, who)
  await c.gateway.sessions.create({ kind: 'sql', conf: AT_B }, who)
  assert.equal([...b.livy.sessions.keys()], [41, 42])
  assert.is(a.gateway.views()[0]?.remoteId, 41)
  assert.is(c.gateway.views()[0]?.remoteId, 42)
  await c.gateway.sessions.delete(0, who)
  assert.equal([...b.livy.sessions.keys()], [41], 'one ends its own, whatever the number')
  await c.kill()
  await c.start()
  await eventually(() => c.gateway.views().length === 0)
  assert.is((await a.gateway.sessions.show(0, who)).state, 'idle')
})

test.run()
