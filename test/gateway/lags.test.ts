import * as assert from 'uvu/assert'
import { entryOf } from '../../src/node/gateway/requester/entry.ts'
import { outputs } from '../../src/node/gateway/requester/outputs.ts'
import type { SessionRecord } from '../../src/node/gateway/requester/records.ts'
import { shownSession } from '../../src/node/gateway/requester/shown.ts'
import { suite } from '../kit/index.ts'

const test = suite('gateway: a session whose last statement is over')

test('it lags behind from the end of the last statement until it is told idle', async (t) => {
  const record: SessionRecord = {
    type: 'session',
    request: { kind: 'pyspark' },
    id: 0,
    key: 'key-of-it',
    island: 'there',
    owner: 'ana',
    name: null,
    datasets: [],
    why: 'it was named',
    created: 0,
  }
  const kept = outputs({ dir: await t.tmpdir(), spoolBytes: 1000 })
  const entry = entryOf(record, { nameOf: (id) => id, outputs: kept, save: () => {}, now: () => 0 })
  const told = (state: 'idle' | 'busy') =>
    entry.take({ type: 'session', session: { ...shownSession(record), state } as never })
  const statement = (id: number, state: 'running' | 'available') =>
    entry.learn({ id, code: '1', state, output: null, progress: 0, started: 0, completed: 0 })
  told('busy')
  assert.is(entry.lags, false, 'nothing ended')
  await statement(0, 'running')
  await statement(1, 'running')
  await statement(0, 'available')
  assert.is(entry.lags, false, 'another one runs')
  await statement(1, 'available')
  assert.is(entry.lags, true)
  told('idle')
  assert.is(entry.lags, false)
})

test.run()
