/** Sessions and statements of an island's own engine. */
import { once } from 'node:events'
import * as assert from 'uvu/assert'
import { errorOutput } from '../../src/node/sessions/output.ts'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import type { StatementView } from '../../src/protocols/model/views.ts'
import type { Scope } from '../../src/web/contract/scopes.ts'
import { eventually, rejects, suite } from '../kit/index.ts'
import { fakeEngine, fakeSessions } from './fake-sessions.ts'
import { json, raw, serve } from './harness.ts'

const test = suite('sessions')

test('an exception of Python is told as Livy tells it, and the hint speaks of the session', () => {
  const told = (message: string) => {
    const output = errorOutput(3, 7, new ArchipelError('CODE_FAILED', message).toInfo())
    assert.ok(output.status === 'error')
    assert.match(output.error.hint, 'archipel session log 7')
    assert.not.match(output.error.hint, 'archipel task')
    return [output.ename, output.evalue, output.traceback.length]
  }
  const head = 'Traceback (most recent call last):\n  File "<program>", line 1, in <module>\n    1/0\n'
  assert.equal(told(`${head}ZeroDivisionError: division by zero`), ['ZeroDivisionError', 'division by zero', 4])
  assert.equal(told(`${head}json.decoder.JSONDecodeError: Expecting: x`), ['JSONDecodeError', 'Expecting: x', 4])
  assert.equal(told(`${head}KeyboardInterrupt`), ['KeyboardInterrupt', '', 4])
  assert.equal(told(`${head}ValueError: two\nOf: lines\n`), ['ValueError', 'two\nOf: lines', 6])
  const both = `${head}KeyError: 'a'\n\nDuring handling of the above exception, another exception occurred:\n\n${head}E: last`
  assert.equal(told(both).slice(0, 2), ['E', 'last'])
  const unread = '  File "<program>", line 1\n    x =\n       ^\nSyntaxError: invalid syntax'
  assert.equal(told(unread), ['SyntaxError', 'invalid syntax', 4])
  assert.equal(told('...\n  File "<program>", line 1, in f\nRecursionError: too deep').slice(0, 2), [
    'RecursionError',
    'too deep',
  ])
  assert.equal(told('the program exited with 3'), ['CODE_FAILED', 'the program exited with 3', 0])
  assert.equal(told('Error in f(3): no good: 3'), ['CODE_FAILED', 'Error in f(3): no good: 3', 0])
})

test('statements run one after the other, with the states and outputs of Livy', async (t) => {
  const engine = fakeEngine()
  const made = fakeSessions(engine)
  t.cleanup(() => made.stop())
  const { id, state } = await made.sessions.create({ kind: 'python', name: 'mine', datasets: ['stars'] })
  assert.is(id, 1)
  assert.ok(['starting', 'idle'].includes(state), state)
  const over = (statement: number) =>
    eventually(async () => {
      const view = await made.statements.show(id, statement)
      return view.state === 'available' && view
    }) as Promise<StatementView>
  const first = await made.statements.create(id, { code: '1 + 1' })
  assert.is(first.id, 0)
  const { output, progress, completed } = await over(0)
  assert.is(progress, 1)
  assert.ok(completed > 0)
  assert.equal(output, {
    status: 'ok',
    execution_count: 0,
    data: {
      'application/json': {
        schema: {
          type: 'struct',
          fields: [
            { name: 'code', type: 'VARCHAR', nullable: true, metadata: {} },
            { name: 'rows', type: 'BIGINT', nullable: true, metadata: { unit: 'ct' } },
          ],
        },
        data: [['1 + 1', 1000]],
        truncated: false,
      },
      'text/plain': 'hello\n',
      'image/png': Buffer.from('hello\n').toString('base64'),
    },
  })
  await made.statements.create(id, { code: 'fail' })
  const failed = (await over(1)).output
  assert.ok(failed?.status === 'error')
  assert.is(failed.ename, 'CODE_FAILED')
  assert.is(failed.evalue, 'NameError: x')
  assert.is(failed.traceback.length, 3)
  await made.statements.create(id, { code: 'wait' })
  const waiting = await made.statements.create(id, { code: 'after' })
  assert.is(waiting.state, 'waiting')
  assert.is(waiting.output, null)
  assert.is((await made.sessions.show(id)).state, 'busy')
  const cancelled = await made.statements.cancel(id, 2)
  assert.is(cancelled.state, 'cancelled')
  assert.is(cancelled.output, null)
  await over(3)
  assert.is((await made.sessions.show(id)).state, 'idle')
  const page = await made.statements.list(id, { limit: 3 })
  assert.equal(
    page.items.map((s) => [s.id, s.code]),
    [
      [3, 'after'],
      [2, 'wait'],
      [1, 'fail'],
    ],
  )
  assert.not.ok('output' in page.items[0]!)
  assert.equal(
    (await made.statements.list(id, { limit: 3, cursor: page.next! })).items.map((s) => s.id),
    [0],
  )
  await rejects(made.statements.show(id, 4), 'STATEMENT_NOT_FOUND')
  await rejects(made.statements.list(id, { cursor: 'x' }), 'BAD_INPUT')
  assert.equal(await made.sessions.delete(id), { id })
  assert.is(engine.open, 0)
  for (const gone of [
    () => made.sessions.show(id),
    () => made.sessions.delete(id),
    () => made.statements.create(id, { code: '1' }),
    () => made.statements.cancel(id, 0),
  ])
    await rejects(gone, 'SESSION_NOT_FOUND')
  assert.equal(
    made.journal.map((entry) => entry.action),
    ['session:create', 'session:delete'],
  )
})

