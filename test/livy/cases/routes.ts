/** LIVY: the routes of sessions, batches, jobs and files, and what they answer with. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { LivySession, LivyStatement } from '../../../src/protocols/livy/objects.ts'
import type { Suite } from '../../kit/index.ts'
import { type At, data, fault, SESSION_MS } from './at.ts'
import { form } from './form.ts'
import { type Case, like, table } from './table.ts'

const SESSION_KEYS = [
  ...[
    'id',
    'name',
    'appId',
    'owner',
    'proxyUser',
    'state',
    'kind',
    'appInfo',
    'log',
    'ttl',
    'idleTimeout',
    'driverMemory',
  ],
  ...[
    'driverCores',
    'executorMemory',
    'executorCores',
    'conf',
    'archives',
    'files',
    'heartbeatTimeoutInSecond',
    'jars',
  ],
  ...['numExecutors', 'pyFiles', 'queue'],
]
const BATCH_KEYS = ['id', 'name', 'owner', 'proxyUser', 'state', 'appId', 'appInfo', 'log']
const STATEMENT_KEYS = ['id', 'code', 'state', 'output', 'progress', 'started', 'completed']
const keys = (object: unknown) => Object.keys(object as object).sort()

const sessions: Case[] = [
  {
    title: 'a session has exactly the fields of Livy 0.9',
    call: 'GET /sessions/{main}',
    status: 200,
    check: ({ json }) => assert.equal(keys(json), [...SESSION_KEYS].sort()),
    body: {
      name: 'main',
      kind: 'shared',
      state: 'idle',
      proxyUser: null,
      appId: null,
      queue: null,
      ttl: null,
      jars: [],
      numExecutors: 0,
    },
  },
  {
    title: 'facts of the application are null with a local master',
    call: 'GET /sessions/{main}',
    status: 200,
    body: { appInfo: { driverLogUrl: null, sparkUiUrl: null, executorLogUrls: null } },
    check: ({ json }) => {
      const more = Object.entries((json as LivySession).appInfo).filter(([key]) => !/Urls?$/.test(key))
      // An island says there where the work runs; a string map may have more keys.
      for (const [key, value] of more) {
        assert.match(key, /^archipel/)
        assert.ok(value === null || typeof value === 'string', key)
      }
    },
  },
  { title: 'a session is found by its name', call: 'GET /sessions/main', status: 200, body: { name: 'main' } },
  {
    title: 'a state is id and state',
    call: 'GET /sessions/{main}/state',
    status: 200,
    check: ({ json }) => assert.equal(keys(json), ['id', 'state']),
  },
  {
    title: 'a log is id, from, total and lines',
    call: 'GET /sessions/{main}/log',
    status: 200,
    check: ({ json }) => assert.equal(keys(json), ['from', 'id', 'log', 'total']),
  },
  {
    title: 'connect answers with the session',
    call: 'POST /sessions/{main}/connect',
    status: 200,
    body: { name: 'main', state: 'idle' },
  },
  {
    title: 'an id beyond a Java int',
    call: 'GET /sessions/99999999999999',
    status: 400,
    body: { msg: 'For input string: "99999999999999"' },
  },
  {
    title: 'a negative number is a name',
    call: 'GET /sessions/-1',
    status: 404,
    body: { msg: "Session '-1' not found." },
  },
  { title: 'an unknown name', call: 'GET /sessions/nobody', status: 404, body: { msg: "Session 'nobody' not found." } },
  {
    title: 'an unknown batch is a session in words',
    call: 'GET /batches/999999',
    status: 404,
    body: { msg: "Session '999999' not found." },
  },
  {
    title: 'deleting what there is not',
    call: 'DELETE /sessions/999999',
    status: 404,
    body: { msg: "Session '999999' not found." },
  },
]

const ofStatements: Case[] = [
  {
    title: 'cancelling an unknown statement',
    call: 'POST /sessions/{main}/statements/99999/cancel',
    json: {},
    status: 200,
    body: { msg: 'canceled' },
  },
  {
    title: 'cancelling a statement that is over',
    call: 'POST /sessions/{main}/statements/0/cancel',
    json: {},
    status: 200,
    body: { msg: 'canceled' },
  },
  {
    title: 'cancelling without a body',
    call: 'POST /sessions/{main}/statements/99999/cancel',
    status: 200,
    body: { msg: 'canceled' },
  },
  {
    title: 'Scala is completed',
    call: 'POST /sessions/{main}/completion',
    json: { code: 'sc.parallel', kind: 'spark', cursor: 11 },
    status: 200,
    check: ({ json }) =>
      assert.ok(
        (json as { candidates: string[] }).candidates.some((one) => /parallelize/.test(one)),
        JSON.stringify(json),
      ),
  },
  {
    title: 'Python is not completed',
    call: 'POST /sessions/{main}/completion',
    json: { code: 'pri', kind: 'pyspark', cursor: '3' },
    status: 200,
    body: { candidates: [] },
  },
  {
    title: 'SQL is not completed',
    call: 'POST /sessions/{main}/completion',
    json: { code: 'sel', kind: 'sql', cursor: 3 },
    status: 200,
    body: { candidates: [] },
  },
]

const jobs: Case[] = [
  {
    title: 'an unknown job',
    call: 'GET /sessions/{main}/jobs/77',
    status: 500,
    body: /^java\.util\.NoSuchElementException: key not found: 77/,
  },
  { title: 'cancelling an unknown job', call: 'POST /sessions/{main}/jobs/77/cancel', json: {}, status: 200 },
]

const files: Case[] = [
  {
    title: 'an upload without its part',
    call: 'POST /sessions/{main}/upload-file',
    send: form('other', 'x.txt', 'x'),
    status: 400,
    body: 'No file sent!',
  },
  {
    title: 'an upload of a jar without its part',
    call: 'POST /sessions/{main}/upload-jar',
    send: form('file', 'x.jar', 'x'),
    status: 400,
    body: 'No jar sent!',
  },
  ...(['jar', 'pyfile'] as const).map(
    (what): Case => ({
      title: `adding a ${what} that is not on the list`,
      call: `POST /sessions/{main}/add-${what}`,
      json: { uri: 'file:/etc/passwd' },
      status: 400,
      body: { msg: /Local path \/etc\/passwd cannot be added to user sessions/ },
    }),
  ),
  {
    title: 'adding a file that is not on the list',
    call: 'POST /sessions/{main}/add-file',
    json: { uri: 'file:/etc/passwd' },
    status: 400,
    body: { msg: /Local path \/etc\/passwd cannot be added to user sessions/ },
  },
]

const batches: Case[] = [
  {
    title: 'a batch has exactly the fields of Livy 0.9',
    call: 'GET /batches/{batch:good}',
    status: 200,
    body: { name: 'good', proxyUser: null, appId: null },
    check: ({ json }) => assert.equal(keys(json), [...BATCH_KEYS].sort()),
  },
  { title: 'a batch is found by its name', call: 'GET /batches/good', status: 200, body: { name: 'good' } },
  {
    title: 'batches are listed as sessions',
    call: 'GET /batches',
    status: 200,
    check: ({ json }) => assert.equal(keys(json), ['from', 'sessions', 'total']),
  },
]

export function routes(test: Suite, at: () => At): void {
  table(test, at, [...sessions, ...ofStatements, ...jobs, ...files, ...batches])

  test(
    'a statement has its address, with the id of its session also when that was named',
    async () => {
      const id = await at().session('main')
      const answer = await at().call('POST', '/sessions/main/statements', { code: 'a = 1\r\na', kind: 'pyspark' })
      assert.is(answer.status, 201)
      const statement = answer.json as LivyStatement
      assert.equal(keys(statement), [...STATEMENT_KEYS].sort())
      assert.is(statement.code, 'a = 1\na', 'line ends are those of Unix')
      const prefix = at().name === 'endpoint' ? new URL(at().url).pathname : ''
      assert.is(answer.headers.location, `${prefix}/sessions/${id}/statements/${statement.id}`)
      const done = await at().until(`/sessions/${id}/statements/${statement.id}`, ['available'])
      like(
        done,
        { progress: 1, output: { status: 'ok', execution_count: statement.id, data: { 'text/plain': '1' } } },
        'statement',
      )
      assert.ok(done.started > 1.6e12 && done.completed >= done.started, 'milliseconds since 1970')
    },
    { timeoutMs: SESSION_MS },
  )

  test(
    'a file that was uploaded is there',
    async () => {
      const id = await at().session('main')
      const sent = await at().call('POST', `/sessions/${id}/upload-file`, undefined, form('file', 'note.txt', 'a note'))
      assert.is(sent.status, 200, sent.text)
      assert.is(sent.text, '')
      const shown = await at().run(
        id,
        'from pyspark import SparkFiles\nopen(SparkFiles.get("note.txt")).read()',
        'pyspark',
      )
      assert.equal(data(shown), { 'text/plain': "'a note'" })
    },
    { timeoutMs: SESSION_MS },
  )

  test(
    'a file that was added is there',
    async () => {
      const id = await at().session('main')
      const added = await at().call('POST', `/sessions/${id}/add-file`, { uri: join(at().files, 'rows.csv') })
      assert.is(added.status, 200, added.text)
      const shown = await at().run(
        id,
        'from pyspark import SparkFiles\nopen(SparkFiles.get("rows.csv")).readline()',
        'pyspark',
      )
      assert.equal(data(shown), { 'text/plain': "'name,value\\n'" })
    },
    { timeoutMs: SESSION_MS },
  )

  test(
    'a module that is uploaded to a shared session is taken, and not found there',
    async () => {
      const id = await at().session('main')
      const sent = await at().call(
        'POST',
        `/sessions/${id}/upload-pyfile`,
        undefined,
        form('file', 'later.py', 'WORD = 1\n'),
      )
      assert.equal([sent.status, sent.text], [200, ''])
      assert.is(fault(await at().run(id, 'import later', 'pyspark')).ename, 'ModuleNotFoundError')
    },
    { timeoutMs: SESSION_MS },
  )

  test(
    'the name of an upload does not lead out of its folder',
    async () => {
      const id = await at().session('main')
      const name = `${'../'.repeat(12)}${at().files.slice(1)}/climbed-${at().name}.txt`
      const answer = await at().call('POST', `/sessions/${id}/upload-file`, undefined, form('file', name, 'x'))
      if (at().name === 'livy') {
        // Livy writes it where the name leads, and then adds it, since that folder is on the list here.
        assert.ok(existsSync(join(at().files, 'climbed-livy.txt')))
        return
      }
      assert.is(answer.status, 200, answer.text)
      assert.not(existsSync(join(at().files, 'climbed-endpoint.txt')), 'better on purpose: directories are cut off')
      const shown = await at().run(
        id,
        'from pyspark import SparkFiles\nopen(SparkFiles.get("climbed-endpoint.txt")).read()',
        'pyspark',
      )
      assert.equal(data(shown), { 'text/plain': "'x'" })
    },
    { timeoutMs: SESSION_MS },
  )
}
