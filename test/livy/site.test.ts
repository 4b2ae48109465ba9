import { createServer, request as forward } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as assert from 'uvu/assert'
import { livyRest } from '../../src/node/engines/livy/rest.ts'
import { livySite, type RealLivySite } from '../../src/node/engines/livy/site.ts'
import type { SiteChange } from '../../src/node/gateway/site.ts'
import type { LivySession, LivyStatement } from '../../src/protocols/livy/objects.ts'
import { LivyRefusal } from '../../src/protocols/livy/refusal.ts'
import { brightStars, eventLines, openNgc } from '../engines/data.ts'
import { memoryStore } from '../engines/livy/store.ts'
import { eventually, rejects, suite, type TestContext } from '../kit/index.ts'
import { LIVY_START_MS, startLivy, type TestLivy } from '../kit/livy.ts'

/** One after the other, over one session that outlives restarts of the island and, at the end, not that of Livy. */
const test = suite('a real Livy as a site')
const SESSION_MS = 300_000
const store = memoryStore()
const MARK = { mark: 'm1', forwarded: true, params: { n: 7 } }
let whole: TestContext
let livy: TestLivy
let dir: string
let site: RealLivySite
let session: LivySession
let seen: Watched

test.before(
  async (t) => {
    whole = t
    dir = await t.tmpdir()
    livy = await startLivy(t, { dataDirs: [dir] })
    site = await island()
  },
  { timeoutMs: LIVY_START_MS },
)

/** An island's side, over what an earlier one remembered. */
async function island(url = livy.url): Promise<RealLivySite> {
  const made = livySite({ prefix: 'archipel-test', maxSessions: 3 })({ rest: livyRest({ url }), store })
  await made.start()
  whole.cleanup(() => made.stop())
  return made
}

interface Watched {
  changes: SiteChange[]
  /** Resolves with the first change that fits, of those that came and will come. */
  until<T extends SiteChange>(fits: (change: SiteChange) => change is T): Promise<T>
  over(id: number): Promise<LivyStatement>
}

function watched(of: RealLivySite, what: { session: number } | { batch: number }): Watched {
  const changes: SiteChange[] = []
  let next = Promise.withResolvers<void>()
  of.watch(what, (change) => {
    changes.push(change)
    next.resolve()
    next = Promise.withResolvers()
  })
  async function until<T extends SiteChange>(fits: (change: SiteChange) => change is T): Promise<T> {
    for (;;) {
      const found = changes.find(fits)
      if (found !== undefined) return found
      await next.promise
    }
  }
  type Statement = SiteChange & { type: 'statement' }
  return {
    changes,
    until,
    over: async (id) =>
      (
        await until(
          (c): c is Statement =>
            c.type === 'statement' && c.statement.id === id && /^(available|cancelled)$/.test(c.statement.state),
        )
      ).statement,
  }
}

const inState =
  (state: string) =>
  (change: SiteChange): change is SiteChange & { type: 'session' } =>
    change.type === 'session' && change.session.state === state
const isLost = (change: SiteChange): change is SiteChange & { type: 'lost' } => change.type === 'lost'

/** What Livy itself lists. */
async function atLivy(
  path: string,
): Promise<{ total: number; sessions: { name: string; conf: Record<string, string> }[] }> {
  return (await (await fetch(livy.url + path)).json()) as never
}

const textOf = ({ output }: LivyStatement) => (output?.status === 'ok' ? String(output.data['text/plain']) : output)

