import * as assert from 'uvu/assert'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import type { TaskView } from '../../src/protocols/model/views.ts'
import { rejects, suite } from '../kit/index.ts'
import type { SimIsland } from '../sim/tasks/island.ts'
import { TaskSim } from '../sim/tasks/world.ts'

const test = suite('tasks when islands fail')

interface Three {
  sim: TaskSim
  asker: SimIsland
  near: SimIsland
  far: SimIsland
}

/** An asker, and two islands that hold `stars`, the first of them nearer; `rare` is at the near one only. */
async function three(init: Parameters<TaskSim['add']>[0] = {}): Promise<Three> {
  const sim = new TaskSim(13)
  const [asker, near, far] = [await sim.add(init), await sim.add(init), await sim.add(init)]
  sim.publish('stars', near, far)
  sim.publish('rare', near)
  return { sim, asker, near, far }
}

const submit = ({ sim, asker }: Three, code: string, more: object = {}): Promise<TaskView> =>
  sim.act(asker.tasks!.submit({ kind: 'sql', code, leaseMs: 4_000, ...more }))

const stateOf = async ({ sim, asker }: Three, id: string) => (await sim.act(asker.tasks!.show(id))).state

async function runs(world: Three, id: string): Promise<void> {
  await world.sim.until('it runs', async () => (await stateOf(world, id)) === 'running')
}

/** What both the owner and the others say in the end. */
async function agreed({ sim, asker, near, far }: Three, id: string): Promise<TaskView> {
  const view = await sim.end(asker, id)
  for (const island of [near, far]) {
    if (!sim.net.reaches(island.id, asker.id)) continue
    const there = await sim.act(island.tasks!.show(id))
    assert.equal([there.state, there.error?.code], [view.state, view.error?.code], island.id)
  }
  return view
}

test('a lease that runs out leads to one new attempt elsewhere', async () => {
  const world = await three()
  const { id } = await submit(world, 'from=stars ms=3000')
  await runs(world, id)
  world.near.crash()
  const view = await agreed(world, id)
  assert.is(view.state, 'succeeded')
  assert.equal(
    view.attempts.map((a) => [a.island, a.state]),
    [
      [world.near.id, 'lost'],
      [world.far.id, 'succeeded'],
    ],
  )
  assert.is(view.attempts[0]?.error?.code, 'LEASE_EXPIRED')
  assert.match(view.attempts[0]?.error?.hint ?? '', 'Another island that holds the data takes over')
  const lost = view.explain.find((e) => e.island === world.near.id)
  assert.match(lost?.reason ?? '', 'was tried, and does not answer any more: its lease ran out')
  assert.equal([lost?.excluded, lost?.confirmed, lost?.seconds], [true, false, undefined])
  assert.is(view.explain.find((e) => e.chosen)?.island, world.far.id)
})

test('where nobody else has the data, the task ends and says what happened', async () => {
  const world = await three()
  const { id } = await submit(world, 'from=rare ms=3000')
  await runs(world, id)
  world.near.crash()
  const view = await agreed(world, id)
  assert.is(view.state, 'failed')
  assert.is(view.error?.code, 'LEASE_EXPIRED')
  assert.match(view.error?.hint ?? '', 'archipel task retry')
  assert.not.ok(view.explain.some((e) => e.chosen || e.confirmed))
})

test('an island that returns with an attempt that was given up drops it', async () => {
  const world = await three()
  const { sim, asker, near } = world
  const { id } = await submit(world, 'from=stars ms=6000')
  await runs(world, id)
  sim.net.partition.set(near.id, 1)
  const view = await agreed(world, id)
  assert.is(view.ranAt?.island, world.far.id)
  assert.is(near.store.keys('v/').length, 1, 'it still has its own')
  sim.net.partition.clear()
  sim.net.heard()
  await sim.until('dropped', () => near.store.keys('v/').length === 0)
  await sim.until('told', () => asker.tasks!.status().errands === 0)
  assert.equal(near.spool.keys(), [])
  assert.is((await agreed(world, id)).ranAt?.island, world.far.id)
})

test('an island that returns within the lease goes on, and nothing is run again', async () => {
  const world = await three()
  const { id } = await submit(world, 'from=stars ms=3000', { leaseMs: 60_000 })
  await runs(world, id)
  world.sim.net.partition.set(world.near.id, 1)
  await world.sim.run(20_000)
  world.sim.net.partition.clear()
  world.sim.net.heard()
  const view = await agreed(world, id)
  assert.is(view.attempts.length, 1)
  assert.is(world.sim.world.ledger.begun.length, 1)
})

