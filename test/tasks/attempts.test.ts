import * as assert from 'uvu/assert'
import type { AttemptRequest } from '../../src/protocols/task/messages.ts'
import { rejects, suite } from '../kit/index.ts'
import { islandName } from '../sim/tasks/island.ts'

import { ASKER, accepted, Bench, running, submitOf, TASK, workOf } from './bench.ts'

const test = suite('attempts at their provider')

test('the first thing said is that it is durable, the last is the end with the result', async () => {
  const bench = await Bench.with()
  const events = await bench.follow(submitOf('ms=100 rows=2 log=1'))
  assert.is(events[0]?.type, 'accepted')
  const end = events.at(-1)
  assert.ok(end?.type === 'done')
  assert.is(end.state, 'succeeded')
  assert.is(end.result?.table?.rowCount, 2)
  assert.equal(
    end.inline?.map((i) => i.name),
    ['table.ndjson'],
  )
  assert.is(await bench.read('log'), 'line 0 of run 1\n')
  assert.is(end.logBytes, 16)
})

test('it is on the disk before it is said to be there', async () => {
  const bench = await Bench.with()
  await bench.follow(submitOf('ms=60000'), accepted)
  assert.is(bench.provider.store.keys('a/').length, 1)
  assert.is(bench.provider.store.keys('v/').length, 1)
})

test('signs of life come well within the lease, also while nothing changes', async () => {
  const bench = await Bench.with()
  const times: number[] = []
  const events = await bench.follow(submitOf('ms=20000', { leaseMs: 4_000 }), () => {
    times.push(bench.sim.scheduler.now)
    return false
  })
  assert.is(events.at(-1)?.type, 'done')
  for (const [i, time] of times.entries())
    if (i > 0) assert.ok(time - times[i - 1]! <= 1_100, `${time - times[i - 1]!} ms`)
})

test('the same hand-over again is the same attempt, wherever it is', async () => {
  const bench = await Bench.with()
  await bench.follow(submitOf('ms=500'), accepted)
  await bench.follow(submitOf('ms=500'), running)
  const end = (await bench.follow(submitOf('ms=500'))).at(-1)
  assert.equal((await bench.follow(submitOf('ms=500'))).at(-1), end)
  assert.is(bench.begun, 1)
  await rejects(bench.follow(submitOf('ms=501')), 'BAD_INPUT')
})

test('two hand-overs at the same moment are one attempt', async () => {
  const bench = await Bench.with()
  const both = await Promise.all([bench.follow(submitOf('ms=50')), bench.follow(submitOf('ms=50'))])
  assert.equal(both[0].at(-1), both[1].at(-1))
  assert.is(bench.begun, 1)
})

test('only the island that owns the task hands over, watches, reads, cancels and drops', async () => {
  const bench = await Bench.with()
  const other = islandName(3)
  await rejects(bench.follow(submitOf('ms=1'), undefined, other), 'FORBIDDEN')
  await bench.follow(submitOf('ms=10 log=1'))
  await rejects(bench.follow({ op: 'watch', task: TASK, attempt: 1, inlineBytes: 0 }, undefined, other), 'FORBIDDEN')
  await rejects(bench.read('log', 1, other), 'FORBIDDEN')
  for (const op of ['cancel', 'acknowledge', 'drop'] as const) await rejects(bench.control(op, 1, other), 'FORBIDDEN')
  assert.is(await bench.read('log'), 'line 0 of run 1\n')
})

test('an older attempt is fenced by a newer one, which ends it', async () => {
  const bench = await Bench.with()
  await bench.follow(submitOf('ms=60000'), running)
  const watching = bench.follow({ op: 'watch', task: TASK, attempt: 1, inlineBytes: 0 })
  watching.catch(() => {})
  await bench.follow(submitOf('ms=50', { attempt: 3 }), accepted)
  await rejects(watching, 'FENCED')
  await rejects(bench.follow(submitOf('ms=60000')), 'FENCED')
  await rejects(bench.follow(submitOf('ms=60000', { attempt: 2 })), 'FENCED')
  assert.is((await bench.follow(submitOf('ms=50', { attempt: 3 }))).at(-1)?.type, 'done')
  await rejects(bench.follow({ op: 'watch', task: TASK, attempt: 1, inlineBytes: 0 }), 'TASK_NOT_FOUND')
  await bench.restart()
  await rejects(bench.follow(submitOf('ms=60000', { attempt: 2 })), 'FENCED')
  assert.equal(bench.provider.spool.keys(), [`${TASK}/3`])
})

