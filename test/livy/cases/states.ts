/** LIVY: the lives of sessions, statements and batches, and what is said of the dead. */
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { LivySession, LivyStatement } from '../../../src/protocols/livy/objects.ts'
import { eventually, type Suite } from '../../kit/index.ts'
import type { Answer } from './ask.ts'
import { type At, data, fault, SESSION_MS } from './at.ts'
import { like } from './table.ts'

const NOT_ACTIVE = { msg: "requirement failed: Session isn't active." }
const inState = (state: string) => new RegExp(`^java\\.lang\\.IllegalStateException: Session is in state ${state}`)

export function states(test: Suite, at: () => At): void {
  const { post, get } = calls(at)
  const long = { timeoutMs: SESSION_MS }

  test(
    'a session that starts takes no statements, and nobody else has its name',
    async () => {
      const [asked, set] = ['rows.csv', 'good.py'].map((name) => `file:${join(at().files, name)}`)
      const conf = { 'spark.files': set }
      const created = await post('/sessions', { kind: 'python', name: 'mortal', files: [asked], conf })
      const session = created.json as LivySession
      like(
        created,
        { status: 201, json: { kind: 'pyspark', state: 'starting', log: ['stdout: ', '\nstderr: '] } },
        'created',
      )
      like(created.headers.location, new RegExp(`/sessions/${session.id}$`), 'location')
      like(
        await post('/sessions/mortal/statements', { code: '1' }),
        { status: 500, json: inState('starting') },
        'statement',
      )
      like(
        await post('/sessions/mortal/completion', { code: '1', kind: 'pyspark', cursor: 1 }),
        { status: 500, json: inState('starting') },
        'completion',
      )
      like(await post('/sessions/mortal/statements/0/cancel'), { status: 500, json: inState('starting') }, 'cancel')
      const again = await post('/sessions', { kind: 'pyspark', name: 'mortal' })
      like(
        again,
        { status: 400, json: { msg: /^Rejected, Reason: Duplicate session name: Some\(mortal\) for session \d+$/ } },
        'the same name',
      )
      like(
        await at().until('/sessions/mortal', ['idle', 'dead', 'error']),
        { id: session.id, state: 'idle' },
        'session',
      )
    },
    long,
  )

  test(
    'a list of a request comes before that of its conf, and a module that is added to a Python session is found',
    async () => {
      const { id, files } = (await get('/sessions/mortal')).json as LivySession
      const shown = data(await at().run(id, 'print(sc.getConf().get("spark.files"))'))
      like(shown, { 'text/plain': /^[^,]*\/rows\.csv,[^,]*\/good\.py,/ }, 'spark.files')
      assert.equal(files, [`file:${join(at().files, 'rows.csv')}`])
      like(
        await post('/sessions/mortal/add-pyfile', { uri: join(at().files, 'mod.py') }),
        { status: 200, text: '' },
        'add-pyfile',
      )
      like(data(await at().run(id, 'import mod\nmod.WORD')), { 'text/plain': "'imported'" }, 'imported')
    },
    long,
  )

  test(
    'a dead Python does not end its session: another language brings it back',
    async () => {
      const { id } = (await get('/sessions/mortal')).json as LivySession
      like(
        fault(await at().run(id, 'import os\nos._exit(1)')),
        { ename: 'Error', evalue: /^Interpreter died:\n/, traceback: [] },
        'output',
      )
      await at().until('/sessions/mortal', ['error'])
      like(await get('/sessions/mortal/statements'), { status: 200, json: { total_statements: 3 } }, 'statements')
      like(fault(await at().run(id, '1')), { ename: 'Error', evalue: 'Interpreter died:\n' }, 'output')
      like(data(await at().run(id, '1', 'spark')), { 'text/plain': 'res0: Int = 1\n' }, 'data')
      await at().until('/sessions/mortal', ['idle'])
    },
    long,
  )

  test(
    'a driver that ends leaves a dead session, which can be read',
    async () => {
      const shared = await post('/sessions/mortal/statements', { code: '1', kind: 'shared' })
      // Livy takes it and never runs it; an island says so at once.
      assert.is(shared.status, at().name === 'livy' ? 201 : 500, shared.text)
      await at().until('/sessions/mortal', ['idle'])
      await post('/sessions/mortal/statements', { code: 'System.exit(7)', kind: 'spark' })
      await at().until('/sessions/mortal', ['dead'])
      like(await get('/sessions/mortal/log?size=5'), { status: 200 }, 'log')
      like(await get('/sessions/mortal/statements'), { status: 400, json: NOT_ACTIVE }, 'statements')
      like(
        await post('/sessions/mortal/add-file', { uri: join(at().files, 'mod.py') }),
        { status: 400, json: NOT_ACTIVE },
        'add-file',
      )
      like(
        await post('/sessions/mortal/statements', { code: '1' }),
        { status: 500, json: inState('dead') },
        'statement',
      )
      like(await post('/sessions/mortal/statements/0/cancel'), { status: 500, json: inState('dead') }, 'cancel')
      const again = await post('/sessions', { kind: 'pyspark', name: 'mortal' })
      like(
        again,
        { status: 400, json: { msg: /^Rejected, Reason: Duplicate session name: Some\(mortal\)/ } },
        'the dead hold their names',
      )
      like(await post('/sessions/mortal/stop'), { status: 204, text: '' }, 'stop')
      const { id } = (await get('/sessions/mortal')).json as LivySession
      like(await at().call('DELETE', '/sessions/mortal'), { status: 200, json: { msg: 'deleted' } }, 'delete')
      like(await get(`/sessions/${id}`), { status: 404, json: { msg: `Session '${id}' not found.` } }, 'afterwards')
    },
    long,
  )

  test(
    'stop ends a session and leaves its entry, interrupt is the same',
    async () => {
      for (const [how, status, text] of [
        ['stop', 204, ''],
        ['interrupt', 200, '{"msg":"interrupted"}'],
      ] as const) {
        const { id } = (await post('/sessions', { kind: 'pyspark' })).json as LivySession
        like(await post(`/sessions/${id}/${how}`, {}), { status, text }, how)
        await at().until(`/sessions/${id}`, ['dead'])
        like(await post(`/sessions/${id}/stop`), { status: 204, text: '' }, 'a second stop')
        like(await at().call('DELETE', `/sessions/${id}`), { status: 200 }, 'delete')
      }
    },
    long,
  )

  test(
    'a Spark job is cancelled at once, and what waits behind it without a trace',
    async () => {
      const main = await at().session('main')
      const path = `/sessions/${main}/statements`
      // Two of four tasks are over at once.
      const code = 'import time\nsc.parallelize(range(4), 4).map(lambda x: time.sleep(60) if x > 1 else x).count()'
      const running = (await post(path, { code, kind: 'pyspark' })).json as LivyStatement
      const waiting = (await post(path, { code: '1', kind: 'pyspark' })).json as LivyStatement
      like(
        await get(`${path}/${waiting.id}`),
        { json: { state: 'waiting', output: null, progress: 0, started: 0, completed: 0 } },
        'waiting',
      )
      await at().until(`${path}/${running.id}`, ['running'])
      assert.is(((await get(`/sessions/${main}/state`)).json as { state: string }).state, 'busy')
      like(await post(`${path}/${waiting.id}/cancel`, {}), { status: 200, json: { msg: 'canceled' } }, 'cancel')
      like(
        await at().until(`${path}/${waiting.id}`, ['cancelled']),
        { output: null, progress: 1, started: 0 },
        'cancelled',
      )
      await eventually(
        async () => like(await get(`${path}/${running.id}`), { json: { progress: 0.5 } }, 'half of it'),
        {
          timeoutMs: 30_000,
        },
      )
      like(await get(`${path}/${running.id}`), { json: { state: 'running' } }, 'it goes on')
      like(await post(`${path}/${running.id}/cancel`, {}), { status: 200 }, 'cancel')
      const done = await at().until(`${path}/${running.id}`, ['cancelled'])
      assert.is(done.progress, 1)
      assert.match(JSON.stringify(done.output), /cancelled/)
      await at().until(`/sessions/${main}`, ['idle'])
    },
    long,
  )

  test(
    'code without a Spark job goes on after its cancel',
    async () => {
      const main = await at().session('main')
      const path = `/sessions/${main}/statements`
      const { id } = (await post(path, { code: 'import time\ntime.sleep(32)\n"awake"', kind: 'pyspark' }))
        .json as LivyStatement
      await at().until(`${path}/${id}`, ['running'])
      like(await post(`${path}/${id}/cancel`, {}), { status: 200 }, 'cancel')
      like(await at().until(`${path}/${id}`, ['cancelling', 'cancelled']), { output: null }, 'while it goes on')
      like(await at().until(`${path}/${id}`, ['cancelled']), { output: null, progress: 1 }, 'given up')
      await at().until(`/sessions/${main}`, ['idle'])
      const output = { status: 'ok', data: { 'text/plain': "'awake'" } }
      // An island keeps the statement as it was when it was given up; Livy fills in what comes of it after all.
      const late = at().name === 'livy' ? output : null
      like((await get(`${path}/${id}`)).json, { state: 'cancelled', output: late }, 'afterwards')
    },
    long,
  )

  test(
    'a batch that ends well, one that fails, one whose file is not there',
    async () => {
      const file = (name: string) => join(at().files, name)
      for (const [name, request, state] of [
        ['good', { file: file('good.py'), args: ['a', 7] }, 'success'],
        ['bad', { file: file('bad.py') }, 'dead'],
        ['missing', { file: file('no-such-file.py') }, 'dead'],
      ] as const) {
        const id = await at().batch(name, request)
        const batch = await at().until(`/batches/${id}`, ['success', 'dead', 'killed', 'error'])
        assert.is(batch.state, state, `${name}: ${batch.log.join('\n')}`)
        like(await get(`/batches/${id}/state`), { json: { id, state } }, name)
      }
      const { log } = (await get('/batches/good/log?size=-1')).json as { log: string[] }
      assert.ok(log.includes("rows 10 ['a', '7']"), log.join('\n'))
      assert.is(log[0], 'stdout: ')
      assert.ok(log.includes('\nstderr: '))
    },
    long,
  )

  test(
    'a batch that runs is ended by its deletion',
    async () => {
      const id = await at().batch('long', { file: join(at().files, 'long.py') })
      await at().until(`/batches/${id}`, ['running'])
      like(await at().call('DELETE', `/batches/${id}`), { status: 200, json: { msg: 'deleted' } }, 'delete')
      like(await get(`/batches/${id}`), { status: 404, json: { msg: `Session '${id}' not found.` } }, 'afterwards')
      like(
        await post('/batches', { name: 'good', file: join(at().files, 'good.py') }),
        { status: 400, json: { msg: /^Rejected, Reason: Duplicate session name: Some\(good\)/ } },
        'a name that another batch has',
      )
    },
    long,
  )
}

function calls(at: () => At) {
  return {
    post: (path: string, json?: object): Promise<Answer> => at().call('POST', path, json),
    get: (path: string): Promise<Answer> => at().call('GET', path),
  }
}
