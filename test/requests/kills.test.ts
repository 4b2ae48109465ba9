/** Islands as processes: requests outlive the death of either side, and are delivered when the other is back. */
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { ReplicaRequestView } from '../../src/protocols/model/replica-request.ts'
import { eventually, suite } from '../kit/index.ts'
import { Fleet, type FleetIsland } from '../network/fleet.ts'
import { bytes, finalFiles, writeFiles } from '../replicas/kit.ts'

const test = suite('requests: kills and absence')
const QUICK = ['engine.kind=disabled']

test(
  'asked and cancelled while the other is away, killed on both sides, each request ends as it was meant',
  async (t) => {
    const fleet = await Fleet.create(t)
    const a = await fleet.found('a', { set: QUICK })
    const c = await fleet.join('c', a, { set: QUICK })
    const publish = async (name: string) => {
      const path = await writeFiles(join(a.files, name), { [`${name}.bin`]: bytes(3_000_000) })
      return (await a.client().publish({ path, name, as: 'files' })).id
    }
    const shown = async (island: FleetIsland, id: string, state: ReplicaRequestView['state']) =>
      await eventually(
        async () => {
          const view = await island.client().requests.show(id)
          assert.equal([view.state, view.undelivered], [state, false], JSON.stringify(view.problem))
          return view
        },
        { timeoutMs: 60_000, signal: t.signal },
      )
    await fleet.converged([a, c])
    const kept = await publish('kept')
    const unwanted = await publish('unwanted')
    const lazy = await publish('lazy')
    const promised = await fleet.json<ReplicaRequestView>(a, ['replicate', lazy, '--to', 'c', '--when-used'])
    assert.is(promised.state, 'promised')
    await fleet.stop(c, 'SIGKILL')
    const first = await fleet.json<ReplicaRequestView>(a, ['replicate', kept, '--to', 'c', '--detach'])
    assert.equal([first.state, first.undelivered], ['requested', true])
    const second = await a.client().replicate(unwanted, { to: 'c' })
    assert.is((await a.client().requests.cancel(second.id)).undelivered, true)
    await fleet.stop(a, 'SIGKILL')
    await fleet.up(a)
    await fleet.up(c)
    // Wherever it is then: decided, or fetching.
    await eventually(async () => assert.ok(await c.client().requests.show(first.id)), {
      timeoutMs: 60_000,
      signal: t.signal,
    })
    await fleet.stop(c, 'SIGKILL')
    await fleet.up(c)
    await shown(a, first.id, 'available')
    await shown(c, first.id, 'available')
    await shown(a, second.id, 'cancelled')
    await shown(c, second.id, 'cancelled')
    assert.equal([...(await finalFiles(c.dataDir)).keys()], ['kept.bin'])
    assert.is((await c.client().transfers.list()).total, 1)
    // It outlived two kills; then somebody reads it there, and it is killed again.
    assert.is((await c.client().requests.show(promised.id)).state, 'promised')
    const read = async () => {
      const file = await c.client().read({ ref: lazy, path: 'lazy.bin' })
      for await (const _ of file.open({ from: 0, to: 1 }));
    }
    await read()
    await fleet.stop(c, 'SIGKILL')
    await fleet.up(c)
    await read()
    await shown(a, promised.id, 'available')
    assert.equal([...(await finalFiles(c.dataDir)).keys()].sort(), ['kept.bin', 'lazy.bin'])
    assert.match(await fleet.run(c, ['requests', 'list', '--incoming'], { json: false }), /from a .*available/)
    assert.match(await fleet.run(a, ['requests', 'show', second.id], { json: false }), /^state {5}cancelled$/m)
  },
  { timeoutMs: 300_000 },
)

test.run()
