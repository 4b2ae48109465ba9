import * as assert from 'uvu/assert'
import { spool } from '../../src/node/results/spool.ts'
import type { TaskRemotes } from '../../src/node/tasks/calls.ts'
import { taskRemotes } from '../../src/node/tasks/wire/remotes.ts'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import type { Work } from '../../src/protocols/model/task.ts'
import { type AttemptEvent, type RunEvent, type RunRequest, runSpec } from '../../src/protocols/task/messages.ts'
import { serve } from '../../src/protocols/wire/server.ts'
import { pair } from '../hostile/pair.ts'
import { eventually, rejects, suite, type TestContext } from '../kit/index.ts'

const test = suite('attempts at islands of an older version')

const SELF = `isl${'a'.repeat(32)}`
const KEY = { task: `task-${SELF}-abcdefgh01`, attempt: 1 }
const COLUMNS = [{ name: 'n', type: 'BIGINT' }]

/** An island that speaks `task-run/1` only, and one that asks it. */
async function older(t: TestContext, run: (request: RunRequest, signal: AbortSignal) => AsyncIterable<RunEvent>) {
  const { asker, answerer } = await pair(t)
  await serve(answerer.net, runSpec, (request, { signal }) => run(request, signal), { stopping: t.signal })
  const results = spool({ dir: await t.tmpdir() }, { logger: { warn() {} } })
  const remotes = taskRemotes(
    { self: SELF },
    {
      network: asker.net,
      connect: async () => answerer.net.peerId,
      islandOf: (peerId) => peerId,
      spool: results,
      here: undefined as never,
    },
  )
  return { remotes, results, island: answerer.net.peerId }
}

async function attempt(
  { remotes, island }: { remotes: TaskRemotes; island: string },
  work: Partial<Work> = {},
  signal: AbortSignal = new AbortController().signal,
): Promise<AttemptEvent[]> {
  const events: AttemptEvent[] = []
  const full = {
    task: KEY.task,
    user: 'ada',
    kind: 'sql' as const,
    code: 'SELECT 1',
    datasets: [],
    params: {},
    ...work,
  }
  const request = { op: 'submit' as const, attempt: 1, work: full, leaseMs: 5_000, inlineBytes: 0, atMostOnce: false }
  for await (const event of remotes.attempt(island, request, { signal })) events.push(event)
  return events
}

test('its rows come with the stream, and are the result here', async (t) => {
  const seen: RunRequest[] = []
  const world = await older(t, async function* (request) {
    seen.push(request)
    yield { type: 'accepted' }
    yield { type: 'running' }
    yield { type: 'columns', columns: COLUMNS }
    yield { type: 'rows', rows: [[1], [2]] }
    yield { type: 'rows', rows: [[3]] }
    yield { type: 'done', rowCount: 3, truncated: true, elapsedMs: 12 }
  })
  const events = await attempt(world, { maxRows: 3, timeoutMs: 1_000 })
  assert.equal(
    events.map((e) => e.type),
    ['accepted', 'state', 'done'],
  )
  const end = events.at(-1)
  assert.ok(end?.type === 'done' && end.state === 'succeeded')
  assert.equal(end.result?.table, { columns: COLUMNS, rowCount: 3, truncated: true })
  assert.equal((await world.results.rows(KEY, { from: 1, limit: 5 })).rows, [[2], [3]])
  assert.is(seen[0]?.maxRows, 3)
  assert.is(seen[0]?.timeoutMs, 1_000)
})

test('what it answers after its yes is the end of the attempt', async (t) => {
  const world = await older(t, async function* () {
    yield { type: 'accepted' }
    throw new ArchipelError('SQL_INVALID', 'no such column')
  })
  const end = (await attempt(world)).at(-1)
  assert.ok(end?.type === 'done' && end.state === 'failed')
  assert.is(end.error?.code, 'SQL_INVALID')
  assert.is(await world.results.meta(KEY), undefined)
})

test('who leaves cancels it there, and half a result is none', async (t) => {
  let begun = false
  let stopped = false
  const world = await older(t, async function* (_, signal) {
    yield { type: 'accepted' }
    yield { type: 'columns', columns: COLUMNS }
    yield { type: 'rows', rows: [[1]] }
    begun = true
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    stopped = true
  })
  const leave = new AbortController()
  const going = attempt(world, {}, leave.signal)
  going.catch(() => {})
  await eventually(() => begun, { signal: t.signal })
  leave.abort()
  await rejects(going, 'CANCELLED')
  await eventually(() => stopped, { signal: t.signal })
  assert.is(await world.results.meta(KEY), undefined)
})

test('it keeps nothing: there is nothing to watch, to cancel or to acknowledge', async (t) => {
  const world = await older(t, async function* () {
    yield { type: 'accepted' }
  })
  const { remotes, island } = world
  const { signal } = new AbortController()
  await rejects(attempt(world), 'UNREACHABLE')
  const watch = remotes.attempt(island, { op: 'watch', ...KEY, inlineBytes: 0 }, { signal })
  await rejects(watch[Symbol.asyncIterator]().next(), 'TASK_NOT_FOUND')
  for (const op of ['cancel', 'acknowledge', 'drop'] as const)
    assert.equal(await remotes.control(island, { op, ...KEY }, { signal }), { state: 'unknown' })
})

test('it is given plain statements only', async (t) => {
  const world = await older(t, () => assert.unreachable('it was asked') as never)
  await rejects(attempt(world, { kind: 'python', code: 'print(1)' }), 'LANGUAGE_MISSING')
  await rejects(attempt(world, { params: { a: 1 } }), 'LANGUAGE_MISSING')
  await rejects(attempt(world, { code: `SELECT '${'x'.repeat(100_001)}'` }), 'LANGUAGE_MISSING')
})

test.run()
