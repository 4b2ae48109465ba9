/** Parts of the guards by themselves: buckets, and names on the port that nobody writes. */
import { Hono } from 'hono'
import * as assert from 'uvu/assert'
import type { ArchipelError } from '../../src/protocols/model/errors.ts'
import { isLoopback, originGuard, urlHost } from '../../src/web/server/origins.ts'
import { rate } from '../../src/web/server/rate.ts'
import { suite } from '../kit/index.ts'

const test = suite('web: parts of the guards')

test('a bucket fills again with time, and says how long that takes', () => {
  let now = 0
  const { take } = rate({ perSecond: 2, burst: 3, now: () => now })
  const left = (key: string): number => {
    try {
      take(key, 'too much')
      return 0
    } catch (error) {
      assert.is((error as ArchipelError).code, 'TOO_MANY')
      return Number((error as ArchipelError).details?.retryAfterMs)
    }
  }
  assert.equal([left('a'), left('a'), left('a'), left('a'), left('a')], [0, 0, 0, 500, 500])
  assert.is(left('b'), 0, 'another key')
  now += 200
  assert.is(left('a'), 300, 'asking too early costs nothing')
  now += 300
  assert.equal([left('a'), left('a')], [0, 500])
  now += 3_600_000
  assert.equal([left('a'), left('a'), left('a'), left('a')], [0, 0, 0, 500], 'never more than the burst')
})

test('many keys do not fill the memory: those that were not used are forgotten first', () => {
  const { take } = rate({ perSecond: 0.001, burst: 1, now: () => 0 })
  const empty = (key: string) => assert.throws(() => take(key, 'x'))
  take('old', 'x')
  take('busy', 'x')
  for (let n = 0; n < 9_999; n++) {
    take(`k${n}`, 'x')
    if (n % 1000 === 0) empty('busy')
  }
  empty('busy')
  take('old', 'x')
})

test('on port 80 the names are written without it', async () => {
  const app = new Hono().use(originGuard({ host: '127.0.0.1', port: () => 80, hosts: [], origins: [] }) as never)
  app.get('/', (c) => c.text('in'))
  app.onError((error, c) => c.text((error as ArchipelError).code))
  const ask = async (host: string, origin?: string) => {
    const headers = { host, ...(origin === undefined ? {} : { origin }) }
    return await (await app.request(`http://${host}/`, { headers })).text()
  }
  for (const host of ['127.0.0.1', '127.0.0.1:80', 'localhost', '[::1]']) assert.is(await ask(host), 'in', host)
  assert.is(await ask('localhost', 'http://localhost'), 'in')
  for (const host of ['127.0.0.1:81', 'example.org', '127.0.0.2']) assert.is(await ask(host), 'FORBIDDEN', host)
  assert.is(await ask('localhost', 'https://localhost'), 'FORBIDDEN')
})

test('which addresses are of this machine alone, and how they are written in a URL', () => {
  for (const host of ['127.0.0.1', '127.8.8.8', 'localhost', '::1']) assert.ok(isLoopback(host), host)
  for (const host of [
    '0.0.0.0',
    '::',
    '',
    '127.0.0.1.example.org',
    '127.1',
    '192.0.2.1',
    '::ffff:1.2.3.4',
    'LOCALHOST.x',
  ])
    assert.not.ok(isLoopback(host), host)
  assert.equal(['127.0.0.1', '0.0.0.0', '::', '::1', '2001:db8::1', 'localhost'].map(urlHost), [
    '127.0.0.1',
    '127.0.0.1',
    '[::1]',
    '[::1]',
    '[2001:db8::1]',
    'localhost',
  ])
})

test.run()
