import * as assert from 'uvu/assert'
import type { AttemptEvent } from '../../src/protocols/task/messages.ts'
import { suite } from '../kit/index.ts'
import type { Outliving } from '../sim/tasks/outliving.ts'
import { ASKER, Bench, running, submitOf, TASK, workOf } from './bench.ts'

const test = suite('work that goes on while its island is down')

const CODE = 'ms=10000 log=10'
const KEY = `${TASK}/1`

async function world() {
  const outliving = { there: new Map<string, Outliving>(), lost: new Set<string>() }
  return { ...outliving, bench: await Bench.with({ outliving }) }
}

const endOf = (events: AttemptEvent[]) => {
  const last = events.at(-1)
  assert.ok(last?.type === 'done')
  return last
}

/** Handed over, and some of it printed when the island dies. */
async function begun(bench: Bench, code: string, more: Parameters<typeof submitOf>[1] = {}): Promise<void> {
  await bench.follow(submitOf(code, more), (e) => e.type === 'state' && e.logBytes > 30)
}

test('it is found again: begun once, its log told once, its result that of the one run', async () => {
  const { bench, there } = await world()
  await begun(bench, CODE)
  await bench.restart()
  const end = endOf(await bench.follow(submitOf(CODE)))
  assert.equal([end.state, bench.begun], ['succeeded', 1])
  assert.is(await bench.read('table.ndjson'), '[1]\n')
  const lines = Array.from({ length: 10 }, (_, i) => `line ${i} of run 1\n`).join('')
  assert.equal([await bench.read('log'), end.logBytes], [lines, lines.length])
  assert.is(there.size, 0)
})

test('the island may die while it runs as often as it likes: it did not begin again', async () => {
  const { bench } = await world()
  const code = 'ms=60000'
  const request = submitOf(code, { work: workOf(code, { kind: 'python' }) })
  await bench.follow(request, running)
  for (let turn = 0; turn < 6; turn++) {
    await bench.restart()
    await bench.sim.run(3_000)
  }
  assert.equal([endOf(await bench.follow(request)).state, bench.begun], ['succeeded', 1])
})

test('what may begin but once goes on where it is found, and has no known outcome where it is not', async () => {
  const found = await world()
  await begun(found.bench, CODE, { atMostOnce: true })
  await found.bench.restart()
  const good = endOf(await found.bench.follow(submitOf(CODE, { atMostOnce: true })))
  assert.equal([good.state, found.bench.begun], ['succeeded', 1])

  const { bench, there } = await world()
  await begun(bench, CODE, { atMostOnce: true })
  there.clear()
  await bench.restart()
  const bad = endOf(await bench.follow(submitOf(CODE, { atMostOnce: true })))
  assert.equal([bad.state, bad.error?.code, bench.begun], ['failed', 'OUTCOME_UNKNOWN', 1])
})

test('an island that stops in order leaves it where it is, and finds it again', async () => {
  for (const atMostOnce of [false, true]) {
    const { bench, there } = await world()
    await begun(bench, CODE, { atMostOnce })
    await bench.sim.act(bench.provider.stop())
    assert.equal([...there.keys()], [KEY])
    await bench.sim.act(bench.provider.start())
    const end = endOf(await bench.follow(submitOf(CODE, { atMostOnce })))
    assert.equal([end.state, bench.begun, there.size], ['succeeded', 1, 0])
    const lines = Array.from({ length: 10 }, (_, i) => `line ${i} of run 1\n`).join('')
    assert.is(await bench.read('log'), lines, 'told once')
  }
})

test('an island that leaves for good ends it', async () => {
  const { bench, there } = await world()
  await begun(bench, CODE)
  await bench.sim.act(bench.provider.stop({ forGood: true }))
  assert.is(there.size, 0)
})

test('what had begun and is lost is not begun again', async () => {
  const { bench, there, lost } = await world()
  await begun(bench, CODE)
  there.clear()
  lost.add(KEY)
  await bench.restart()
  const end = endOf(await bench.follow(submitOf(CODE)))
  assert.equal([end.state, end.error?.code, bench.begun], ['failed', 'ENGINE_FAILED', 1])
})

test('what nobody wants any more is ended where it is', async () => {
  const { bench, there } = await world()
  await begun(bench, CODE)
  assert.equal([...there.keys()], [KEY])
  // Cancelled, and dead before it could say so to the engine.
  bench.provider.onWrite = (point, when) => {
    if (point === 'provider:cancel' && when === 'after') bench.provider.crash()
  }
  void bench.provider.tasks!.handlers.control({ op: 'cancel', task: TASK, attempt: 1 }, ASKER)
  await bench.sim.run(1_000)
  bench.provider.onWrite = undefined
  assert.equal([...there.keys()], [KEY])
  await bench.sim.act(bench.provider.start())
  assert.is(endOf(await bench.follow(submitOf(CODE))).state, 'cancelled')
  assert.is(there.size, 0)

  there.set('of another run', { run: 7, since: 0 })
  await bench.restart()
  assert.is(there.size, 0)
})

test.run()