test('there is a bound on open sessions, and ids are never used again', async (t) => {
  const engine = fakeEngine()
  const made = fakeSessions(engine, { max: 2 })
  t.cleanup(() => made.stop())
  const asked = await Promise.allSettled([1, 2, 3, 4].map(() => made.sessions.create({ kind: 'sql' })))
  assert.equal(
    asked.map((one) => one.status),
    ['fulfilled', 'fulfilled', 'rejected', 'rejected'],
  )
  await rejects(made.sessions.create({ kind: 'sql' }), 'TOO_MANY')
  await made.sessions.delete(1)
  assert.is((await made.sessions.create({ kind: 'sql' })).id, 3)
  assert.equal(
    (await made.sessions.list()).items.map((s) => s.id),
    [3, 2],
  )
  await rejects(made.sessions.create({ kind: 'sql', datasets: ['nothing'] }), 'DATASET_NOT_FOUND')
})

test('who did not open it may not use it, unless they administer the island', async (t) => {
  const made = fakeSessions(fakeEngine())
  t.cleanup(() => made.stop())
  const { id, owner } = await made.sessions.create({ kind: 'sql' }, { user: 'notebook' })
  assert.is(owner, 'notebook')
  const other = { user: 'other', onlyOwn: true }
  for (const refused of [
    () => made.statements.create(id, { code: '1' }, other),
    () => made.statements.cancel(id, 0, other),
    () => made.sessions.delete(id, other),
  ])
    await rejects(refused, 'FORBIDDEN')
  await made.statements.create(id, { code: '1' }, { user: 'notebook', onlyOwn: true })
  await made.sessions.delete(id, { user: 'owner', onlyOwn: false })
})

