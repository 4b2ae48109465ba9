/** Work on Spark through the tasks, over a scripted engine behind the same port. The real one: test/livy/tasks.test.ts. */
import * as assert from 'uvu/assert'
import { argsOf, checkDefaults, valuesOf } from '../../src/node/actions/values.ts'
import type { SubmitRequest } from '../../src/protocols/model/views.ts'
import { type AttemptRequest, attemptMessage, fromMessage, toMessage } from '../../src/protocols/task/messages.ts'
import { rejects, suite } from '../kit/index.ts'
import type { SimIsland } from '../sim/tasks/island.ts'
import { TaskSim } from '../sim/tasks/world.ts'

const test = suite('tasks on Spark')

const SHA = 'ab'.repeat(32)
const JAR = { name: 'job.jar', sha256: SHA }

async function two(): Promise<{ sim: TaskSim; asker: SimIsland; site: SimIsland; ops: string[] }> {
  const sim = new TaskSim(11)
  const [asker, site] = [await sim.add(), await sim.add()]
  sim.publish('stars', site)
  asker.mains.add(SHA)
  const ops: string[] = []
  sim.net.onRequest = (_, name, request) => {
    if (name === 'task-attempt') ops.push((request as { op: string }).op)
  }
  return { sim, asker, site, ops }
}

test('a snippet gets its engine and what Spark is asked for; the hand-over is one that older islands refuse', async () => {
  const { sim, asker, site, ops } = await two()
  const spark = { executorMemory: '4g', conf: { 'spark.x': 'y' } }
  const request: SubmitRequest = { kind: 'scala', code: 'from=stars', datasets: ['stars'], spark }
  const { id } = await sim.act(asker.tasks!.submit(request))
  const view = await sim.end(asker, id)
  assert.equal([view.state, view.ranAt?.island], ['succeeded', site.id])
  const { init, forwarded } = sim.world.ledger.begun.at(-1)!
  assert.equal([init?.kind, init?.engine, init?.spark, forwarded], ['scala', 'livy', spark, true])
  assert.equal([view.engine, view.spark], ['livy', spark])
  assert.ok(ops.length > 0 && ops.every((op) => op === 'submit-spark'), ops.join())
  const again = await sim.act(asker.tasks!.retry(id))
  assert.equal([again.engine, again.spark], ['livy', spark])
  await sim.end(asker, again.id)
  ops.length = 0
  await sim.end(asker, (await sim.act(asker.tasks!.submit({ kind: 'sql', code: 'from=stars' }))).id)
  assert.equal(new Set(ops), new Set(['submit']), 'other work is handed over as ever')
})

test('the op is not known to who does not know the fields, and comes back as it was', () => {
  const work = { task: `task-isl${'a'.repeat(32)}-00000000`, user: 'ada', code: '1', datasets: [], params: {} }
  const of = (more: object) =>
    ({
      op: 'submit',
      attempt: 1,
      leaseMs: 1000,
      inlineBytes: 0,
      atMostOnce: false,
      work: { ...work, ...more },
    }) as unknown as AttemptRequest
  for (const more of [{ kind: 'scala' }, { kind: 'python', engine: 'livy' }]) {
    const sent = attemptMessage.parse(toMessage(of(more)))
    assert.is(sent.op, 'submit-spark')
    assert.equal(fromMessage(sent), of(more))
  }
  for (const more of [{ kind: 'python' }, { kind: 'sql', engine: 'embedded' }])
    assert.is(toMessage(of(more)).op, 'submit')
  assert.not.ok(attemptMessage.safeParse(of({ kind: 'python', engine: 'livy', spark: { colour: 'red' } })).success)
})

test('a batch gets its main file, class and arguments; code without a file is made one', async () => {
  const { sim, asker, site } = await two()
  const batch = { main: JAR, className: 'org.example.Job', args: ['from=stars', 'rows=3'] }
  const { id } = await sim.act(asker.tasks!.submit({ kind: 'jar', code: '', batch, datasets: ['stars'] }))
  const view = await sim.end(asker, id)
  assert.is(view.state, 'succeeded', JSON.stringify(view.error))
  assert.equal([view.codeSha256, view.batch?.main?.bytes], [SHA, 10])
  const { init } = sim.world.ledger.begun.at(-1)!
  assert.equal(init?.main, { path: `/from/${asker.id}/${SHA}`, name: 'job.jar', className: 'org.example.Job' })
  assert.equal([init?.args, init?.code], [batch.args, ''])
  const python = await sim.act(asker.tasks!.submit({ kind: 'python', code: 'print(1)', batch: {}, on: site.id }))
  assert.is((await sim.end(asker, python.id)).state, 'succeeded')
  assert.equal(sim.world.ledger.begun.at(-1)!.init?.main, { path: '/code/8', name: 'work.py' })
})