test('what was dropped before it came never begins', async () => {
  const bench = await Bench.with()
  assert.equal(await bench.control('drop'), { state: 'unknown' })
  assert.equal(await bench.control('drop'), { state: 'unknown' }, 'the same again')
  await rejects(bench.follow(submitOf('ms=1')), 'FENCED')
  await bench.restart()
  await rejects(bench.follow(submitOf('ms=1')), 'FENCED')
  assert.is((await bench.follow(submitOf('ms=1', { attempt: 2 }))).at(-1)?.type, 'done')
  assert.is(bench.begun, 1)
})

test('a tombstone of a newer attempt fences an older one that still runs, too', async () => {
  const bench = await Bench.with()
  await bench.follow(submitOf('ms=60000'), running)
  await bench.control('drop', 2)
  await rejects(bench.follow(submitOf('ms=1', { attempt: 2 })), 'FENCED')
})

test('cancelled while it waits, it never begins; while it runs, it stops; after the end, nothing changes', async () => {
  const bench = await Bench.with({ provider: { slots: 1 } })
  const other = { ...workOf('ms=3000'), task: `task-${ASKER}-abcdefgh02` }
  await bench.follow({ ...submitOf('ms=3000'), work: other } as AttemptRequest, running)
  await bench.follow(submitOf('ms=10'), accepted)
  assert.equal(await bench.control('cancel'), { state: 'accepted' })
  const waited = (await bench.follow(submitOf('ms=10'))).at(-1)
  assert.ok(waited?.type === 'done' && waited.state === 'cancelled')
  assert.is(bench.begun, 1)
  const stopped = bench.sim.act(bench.handlers.control({ op: 'cancel', task: other.task, attempt: 1 }, ASKER))
  assert.equal(await stopped, { state: 'running' })
  const end = (await bench.follow({ ...submitOf('ms=3000'), work: other } as AttemptRequest)).at(-1)
  assert.ok(end?.type === 'done' && end.state === 'cancelled')
  assert.equal(await bench.control('cancel'), { state: 'cancelled' })
  assert.equal(await bench.control('cancel', 7), { state: 'unknown' })
  assert.is(bench.sim.world.ledger.ended.length, 0)
})

test('a cancel outlives a restart', async () => {
  const bench = await Bench.with({ provider: { slots: 1 } })
  await bench.follow(submitOf('ms=60000'), running)
  bench.provider.onWrite = (point, when) => {
    if (point === 'provider:cancel' && when === 'after') bench.provider.crash()
  }
  void bench.handlers.control({ op: 'cancel', task: TASK, attempt: 1 }, ASKER)
  await bench.sim.until('the crash', () => !bench.provider.isUp)
  bench.provider.onWrite = undefined
  await bench.sim.act(bench.provider.start())
  const end = (await bench.follow(submitOf('ms=60000'))).at(-1)
  assert.ok(end?.type === 'done' && end.state === 'cancelled')
  assert.is(bench.begun, 1)
})

test('an acknowledged end is told to everybody and its result goes; one that is not is no end', async () => {
  const bench = await Bench.with()
  await bench.follow(submitOf('ms=10'))
  assert.is((await bench.sim.act(bench.handlers.describe(TASK))).state, 'running')
  assert.equal(await bench.control('acknowledge'), { state: 'succeeded' })
  assert.equal(await bench.control('acknowledge'), { state: 'succeeded' }, 'the same again')
  const view = await bench.sim.act(bench.handlers.describe(TASK))
  assert.is(view.state, 'succeeded')
  assert.is(view.from.role, 'provider')
  assert.equal(bench.provider.spool.keys(), [])
  await rejects(bench.read('table.ndjson'), 'TASK_NOT_FOUND')
  await rejects(bench.follow(submitOf('ms=10')), 'FENCED')
})

test('a dropped attempt is forgotten by all but the fence', async () => {
  const bench = await Bench.with()
  await bench.follow(submitOf('ms=10'))
  assert.equal(await bench.control('drop'), { state: 'succeeded' })
  await rejects(bench.sim.act(bench.handlers.describe(TASK)), 'TASK_NOT_FOUND')
  assert.equal(bench.provider.spool.keys(), [])
  assert.equal(bench.provider.store.keys('v/'), [])
})

test('dropped while it runs, it stops and leaves nothing', async () => {
  const bench = await Bench.with()
  await bench.follow(submitOf('ms=5000 log=50'), running)
  await bench.sim.run(1_000)
  assert.equal(await bench.control('drop'), { state: 'running' })
  await bench.sim.run(10_000)
  assert.equal(bench.provider.spool.keys(), [])
  assert.equal(bench.sim.world.ledger.ended, [])
})

