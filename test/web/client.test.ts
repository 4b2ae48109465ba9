import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as assert from 'uvu/assert'
import { ArchipelError, ERRORS, type ErrorCode } from '../../src/protocols/model/errors.ts'
import type { PublishProgress } from '../../src/protocols/model/views.ts'
import { createClient } from '../../src/web/client/node.ts'
import { ROUTES, routeList } from '../../src/web/contract/routes.ts'
import { eventually, freePort, rejects, suite, type TestContext } from '../kit/index.ts'
import { datasetView, NOW, SELF, untilAborted } from './fake-island.ts'
import { bearer, raw, serve, TOKEN } from './harness.ts'

const test = suite('web: client')

/** A server that answers everything with these bytes. */
async function stranger(t: TestContext, status: number, type: string, text: string): Promise<string> {
  const server = createServer((_, res) => res.writeHead(status, { 'content-type': type }).end(text))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.cleanup(() => new Promise((resolve) => server.close(resolve).closeAllConnections()))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('each function reaches the island with its argument, and each answer fits its schema', async (t) => {
  const { client, island } = await serve(t)
  const filter = {
    text: 'bright stars & more=1',
    keyword: ['one', 'two, three'],
    island: 'garching',
    format: 'csv',
    minSize: 10,
    maxSize: 2 ** 53 - 1,
    cone: { ra: 0.0000001, dec: -5.5, radius: 1 },
    limit: 5,
    cursor: 'opaque=/+',
  }
  const publish = { path: '/data/stars.csv', name: 'stars', creators: [{ name: 'A' }], as: 'csv' as const }
  const sql = { sql: 'SELECT 1', on: 'garching', timeoutMs: 1000, maxRows: 5 }
  const revoke = { member: SELF.id, invitees: 'keep' as const, recoveryKey: 'key' }
  const invite = { expiresMs: 5000, mayInvite: true, local: true }
  const task = { kind: 'sql' as const, code: 'SELECT 1', params: { n: 1, word: 'x', none: null }, datasets: ['stars'] }
  const action = {
    name: 'brightest',
    description: 'The brightest stars',
    kind: 'sql' as const,
    code: 'SELECT * FROM stars ORDER BY vmag LIMIT $limit',
    params: { limit: { type: 'integer' as const, default: 5 } },
  }
  const get = { files: ['*.csv', 'a b/**'], priority: 'high' as const }
  const submitted = await client.tasks.submit(task)
  const { id } = submitted
  await client.tasks.cancel(id)
  const answers = {
    taskSubmit: submitted,
    taskPlace: await client.tasks.place(task),
    taskList: await client.tasks.list({ state: 'cancelled', user: 'owner', all: true, limit: 3 }),
    taskShow: await client.tasks.show(id),
    taskLog: await client.tasks.log(id, { offset: 0, limit: 10 }),
    taskCancel: await client.tasks.cancel(id),
    taskRetry: await client.tasks.retry(id),
    taskRows: await (async () => {
      const { id: again } = await client.tasks.submit(task)
      island.fake.succeed(again, { rows: [['Vega', 0.03]] })
      return client.tasks.rows(again, { from: 0, limit: 5 })
    })(),
    status: await client.status(),
    islands: await client.islands(),
    datasets: await client.datasets(filter),
    dataset: await client.dataset('stars'),
    files: await client.files('stars', { limit: 3, cursor: 'opaque' }),
    url: await client.url('stars', { path: 'stars.csv' }),
    preview: await client.preview('stars', { rows: 2 }),
    publish: await client.publish(publish),
    unpublish: await client.unpublish('stars'),
    get: await client.get('stars', get),
    getPlan: await client.getPlan('stars', { files: ['*.csv'] }),
    drop: await client.drop('stars', { force: true }),
    dropPlan: await client.dropPlan('stars'),
    verify: await client.verify('stars', { checksums: true }),
    transfersList: await client.transfers.list({ limit: 3 }),
    transfersShow: await client.transfers.show('tr-1'),
    transfersPause: await client.transfers.pause('tr-1'),
    transfersResume: await client.transfers.resume('tr-1'),
    transfersPriority: await client.transfers.priority('tr-1', { priority: 'high' }),
    transfersCancel: await client.transfers.cancel('tr-1'),
    versions: await client.versions('stars'),
    replicas: await client.replicas({ limit: 3 }),
    follow: await client.follow('stars'),
    pin: await client.pin('stars'),
    diff: await client.diff('stars', { from: 'ab'.repeat(32) }),
    rulesAdd: await client.rules.add({ select: { keyword: ['stars'] }, copies: 2 }),
    rulesList: await client.rules.list({ limit: 3 }),
    rulesShow: await client.rules.show('rule-1'),
    rulesExplain: await client.rules.explain('rule-1'),
    rulesRemove: await client.rules.remove('rule-1'),
    replicate: await client.replicate('stars', { to: 'grenoble', priority: 'high' }),
    requestsList: await client.requests.list({ direction: 'outgoing', limit: 3 }),
    requestsShow: await client.requests.show('req-1'),
    requestsCancel: await client.requests.cancel('req-1'),
    subscriptionsCreate: await client.subscriptions.create({ filter: { keyword: ['stars'] }, maxBytes: 5 }),
    subscriptionsPlan: await client.subscriptions.plan({ filter: { keyword: ['stars'] }, fromStart: true }),
    subscriptionsList: await client.subscriptions.list({ limit: 3 }),
    subscriptionsShow: await client.subscriptions.show('sub-1'),
    subscriptionsExplain: await client.subscriptions.explain('sub-1', 'stars'),
    subscriptionsPause: await client.subscriptions.pause('sub-1'),
    subscriptionsResume: await client.subscriptions.resume('sub-1', { maxBytes: 9 }),
    subscriptionsRemove: await client.subscriptions.remove('sub-1'),
    resolve: await client.resolve({ ref: 'stars', via: 'dht', confirm: false }),
    sql: await client.sql(sql),
    sessionCreate: await client.sessions.create({ kind: 'python', datasets: ['stars'], params: { n: 1 } }),
    sessionList: await client.sessions.list({ limit: 3 }),
    sessionShow: await client.sessions.show(1),
    sessionLog: await client.sessions.log(1, { offset: 0, limit: 10 }),
    statementCreate: await client.statements.create(1, { code: '1 + 1', maxRows: 5 }),
    statementList: await client.statements.list(1, { limit: 3 }),
    statementShow: await client.statements.show(1, 0),
    statementCancel: await client.statements.cancel(1, 0),
    sessionDelete: await client.sessions.delete(1),
    mainPut: await client.mains.put('job.jar', Buffer.from('bytes')),
    actionsSave: await client.actions.save(action),
    actionsList: await client.actions.list({ text: 'bright', limit: 3 }),
    actionsShow: await client.actions.show('brightest'),
    actionsShare: await client.actions.share('brightest'),
    actionsRun: await client.actions.run('brightest', { params: { limit: 3 }, idempotencyKey: 'run-1' }),
    actionsRemove: await client.actions.remove('brightest'),
    livyList: await client.livy.list({ limit: 5 }),
    livyEnd: await client.livy.end('sessions', 1),
    livyOutput: await client.livy.output(1, 0, { offset: 0, limit: 100 }),
    invite: await client.invite(invite),
    revoke: await client.revoke(revoke),
    leave: await client.leave(),
    pardon: await client.pardon({ island: 'grenoble' }),
    journal: await client.journal({ limit: 7 }),
    tokenCreate: await client.tokens.create({ name: 'notebook', scopes: ['run'], expiresMs: 60_000 }),
    tokenList: await client.tokens.list({ all: true, limit: 3 }),
    tokenRevoke: await client.tokens.revoke('notebook'),
    signInCode: await client.signInCode({ scopes: ['read'] }),
    config: await client.config(),
    ready: await client.ready(),
    metrics: await client.metrics(),
    health: await client.health(),
    metadata: await client.metadata('stars', 'json'),
    openapi: await client.openapi(),
  }
  for (const [name, answer] of Object.entries(answers)) {
    const parsed = ROUTES[name as keyof typeof answers].response.safeParse(answer)
    assert.ok(parsed.success, `${name}: ${parsed.error?.message}`)
  }
  assert.equal(
    Object.keys(answers).sort(),
    routeList
      // The session is of a browser alone, which has a cookie.
      .filter((r) => (r.stream === undefined || r.name === 'publish') && !r.path.endsWith('/browser-session'))
      .map((r) => r.name)
      .sort(),
  )
  const argument = (name: string) => island.calls.find((call) => call.name === name)?.argument
  assert.equal(argument('datasets'), filter)
  assert.equal(argument('publish'), publish)
  assert.equal(argument('sql'), sql)
  assert.equal(argument('revoke'), revoke)
  assert.equal(argument('invite'), invite)
  assert.equal(argument('journal'), { limit: 7 })
  assert.equal(argument('tokens.list'), { all: true, limit: 3 })
  assert.equal(argument('resolve'), { ref: 'stars', via: 'dht', confirm: false })
  assert.equal(argument('tasks.submit'), task)
  assert.equal(argument('tasks.place'), task)
  assert.equal(argument('actions.save'), action)
  assert.equal(argument('actions.list'), { text: 'bright', limit: 3 })
  for (const name of ['get', 'getPlan', 'drop', 'dropPlan', 'verify']) assert.is(argument(name), 'stars')
  assert.equal([answers.get.files, answers.get.priority], [get.files, get.priority])
  assert.equal(argument('transfers.list'), { limit: 3 })
  assert.is(answers.transfersPriority.priority, 'high')
  assert.is(answers.replicate.priority, 'high')
  assert.equal(argument('requests.list'), { direction: 'outgoing', limit: 3 })
  assert.is(answers.subscriptionsResume.maxBytes, 9)
  assert.equal(argument('subscriptions.list'), { limit: 3 })
  assert.equal(argument('tasks.list'), { state: 'cancelled', user: 'owner', all: true, limit: 3 })
})

test('ids of every form arrive as they were sent', async (t) => {
  const { client, island } = await serve(t)
  island.script({ dataset: async () => datasetView('x') })
  const ids = [
    'doi:10.5072/abc.d(e)/f;g#h?i',
    'https://example.org/a%2Fb/../c?x=1&y=%25',
    'ivo://example.org/res#frag',
    'urn:x:Ünïcödé 星',
    '%',
    '%25',
    '%2e%2e',
    '...',
    'a/../b',
    '..%2f..',
    `archipel:${SELF.id}/stars`,
  ]
  for (const id of ids) await client.dataset(id)
  assert.equal(
    island.calls.filter((c) => c.name === 'dataset').map((c) => c.argument),
    ids,
  )
  for (const id of ['', '.', '..']) await rejects(client.dataset(id), 'BAD_ID')
})

test('every error code crosses with message, hint and details', async (t) => {
  const { client, island } = await serve(t)
  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    const sent = new ArchipelError(code, `about ${code}`, { hint: 'do this', details: { candidates: ['a', 'b'] } })
    island.script({
      status: async () => {
        throw sent
      },
    })
    const got = await rejects(client.status(), code)
    assert.equal(got.toInfo(), sent.toInfo())
  }
})

