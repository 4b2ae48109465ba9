import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { searchIndex } from '../../src/node/search/search-index.ts'
import { suite } from '../kit/index.ts'
import { entry, island } from './kit.ts'

const test = suite('the search index, written by a thread beside')

test('many changes are written by a thread beside, in their order, and what comes meanwhile after them', async (t) => {
  const path = join(await t.tmpdir(), 'search.db')
  const search = searchIndex({ path, atOnce: 10 })()
  t.cleanup(() => search.close())
  const entries = Array.from({ length: 3000 }, (_, i) => entry(`survey_${i}`))
  search.follow([{ type: 'put', entries }])
  search.follow([{ type: 'remove', key: entries[7]! }])
  search.follow([{ type: 'put', entries: [entry('survey_8', { title: 'changed at once' })] }])
  search.follow([{ type: 'holders', key: entries[9]!, islands: [island('c')] }])
  assert.ok(search.count() < 3000, 'the caller does not wait')
  await search.settled()
  assert.is(search.count(), 2999)
  assert.equal(search.byName('survey_7'), [])
  assert.is(search.search({ text: 'changed at once' }).total, 1)
  assert.is(search.search({ island: island('c') }).total, 1)
  // Nothing is under way: written before it returns.
  search.follow([{ type: 'remove', key: entries[8]! }])
  assert.is(search.count(), 2998)
})

test('a thread that fails says so, and the calls after it work', async (t) => {
  const path = join(await t.tmpdir(), 'search.db')
  const search = searchIndex({ path, atOnce: 10 })()
  t.cleanup(() => search.close())
  assert.is(search.count(), 0)
  const behind = new Promise<void>((resolve) => search.onBehind(resolve))
  const entries = Array.from({ length: 20 }, (_, i) => entry(`survey_${i}`))
  search.follow([
    { type: 'put', entries: [...entries, { ...entries[0]!, recordedAt: 'never' as never, id: null as never }] },
  ])
  await behind
  await search.settled()
  search.follow([{ type: 'put', entries: entries.slice(0, 5) }])
  assert.ok(search.count() >= 5)
})

test.run()