test('after a restart it runs again, with the log going on; its end is kept until it is fetched', async () => {
  const bench = await Bench.with()
  await bench.follow(submitOf('ms=4000 log=4'), running)
  await bench.sim.run(2_500)
  await bench.restart()
  const watch: AttemptRequest = { op: 'watch', task: TASK, attempt: 1, inlineBytes: 10_000 }
  const end = (await bench.follow(watch)).at(-1)
  assert.ok(end?.type === 'done' && end.state === 'succeeded')
  assert.is(bench.begun, 2)
  assert.match(await bench.read('log'), /^line 0 of run 1\n[\s\S]*line 3 of run 2\n$/)
  await bench.restart()
  assert.equal((await bench.follow(watch)).at(-1), end)
  assert.is(bench.begun, 2)
})

test('a program at which the island comes to a sudden end three times is not begun again', async () => {
  const bench = await Bench.with()
  const submit = { ...submitOf('ms=60000'), work: workOf('ms=60000', { kind: 'python' }) } as AttemptRequest
  await bench.follow(submit, running)
  for (const runs of [1, 2, 3]) {
    await bench.sim.run(100)
    assert.is(bench.begun, runs)
    await bench.restart()
  }
  const end = (await bench.follow({ op: 'watch', task: TASK, attempt: 1, inlineBytes: 0 })).at(-1)
  assert.ok(end?.type === 'done' && end.state === 'failed')
  assert.is(end.error?.code, 'ENGINE_FAILED')
  assert.match(end.error!.message, /the island ended 3 times while it ran this/)
  await bench.restart()
  await bench.sim.run(1_000)
  assert.is(bench.begun, 3)
})

test('a statement that is interrupted each time ends, too; one that only waited goes on', async () => {
  const bench = await Bench.with({ provider: { slots: 1 } })
  await bench.follow(submitOf('ms=60000'), running)
  const other = { ...workOf('ms=10'), task: `task-${ASKER}-abcdefgh02` }
  await bench.follow({ ...submitOf('x'), work: other } as AttemptRequest, accepted)
  for (let i = 0; i < 4; i++) {
    await bench.sim.run(100)
    await bench.restart()
  }
  const end = (await bench.follow({ op: 'watch', task: TASK, attempt: 1, inlineBytes: 0 })).at(-1)
  assert.ok(end?.type === 'done' && end.error?.code === 'ENGINE_FAILED')
  assert.is(bench.begun, 4)
  const well = (await bench.follow({ op: 'watch', task: other.task, attempt: 1, inlineBytes: 0 })).at(-1)
  assert.ok(well?.type === 'done' && well.state === 'succeeded')
})

test('an island that is stopped in order while it runs a program begins it again each time', async () => {
  const bench = await Bench.with()
  const submit = { ...submitOf('ms=3000'), work: workOf('ms=3000', { kind: 'python' }) } as AttemptRequest
  await bench.follow(submit, running)
  for (let i = 0; i < 5; i++) {
    await bench.sim.run(100)
    await bench.sim.act(bench.provider.stop())
    await bench.sim.act(bench.provider.start())
  }
  const end = (await bench.follow({ op: 'watch', task: TASK, attempt: 1, inlineBytes: 0 })).at(-1)
  assert.ok(end?.type === 'done' && end.state === 'succeeded')
  assert.is(bench.begun, 6)
})

test('what may begin but once: run again when it had not begun, else its end is unknown', async () => {
  const bench = await Bench.with({ provider: { slots: 1 } })
  const other = { ...workOf('ms=60000'), task: `task-${ASKER}-abcdefgh02` }
  await bench.follow({ ...submitOf('x'), work: other, atMostOnce: true } as AttemptRequest, running)
  await bench.sim.run(500)
  await bench.follow(submitOf('ms=10', { atMostOnce: true }), accepted)
  await bench.restart()
  const end = (await bench.follow(submitOf('ms=10', { atMostOnce: true }))).at(-1)
  assert.ok(end?.type === 'done' && end.state === 'succeeded', 'the one that waited')
  const lost = (await bench.follow({ op: 'watch', task: other.task, attempt: 1, inlineBytes: 0 })).at(-1)
  assert.ok(lost?.type === 'done' && lost.state === 'failed', 'the one that ran')
  assert.is(lost.error?.code, 'OUTCOME_UNKNOWN')
  assert.is(lost.begun, true)
  assert.is(bench.begun, 2)
})

test('a failure before the code began says so, for what may begin but once', async () => {
  const bench = await Bench.with()
  const work = workOf('ms=1', { datasets: [{ table: 't', id: 'nowhere', publisher: ASKER, version: 'v' }] })
  const end = (await bench.follow(submitOf('', { work, atMostOnce: true }))).at(-1)
  assert.ok(end?.type === 'done' && end.state === 'failed')
  assert.is(end.error?.code, 'DATASET_NOT_FOUND')
  assert.is(end.begun, false)
})

