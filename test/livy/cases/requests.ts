/** LIVY: fields of requests, and how they are refused. */
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { LivySession } from '../../../src/protocols/livy/objects.ts'
import type { Suite } from '../../kit/index.ts'
import type { At } from './at.ts'
import { SESSION_MS } from './at.ts'
import { type Case, like, table } from './table.ts'

const refusedRead = (title: string, call: Case['call'], body: string, text: RegExp | undefined): Case => ({
  title,
  call,
  send: { body },
  status: 400,
  body: text,
  check: ({ json }) => assert.type(json, 'string', 'a bare string, no object'),
})

const read: Case[] = [
  refusedRead('an empty body', 'POST /sessions', '', /^No content to map due to end-of-input/),
  refusedRead('what is no JSON', 'POST /sessions', '{"kind":', undefined),
  refusedRead(
    'an unknown field',
    'POST /sessions',
    '{"colour":1}',
    /^Unrecognized field "colour" \(class .*\), not marked as ignorable/,
  ),
  refusedRead('an unknown field of a batch', 'POST /batches', '{"colour":1}', /^Unrecognized field "colour"/),
  refusedRead('a kind on a batch', 'POST /batches', '{"kind":"spark"}', /^Unrecognized field "kind"/),
  refusedRead('a file on a session', 'POST /sessions', '{"file":"/x"}', /^Unrecognized field "file"/),
  refusedRead('an unknown kind', 'POST /sessions', '{"kind":"cobol"}', /^Invalid kind: cobol/),
  refusedRead('text where a list is expected', 'POST /sessions', '{"jars":"a.jar"}', undefined),
  refusedRead('a list where a map is expected', 'POST /sessions', '{"conf":[]}', undefined),
  refusedRead('a list as the whole body', 'POST /sessions', '[]', undefined),
  refusedRead('a number as the whole body', 'POST /sessions', '7', undefined),
  refusedRead('a heartbeat that is no number', 'POST /sessions', '{"heartbeatTimeoutInSecond":"x"}', undefined),
  {
    title: 'null as the whole body is 500',
    call: 'POST /sessions',
    send: { body: 'null' },
    status: 500,
    body: /NullPointerException/,
  },
]

const rejected = (title: string, call: Case['call'], json: object, text: RegExp | string): Case => ({
  title,
  call,
  json,
  status: 400,
  body: { msg: text },
})

const checked: Case[] = [
  rejected(
    'a file that is not on the list',
    'POST /sessions',
    { kind: 'pyspark', jars: ['file:/etc/passwd'] },
    'Rejected, Reason: requirement failed: Local path /etc/passwd cannot be added to user sessions.',
  ),
  rejected(
    'a path with steps back, in the words of the request',
    'POST /sessions',
    { kind: 'pyspark', pyFiles: ['file:/tmp/../etc/passwd'] },
    'Rejected, Reason: requirement failed: Local path /tmp/../etc/passwd cannot be added to user sessions.',
  ),
  rejected(
    'a relative path',
    'POST /sessions',
    { kind: 'pyspark', jars: ['rel.jar'] },
    /^Rejected, Reason: requirement failed: Path 'rel\.jar' is not absolute\.$/,
  ),
  ...['files', 'archives'].map((field) =>
    rejected(
      `${field} that are not on the list`,
      'POST /sessions',
      { kind: 'pyspark', [field]: ['file:/etc/passwd'] },
      'Rejected, Reason: requirement failed: Local path /etc/passwd cannot be added to user sessions.',
    ),
  ),
  rejected(
    'a setting that would let anybody’s classes in',
    'POST /sessions',
    { kind: 'pyspark', conf: { 'spark.submit.proxyUser.allowCustomClasspathInClusterMode': 'true' } },
    'Rejected, Reason: Blacklisted configuration values in session config: spark.submit.proxyUser.allowCustomClasspathInClusterMode',
  ),
  rejected(
    'settings that are for the site alone',
    'POST /sessions',
    { kind: 'pyspark', conf: { 'spark.submit.deployMode': 'cluster' } },
    'Rejected, Reason: Blacklisted configuration values in session config: spark.submit.deployMode',
  ),
  rejected(
    'a bad duration',
    'POST /sessions',
    { kind: 'pyspark', ttl: 'bogus' },
    'Rejected, Reason: Invalid time string: bogus',
  ),
  rejected(
    'a bad idle time',
    'POST /sessions',
    { kind: 'pyspark', idleTimeout: 'bogus' },
    'Rejected, Reason: Invalid time string: bogus',
  ),
]

