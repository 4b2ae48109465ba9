import * as assert from 'uvu/assert'
import type { WritePoint } from '../../src/node/tasks/store/task-store.ts'
import { suite } from '../kit/index.ts'
import { archipelago, throughKill, WHEN } from './kills.ts'

const test = suite('tasks and kill -9')

const PLAIN: WritePoint[] = ['requester:queued', 'requester:offered', 'requester:outcome', 'requester:errands']

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
  { timeoutMs: 590_000 },
)

test.run()