test(
  'a session is made once for its mark, shows what was asked, and is called otherwise at Livy',
  async () => {
    const datasets = [await brightStars(dir), await openNgc(dir), await eventLines(dir)]
    const request = {
      kind: 'shared' as const,
      name: '007',
      conf: { 'spark.ui.enabled': 'false' },
      heartbeatTimeoutInSecond: 5,
    }
    session = await site.createSession(request, { ...MARK, datasets })
    assert.equal(
      [session.name, session.kind, session.conf, session.heartbeatTimeoutInSecond],
      ['007', 'shared', request.conf, 5],
    )
    assert.is((await site.createSession(request, { ...MARK, datasets })).id, session.id)
    const { total, sessions } = await atLivy('/sessions')
    assert.equal([total, sessions[0]!.name], [1, 'archipel-test-m1'])
    assert.match(sessions[0]!.conf['spark.archipel.datasets.events.path']!, /^file:/)
    seen = watched(site, { session: session.id })
    await seen.until(inState('idle'))
  },
  { timeoutMs: SESSION_MS },
)

test(
  'data are there by name in every language, and what binds them has no number',
  async () => {
    const ask = async (id: number, kind: 'sql' | 'spark' | 'pyspark', code: string) => {
      const { id: got } = await site.submit(session.id, { code, kind }, id)
      assert.is(got, id)
      return await seen.over(id)
    }
    assert.is(textOf(await ask(0, 'pyspark', 'archipel.read("bright_stars").count()')), '9096')
    const sql = await ask(1, 'sql', 'SELECT count(*) FROM `doi:10.1234/openngc`')
    assert.equal(sql.output?.status === 'ok' && (sql.output.data['application/json'] as { data: unknown }).data, [
      [13_969],
    ])
    assert.match(String(textOf(await ask(2, 'spark', 'archipel.df("events").filter("tag is null").count'))), /= 1\n$/)
    assert.is(textOf(await ask(3, 'pyspark', 'import archipel\narchipel.params["n"]')), '7')
    const failed = await ask(4, 'pyspark', 'raise ValueError(archipel.path("bright_stars"))')
    const { output } = failed
    assert.equal([output?.status, output?.execution_count], ['error', 4])
    assert.ok(
      output?.status === 'error' && output.evalue === 'bright_stars',
      'no place of this site in what others see',
    )
    const codes = (await site.statements(session.id)).map(({ id, code }) => [id, code.slice(0, 8)])
    assert.equal(codes[0], [0, 'archipel'])
    assert.is(codes.length, 5)
  },
  { timeoutMs: SESSION_MS },
)

test(
  'after a restart of the island the session is found, the numbers go on, and nothing runs twice',
  async () => {
    const before = await site.submit(
      session.id,
      { kind: 'pyspark', code: 'runs = globals().get("runs", 0) + 1\nruns' },
      5,
    )
    assert.is(before.id, 5)
    await site.stop()
    site = await island()
    assert.is((await site.findSession('m1'))?.id, session.id)
    assert.is(await site.findSession('never'), undefined)
    // The answer was lost, so it is asked for again: the session has that one already.
    const repeated = await site.submit(
      session.id,
      { kind: 'pyspark', code: 'runs = globals().get("runs", 0) + 1\nruns' },
      5,
    )
    assert.is(repeated.id, 5)
    seen = watched(site, { session: session.id })
    assert.is(textOf(await seen.over(5)), '1')
    assert.is(textOf(await seen.over(0)), '9096', 'what it kept is told, too')
    await site.submit(session.id, { kind: 'pyspark', code: 'runs' }, 6)
    assert.is(textOf(await seen.over(6)), '1')
    assert.equal((await atLivy('/sessions')).total, 1)
  },
  { timeoutMs: SESSION_MS },
)