test('publishing reports progress in order and ends with the dataset', async (t) => {
  const { client } = await serve(t)
  const seen: PublishProgress[] = []
  const view = await client.publish({ path: '/x', name: 'n' }, { onProgress: (p) => seen.push(p) })
  assert.is(view.body.name, 'n')
  assert.is(seen.at(-1)?.phase, 'record')
})

test('publishing that fails at once has its own status, later it ends the stream with the error', async (t) => {
  const { client, island, port } = await serve(t)
  const fail = () => Promise.reject(new ArchipelError('UNREADABLE', 'not a table'))
  const call = { method: 'POST', path: '/api/v1/datasets', headers: { ...bearer, 'content-type': 'application/json' } }
  island.script({ publish: fail })
  await rejects(client.publish({ path: '/x' }), 'UNREADABLE')
  assert.is((await raw(port, { ...call, body: '{"path":"/x"}' })).status, 400)
  island.script({
    publish: async (_, { onProgress } = {}) => {
      onProgress?.({ phase: 'scan', files: { done: 0, total: 1 }, bytes: { done: 0, total: 1 } })
      await Promise.resolve()
      return fail()
    },
  })
  await rejects(client.publish({ path: '/x' }), 'UNREADABLE')
  const answer = await raw(port, { ...call, body: '{"path":"/x"}' })
  assert.is(answer.status, 200)
  const last = JSON.parse(answer.text.trim().split('\n').at(-1)!)
  assert.is(last.error.code, 'UNREADABLE')
})

