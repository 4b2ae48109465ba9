import * as assert from 'uvu/assert'
import type { WritePoint } from '../../src/node/tasks/store/task-store.ts'
import { suite } from '../kit/index.ts'
import { archipelago, throughKill, WHEN } from './kills.ts'

const test = suite('tasks and kill -9')

const AT_HOLDER: WritePoint[] = ['provider:accepted', 'provider:done', 'provider:settled']

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
  { timeoutMs: 590_000 },
)

test.run()