test(
  'an answer that is lost on the way makes nothing twice',
  async (t) => {
    // Hands everything to Livy, and loses the answers to POSTs when told to.
    let losing = true
    const proxy = createServer((incoming, outgoing) => {
      const { method, url, headers } = incoming
      const onward = forward(livy.url + url, { method, headers: { ...headers, host: '' } }, (answer) => {
        if (losing && method === 'POST') {
          answer.resume()
          answer.on('end', () => incoming.socket.destroy())
          return
        }
        outgoing.writeHead(answer.statusCode!, answer.headers)
        answer.pipe(outgoing)
      })
      incoming.pipe(onward)
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    t.cleanup(() => proxy.close())
    t.cleanup(() => proxy.closeAllConnections())
    const shaky = await island(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}`)
    const request = { kind: 'pyspark' as const, code: 'lost = globals().get("lost", 0) + 1\nlost' }
    await rejects(shaky.submit(session.id, request, 7), 'ENGINE_DOWN')
    losing = false
    assert.is((await shaky.submit(session.id, request, 7)).id, 7)
    assert.is((await shaky.submit(session.id, { kind: 'pyspark', code: 'lost' }, 8)).id, 8)
    assert.is(textOf(await watched(shaky, { session: session.id }).over(8)), '1')
    losing = true
    const file = { file: `${dir}/nothing.py` }
    const batch = await shaky.createBatch(file, { mark: 'b1', datasets: [], forwarded: false })
    losing = false
    assert.is((await shaky.createBatch(file, { mark: 'b1', datasets: [], forwarded: false })).id, batch.id)
    assert.is((await atLivy('/batches')).total, 1)
    await shaky.deleteBatch(batch.id)
    await shaky.stop()
    // The other island of this store has not seen what this one did; a restart has.
    await site.stop()
    site = await island()
  },
  { timeoutMs: SESSION_MS },
)

test(
  'faults of Livy stay at Livy: refused batches, names of uploads, sessions beyond the limit',
  async () => {
    const mark = (name: string) => ({ mark: name, datasets: [], forwarded: false })
    const refused = await site.createBatch({ file: '/etc/passwd' }, mark('b2')).catch((e: unknown) => e)
    assert.ok(refused instanceof LivyRefusal && refused.status === 400, String(refused))
    assert.match(refused.message, /^Rejected, Reason: requirement failed: Local path \/etc\/passwd cannot be added/)
    assert.is((await atLivy('/batches')).total, 0, 'Livy itself would keep it as `starting`')
    await site.upload(session.id, 'file', { name: '../../up.txt', bytes: Buffer.from('x') })
    const second = await site.createSession({ kind: 'sql', name: '' }, mark('m2'))
    const third = await site.createSession({ kind: 'sql' }, mark('m3'))
    const many = await site.createSession({ kind: 'sql' }, mark('m4')).catch((e: unknown) => e)
    assert.ok(many instanceof LivyRefusal && /too many sessions/.test(many.message), String(many))
    await Promise.all([site.deleteSession(second.id), site.deleteSession(third.id)])
    // Who asks may leave while it is made: then nobody knows of it, and it is ended.
    const leaving = new AbortController()
    const left = site.createSession({ kind: 'sql' }, mark('m5'), { signal: leaving.signal })
    leaving.abort()
    await rejects(left, 'CANCELLED')
    await eventually(async () => (await site.findSession('m5')) === undefined, { timeoutMs: 60_000 })
    assert.is((await atLivy('/sessions')).total, 1)
  },
  { timeoutMs: SESSION_MS },
)

test(
  'a Livy that is killed is down; when it is back without the session, the session is lost and nothing is made again',
  async () => {
    const own = site
    const watch = watched(own, { session: session.id })
    await watch.until(inState('idle'))
    await own.submit(session.id, { kind: 'pyspark', code: 'import time\ntime.sleep(600)' }, 9)
    await livy.kill()
    await rejects(own.session(session.id), 'ENGINE_DOWN')
    assert.is(own.state().up, false)
    await rejects(own.submit(session.id, { kind: 'pyspark', code: '1' }, 10), 'ENGINE_DOWN')
    await livy.restart()
    await watch.until(isLost)
    assert.is(own.state().up, true)
    assert.is(await own.findSession('m1'), undefined)
    const error = await own.session(session.id).catch((e: unknown) => e)
    assert.ok(error instanceof LivyRefusal && error.status === 404)
    assert.is(error.message, `Session '${session.id}' not found.`)
    assert.is((await atLivy('/sessions')).total, 0)
  },
  { timeoutMs: SESSION_MS },
)

test.run()