test('work at Spark has slots of its own: what runs long there keeps nobody from the built-in engine', async () => {
  const sim = new TaskSim(13)
  const asker = await sim.add({ provider: { slots: 1, sparkSlots: 2 } })
  for (let i = 0; i < 3; i++) await sim.act(asker.tasks!.submit({ kind: 'scala', code: 'ms=60000' }))
  await sim.until('two run', () => asker.tasks!.provider.load('livy').running === 2)
  const load = asker.tasks!.provider.load('livy')
  assert.equal([load.waiting, load.slots, load.runningMs?.length], [1, 2, 2])
  const before = sim.scheduler.now
  await sim.end(asker, (await sim.act(asker.tasks!.submit({ kind: 'sql', code: 'ms=10' }))).id)
  assert.ok(sim.scheduler.now - before < 5_000)
  assert.equal([asker.tasks!.provider.load().slots, asker.tasks!.provider.load('livy').running], [1, 2])
})

test('what does not fit together is refused before anything is kept', async () => {
  const { sim, asker } = await two()
  const refused: [SubmitRequest, Parameters<typeof rejects>[1]][] = [
    [{ kind: 'scala', code: '1', engine: 'embedded' }, 'BAD_INPUT'],
    [{ kind: 'python', code: '1', engine: 'embedded', spark: { queue: 'q' } }, 'BAD_INPUT'],
    [{ kind: 'jar', code: '' }, 'BAD_INPUT'],
    [{ kind: 'jar', code: '', batch: {} }, 'BAD_INPUT'],
    [{ kind: 'jar', code: 'x', batch: { main: JAR } }, 'BAD_INPUT'],
    [{ kind: 'jar', code: '', batch: { main: { ...JAR, name: 'job.py' } } }, 'BAD_INPUT'],
    [{ kind: 'jar', code: '', batch: { main: { ...JAR, sha256: 'cd'.repeat(32) } } }, 'NOT_FOUND'],
    [{ kind: 'python', code: '', batch: {} }, 'BAD_INPUT'],
    [{ kind: 'python', code: 'x', batch: { className: 'X' } }, 'BAD_INPUT'],
    [{ kind: 'sql', code: 'from=stars', batch: {} }, 'BAD_INPUT'],
    [{ kind: 'scala', code: '1', spark: { driverMemory: 'much' } }, 'BAD_INPUT'],
  ]
  for (const [request, code] of refused) await rejects(sim.act(asker.tasks!.submit(request)), code)
  assert.equal(asker.store.keys('t/'), [])
})

test('SQL for Spark is not read here where its data are named', async () => {
  const { sim, asker } = await two()
  const request: SubmitRequest = { kind: 'sql', engine: 'livy', code: 'invalid from=stars' }
  await rejects(sim.act(asker.tasks!.submit(request)), 'SQL_INVALID')
  const { id } = await sim.act(asker.tasks!.submit({ ...request, datasets: ['stars'] }))
  assert.is((await sim.end(asker, id)).state, 'succeeded')
})

test('parameters of actions have types, defaults and places in arguments', async () => {
  const params = {
    limit: { type: 'integer' as const, default: 5 },
    band: { type: 'text' as const },
    deep: { type: 'boolean' as const, default: null },
  }
  assert.equal(valuesOf(params, { band: 'V' }), { limit: 5, band: 'V', deep: null })
  assert.equal(valuesOf(params, { band: '5', limit: '9007199254740993', deep: null }).limit, '9007199254740993')
  for (const given of [
    {},
    { band: 5 },
    { band: 'V', limit: 1.5 },
    { band: 'V', limit: null },
    { band: 'V', x: 1 },
    { band: 'V', deep: 1 },
  ])
    await rejects(() => valuesOf(params, given as never), 'BAD_INPUT')
  await rejects(() => checkDefaults({ n: { type: 'number', default: 'much' } }), 'BAD_INPUT')
  assert.equal(argsOf(['--n={limit}', '{band}', '{"a": 1}'], { limit: 5, band: 'V' }), ['--n=5', 'V', '{"a": 1}'])
  await rejects(() => argsOf(['{colour}'], {}), 'BAD_INPUT')
})

test.run()