test('a reader that leaves ends the call at the island, for answers and for publishing', async (t) => {
  const { client, island } = await serve(t)
  let aborted = 0
  const wait = (signal?: AbortSignal) =>
    untilAborted(signal).finally(() => {
      aborted += 1
    })
  island.script({
    sql: (_, { signal } = {}) => wait(signal),
    publish: (_, { signal, onProgress } = {}) => {
      onProgress?.({ phase: 'scan', files: { done: 0, total: 1 }, bytes: { done: 0, total: 1 } })
      return wait(signal)
    },
  })
  const abort = new AbortController()
  const sql = client.sql({ sql: 'SELECT 1' }, { signal: abort.signal })
  const publish = client.publish({ path: '/x' }, { signal: abort.signal, onProgress: () => abort.abort() })
  await rejects(publish, 'CANCELLED')
  await rejects(sql, 'CANCELLED')
  await eventually(() => aborted === 2, { signal: t.signal })
  await rejects(client.status({ signal: AbortSignal.abort() }), 'CANCELLED')
  await rejects(client.sql({ sql: 'SELECT 1' }, { signal: AbortSignal.timeout(20) }), 'DEADLINE')
})

test('events arrive in order with growing ids, and a reader that comes back misses none', async (t) => {
  const { client, island } = await serve(t)
  const left = (n: number) => ({ type: 'member:left' as const, time: NOW, id: SELF.id, name: `n${n}` })
  const ids: string[] = []
  const first = client.events({ onId: (id) => ids.push(id), signal: t.signal })
  const pending = first.next()
  // The server subscribes at its start; this reader is counted once its head has arrived.
  await eventually(async () => {
    island.emit(left(0))
    return (await Promise.race([pending.then(() => true), new Promise((r) => setImmediate(r, false))])) as boolean
  })
  assert.equal((await pending).value, left(0))
  await first.return(undefined)
  for (let n = 1; n <= 3; n++) island.emit(left(n))
  const again = client.events({ lastEventId: ids.at(-1), signal: t.signal })
  const names: string[] = []
  for await (const event of again) {
    if ('lost' in event) throw new Error('nothing was lost')
    if (event.type === 'member:left') names.push(event.name)
    if (event.type === 'member:left' && event.name === 'n3') break
  }
  assert.equal(
    names.filter((n) => n !== 'n0'),
    ['n1', 'n2', 'n3'],
  )
})