const statements: Case[] = [
  {
    title: 'a statement of a shared session needs a kind',
    call: 'POST /sessions/{main}/statements',
    json: { code: '1' },
    status: 500,
    body: /Code type should be specified if session kind is shared/,
  },
  {
    title: 'a statement of an unknown kind is 500',
    call: 'POST /sessions/{main}/statements',
    json: { code: '1', kind: 'cobol' },
    status: 500,
    body: /Invalid kind: cobol/,
  },
  {
    title: 'a statement without code is 500',
    call: 'POST /sessions/{main}/statements',
    json: { kind: 'pyspark' },
    status: 500,
  },
  {
    title: 'a completion without a kind is 500',
    call: 'POST /sessions/{main}/completion',
    json: { code: 'x', cursor: 1 },
    status: 500,
    body: /Invalid kind: null/,
  },
  {
    title: 'a statement id that is no number',
    call: 'GET /sessions/{main}/statements/x',
    status: 400,
    body: { msg: 'For input string: "x"' },
  },
  {
    title: 'code that is a number is its text',
    call: 'POST /sessions/{main}/statements',
    json: { code: 7, kind: 'python' },
    status: 201,
    body: { code: '7' },
  },
  {
    title: 'a statement that there is not is a bare string',
    call: 'GET /sessions/{main}/statements/99999',
    status: 404,
    body: 'Statement not found',
  },
]

/** With everything a session can have, as Livy shows it again. */
const FULL = {
  kind: 'python',
  name: 'full-house',
  /** Is not taken unless the site allows to act for others. */
  proxyUser: 'somebody',
  heartbeatTimeoutInSecond: '600',
  ttl: '1h',
  idleTimeout: '30m',
  driverMemory: '500m',
  driverCores: 1,
  executorMemory: '400m',
  executorCores: 1,
  numExecutors: 1,
  queue: 'default',
  conf: { 'spark.some.number': 7, 'spark.some.switch': true },
}

export function requests(test: Suite, at: () => At): void {
  table(test, at, [...read, ...checked, ...statements])

  test(
    'statements that are refused take no number',
    async () => {
      const main = await at().session('main')
      const { id } = await at().run(main, '1', 'pyspark')
      for (const json of [{ code: '1' }, { code: '1', kind: 'cobol' }, { kind: 'pyspark' }])
        assert.is((await at().call('POST', `/sessions/${main}/statements`, json)).status, 500)
      assert.is((await at().run(main, '1', 'pyspark')).id, id + 1)
    },
    { timeoutMs: SESSION_MS },
  )

  test(
    'numbers as text, and text as numbers, in a session that is deleted while it starts',
    async () => {
      const created = await at().call('POST', '/sessions?doAs=somebody', FULL)
      assert.is(created.status, 201, created.text)
      const session = created.json as LivySession
      like(
        session,
        {
          kind: 'pyspark',
          name: 'full-house',
          proxyUser: null,
          heartbeatTimeoutInSecond: 600,
          conf: { 'spark.some.number': '7' },
        },
        'session',
      )
      const { heartbeatTimeoutInSecond: _, conf: __, kind: ___, proxyUser: ____, ...plain } = FULL
      like(session, plain, 'session')
      const deleted = await at().call('DELETE', `/sessions/${session.id}`)
      assert.is(deleted.status, 200)
      assert.equal(deleted.json, { msg: 'deleted' })
      assert.is((await at().call('GET', `/sessions/${session.id}`)).status, 404)
    },
    { timeoutMs: SESSION_MS },
  )

  test('a path that climbs out of a folder that may be read', async () => {
    const path = `${at().files}/../outside.py`
    const answer = await at().call('POST', '/sessions', { kind: 'pyspark', pyFiles: [`file:${path}`] })
    const msg = `Rejected, Reason: requirement failed: Local path ${path} cannot be added to user sessions.`
    like(answer, { status: 400, json: { msg } }, 'refused')
  })

  test('a count of cores as text', async () => {
    const answer = await at().call('POST', '/batches', { file: join(at().files, 'good.py'), driverCores: '1' })
    if (at().name === 'livy') {
      assert.is(answer.status, 500)
      assert.match(
        answer.json as string,
        /^java\.lang\.ClassCastException: class java\.lang\.String cannot be cast to class java\.lang\.Integer/,
      )
      return
    }
    // Better on purpose: Airflow sends numbers as text.
    assert.is(answer.status, 201, answer.text)
    const { id } = answer.json as { id: number }
    assert.is((await at().call('DELETE', `/batches/${id}`)).status, 200)
  })

  for (const [title, json, text] of [
    ['without a file', {}, /requirement failed: File is required|File is required|NullPointer/],
    [
      'of a file that is not on the list',
      { file: '/etc/passwd' },
      /Local path \/etc\/passwd cannot be added to user sessions/,
    ],
    ['of a relative file', { file: 'rel.py' }, /Path 'rel\.py' is not absolute/],
  ] as const)
    test(`a batch ${title}`, async () => {
      const before = await total(at())
      const answer = await at().call('POST', '/batches', json)
      assert.ok([400, 500].includes(answer.status), answer.text)
      assert.match(answer.text, text)
      const after = await total(at())
      // Livy leaves an entry behind, for ever `starting`; an island does not.
      assert.is(after.total - before.total, at().name === 'livy' ? 1 : 0)
      if (after.total > before.total) {
        const { id } = after.sessions.at(-1)!
        assert.equal(((await at().call('GET', `/batches/${id}`)).json as { state: string; log: string[] }).log, [])
        assert.is((await at().call('DELETE', `/batches/${id}`)).status, 200)
      }
    })
}

const total = async (at: At) => (await at.call('GET', '/batches')).json as { total: number; sessions: { id: number }[] }
