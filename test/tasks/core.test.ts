import * as assert from 'uvu/assert'
import type { SubmitRequest } from '../../src/protocols/model/views.ts'
import { rejects, suite } from '../kit/index.ts'
import type { SimIsland } from '../sim/tasks/island.ts'
import { TaskSim } from '../sim/tasks/world.ts'

const test = suite('tasks, in virtual time')

const sql = (code: string, more: Partial<SubmitRequest> = {}): SubmitRequest => ({ kind: 'sql', code, ...more })

/** An asker, and two islands that hold `stars`; the second is the nearest. */
async function three(): Promise<{ sim: TaskSim; asker: SimIsland; near: SimIsland; far: SimIsland }> {
  const sim = new TaskSim(7)
  const [asker, near, far] = [await sim.add(), await sim.add(), await sim.add()]
  sim.publish('stars', near, far)
  return { sim, asker, near, far }
}

test('a task runs at a holder, and its result, log and state are the same at every island that is asked', async () => {
  const { sim, asker, near, far } = await three()
  const { id, state } = await sim.act(asker.tasks!.submit(sql('from=stars ms=300 rows=3 log=2')))
  assert.is(state, 'queued')
  const view = await sim.end(asker, id)
  assert.is(view.state, 'succeeded')
  assert.is(view.ranAt?.island, near.id)
  assert.is(view.result?.table?.rowCount, 3)
  assert.is(view.explain.find((e) => e.chosen)?.island, near.id)
  const rows = { from: 1, limit: 10 }
  const seen = await sim.act(asker.tasks!.rows(id, rows))
  assert.is(seen.rows.length, 2)
  assert.is(seen.total, 3)
  for (const island of [near, far]) {
    const there = await sim.act(island.tasks!.show(id))
    assert.is(there.state, 'succeeded', island.id)
    assert.is(there.from.role, 'requester', island.id)
    assert.equal(await sim.act(island.tasks!.rows(id, rows)), seen, island.id)
    const { text, ended } = await sim.act(island.tasks!.log(id, { offset: 0, limit: 1000 }))
    assert.is(text, 'line 0 of run 1\nline 1 of run 1\n', island.id)
    assert.ok(ended, island.id)
  }
})

test('when all is said, the provider has nothing of the result any more and nobody has anything to tell', async () => {
  const { sim, asker, near } = await three()
  const { id } = await sim.act(asker.tasks!.submit(sql('from=stars log=1')))
  await sim.end(asker, id)
  await sim.until('acknowledged', () => asker.tasks!.status().errands === 0)
  assert.equal(near.spool.keys(), [])
  assert.equal(near.store.keys('v/'), [])
  assert.equal(asker.store.keys('e/'), [])
  assert.equal(asker.store.keys('u/'), [])
  assert.equal(asker.spool.keys(), [`${id}/1`])
})

test('a large result is read from its provider, a small one comes with the end', async () => {
  const sim = new TaskSim(3)
  const asker = await sim.add({ requester: { inlineBytes: 100 } })
  const holder = await sim.add()
  sim.publish('stars', holder)
  const reads: string[] = []
  sim.net.onRequest = (_, name) => void reads.push(name)
  const small = await sim.act(asker.tasks!.submit(sql('from=stars')))
  assert.is((await sim.end(asker, small.id)).state, 'succeeded')
  assert.not.ok(reads.includes('task-read'))
  const large = await sim.act(asker.tasks!.submit(sql('from=stars rows=500')))
  assert.is((await sim.end(asker, large.id)).result?.table?.rowCount, 500)
  assert.ok(reads.includes('task-read'))
  assert.is((await sim.act(asker.tasks!.rows(large.id, { from: 499, limit: 5 }))).rows.length, 1)
})

test('a task without data runs where it was asked, and takes nothing from the network', async () => {
  const { sim, asker } = await three()
  let requests = 0
  sim.net.onRequest = () => void requests++
  const { id } = await sim.act(asker.tasks!.submit(sql('ms=10')))
  const view = await sim.end(asker, id)
  assert.is(view.state, 'succeeded')
  assert.is(view.ranAt?.island, asker.id)
  assert.is(requests, 0)
})