test('a requester that was down finds the work finished and waiting', async () => {
  const world = await three()
  const { sim, asker } = world
  const { id } = await submit(world, 'from=stars ms=3000 rows=7')
  await runs(world, id)
  asker.crash()
  await sim.run(30_000)
  assert.is(sim.world.ledger.ended.length, 1)
  await sim.act(asker.start())
  const view = await agreed(world, id)
  assert.is(view.state, 'succeeded')
  assert.is((await sim.act(asker.tasks!.rows(id, { from: 0, limit: 10 }))).total, 7)
  assert.is(sim.world.ledger.begun.length, 1)
})

test('while the requester is away, who ran it answers for its attempt, and never with an end', async () => {
  const world = await three()
  const { sim, asker, near, far } = world
  const { id } = await submit(world, 'from=stars ms=3000')
  await runs(world, id)
  asker.crash()
  for (const island of [near, far]) {
    const view = await sim.act(island.tasks!.show(id))
    assert.is(view.state, 'running', island.id)
    assert.equal(view.from, { island: near.id, name: near.id.slice(0, 6), role: 'provider' }, island.id)
  }
  await sim.run(10_000)
  assert.is(sim.world.ledger.ended.length, 1)
  assert.is((await sim.act(far.tasks!.show(id))).state, 'running', 'it has ended, but its owner has not said so')
  const owner = { island: asker.id, name: asker.id.slice(0, 6) }
  for (const island of [near, far]) {
    const view = await sim.act(island.tasks!.show(id))
    assert.equal([view.waitsFor, view.attempts[0]?.state], [owner, 'succeeded'], island.id)
    const told = await rejects(sim.act(island.tasks!.rows(id, { from: 0, limit: 1 })), 'TASK_STATE')
    assert.match(told.message, `waits for ${owner.name}`, island.id)
  }
  assert.equal((await sim.act(near.tasks!.list({ all: true }))).items[0]?.waitsFor, owner)
  near.crash()
  await rejects(sim.act(far.tasks!.show(id)), 'UNREACHABLE')
})

test('while the requester is away, the log is told by who has it, and the result by nobody', async () => {
  const world = await three()
  const { sim, asker, near, far } = world
  const all = { offset: 0, limit: 1000 }
  const { id } = await submit(world, 'from=stars ms=3000 log=2')
  await runs(world, id)
  asker.crash()
  await sim.run(10_000)
  const text = 'line 0 of run 1\nline 1 of run 1\n'
  for (const island of [near, far])
    assert.equal(
      await sim.act(island.tasks!.log(id, all)),
      { text, offset: 0, next: text.length, total: text.length, ended: true },
      island.id,
    )
  const page = await sim.act(far.tasks!.log(id, { offset: 7, limit: 10 }))
  assert.is(page.text, text.slice(7, 17))
  await sim.act(asker.start())
  await agreed(world, id)
  await sim.until('acknowledged', () => asker.tasks!.status().errands === 0)
  asker.crash()
  for (const island of [near, far]) {
    const view = await sim.act(island.tasks!.show(id))
    assert.equal([view.state, view.waitsFor, view.result], ['succeeded', undefined, undefined], island.id)
    const row = await rejects(sim.act(island.tasks!.rows(id, { from: 0, limit: 1 })), 'UNREACHABLE')
    assert.match(row.message, `the result is at ${asker.id.slice(0, 6)}`, island.id)
    const line = await rejects(sim.act(island.tasks!.log(id, all)), 'UNREACHABLE')
    assert.match(line.message, `the log is at ${asker.id.slice(0, 6)}`, island.id)
  }
})

test('both down at once: the work runs again once, and there is one outcome', async () => {
  const world = await three()
  const { sim, asker, near } = world
  const { id } = await submit(world, 'from=rare ms=3000', { leaseMs: 30_000 })
  await runs(world, id)
  asker.crash()
  near.crash()
  await sim.run(5_000)
  await sim.act(near.start())
  await sim.act(asker.start())
  const view = await agreed(world, id)
  assert.is(view.state, 'succeeded')
  assert.is(sim.world.ledger.begun.length, 2)
})

