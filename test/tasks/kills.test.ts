import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import type { WritePoint } from '../../src/node/tasks/store/task-store.ts'
import type { SubmitRequest, TaskView } from '../../src/protocols/model/views.ts'
import { eventually, suite, type TestContext } from '../kit/index.ts'
import { Fleet, type FleetIsland } from '../network/fleet.ts'

const test = suite('tasks and kill -9')

const STARS = fileURLToPath(new URL('../../examples/data/bright_stars.csv', import.meta.url))
/** Long enough to be killed in, short enough to be run again. */
const SOME_WORK = 'SELECT count(*) AS n FROM bright_stars a, bright_stars b WHERE a.ra + b.dec > 100'
const LONG_WORK =
  'SELECT count(*) AS n FROM bright_stars a, bright_stars b, bright_stars c WHERE a.ra + b.dec + c.ra > 100'
const LEASE_MS = 30_000
const END_MS = 120_000

interface Archipelago {
  fleet: Fleet
  asker: FleetIsland
  holder: FleetIsland
  other: FleetIsland
}

async function archipelago(t: TestContext): Promise<Archipelago> {
  const fleet = await Fleet.create(t)
  const set = ['tasks.claimMs=1s']
  const holder = await fleet.found('holder', { set })
  const asker = await fleet.join('asker', holder, { set })
  const other = await fleet.join('other', holder, { set })
  await fleet.run(holder, ['publish', STARS])
  await fleet.converged([asker, holder, other], { datasets: 1 })
  return { fleet, asker, holder, other }
}

/** Ends the daemon at once, and starts it again, to be killed at that write if one is named. */
async function restart(fleet: Fleet, island: FleetIsland, failpoint?: string): Promise<void> {
  await fleet.stop(island, 'SIGKILL')
  island.options.env = failpoint === undefined ? {} : { ARCHIPEL_FAILPOINT: failpoint }
  await fleet.up(island)
}

async function connected(world: Archipelago, t: TestContext): Promise<void> {
  for (const island of [world.asker, world.other])
    await eventually(async () => (await island.client().islands()).every((i) => i.self || i.connected !== 'no'), {
      timeoutMs: 60_000,
      signal: t.signal,
    })
}

/** Asks until it is answered: who is killed before the answer is asked again, with the same key. */
async function insist<T>(t: TestContext, ask: () => Promise<T>): Promise<T> {
  return await eventually(ask, { timeoutMs: END_MS, intervalMs: 200, signal: t.signal })
}

interface Scene {
  point: WritePoint
  request?: Partial<SubmitRequest>
  cancel?: boolean
}

let keys = 0

/** One task through a kill: of the daemon that writes there, or of both at once. @returns the view at the end */
async function throughKill(
  t: TestContext,
  world: Archipelago,
  scene: Scene,
  when: 'before' | 'after',
  both: boolean,
): Promise<TaskView> {
  const { fleet, asker, holder, other } = world
  const label = `${both ? 'both at' : 'at'} ${scene.point} ${when}`
  const victim = scene.point.startsWith('requester') ? asker : holder
  await restart(fleet, victim, `${scene.point}:${when}`)
  await connected(world, t)
  const process = victim.process!
  const died = once(process, 'exit')
  const request: SubmitRequest = {
    kind: 'sql',
    code: scene.cancel === true ? LONG_WORK : SOME_WORK,
    leaseMs: LEASE_MS,
    idempotencyKey: `kill-${++keys}`,
    ...scene.request,
  }
  const asking = insist(t, () => asker.client().tasks.submit(request)).then(async ({ id }) => {
    if (scene.cancel !== true) return id
    await insist(t, async () => (await asker.client().tasks.show(id)).state === 'running')
    await insist(t, () => asker.client().tasks.cancel(id))
    return id
  })
  asking.catch(() => {})
  await died
  assert.is(process.signalCode, 'SIGKILL', label)
  if (both) await fleet.stop(victim === asker ? holder : asker, 'SIGKILL')
  victim.process = undefined
  victim.options.env = {}
  await fleet.up(victim)
  if (both) await fleet.up(victim === asker ? holder : asker)
  const id = await asking
  const view = await eventually(
    async () => {
      const now = await asker.client().tasks.show(id)
      if (!['succeeded', 'failed', 'cancelled'].includes(now.state)) throw new Error(`${label}: ${now.state}`)
      return now
    },
    { timeoutMs: END_MS, intervalMs: 200, signal: t.signal },
  )
  await connected(world, t)
  for (const island of [holder, other]) {
    const there = await insist(t, () => island.client().tasks.show(id))
    assert.equal([there.state, there.error?.code, there.from.role], [view.state, view.error?.code, 'requester'], label)
    if (view.state !== 'succeeded') continue
    const { rows } = await island.client().tasks.rows(id, { from: 0, limit: 10 })
    assert.equal(rows, (await asker.client().tasks.rows(id, { from: 0, limit: 10 })).rows, label)
  }
  const again = await asker.client().tasks.submit(request)
  assert.is(again.id, id, `${label}: one key is one task`)
  return view
}