test('what the code does wrong ends the task, what the island does wrong is tried elsewhere', async () => {
  const { sim, asker, near, far } = await three()
  const wrong = await sim.act(asker.tasks!.submit(sql('from=stars fail=CODE_FAILED log=1')))
  const failed = await sim.end(asker, wrong.id)
  assert.is(failed.state, 'failed')
  assert.is(failed.error?.code, 'CODE_FAILED')
  assert.is(failed.attempts.length, 1)
  assert.match((await sim.act(asker.tasks!.log(wrong.id, { offset: 0, limit: 100 }))).text, 'line 0')
  await rejects(sim.act(asker.tasks!.rows(wrong.id, { from: 0, limit: 1 })), 'TASK_STATE')

  near.stale = true
  const stale = await sim.act(asker.tasks!.submit(sql('from=stars')))
  const view = await sim.end(asker, stale.id)
  assert.is(view.state, 'succeeded')
  assert.is(view.ranAt?.island, far.id)
  assert.equal(
    view.attempts.map((a) => [a.number, a.island, a.state, a.error?.code]),
    [
      [1, near.id, 'failed', 'STALE'],
      [2, far.id, 'succeeded', undefined],
    ],
  )
  far.forbids = true
  const none = await sim.end(asker, (await sim.act(asker.tasks!.submit(sql('from=stars')))).id)
  assert.is(none.state, 'failed')
  assert.ok(['STALE', 'FORBIDDEN'].includes(none.error?.code ?? ''), none.error?.code)
})

test('what cannot be a task is refused before anything is kept', async () => {
  const { sim, asker } = await three()
  const refused: [SubmitRequest, Parameters<typeof rejects>[1]][] = [
    [sql('invalid'), 'SQL_INVALID'],
    [sql('from=nowhere'), 'DATASET_NOT_FOUND'],
    [sql('from=stars where=$limit', { params: { other: 1 } }), 'SQL_INVALID'],
    [sql('from=stars where=$limit', { params: { limit: 1, other: 1 } }), 'BAD_INPUT'],
    [sql('from=stars', { params: { limit: 1 } }), 'BAD_INPUT'],
    [sql(' \n'), 'BAD_INPUT'],
    [sql('x'.repeat(1024 * 1024 + 1)), 'TOO_LARGE'],
    [sql('from=stars', { leaseMs: 10 }), 'BAD_INPUT'],
    [sql('from=stars', { leaseMs: 1.5e9 }), 'BAD_INPUT'],
    [sql('from=stars', { leaseMs: 500.5 }), 'BAD_INPUT'],
    [sql('from=stars', { idempotencyKey: '' }), 'BAD_INPUT'],
    [sql('from=stars', { idempotencyKey: 'k'.repeat(256) }), 'BAD_INPUT'],
    [sql('from=stars', { params: { 'not a name': 1 } }), 'BAD_INPUT'],
    [sql('from=stars', { params: { a: [] as unknown as string } }), 'BAD_INPUT'],
    [sql('from=stars', { timeoutMs: -1 }), 'BAD_INPUT'],
    [sql('from=stars', { maxRows: 0 }), 'BAD_INPUT'],
    [sql('from=stars', { maxRows: Number.NaN }), 'BAD_INPUT'],
    [sql('from=stars', { name: 'n'.repeat(201) }), 'BAD_INPUT'],
    [sql('ms=1', { datasets: ['stars'] }), 'BAD_INPUT'],
    [sql('ms=1', { datasets: Array.from({ length: 65 }, (_, i) => `d${i}`) }), 'BAD_INPUT'],
    [sql('ms=1', { publish: { id: '../x y' } }), 'BAD_ID'],
    [{ kind: 'fortran' as 'sql', code: 'ms=1' }, 'BAD_INPUT'],
    [{ kind: 'python', code: 'print(1)', datasets: ['nowhere'] }, 'DATASET_NOT_FOUND'],
  ]
  for (const [request, code] of refused) await rejects(sim.act(asker.tasks!.submit(request)), code)
  await rejects(sim.act(asker.tasks!.submit(sql('ms=1'), { user: '' })), 'BAD_INPUT')
  const words = await rejects(sim.act(asker.tasks!.place(sql('ms=1', { timeoutMs: -1 }))), 'BAD_INPUT')
  assert.match(words.message, 'timeoutMs has to be more than 0')
  assert.equal(asker.store.keys(''), [])
  assert.is(asker.tasks!.status().unfinished, 0)
  const journalled = asker.journal.filter((e) => e.action === 'task:submit')
  assert.is(journalled.length, refused.length + 1)
  assert.ok(journalled.every((e) => e.outcome === 'failed' && e.code !== undefined))
})