test('at most once: lost while it may have run is the end, whoever else has the data', async () => {
  const world = await three()
  const { id } = await submit(world, 'from=stars ms=3000', { atMostOnce: true })
  await runs(world, id)
  world.near.crash()
  const view = await agreed(world, id)
  assert.is(view.state, 'failed')
  assert.is(view.error?.code, 'OUTCOME_UNKNOWN')
  assert.is(world.sim.world.ledger.begun.length, 1)
  await world.sim.act(world.near.start())
  await world.sim.run(60_000)
  assert.is(world.sim.world.ledger.begun.length, 1, 'also when the island is back')
})

test('at most once: an island that has not begun and says so may be replaced', async () => {
  const world = await three()
  world.near.stale = true
  const { id } = await submit(world, 'from=stars ms=100', { atMostOnce: true })
  const view = await agreed(world, id)
  assert.is(view.state, 'succeeded')
  assert.is(view.ranAt?.island, world.far.id)
  world.near.stale = false
  world.near.forbids = true
  const refused = await agreed(world, (await submit(world, 'from=stars ms=100', { atMostOnce: true })).id)
  assert.is(refused.ranAt?.island, world.far.id)
  assert.is(world.sim.world.ledger.begun.length, 2)
})

test('a process that somebody killed leads to one attempt elsewhere, what fails on its data does not', async () => {
  const world = await three()
  const at = `from=stars ms=10 fail=ENGINE_FAILED at=${world.near.id}`
  const view = await agreed(world, (await submit(world, `${at} signal=SIGKILL`)).id)
  assert.equal(
    view.attempts.map((a) => [a.island, a.state, a.error?.code]),
    [
      [world.near.id, 'failed', 'ENGINE_FAILED'],
      [world.far.id, 'succeeded', undefined],
    ],
  )
  const failed = await agreed(world, (await submit(world, at)).id)
  assert.equal([failed.state, failed.attempts.length], ['failed', 1])
  const nobody = await agreed(world, (await submit(world, 'from=stars ms=10 fail=ENGINE_FAILED signal=SIGKILL')).id)
  assert.equal([nobody.state, nobody.error?.code, nobody.attempts.length], ['failed', 'ENGINE_FAILED', 2])
})

test('at most once: a failure of the code is its outcome', async () => {
  const world = await three()
  const { id } = await submit(world, 'from=stars ms=10 fail=STALE', { atMostOnce: true })
  const view = await agreed(world, id)
  assert.is(view.error?.code, 'STALE', 'not tried elsewhere: it had begun')
  assert.is(world.sim.world.ledger.begun.length, 1)
})

test('an island that dies between its yes and the hand-over is replaced at once', async () => {
  const world = await three()
  world.asker.onWrite = (point, when) => {
    if (point === 'requester:offered' && when === 'after') {
      world.near.crash()
      world.asker.onWrite = undefined
    }
  }
  const { id } = await submit(world, 'from=stars ms=100', { leaseMs: 60_000 })
  const view = await agreed(world, id)
  assert.is(view.ranAt?.island, world.far.id)
  assert.ok(view.elapsedMs < 15_000, `${view.elapsedMs} ms`)
})

test('where nobody else has the data, the hand-over is tried until the lease is over', async () => {
  const world = await three()
  const { sim, near } = world
  world.asker.onWrite = (point, when) => {
    if (point === 'requester:offered' && when === 'after') near.crash()
  }
  const { id } = await submit(world, 'from=rare ms=100', { leaseMs: 60_000 })
  await sim.run(15_000)
  await sim.act(near.start())
  assert.is((await agreed(world, id)).state, 'succeeded')
})

test('full islands are waited for', async () => {
  const world = await three({ provider: { slots: 1, maxWaiting: 0 } })
  const ids: string[] = []
  for (let i = 0; i < 6; i++) ids.push((await submit(world, `from=stars ms=1000`)).id)
  for (const id of ids) assert.is((await agreed(world, id)).state, 'succeeded')
  const impatient = await three({ provider: { slots: 1, maxWaiting: 0 }, requester: { placeForMs: 2_000 } })
  await submit(impatient, 'from=rare ms=600000')
  await impatient.sim.run(100)
  const { id } = await submit(impatient, 'from=rare ms=10')
  assert.is((await agreed(impatient, id)).error?.code, 'TOO_MANY')
})