const PLAIN: WritePoint[] = ['requester:queued', 'requester:offered', 'requester:outcome', 'requester:errands']
const AT_HOLDER: WritePoint[] = ['provider:accepted', 'provider:done', 'provider:settled']
const WHEN = ['before', 'after'] as const

test(
  'the asking daemon killed at every write: the acknowledged task ends once, the same everywhere',
  async (t) => {
    const world = await archipelago(t)
    for (const point of PLAIN)
      for (const when of WHEN) {
        const view = await throughKill(t, world, { point }, when, false)
        assert.is(view.state, 'succeeded', `${point} ${when}: ${view.error?.message}`)
        assert.is(view.result?.table?.rowCount, 1)
      }
  },
  { timeoutMs: 900_000 },
)

test(
  'the running daemon killed at every write: the same',
  async (t) => {
    const world = await archipelago(t)
    for (const point of AT_HOLDER)
      for (const when of WHEN) {
        const view = await throughKill(t, world, { point }, when, false)
        assert.is(view.state, 'succeeded', `${point} ${when}: ${view.error?.message}`)
      }
  },
  { timeoutMs: 900_000 },
)

test(
  'both daemons killed at once: the same',
  async (t) => {
    const world = await archipelago(t)
    const points: [WritePoint, 'before' | 'after'][] = [
      ['requester:offered', 'after'],
      ['provider:accepted', 'after'],
      ['provider:done', 'before'],
      ['provider:done', 'after'],
      ['requester:outcome', 'before'],
      ['requester:outcome', 'after'],
      ['provider:settled', 'before'],
    ]
    for (const [point, when] of points) {
      const view = await throughKill(t, world, { point }, when, true)
      assert.is(view.state, 'succeeded', `${point} ${when}: ${view.error?.message}`)
    }
  },
  { timeoutMs: 900_000 },
)

test(
  'work that may begin but once, work that is cancelled, and work that is published, killed at their writes',
  async (t) => {
    const world = await archipelago(t)
    for (const when of WHEN) {
      const once = { point: 'provider:begun', request: { atMostOnce: true } } as const
      const unknown = await throughKill(t, world, once, when, false)
      if (when === 'after') assert.is(unknown.error?.code, 'OUTCOME_UNKNOWN')
      else assert.is(unknown.state, 'succeeded', unknown.error?.message)
      for (const point of ['requester:cancel', 'provider:cancel'] as const)
        assert.is((await throughKill(t, world, { point, cancel: true }, when, false)).state, 'cancelled', point)
      const publish = { id: `killed_${when}` }
      const published = await throughKill(t, world, { point: 'requester:published', request: { publish } }, when, false)
      assert.is(published.state, 'succeeded', published.error?.message)
      assert.ok(published.published?.id.endsWith(publish.id))
      assert.is((await world.asker.client().dataset(publish.id)).body.version, published.published?.version)
    }
  },
  { timeoutMs: 900_000 },
)

test(
  'the process that runs the statement killed: one outcome, and the next statement is answered',
  async (t) => {
    const world = await archipelago(t)
    const { asker, holder, other } = world
    const before = new Set(childrenOf(holder.process!.pid!))
    const { id } = await asker.client().tasks.submit({ kind: 'sql', code: LONG_WORK, leaseMs: LEASE_MS })
    await insist(t, async () => (await asker.client().tasks.show(id)).state === 'running')
    const worker = await eventually(
      () => {
        const busy = childrenOf(holder.process!.pid!).filter((pid) => !before.has(pid) || cpuOf(pid) > 50)
        if (busy.length === 0) throw new Error('no child works')
        return busy
      },
      { signal: t.signal },
    )
    for (const pid of worker) killNow(pid)
    const view = await eventually(
      async () => {
        const now = await asker.client().tasks.show(id)
        if (!['succeeded', 'failed', 'cancelled'].includes(now.state)) throw new Error(now.state)
        return now
      },
      { timeoutMs: END_MS, signal: t.signal },
    )
    assert.is(view.state, 'failed')
    for (const island of [holder, other]) {
      const there = await island.client().tasks.show(id)
      assert.equal([there.state, there.error?.code], [view.state, view.error?.code])
    }
    const next = await asker.client().sql({ sql: 'SELECT count(*) AS n FROM bright_stars' })
    assert.is(Number(next.result.rows[0]![0]), 9096)
  },
  { timeoutMs: 300_000 },
)

/** All processes below it. */
function childrenOf(pid: number): number[] {
  const lines = execFileSync('ps', ['-e', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n')
  const pairs = lines.map((line) => line.trim().split(/\s+/).map(Number))
  const below = (parent: number): number[] =>
    pairs.filter(([, p]) => p === parent).flatMap(([child]) => [child!, ...below(child!)])
  return below(pid)
}

/** Percent of a processor since its start. */
function cpuOf(pid: number): number {
  try {
    return Number(execFileSync('ps', ['-o', 'pcpu=', '-p', String(pid)], { encoding: 'utf8' }).trim())
  } catch {
    return 0
  }
}

function killNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Gone with its parent.
  }
}

test.run()
