/** LIVY: what a Livy says when it is set up narrowly. Of no use behind an island, which is why only a Livy itself is asked. */
import * as assert from 'uvu/assert'
import { eventually, suite } from '../kit/index.ts'
import { LIVY_START_MS, startLivy } from '../kit/livy.ts'
import { type At, createAt } from './cases/at.ts'
import { form } from './cases/form.ts'
import { type Case, like, table } from './cases/table.ts'

const test = suite('a Livy with narrow limits')
const BY = { 'x-requested-by': 'a test' }
let at: At

test.before(
  async (t) => {
    const livy = await startLivy(t, {
      livy: {
        'livy.server.csrf-protection.enabled': 'true',
        'livy.server.session.max-creation': '1',
        'livy.file.upload.max.size': '1000',
      },
    })
    at = createAt({ name: 'livy', url: livy.url, headers: {}, files: livy.runDir, drivers: livy.drivers })
  },
  { timeoutMs: LIVY_START_MS },
)

const csrf: Case[] = [
  {
    title: 'without X-Requested-By a POST is refused by a page',
    call: 'POST /sessions',
    json: { kind: 'pyspark' },
    status: 400,
    headers: { 'content-type': /^text\/html/ },
    check: ({ text }) => assert.match(text, /Missing Required Header for CSRF protection\./),
  },
  { title: 'without X-Requested-By a DELETE is refused', call: 'DELETE /sessions/0', status: 400, empty: true },
  { title: 'a GET needs no X-Requested-By', call: 'GET /sessions', status: 200 },
  {
    title: 'an empty X-Requested-By is enough',
    call: 'DELETE /sessions/0',
    send: { headers: { 'x-requested-by': '' } },
    status: 404,
    body: { msg: "Session '0' not found." },
  },
]

table(test, () => at, csrf)

test('one creation at a time: the second is refused, a batch, too', async () => {
  const create = () => at.call('POST', '/sessions', { kind: 'pyspark' }, { headers: BY })
  like(await create(), { status: 201 }, 'the first')
  const refused = { status: 400, json: { msg: 'Rejected, too many sessions are being created!' } }
  like(await create(), refused, 'the second')
  like(await at.call('POST', '/batches', { file: 'file:/x.py' }, { headers: BY }), refused, 'a batch')
})

test('a file that is too big is 500 and a page', async () => {
  const { headers, body } = form('file', 'big.txt', 'x'.repeat(2000))
  const answer = await at.call('POST', '/sessions/0/upload-file', undefined, { headers: { ...headers, ...BY }, body })
  like(answer, { status: 500, headers: { 'content-type': /^text\/html/ } }, 'refused')
  assert.match(answer.text, /SizeConstraintExceededException: Too large request or file/)
})

test(
  'without a free port a session dies within seconds',
  async (t) => {
    // One port is for the server, one for the first driver.
    const livy = await startLivy(t, { livy: { 'livy.rsc.launcher.port.range': '31780~31781' } })
    const here = createAt({ name: 'livy', url: livy.url, headers: {}, files: livy.runDir, drivers: livy.drivers })
    await here.session('first')
    like(await here.call('POST', '/sessions', { kind: 'pyspark', name: 'second' }), { status: 201 }, 'the second')
    await here.until('/sessions/second', ['dead', 'error'])
    await eventually(async () => {
      const { log } = (await here.call('GET', '/sessions/second/log?size=-1')).json as { log: string[] }
      assert.ok(
        log.some((line) => line.includes('Unable to connect to provided ports 31780~31781')),
        log.slice(-5).join('\n'),
      )
    })
  },
  { timeoutMs: LIVY_START_MS },
)

test(
  'recovery without YARN or Kubernetes is refused at the start',
  async (t) => {
    const starting = startLivy(t, {
      livy: { 'livy.server.recovery.mode': 'recovery', 'livy.server.recovery.state-store': 'filesystem' },
    })
    const error = await starting.then(
      () => undefined,
      (thrown: Error) => thrown,
    )
    assert.match(error?.message ?? 'it started', /Session recovery requires YARN or Kubernetes\./)
  },
  { timeoutMs: LIVY_START_MS },
)

test.run()