test('ids that are none, unknown ones, and those of unknown islands are answered with codes', async () => {
  const { sim, asker, near } = await three()
  const unknown = `task-${asker.id}-zzzzzzzzzzzz`
  const stranger = `task-isl${'z'.repeat(32)}-zzzzzzzzzzzz`
  const page = { from: 0, limit: 1 }
  for (const id of ['', 'task', '../../etc', `${unknown}!`, unknown, 'x'.repeat(10_000)]) {
    await rejects(sim.act(asker.tasks!.show(id)), 'TASK_NOT_FOUND')
    await rejects(sim.act(asker.tasks!.log(id, { offset: 0, limit: 1 })), 'TASK_NOT_FOUND')
    await rejects(sim.act(asker.tasks!.rows(id, page)), 'TASK_NOT_FOUND')
    await rejects(sim.act(asker.tasks!.cancel(id)), 'TASK_NOT_FOUND')
    await rejects(sim.act(asker.tasks!.retry(id)), 'TASK_NOT_FOUND')
    await rejects(sim.act(asker.tasks!.read(id, 'x')[Symbol.asyncIterator]().next()), 'TASK_NOT_FOUND')
  }
  await rejects(sim.act(near.tasks!.show(unknown)), 'TASK_NOT_FOUND')
  await rejects(sim.act(near.tasks!.cancel(unknown)), 'FORBIDDEN')
  await rejects(sim.act(near.tasks!.retry(unknown)), 'FORBIDDEN')
  await rejects(sim.act(near.tasks!.show(stranger)), 'UNREACHABLE')
  await rejects(sim.act(asker.tasks!.list({ cursor: 'nonsense' })), 'BAD_INPUT')
})

test('one idempotency key is one task of one user', async () => {
  const { sim, asker, near } = await three()
  const request = sql('from=stars ms=50', { idempotencyKey: 'once' })
  const [a, b] = await sim.act(Promise.all([asker.tasks!.submit(request), asker.tasks!.submit(request)]))
  assert.is(a.id, b.id)
  assert.is((await sim.end(asker, a.id)).state, 'succeeded')
  assert.is((await sim.act(asker.tasks!.submit(request))).id, a.id, 'also after the end')
  await rejects(sim.act(asker.tasks!.submit({ ...request, code: 'from=stars ms=51' })), 'IDEMPOTENCY_CONFLICT')
  const other = await sim.act(asker.tasks!.submit(request, { user: 'another' }))
  assert.is.not(other.id, a.id)
  await sim.end(asker, other.id)
  assert.is(sim.world.ledger.begun.length, 2)
  near.crash()
  asker.crash()
  await sim.act(asker.start())
  assert.is((await sim.act(asker.tasks!.submit(request))).id, a.id, 'and after a restart')
})

test('a submission that could not be kept is no task', async () => {
  const { sim, asker } = await three()
  asker.store.broken = Object.assign(new Error('no space'), { code: 'ENOSPC' })
  await rejects(sim.act(asker.tasks!.submit(sql('from=stars'))), 'DISK_FULL')
  asker.store.broken = undefined
  await sim.run(20_000)
  assert.is(asker.tasks!.status().unfinished, 0)
  assert.equal(asker.store.keys(''), [])
  assert.equal(sim.world.ledger.begun, [])
})

test('a user has a bounded number of unfinished tasks, and others have theirs', async () => {
  const sim = new TaskSim(5)
  const asker = await sim.add({ requester: { maxUnfinishedPerUser: 3, maxUnfinished: 5 } })
  const submit = (user: string) => sim.act(asker.tasks!.submit(sql('ms=1000'), { user }))
  for (let i = 0; i < 3; i++) await submit('ada')
  await rejects(submit('ada'), 'TOO_MANY')
  await submit('bob')
  const last = await submit('bob')
  await rejects(submit('eve'), 'TOO_MANY')
  await sim.end(asker, last.id)
  await submit('ada')
})

