/** The built-in engine as a Livy: places in the engine, idleness, waiting, and the ends of programs. */
import * as assert from 'uvu/assert'
import type { LivyOutput, LivySessionRequest } from '../../src/protocols/livy/objects.ts'
import { suite } from '../kit/index.ts'
import { created, data, opened, ran, reached, refusal, started, until } from './embedded.ts'

const test = suite('gateway: places and ends of the sessions of the built-in engine')

test('Python: an exit is an exception; an error shows no code of another statement', async (t) => {
  const { site } = await started(t, { r: 'none' })
  const session = await opened(site, 'pyspark')
  const error = async (code: string) => (await ran(site, session, code)).output as LivyOutput & { status: 'error' }
  const exits = await error('import sys; sys.exit(3)')
  assert.equal([exits.ename, exits.evalue], ['SystemExit', '3'])
  await ran(site, session, 'def f():\n  return 1 / 0')
  await error('secret_of_before = 1\nanother_secret = 1 / 0')
  for (const code of ['%json unknown_name', 'f()']) {
    const { traceback } = await error(code)
    assert.not.match(traceback.join(''), 'secret')
    assert.not.match(traceback.join(''), 'archipel')
  }
})

test('Python: who prints too much in one statement is told the limit', async (t) => {
  const { site } = await started(t, { r: 'none', limits: { outputBytes: 100_000 } })
  const session = await opened(site, 'pyspark')
  const dead = reached(site, session, 'dead')
  for (let i = 0; i < 2; i++) assert.is((await ran(site, session, 'print("x" * 80_000)')).output?.status, 'ok')
  const { output } = await ran(site, session, 'print("x" * 200_000)')
  const { evalue, traceback } = output as LivyOutput & { status: 'error' }
  assert.match(evalue, /^Interpreter died:\nRESULT_LIMIT: the program printed more than 100000 bytes/)
  assert.match(traceback.join(''), 'Print less')
  await dead
})

test('sessions of SQL hold no place between two statements', async (t) => {
  const { site, engine } = await started(t, { r: 'none', python: 'none', places: 1 })
  const ids = await Promise.all(Array.from({ length: 6 }, () => opened(site, 'sql')))
  assert.is(engine.status().running, 0)
  for (const id of ids) assert.is((await ran(site, id, 'SELECT 1 AS one')).output?.status, 'ok')
  assert.is(engine.status().running, 0)
})

test('programs of sessions leave places to others; one too many is refused at once', async (t) => {
  const { site, engine } = await started(t, { r: 'none', places: 1 })
  const first = await opened(site, 'pyspark')
  const { status, body } = await refusal(created(site, { kind: 'pyspark' }))
  assert.is(status, 400)
  assert.match((body as { msg: string }).msg, /^Rejected, too many sessions are being created!/)
  const shared = await opened(site, 'shared')
  const none = (await ran(site, shared, '1', 'pyspark')).output as LivyOutput & { status: 'error' }
  assert.match(none.evalue, 'all 1 places for sessions are taken')
  assert.is(engine.status().running, 1)
  await site.deleteSession(first)
  assert.equal(data(await ran(site, shared, '1', 'pyspark')), { 'text/plain': '1' })
  await site.stopSession(shared)
  await opened(site, 'pyspark')
})

test('what waits for a place says so, and is cancelled at once', async (t) => {
  const { site, engine } = await started(t, { r: 'none', queue: 4 })
  const taken = await Promise.all(Array.from({ length: 4 }, () => engine.createSession({ kind: 'sql', datasets: [] })))
  const session = await opened(site, 'sql')
  const waits = (id: number) =>
    until(
      site,
      id,
      (c) => c.type === 'session' && c.session.log.includes('waits for a place: 4 of 4 sessions are open'),
    )
  const told = waits(session)
  await site.submit(session, { code: 'SELECT 1' }, 0)
  await told
  assert.is((await site.statement(session, 0)).state, 'waiting')
  await site.cancelStatement(session, 0)
  assert.is((await site.statement(session, 0)).state, 'cancelled')
  await reached(site, session, 'idle')
  assert.is(engine.status().waiting, 0)
  const late = await created(site, { kind: 'pyspark' })
  await waits(late)
  assert.is((await site.session(late)).state, 'starting')
  await taken[0]!.close()
  await reached(site, late, 'idle')
  await Promise.all(taken.map((each) => each.close()))
})

test('an idle session ends after its idleTimeout or its ttl, a busy one does not; then it is collected', async (t) => {
  const { site, engine } = await started(t, { r: 'none', retainMs: 1 })
  const ends: [LivySessionRequest, RegExp][] = [
    [{ kind: 'pyspark', idleTimeout: '400ms' }, /it was idle for 400 ms/],
    [{ kind: 'sql', ttl: '1s' }, /its ttl of 1000 ms is over/],
  ]
  for (const [request, why] of ends) {
    const id = await created(site, request)
    await reached(site, id, 'idle')
    const logs: string[] = []
    const lost = until(site, id, (change) => {
      if (change.type === 'session' && change.session.state === 'dead') logs.push(...change.session.log)
      return change.type === 'lost'
    })
    if (request.kind === 'pyspark') {
      const slept = await ran(site, id, 'import time\ntime.sleep(1)\n"awake"')
      assert.equal(data(slept), { 'text/plain': "'awake'" })
    }
    await lost
    assert.match(logs.join('\n'), why)
    assert.is((await refusal(site.session(id))).status, 404)
  }
  assert.is(engine.status().running, 0)
})

test.run()