test('over the web a token uses the sessions that it opened, one with the scope admin any', async (t) => {
  const served = await serve(t)
  const token = async (name: string, scopes: Scope[]) => (await served.tokens.book.create({ name, scopes })).token
  const [mine, other, admin] = [await token('a', ['run']), await token('b', ['run']), await token('c', ['admin'])]
  const call = async (method: string, path: string, as: string, body?: object) =>
    await raw(served.port, {
      method,
      path: `/api/v1/sessions${path}`,
      headers: { authorization: `Bearer ${as}`, ...(body === undefined ? {} : json) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  const { id } = JSON.parse((await call('POST', '', mine, { kind: 'sql' })).text)
  for (const [method, path, body] of [
    ['POST', `/${id}/statements`, { code: '1' }],
    ['POST', `/${id}/statements/0/cancel`, undefined],
    ['DELETE', `/${id}`, undefined],
  ] as const) {
    const refused = await call(method, path, other, body)
    assert.equal([refused.status, JSON.parse(refused.text).code], [403, 'FORBIDDEN'], path)
  }
  assert.is((await call('POST', `/${id}/statements`, mine, { code: '1' })).status, 200)
  assert.is((await call('DELETE', `/${id}`, admin)).status, 200)
})

test('a session that nobody uses ends, one that is busy does not', async (t) => {
  const engine = fakeEngine()
  const made = fakeSessions(engine, { idleMs: 150 })
  t.cleanup(() => made.stop())
  const idle = await made.sessions.create({ kind: 'sql' })
  const busy = await made.sessions.create({ kind: 'sql' })
  await made.statements.create(busy.id, { code: 'wait' })
  await eventually(async () => (await made.sessions.show(idle.id)).state === 'dead')
  assert.ok((await made.sessions.show(idle.id)).ended)
  assert.is((await made.sessions.show(busy.id)).state, 'busy')
  await rejects(made.statements.create(idle.id, { code: '1' }), 'SESSION_STATE')
  await made.statements.cancel(busy.id, 0)
  await eventually(async () => (await made.sessions.show(busy.id)).state === 'dead')
  assert.is(engine.open, 0)
  assert.equal(
    made.journal.filter((entry) => entry.action === 'session:idle').map((entry) => entry.subject),
    ['1', '2'],
  )
})

test('a session that cannot start, or whose process dies, says so', async (t) => {
  const engine = fakeEngine()
  const made = fakeSessions(engine)
  t.cleanup(() => made.stop())
  const { begin } = engine
  engine.begin = async () => {
    throw new ArchipelError('LANGUAGE_MISSING', 'r: Rscript is not installed')
  }
  const failed = await made.sessions.create({ kind: 'r' })
  await eventually(async () => (await made.sessions.show(failed.id)).state === 'error')
  assert.is((await made.sessions.show(failed.id)).error?.code, 'LANGUAGE_MISSING')
  await rejects(made.statements.create(failed.id, { code: '1' }), 'SESSION_STATE')
  engine.begin = begin
  const { id } = await made.sessions.create({ kind: 'r' })
  await made.statements.create(id, { code: 'die' })
  await eventually(async () => (await made.sessions.show(id)).state === 'dead')
  await made.sessions.delete(id)
})

test('deleting a session that is still starting ends its start', async (t) => {
  const engine = fakeEngine()
  const made = fakeSessions(engine)
  t.cleanup(() => made.stop())
  engine.begin = async (_, signal) => {
    await once(signal!, 'abort')
    throw new ArchipelError('CANCELLED', 'the start was cancelled')
  }
  const { id, state } = await made.sessions.create({ kind: 'sql' })
  assert.is(state, 'starting')
  const asked = made.statements.create(id, { code: '1' })
  const leaving = new AbortController()
  const left = made.statements.create(id, { code: '1' }, { signal: leaving.signal })
  leaving.abort()
  await rejects(left, 'CANCELLED')
  await made.sessions.delete(id)
  await rejects(asked, 'CANCELLED')
  assert.is(engine.open, 0)
})

test('outputs are bounded, and of files that changed there is none', async (t) => {
  let stale = false
  const made = fakeSessions(fakeEngine(), {}, () => stale)
  t.cleanup(() => made.stop())
  const { id } = await made.sessions.create({ kind: 'sql' })
  const over = (statement: number) =>
    eventually(async () => {
      const view = await made.statements.show(id, statement)
      return view.state === 'available' && view
    }) as Promise<StatementView>
  for (let i = 0; i < 5; i++) {
    await made.statements.create(id, { code: `big${10 * 1024 * 1024}` })
    assert.is((await over(i)).output?.status, 'ok')
  }
  const oldest = (await over(0)).output
  assert.ok(oldest?.status === 'error' && oldest.ename === 'RESULT_EXPIRED')
  assert.is((await over(4)).output?.status, 'ok')
  stale = true
  await made.statements.create(id, { code: '1' })
  const { output } = await over(5)
  assert.ok(output?.status === 'error' && output.ename === 'STALE')
})

test.run()