test('tasks of many users share the slots of the asker in turns', async () => {
  const sim = new TaskSim(4)
  const asker = await sim.add({ requester: { active: 1 } })
  for (let i = 0; i < 5; i++)
    await sim.act(asker.tasks!.submit({ kind: 'sql', code: `task=ada${i} ms=100` }, { user: 'ada' }))
  await sim.act(asker.tasks!.submit({ kind: 'sql', code: 'task=bob ms=100' }, { user: 'bob' }))
  await sim.until('all have run', () => asker.tasks!.status().unfinished === 0)
  assert.ok(sim.world.ledger.begun.findIndex((b) => b.task === 'bob') <= 2)
})

test('cancelled while it waits for a slot, while it is placed, and while it runs', async () => {
  const world = await three({ requester: { active: 1 } })
  const { sim, asker, near } = world
  const first = await submit(world, 'from=rare ms=60000')
  const second = await submit(world, 'from=rare ms=1')
  await runs(world, first.id)
  assert.is(await stateOf(world, second.id), 'queued')
  const asked = await sim.act(asker.tasks!.cancel(second.id))
  assert.ok(asked.cancelRequested)
  assert.is((await agreed(world, second.id)).state, 'cancelled')
  assert.is((await agreed(world, second.id)).attempts.length, 0)
  const began = sim.scheduler.now
  await sim.act(asker.tasks!.cancel(first.id))
  const view = await agreed(world, first.id)
  assert.is(view.state, 'cancelled')
  assert.ok(sim.scheduler.now - began < 1_000, 'the child was reached')
  assert.equal(sim.world.ledger.ended, [])
  assert.equal(await sim.act(asker.tasks!.cancel(first.id)), await sim.act(asker.tasks!.show(first.id)))
  await sim.until('told', () => near.store.keys('v/').length === 0)
  const placed = await submit(world, 'from=stars ms=1')
  await sim.act(asker.tasks!.cancel(placed.id))
  assert.is((await agreed(world, placed.id)).state, 'cancelled')
})

test('cancelled while its island is away, it ends soon, and the island hears of it when it is back', async () => {
  const world = await three()
  const { sim, asker, near } = world
  const { id } = await submit(world, 'from=rare ms=60000', { leaseMs: 3_600_000 })
  await runs(world, id)
  sim.net.partition.set(near.id, 1)
  await sim.act(asker.tasks!.cancel(id))
  const began = sim.scheduler.now
  assert.is((await sim.end(asker, id)).state, 'cancelled')
  assert.ok(sim.scheduler.now - began < 15_000)
  sim.net.partition.clear()
  sim.net.heard()
  await sim.until('told', () => near.store.keys('v/').length === 0)
  assert.is((await agreed(world, id)).state, 'cancelled')
  assert.equal(sim.world.ledger.ended, [])
})

test('a cancel that was acknowledged is the outcome, also when the result was on its way', async () => {
  for (const after of ['requester:outcome', 'provider:done'] as const) {
    const world = await three()
    const { sim, asker, near } = world
    const { id } = await submit(world, 'from=rare ms=500')
    const at = after === 'requester:outcome' ? asker : near
    let cancelled: Promise<TaskView> | undefined
    at.onWrite = (point, when) => {
      if (point === after && when === 'before') cancelled ??= asker.tasks!.cancel(id)
    }
    const view = await agreed(world, id)
    const acknowledged = await sim.act(cancelled!)
    if (acknowledged.state !== 'succeeded') assert.is(view.state, 'cancelled', after)
  }
})

test('the printed part of a log can be read while it runs, in characters that are whole', async () => {
  const world = await three()
  const { sim, asker, near } = world
  const { id } = await submit(world, 'from=rare ms=10000 log=10')
  await sim.run(5_500)
  const some = await sim.act(asker.tasks!.log(id, { offset: 0, limit: 1_000 }))
  assert.match(some.text, 'line 3')
  assert.not.ok(some.ended)
  const more = await sim.act(near.tasks!.log(id, { offset: some.next, limit: 1_000 }))
  assert.is(more.offset, some.next)
  await sim.end(asker, id)
  const rest = await sim.act(asker.tasks!.log(id, { offset: some.next, limit: 1_000 }))
  assert.ok(rest.ended)
  assert.is((some.text + rest.text).split('\n').length, 11)
})

