import * as assert from 'uvu/assert'
import type { WritePoint } from '../../src/node/tasks/store/task-store.ts'
import { suite } from '../kit/index.ts'
import { archipelago, throughKill } from './kills.ts'

const test = suite('tasks and kill -9')

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
  { timeoutMs: 590_000 },
)

test.run()