test('lists are newest first, in pages, by state and user, also of what runs for others', async () => {
  const { sim, asker, near } = await three()
  const ids: string[] = []
  for (let i = 0; i < 7; i++) {
    const { id } = await sim.act(
      asker.tasks!.submit(sql(`from=stars ${i === 3 ? 'fail=CODE_FAILED' : ''}`), {
        user: i % 2 === 0 ? 'ada' : 'bob',
      }),
    )
    await sim.end(asker, id)
    ids.unshift(id)
    await sim.run(20)
  }
  const listed: string[] = []
  for (let cursor: string | undefined; ; ) {
    const page = await sim.act(asker.tasks!.list({ limit: 3, ...(cursor === undefined ? {} : { cursor }) }))
    listed.push(...page.items.map((i) => i.id))
    cursor = page.next
    if (cursor === undefined) break
  }
  assert.equal(listed, ids)
  assert.is((await sim.act(asker.tasks!.list({ user: 'ada' }))).items.length, 4)
  assert.equal(
    (await sim.act(asker.tasks!.list({ state: 'failed' }))).items.map((i) => i.error?.code),
    ['CODE_FAILED'],
  )
  await sim.run(1_000)
  assert.equal((await sim.act(near.tasks!.list({}))).items, [])
  const provided = await sim.act(near.tasks!.list({ all: true, limit: 100 }))
  assert.equal(
    provided.items.map((i) => i.id),
    ids,
  )
  assert.is(provided.items[0]?.askedAt.island, asker.id)
})

test('a retry is a new task with the same work, once the first has ended', async () => {
  const { sim, asker } = await three()
  const { id } = await sim.act(
    asker.tasks!.submit(sql('from=stars ms=100', { name: 'n', maxRows: 5, atMostOnce: true, idempotencyKey: 'k' })),
  )
  await rejects(sim.act(asker.tasks!.retry(id)), 'TASK_STATE')
  const first = await sim.end(asker, id)
  const again = await sim.act(asker.tasks!.retry(id))
  assert.is.not(again.id, id)
  const second = await sim.end(asker, again.id)
  assert.is(second.retryOf, id)
  assert.is(second.state, 'succeeded')
  for (const field of ['code', 'name', 'maxRows', 'atMostOnce', 'codeSha256'] as const)
    assert.equal(second[field], first[field], field)
})

test('a dry run says where it would go, and leaves nothing behind', async () => {
  const { sim, asker, near } = await three()
  const placement = await sim.act(asker.tasks!.place(sql('from=stars')))
  assert.is(placement.order[0]?.island, near.id)
  await rejects(sim.act(asker.tasks!.place(sql('from=nowhere'))), 'DATASET_NOT_FOUND')
  assert.equal(asker.store.keys(''), [])
  assert.equal(sim.world.ledger.begun, [])
})

test('old results go first, old tasks later, and unfinished ones stay', async () => {
  const sim = new TaskSim(2)
  const asker = await sim.add({ requester: { resultDays: 1, taskDays: 3, maxTasks: 2 } })
  const holder = await sim.add({ provider: { keepDays: 3, maxAttempts: 2 } })
  sim.publish('stars', holder)
  const ids: string[] = []
  for (let i = 0; i < 3; i++) {
    const { id } = await sim.act(asker.tasks!.submit(sql('from=stars', { idempotencyKey: `k${i}` })))
    await sim.end(asker, id)
    ids.push(id)
    await sim.run(100)
  }
  const [first, second, third] = ids as [string, string, string]
  assert.equal(await sim.act(asker.tasks!.sweep()), { results: 0, tasks: 1, expired: 0, forgotten: 0 })
  await rejects(sim.act(asker.tasks!.show(first)), 'TASK_NOT_FOUND')
  assert.equal(asker.store.keys('k/').length, 2)
  assert.is((await sim.act(holder.tasks!.sweep())).forgotten, 1)
  sim.scheduler.now += 2 * 86_400_000
  assert.is((await sim.act(asker.tasks!.sweep())).results, 2)
  await rejects(sim.act(asker.tasks!.rows(second, { from: 0, limit: 1 })), 'RESULT_EXPIRED')
  await rejects(sim.act(holder.tasks!.rows(third, { from: 0, limit: 1 })), 'RESULT_EXPIRED')
  assert.is((await sim.act(asker.tasks!.show(third))).state, 'succeeded')
  sim.scheduler.now += 2 * 86_400_000
  const { id: running } = await sim.act(asker.tasks!.submit(sql('ms=60000')))
  await sim.act(asker.tasks!.sweep())
  await sim.act(holder.tasks!.sweep())
  assert.equal(
    (await sim.act(asker.tasks!.list({}))).items.map((i) => i.id),
    [running],
  )
  assert.equal(holder.store.keys(''), [])
})

test.run()
