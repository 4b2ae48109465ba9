import * as assert from 'uvu/assert'
import { suite } from '../kit/index.ts'
import { archipelago, throughKill, WHEN } from './kills.ts'

const test = suite('tasks and kill -9')

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
  { timeoutMs: 590_000 },
)

test.run()
