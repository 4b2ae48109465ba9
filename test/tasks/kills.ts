/** Real daemons that are killed at their writes. */
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import type { WritePoint } from '../../src/node/tasks/store/task-store.ts'
import type { SubmitRequest, TaskView } from '../../src/protocols/model/views.ts'
import { eventually, type TestContext } from '../kit/index.ts'
import { Fleet, type FleetIsland } from '../network/fleet.ts'

const STARS = fileURLToPath(new URL('../../examples/data/bright_stars.csv', import.meta.url))
/** Long enough to be killed in, short enough to be run again. */
const SOME_WORK = 'SELECT count(*) AS n FROM bright_stars a, bright_stars b WHERE a.ra + b.dec > 100'
export const LONG_WORK =
  'SELECT count(*) AS n FROM bright_stars a, bright_stars b, bright_stars c WHERE a.ra + b.dec + c.ra > 100'
export const LEASE_MS = 30_000
export const END_MS = 120_000

interface Archipelago {
  fleet: Fleet
  asker: FleetIsland
  holder: FleetIsland
  other: FleetIsland
}

export async function archipelago(t: TestContext): Promise<Archipelago> {
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
    await eventually(async () => (await island.client().islands()).items.every((i) => i.self || i.connected !== 'no'), {
      timeoutMs: 60_000,
      signal: t.signal,
    })
}

/** Asks until it is answered: who is killed before the answer is asked again, with the same key. */
export async function insist<T>(t: TestContext, ask: () => Promise<T>): Promise<T> {
  return await eventually(ask, { timeoutMs: END_MS, intervalMs: 200, signal: t.signal })
}

interface Scene {
  point: WritePoint
  request?: Partial<SubmitRequest>
  cancel?: boolean
}

let keys = 0

/** One task through a kill: of the daemon that writes there, or of both at once. @returns the view at the end */
export async function throughKill(
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

export const WHEN = ['before', 'after'] as const
