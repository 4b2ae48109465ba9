/** Against a real HDFS: a name node and a data node in one process, on loopback. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { eventually, freePort, rejects, requires, suite } from '../kit/index.ts'
import { type Site, sourceContract } from './contract.ts'
import { fileOf, listed, readAll, sourcesOf } from './kit.ts'
import { serve } from './server.ts'

const test = suite('outside sources: HDFS')
const JARS = process.env.ARCHIPEL_TEST_HDFS ?? ''
let site: Site
let web: string

test.before(async (t) => {
  await requires(
    'hdfs',
    () =>
      readdirSync(JARS).some((name) => name.startsWith('hadoop-client-minicluster')) &&
      execFileSync('java', ['-version'], { stdio: 'ignore' }) === null,
    'name a folder in ARCHIPEL_TEST_HDFS with the JARs of test/outside/hdfs-pom.xml (mvn -f ... dependency:copy-dependencies)',
  )
  const dir = await t.tmpdir()
  const [rpc, http] = [await freePort(), await freePort()]
  serve(
    t,
    'java',
    [
      ...[
        '-XX:TieredStopAtLevel=1',
        '-XX:+UseSerialGC',
        '-Xmx400m',
        '-Djava.net.preferIPv4Stack=true',
        '-cp',
        join(JARS, '*'),
      ],
      ...['org.apache.hadoop.test.MiniDFSClusterManager', '-format', '-datanodes', '1'],
      ...['-nnport', String(rpc), '-httpport', String(http), '-D', `hdfs.minidfs.basedir=${dir}`],
    ],
    { cwd: dir },
  )
  web = `http://127.0.0.1:${http}`
  const call = async (method: string, path: string, query: string, init: RequestInit = {}) => {
    const url = `${web}/webhdfs/v1${path.split('/').map(encodeURIComponent).join('/')}?user.name=${USER}&${query}`
    const answer = await fetch(url, { method, redirect: 'manual', ...init })
    if (answer.status >= 400) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
    return answer
  }
  const put = async (path: string, content: Uint8Array) => {
    const query = 'op=CREATE&overwrite=true&noredirect=true'
    const { Location } = (await (await call('PUT', `/survey/${path}`, query)).json()) as { Location: string }
    // The host of the data node; the name as it was, since the answer has it half decoded.
    const { origin, search } = new URL(Location)
    const where = `${origin}/webhdfs/v1${`/survey/${path}`.split('/').map(encodeURIComponent).join('/')}${search}`
    await send(where, content)
  }
  // Whoever is nobody in particular may not look at it.
  await eventually(() => put('begin', Buffer.from('')), { timeoutMs: 60_000, signal: t.signal })
  await call('PUT', '/survey', 'op=SETPERMISSION&permission=700')
  const place = `hdfs://127.0.0.1:${rpc}/survey/`
  site = {
    place,
    line: async () => `${place} web=http://127.0.0.1:1,${web} user=${USER}`,
    refused: async () => `${place} web=${web} user=stranger`,
    put,
    secrets: [web, USER],
  }
})

/** The data node says `100 Continue` unasked, which `fetch` does not take. */
async function send(url: string, content: Uint8Array): Promise<void> {
  const sending = request(url, { method: 'PUT' }).end(content)
  const [answer] = (await once(sending, 'response')) as [IncomingMessage]
  answer.resume()
  await once(answer, 'end')
  if (answer.statusCode !== 201) throw new Error(`a data node answers ${answer.statusCode}`)
}

/** Who starts an HDFS is its superuser, and has a name that nobody else has in these tests. */
const USER = execFileSync('id', ['-un']).toString().trim()

sourceContract(test, () => site)

test('a name with ? in it is read, and a service that is no HDFS is told', async (t) => {
  await site.put('odd/what?.csv', Buffer.from('n\n1\n'))
  const port = await sourcesOf(t, { sources: [await site.line(t)] })
  const [file] = await listed(port, `${site.place}odd/`, t)
  assert.is(String(await readAll(port, fileOf(file!), t)), 'n\n1\n')
  const wrong = await sourcesOf(t, {
    sources: [`${site.place} web=${web}/`, `hdfs://127.0.0.1:1/ web=http://127.0.0.1:1`],
  })
  await rejects(listed(wrong, 'hdfs://127.0.0.1:1/f.csv', t), 'SOURCE_UNREACHABLE')
})

test.run()