test('a follower sees every state once in order, also from another island', async () => {
  const world = await three()
  const { sim, asker, far } = world
  const { id } = await submit(world, 'from=rare ms=4000')
  const seen: string[][] = []
  const follow = async (island: SimIsland) => {
    const states: string[] = []
    for await (const view of island.tasks!.watch(id)) if (states.at(-1) !== view.state) states.push(view.state)
    seen.push(states)
  }
  await sim.act(Promise.all([follow(asker), follow(far)]))
  const order = ['queued', 'placing', 'staging', 'running', 'succeeded']
  for (const states of seen) {
    assert.equal(
      states,
      order.filter((s) => states.includes(s)),
    )
    assert.is(states.at(-1), 'succeeded')
    assert.ok(states.includes('running'))
  }
  const stop = new AbortController()
  const { id: long } = await submit(world, 'from=rare ms=60000')
  await runs(world, long)
  const left = (async () => {
    for await (const _ of asker.tasks!.watch(long, { signal: stop.signal })) stop.abort()
  })()
  await rejects(sim.act(left), 'CANCELLED')
  assert.is(await stateOf(world, long), 'running', 'who leaves cancels nothing')
})

test('tasks that were queued when the island went down wait until the others are there', async () => {
  const world = await three()
  const { sim, asker } = world
  const { id } = await submit(world, 'from=rare ms=100')
  asker.crash()
  sim.net.partition.set(asker.id, 1)
  await sim.act(asker.start())
  await sim.run(10_000)
  assert.ok(['placing', 'staging'].includes(await stateOf(world, id)))
  sim.net.partition.clear()
  sim.net.heard()
  assert.is((await agreed(world, id)).state, 'succeeded')
})

test('an island that is stopped in order gives its work back after its start', async () => {
  const world = await three()
  const { sim, asker, near } = world
  const { id } = await submit(world, 'from=rare ms=3000', { leaseMs: 60_000 })
  await runs(world, id)
  await sim.act(near.stop())
  await sim.act(asker.stop())
  await sim.run(1_000)
  await sim.act(asker.start())
  await sim.act(near.start())
  assert.is((await agreed(world, id)).state, 'succeeded')
  assert.is(sim.world.ledger.begun.length, 2)
})

test('what is published is published once, of the attempt that counts', async () => {
  const world = await three()
  const { sim, asker } = world
  const publish = { id: 'answers' }
  const view = await agreed(world, (await submit(world, 'from=stars ms=100', { publish })).id)
  assert.is(view.published?.id, 'answers')
  asker.onWrite = (point, when) => {
    if (point === 'requester:published' && when === 'before') asker.crash()
  }
  const { id } = await submit(world, 'from=stars ms=100', { publish })
  await sim.until('the crash', () => !asker.isUp)
  asker.onWrite = undefined
  await sim.act(asker.start())
  const again = await agreed(world, id)
  assert.is(again.state, 'succeeded')
  assert.is(again.published?.id, 'answers')
  assert.is(again.attempts.length, 1)
})

test('what is in the way of publishing and passes is waited for, and no longer than a while', async () => {
  const world = await three({ requester: { publishForMs: 60_000 } })
  const { sim, asker } = world
  const publish = { id: 'answers' }
  const recovering = new ArchipelError('RECOVERING', 'the index is built again')
  asker.unpublishable = recovering
  const { id } = await submit(world, 'from=stars ms=100', { publish })
  await sim.run(20_000)
  assert.is(await stateOf(world, id), 'running')
  asker.unpublishable = undefined
  const view = await agreed(world, id)
  assert.equal([view.state, view.published?.id], ['succeeded', 'answers'])

  asker.unpublishable = recovering
  const late = await agreed(world, (await submit(world, 'from=stars ms=100', { publish })).id)
  assert.equal([late.state, late.error?.code, late.published], ['failed', 'RECOVERING', undefined])
  assert.ok(late.elapsedMs > 60_000 && late.elapsedMs < 120_000, `${late.elapsedMs} ms`)

  const left = (await submit(world, 'from=stars ms=100', { publish })).id
  await sim.run(5_000)
  await sim.act(asker.tasks!.cancel(left))
  assert.is((await agreed(world, left)).state, 'cancelled')

  asker.unpublishable = new ArchipelError('DATASET_EXISTS', 'taken')
  const taken = await agreed(world, (await submit(world, 'from=stars ms=100', { publish })).id)
  assert.is(taken.error?.code, 'DATASET_EXISTS')
  assert.ok(taken.elapsedMs < 5_000, `${taken.elapsedMs} ms`)
})

test.run()
