/** LIVY: pages of lists and logs. Runs after other cases: it needs statements, sessions and batches that are there. */
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { LivyLog, LivyStatement } from '../../../src/protocols/livy/objects.ts'
import type { Suite } from '../../kit/index.ts'
import { type At, SESSION_MS } from './at.ts'
import { type Case, table } from './table.ts'

const number = (text: string) => ({ status: 400, body: { msg: `For input string: "${text}"` } })
/** More statements than a driver keeps. */
const MANY = 110

const cases: Case[] = [
  {
    title: 'a list of sessions tells its beginning and the number of all',
    call: 'GET /sessions',
    status: 200,
    body: { from: 0 },
  },
  {
    title: 'a page past the end is empty',
    call: 'GET /sessions?from=500',
    status: 200,
    body: { from: 500, sessions: [] },
  },
  { title: 'a page of no size is empty', call: 'GET /sessions?size=0', status: 200, body: { sessions: [] } },
  { title: 'a page of a negative size is empty', call: 'GET /batches?size=-3', status: 200, body: { sessions: [] } },
  { title: 'a from that is no number', call: 'GET /sessions?from=x', ...number('x') },
  { title: 'a size that is no number', call: 'GET /batches?size=1.5', ...number('1.5') },
  { title: 'a from of statements that is no number', call: 'GET /sessions/{main}/statements?from=x', ...number('x') },
  {
    title: 'statements of no size are none',
    call: 'GET /sessions/{main}/statements?size=0',
    status: 200,
    body: { statements: [] },
  },
  { title: 'a size of a log that is no number', call: 'GET /sessions/{main}/log?size=x', ...number('x') },
  {
    title: 'a log past its end is empty and tells from',
    call: 'GET /sessions/{main}/log?from=5000',
    status: 200,
    body: { from: 5000, log: [] },
  },
]

export function paging(test: Suite, at: () => At): void {
  const long = { timeoutMs: SESSION_MS }
  table(test, at, cases)

  test(
    'pages of statements, in both orders',
    async () => {
      const main = await at().session('main')
      const list = async (query: string) => {
        const answer = await at().call('GET', `/sessions/${main}/statements${query}`)
        assert.is(answer.status, 200, answer.text)
        const {
          total_statements: total,
          statements,
          ...more
        } = answer.json as { total_statements: number; statements: LivyStatement[] }
        assert.equal(more, {}, 'nothing else is in it')
        return { total, ids: statements.map(({ id }) => id) }
      }
      for (const have = await list(''); have.ids.length < 5; have.ids.push(0)) await at().run(main, '1', 'pyspark')
      const all = await list('')
      assert.is(all.total, all.ids.length, 'without a size it is all of them')
      assert.equal(
        all.ids,
        [...all.ids].sort((a, b) => a - b),
      )
      assert.equal(await list('?from=1&size=2'), { total: all.total, ids: all.ids.slice(1, 3) })
      assert.equal((await list('?order=desc')).ids, all.ids.toReversed())
      assert.equal((await list('?order=DESC&from=1&size=2')).ids, all.ids.toReversed().slice(1, 3))
      assert.equal((await list('?order=sideways')).ids, all.ids)
      assert.equal((await list('?from=-1&size=2')).ids, all.ids.slice(0, 1), 'a negative from cuts')
      assert.equal((await list('?from=4000')).ids, [])
    },
    long,
  )

  test(
    'a negative from of a list is echoed and cuts',
    async () => {
      await at().session('main')
      const answer = await at().call('GET', '/sessions?from=-1&size=2')
      assert.equal([answer.status, (answer.json as { from: number }).from], [200, -1])
      assert.is((answer.json as { sessions: unknown[] }).sessions.length, 1)
    },
    long,
  )

  test(
    'of a log 200 lines are kept, and pages of it can be had',
    async () => {
      const id = await at().batch('loud', { file: join(at().files, 'loud.py') })
      assert.is((await at().until(`/batches/${id}`, ['success', 'dead'])).state, 'success')
      const log = async (query: string) => (await at().call('GET', `/batches/${id}/log${query}`)).json as LivyLog
      const whole = await log('?size=-1')
      assert.equal([whole.from, whole.total, whole.log.length], [0, 202, 202])
      assert.equal(
        whole.log.filter((line) => line === 'stdout: ' || line === '\nstderr: '),
        ['stdout: ', '\nstderr: '],
      )
      assert.equal(await log(''), { id, from: 102, total: 202, log: whole.log.slice(102) })
      assert.equal(await log('?size=3'), { id, from: 199, total: 202, log: whole.log.slice(199) })
      assert.equal(await log('?from=-5&size=3'), { id, from: 199, total: 202, log: whole.log.slice(199) })
      assert.equal(await log('?from=10&size=3'), { id, from: 10, total: 202, log: whole.log.slice(10, 13) })
      assert.equal(await log('?from=202'), { id, from: 202, total: 202, log: [] }, 'one past the end, as Airflow asks')
      const view = (await at().call('GET', `/batches/${id}`)).json as LivyLog
      assert.equal(view.log, whole.log.slice(-10), 'the last ten lines are in the view')
    },
    long,
  )

  test(
    'the last hundred statements are kept',
    async () => {
      const main = await at().session('main')
      const path = `/sessions/${main}/statements`
      let last = await at().run(main, '1', 'pyspark')
      while (last.id < MANY) last = await at().run(main, '1', 'pyspark')
      const list = (await at().call('GET', path)).json as { total_statements: number; statements: LivyStatement[] }
      assert.is(list.total_statements, 100)
      assert.is(list.statements.at(-1)?.id, last.id)
      const first = await at().call('GET', `${path}/0`)
      assert.equal([first.status, first.json], [404, 'Statement not found'])
    },
    long,
  )
}
