import { pino } from 'pino'
import * as assert from 'uvu/assert'
import { binder } from '../../src/node/datasets/bind.ts'
import type { Publication } from '../../src/node/datasets/port.ts'
import { held } from '../../src/node/gateway/provider/held.ts'
import type { HeldRecord } from '../../src/node/gateway/provider/records.ts'
import { soundness } from '../../src/node/gateway/provider/soundness.ts'
import type { LivySite } from '../../src/node/gateway/site.ts'
import type { LivyBatch, LivyStatement } from '../../src/protocols/livy/objects.ts'
import type { DatasetBody } from '../../src/protocols/model/dataset.ts'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import { eventually, rejects, suite } from '../kit/index.ts'
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

test('files that cannot be looked at for a moment cost nothing', async (t) => {
  const { a, b, who } = await gates(t, 2)
  const { sessions } = a.gateway
  b.holds.add('stars')
  await sessions.create({ kind: 'pyspark', conf: STARS }, who)
  await eventually(async () => (await sessions.show(0, who)).state === 'idle')
  b.away = 2
  await sessions.submit(0, { code: 'one' }, who)
  await eventually(async () => (await sessions.statement(0, 0, who)).state === 'available')
  assert.equal(await outcomes(a, who), ['ok'])
  assert.is(b.away, 0)
})

/** One entry and what its site says, looked at by `recheck`. */
function looked(type: HeldRecord['type'], recheck: () => Promise<void>, signal = new AbortController().signal) {
  const datasets = [{ table: 'stars', id: 'stars', publisher: 'p', version: 'v' }]
  const record = { island: 'i', key: 'k', type, user: 'u', engine: 'livy', mark: 'm', datasets, created: 0 } as const
  const entry = held({ ...record, datasets: [...datasets] }, { engine: 'livy' } as LivySite)
  const sound = soundness({
    data: { recheck },
    keep: async () => {},
    logger: pino({ level: 'silent' }),
    signal,
    waitsMs: [1],
  })
  return { entry, sound }
}

const done = (id: number): LivyStatement => ({
  id,
  code: '1',
  state: 'available',
  output: { status: 'ok', execution_count: id, data: { 'text/plain': '1' } },
  progress: 1,
  started: 1,
  completed: 2,
})

test('a look at files says whether they are others, or that nobody knows', async () => {
  const publication = { id: 'stars', version: 'v', source: [], state: 'stale' } as unknown as Publication
  const look = async (found: Publication & { unsure?: true }, error?: Error) => {
    const looked = binder({
      async look() {
        if (error !== undefined) throw error
        return found
      },
      bodyOf: async () => ({}) as DatasetBody,
      ownIds: (id) => [id],
    })
    return looked.recheck([{ id: 'stars', version: 'v' }])
  }
  await rejects(look(publication), 'STALE')
  await rejects(look({ ...publication, version: 'w' }), 'STALE')
  await rejects(look({ ...publication, unsure: true }), 'NOT_READY')
  await rejects(look(publication, new Error('the store is closed')), 'NOT_READY')
  await rejects(look(publication, new ArchipelError('CANCELLED', 'it stops')), 'CANCELLED')
})

test('files that stay away cost the statement that ran meanwhile, not its session', async () => {
  let error: ArchipelError | undefined = new ArchipelError('NOT_READY', 'nobody can tell')
  const { entry, sound } = looked('session', async () => {
    if (error !== undefined) throw error
  })
  const [withheld] = await sound.statements(entry, [done(0)])
  assert.is(withheld?.output?.status === 'error' && withheld.output.evalue, 'nobody can tell')
  assert.is(entry.record.stale, undefined)
  error = undefined
  assert.equal(await sound.statement(entry, done(1)), done(1))
  error = new ArchipelError('STALE', WHY)
  assert.is((await sound.statement(entry, done(2))).output?.status, 'error')
  error = undefined
  assert.is((await sound.statement(entry, done(3))).output?.status, 'error', 'files that were others are so for ever')
  assert.equal(entry.record.stale, { from: 2, why: WHY })
})

test('a batch whose files stay away is dead and says so; an island that stops has decided nothing', async () => {
  const batch = { id: 0, state: 'success', log: ['x'] } as unknown as LivyBatch
  const away = looked('batch', async () => {
    throw new ArchipelError('NOT_READY', 'nobody can tell')
  })
  const { state, log } = await away.sound.object(away.entry, batch)
  assert.equal([state, log], ['dead', ['x', 'NOT_READY: nobody can tell']])
  const stops = looked('batch', async () => {
    throw new ArchipelError('CANCELLED', 'it stops')
  })
  await rejects(stops.sound.object(stops.entry, batch), 'CANCELLED')
  assert.is(stops.entry.record.stale, undefined)
})

test.run()
