import { join } from 'node:path'
import { pino } from 'pino'
import * as assert from 'uvu/assert'
import { createArchipelago, joinArchipelago } from '../../src/node/archipelago.ts'
import { devConfig } from '../../src/node/dev.ts'
import { startIsland } from '../../src/node/island.ts'
import { ownServices } from '../../src/node/members/own-services.ts'
import { eventually, suite } from '../kit/index.ts'

const test = suite('services of an island that others can call')
const NAMES = ['localhost:9000', 'Island.example.org', 'other.example.org']
const LIVY = { type: 'livy', url: 'https://island.example.org/livy' }

test('the Livy endpoint has the address by which others call it, where there is one', async (t) => {
  const { web } = devConfig(await t.tmpdir(), 'x', { 'web.hosts': NAMES })
  assert.equal(ownServices(web), [LIVY])
  const at = (hosts: string[], more: Partial<typeof web> = {}) => ownServices({ ...web, hosts, ...more })
  assert.equal(at([]), [])
  assert.equal(at(['localhost', '127.0.0.1:8080', '[::1]', 'my.localhost']), [], 'nobody else calls these')
  assert.equal(at(NAMES, { enabled: false }), [])
  assert.equal(at(NAMES, { livy: { ...web.livy, enabled: false } }), [])
  const [open] = at(['192.0.2.1:9411'], { host: '0.0.0.0', port: 9411 })
  assert.is(open?.url, 'http://192.0.2.1:9411/livy', 'its own port, without TLS')
  assert.is(at(['192.0.2.1:9411'], { host: '127.0.0.1', port: 9411 })[0]?.url, 'https://192.0.2.1:9411/livy')
  assert.is(at(['[2001:db8::1]:8443'])[0]?.url, 'https://[2001:db8::1]:8443/livy')
})

test('the others read it in the card', async (t) => {
  const dir = await t.tmpdir()
  const logger = pino({ level: 'silent' })
  const { signal } = t
  const config = devConfig(join(dir, 'one'), 'one', { 'web.hosts': NAMES })
  await createArchipelago({ config, name: 'services' })
  const one = await startIsland({ config, signal, logger })
  t.cleanup(() => one.stop())
  const { ticket } = await one.port.invite({ local: true, expiresMs: 3_600_000 })
  const other = devConfig(join(dir, 'two'), 'two')
  await joinArchipelago({ config: other, ticket, signal, logger })
  const two = await startIsland({ config: other, signal, logger })
  t.cleanup(() => two.stop())
  const services = await eventually(
    async () => (await two.port.islands({})).items.find(({ id }) => id === one.id)?.card?.services ?? false,
    { timeoutMs: 20_000, signal },
  )
  assert.equal(services, [LIVY])
})

test.run()