test('what a reader missed for good is counted, and an id of another run says that something may be lost', async (t) => {
  const { client, island, server } = await serve(t)
  const left = { type: 'member:left' as const, time: NOW, id: SELF.id, name: 'n' }
  island.emit({ lost: 40 })
  for (let n = 0; n < 600; n++) island.emit(left)
  await eventually(() => island.calls.length > 0)
  const boot = await bootOf(server.url)
  const first = await client.events({ lastEventId: `${boot}-0`, signal: t.signal }).next()
  assert.equal(first.value, { lost: 640 - 512 })
  const other = await client.events({ lastEventId: 'zzz-3', signal: t.signal }).next()
  assert.equal(other.value, { lost: 1 })
  const broken = await client.events({ lastEventId: 'zzz', signal: t.signal }).next()
  assert.equal(broken.value, { lost: 1 })
})

async function bootOf(url: string): Promise<string> {
  const abort = new AbortController()
  const response = await fetch(`${url}/api/v1/events`, { headers: bearer, signal: abort.signal })
  const { value } = await response.body!.getReader().read()
  abort.abort()
  return /^: (\w+)/.exec(new TextDecoder().decode(value))![1]!
}

test('too many readers of events are refused', async (t) => {
  const { url, client } = await serve(t)
  const abort = new AbortController()
  t.cleanup(() => abort.abort())
  // Kept: an answer that is collected as garbage is cancelled.
  const readers: Response[] = []
  for (let n = 0; n < 256; n++)
    readers.push(await fetch(`${url}/api/v1/events`, { headers: bearer, signal: abort.signal }))
  assert.ok(readers.every(({ status }) => status === 200))
  await rejects(client.events({ reconnect: false }).next(), 'TOO_MANY')
  abort.abort()
  await eventually(
    async () => (await raw(Number(new URL(url).port), { path: '/api/v1/status', headers: bearer })).status === 200,
  )
  await eventually(async () => {
    const events = client.events({ signal: AbortSignal.timeout(100), reconnect: false })
    const error = await events.next().then(
      () => undefined,
      (e: ArchipelError) => e,
    )
    return error?.code === 'DEADLINE'
  })
})

