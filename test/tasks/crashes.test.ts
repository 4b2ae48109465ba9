import * as assert from 'uvu/assert'
import { WRITE_POINTS, type WritePoint } from '../../src/node/tasks/store/task-store.ts'
import type { TaskView } from '../../src/protocols/model/views.ts'
import { suite } from '../kit/index.ts'
import type { SimIsland } from '../sim/tasks/island.ts'
import { TaskSim } from '../sim/tasks/world.ts'

const test = suite('tasks and a crash at every write')

const SCENES: { name: string; request: object; cancel?: boolean; ends: string[] }[] = [
  { name: 'a plain task', request: {}, ends: ['succeeded'] },
  { name: 'one to begin at most once', request: { atMostOnce: true }, ends: ['succeeded', 'failed OUTCOME_UNKNOWN'] },
  { name: 'one that is cancelled', request: {}, cancel: true, ends: ['cancelled'] },
  { name: 'one that is published', request: { publish: { id: 'out' } }, ends: ['succeeded'] },
  { name: 'one that fails', request: { code: 'from=stars ms=500 fail=CODE_FAILED' }, ends: ['failed CODE_FAILED'] },
]

interface Crashed {
  hit: boolean
  view: TaskView
}

/** Runs the scene in a world of three; the islands in `down` lose power at that write, and come back after a second. */
async function run(
  scene: (typeof SCENES)[number],
  point: WritePoint,
  when: 'before' | 'after',
  who: 'one' | 'both',
  seed: number,
): Promise<Crashed> {
  const sim = new TaskSim(seed)
  const [asker, holder, other] = [await sim.add(), await sim.add(), await sim.add()]
  sim.publish('stars', holder)
  let hit = false
  const crash = () => {
    hit = true
    const writer = point.startsWith('requester') ? asker : holder
    const down: SimIsland[] = who === 'one' ? [writer] : [asker, holder]
    for (const island of down) {
      island.crash()
      island.onWrite = undefined
      sim.scheduler.after(1_000, () => void island.start())
    }
  }
  for (const island of [asker, holder])
    island.onWrite = (at, moment) => {
      if (!hit && at === point && moment === when) crash()
    }
  const request = {
    kind: 'sql' as const,
    code: 'from=stars ms=500 rows=3',
    leaseMs: 20_000,
    idempotencyKey: 'k',
    ...scene.request,
  }
  // Who got no answer asks again with its key.
  const submit = async (): Promise<string> => {
    for (;;) {
      await sim.until('up', () => asker.isUp)
      const asked = asker.tasks!.submit(request).then(
        ({ id }) => id,
        () => undefined,
      )
      const { process } = asker
      const id = await sim.act(Promise.race([asked, process!.death.promise.then(() => undefined)]))
      if (id !== undefined) return id
    }
  }
  const id = await submit()
  if (scene.cancel === true) {
    await sim.run(200)
    for (let done = false; !done; ) {
      await sim.until('up', () => asker.isUp && asker.tasks !== undefined)
      const { process } = asker
      const cancelling = asker.tasks!.cancel(id).then(
        () => true,
        () => false,
      )
      done = await sim.act(Promise.race([cancelling, process!.death.promise.then(() => false)]))
    }
  }
  const ended = async () => {
    if (!asker.isUp || !holder.isUp) return false
    const view = await sim.act(asker.tasks!.show(id))
    return ['succeeded', 'failed', 'cancelled'].includes(view.state) && quiet(asker, holder)
  }
  await sim.until('the end', ended, 300_000)
  // The last write may be the one at which it crashes.
  await sim.run(3_000)
  await sim.until('the end', ended, 300_000)
  const views = await Promise.all([asker, holder, other].map((i) => sim.act(i.tasks!.show(id))))
  const label = `${scene.name}, ${who} crashed ${when} ${point}`
  const said = new Set(views.map((v) => `${v.state} ${v.error?.code ?? ''}`.trim()))
  assert.is(said.size, 1, `${label}: ${[...said].join(' | ')}`)
  assert.ok(scene.ends.includes([...said][0]!), `${label}: ${[...said].join()}`)
  if (scene.request !== undefined && 'atMostOnce' in scene.request)
    assert.ok(sim.world.ledger.begun.length <= 1, `${label}: began ${sim.world.ledger.begun.length} times`)
  if (views[0]!.state === 'succeeded') {
    const pages = await Promise.all([asker, other].map((i) => sim.act(i.tasks!.rows(id, { from: 0, limit: 10 }))))
    assert.equal(pages[0], pages[1], label)
    assert.is(pages[0]!.total, 3, label)
  }
  assert.equal(holder.spool.keys(), [], label)
  return { hit, view: views[0]! }
}

function quiet(...islands: SimIsland[]): boolean {
  return islands.every((i) => ['u/', 'v/', 'e/'].every((p) => i.store.keys(p).length === 0))
}

for (const scene of SCENES) {
  for (const who of ['one', 'both'] as const) {
    test(
      `${scene.name}, ${who === 'one' ? 'the writer' : 'both islands'} losing power before or after any write: one outcome, the same everywhere`,
      async () => {
        const seen = new Set<string>()
        for (const point of WRITE_POINTS) {
          for (const when of ['before', 'after'] as const) {
            for (let seed = 1; seed <= 3; seed++) {
              const { hit } = await run(scene, point, when, who, seed)
              if (hit) seen.add(point)
            }
          }
        }
        for (const point of [
          'requester:queued',
          'requester:offered',
          'requester:outcome',
          'provider:accepted',
          'provider:settled',
        ])
          assert.ok(seen.has(point), `${point} was not reached`)
        if (scene.cancel === true) assert.ok(seen.has('requester:cancel') && seen.has('provider:cancel'))
        else assert.ok(seen.has('provider:done'))
        if ('atMostOnce' in scene.request) assert.ok(seen.has('provider:begun'))
        if ('publish' in scene.request) assert.ok(seen.has('requester:published'))
      },
      { timeoutMs: 120_000 },
    )
  }
}

test.run()