test('the queue is bounded for all, for an island and for a user, and a refusal leaves nothing behind', async () => {
  const bench = await Bench.with({ provider: { slots: 1, maxWaiting: 3, maxPerIsland: 3, maxPerUser: 2 } })
  let n = 10
  const hand = (user: string, island = ASKER) => {
    const task = `task-${island}-abcdefgh${n++}`
    const request = { ...submitOf('x'), work: { ...workOf('ms=60000'), task, user } } as AttemptRequest
    return bench.follow(request, accepted, island)
  }
  await hand('ada')
  await hand('ada')
  await rejects(hand('ada'), 'TOO_MANY')
  await hand('bob')
  await rejects(hand('bob'), 'TOO_MANY')
  await hand('ada', islandName(24))
  await rejects(hand('ada', islandName(23)), 'TOO_MANY')
  assert.is(bench.provider.store.keys('a/').length, 4)
  const { running: slots, waiting } = bench.provider.tasks!.provider.load()
  assert.equal([slots, waiting], [1, 3])
  const refused = bench.provider.journal.filter((e) => e.outcome === 'refused')
  assert.is(refused.length, 3)
})

test('islands and users are served in turns, whoever came with how much', async () => {
  const bench = await Bench.with({ provider: { slots: 1 } })
  let n = 10
  const hand = (user: string, island: string) => {
    const task = `task-${island}-abcdefgh${n++}`
    const work = { ...workOf(`task=${user}${island[3]} ms=100`), task, user }
    return bench.follow({ ...submitOf('x'), work } as AttemptRequest, accepted, island)
  }
  for (let i = 0; i < 5; i++) await hand('ada', ASKER)
  await hand('bob', ASKER)
  await hand('eve', islandName(24))
  await bench.sim.until('all have run', () => bench.sim.world.ledger.ended.length === 7)
  const order = bench.sim.world.ledger.begun.map((b) => b.task)
  assert.ok(order.indexOf('evey') <= 3, order.join())
  assert.ok(order.indexOf('bobz') <= 4, order.join())
})

test('attempts that nobody watches are asked about, and kept or dropped as the owner says', async () => {
  const bench = await Bench.with({ provider: { claimMs: 5_000 } })
  const asker = await bench.sim.add({ id: ASKER })
  await bench.follow(submitOf('ms=20'))
  await bench.sim.run(20_000)
  assert.equal(bench.provider.store.keys('v/'), [], 'an owner that knows nothing of it does not want it')
  asker.crash()
  const other = { ...workOf('ms=20'), task: `task-${ASKER}-abcdefgh02` }
  await bench.follow({ ...submitOf('x'), work: other } as AttemptRequest)
  await bench.sim.run(60_000)
  assert.is(bench.provider.store.keys('v/').length, 1, 'nobody there to say no')
})

test('an end that nobody comes for is dropped after its days', async () => {
  const bench = await Bench.with({ provider: { unclaimedDays: 2 } })
  await bench.follow(submitOf('ms=20'))
  assert.is((await bench.sim.act(bench.provider.tasks!.sweep())).expired, 0)
  bench.sim.scheduler.now += 3 * 86_400_000
  assert.is((await bench.sim.act(bench.provider.tasks!.sweep())).expired, 1)
  assert.equal(bench.provider.spool.keys(), [])
})

test('an end that the disk has no room for is kept when it has', async () => {
  const bench = await Bench.with()
  await bench.follow(submitOf('ms=1000'), running)
  bench.provider.store.broken = Object.assign(new Error('no space'), { code: 'ENOSPC' })
  await bench.sim.run(10_000)
  bench.provider.store.broken = undefined
  const end = (await bench.follow(submitOf('ms=1000'))).at(-1)
  assert.ok(end?.type === 'done')
  assert.is(end.state, 'failed')
  assert.is(end.error?.code, 'DISK_FULL')
})

test('an acceptance that cannot be kept is none', async () => {
  const bench = await Bench.with()
  bench.provider.store.broken = Object.assign(new Error('no space'), { code: 'ENOSPC' })
  await rejects(bench.follow(submitOf('ms=1000')), 'DISK_FULL')
  await rejects(bench.follow(submitOf('ms=1000', { atMostOnce: true })), 'DISK_FULL')
  bench.provider.store.broken = undefined
  await bench.sim.run(5_000)
  assert.equal(bench.sim.world.ledger.ended, [])
  assert.is(bench.provider.tasks!.provider.load().running, 0)
  assert.is((await bench.follow(submitOf('ms=1'))).at(-1)?.type, 'done')
})

test('a refused island is told why, and may come again', async () => {
  const bench = await Bench.with()
  bench.provider.forbids = true
  await rejects(bench.follow(submitOf('ms=1')), 'FORBIDDEN')
  bench.provider.forbids = false
  assert.is((await bench.follow(submitOf('ms=1'))).at(-1)?.type, 'done')
})

test.run()