test('where no island answers, the code says which kind of nothing it is', async (t) => {
  const at = (url: string) => {
    const client = createClient({ url, token: TOKEN })
    t.cleanup(() => client.close())
    return client
  }
  await rejects(at(`http://127.0.0.1:${await freePort()}`).status(), 'NOT_RUNNING')
  await rejects(at('http://archipel.invalid').status(), 'UNREACHABLE')
  await rejects(at('http://127.0.0.1:6667').status(), 'BAD_INPUT')
  await rejects(at(await stranger(t, 200, 'text/html', '<html>')).status(), 'PROTOCOL')
  await rejects(at(await stranger(t, 404, 'text/html', '<html>')).status(), 'PROTOCOL')
  await rejects(at(await stranger(t, 500, 'application/problem+json', '{')).status(), 'PROTOCOL')
  await rejects(at(await stranger(t, 500, 'application/problem+json', '7')).status(), 'PROTOCOL')
  await rejects(
    at(await stranger(t, 500, 'application/problem+json', '{"code":"NEW_CODE","detail":"x"}')).status(),
    'INTERNAL',
  )
  await rejects(
    at(await stranger(t, 200, 'application/x-ndjson', '{"progress":{}}\n')).publish({ path: '/x' }),
    'UNREACHABLE',
  )
  await rejects(at(await stranger(t, 200, 'application/x-ndjson', '{"what":1}\n')).publish({ path: '/x' }), 'PROTOCOL')
  for (const url of ['', 'island', 'ftp://127.0.0.1', 'http://u:p@127.0.0.1', 'http://127.0.0.1/?x=1']) {
    await rejects(async () => createClient({ url }), 'BAD_INPUT')
  }
})

test('input that the contract refuses is refused before it is sent', async (t) => {
  const { client, island } = await serve(t)
  await rejects(client.datasets({ limit: 100_000 }), 'BAD_INPUT')
  await rejects(client.datasets({ cone: { ra: 1, dec: 100, radius: 1 } }), 'BAD_INPUT')
  assert.equal(
    island.calls.filter((c) => c.name === 'datasets'),
    [],
  )
})

test.run()
