import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { dataDirOf, defaultDataDir } from '../../src/node/config/data-dir.ts'
import { type LoadInit, loadConfig, loadConfigWithSources } from '../../src/node/config/load.ts'
import { nearest } from '../../src/node/config/nearest.ts'
import { configJsonSchema, EXAMPLE_CONFIG, shownValue } from '../../src/node/config/reference.ts'
import { about } from '../../src/node/config/schema.ts'
import { SETTINGS, settingsOf } from '../../src/node/config/settings.ts'
import { parseBytes, parseDuration } from '../../src/node/config/units.ts'
import { rejects, suite, type TestContext } from '../kit/index.ts'

const test = suite('config')

/** A data directory with this `config.json`. */
async function withFile(t: TestContext, content: unknown): Promise<{ dir: string; file: string }> {
  const dir = await t.tmpdir()
  const file = join(dir, 'config.json')
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content))
  return { dir, file }
}

async function invalid(init: LoadInit, ...words: string[]): Promise<void> {
  const error = await rejects(async () => loadConfig({ env: {}, ...init }), 'CONFIG_INVALID')
  for (const word of words) assert.ok(error.message.includes(word), `${JSON.stringify(error.message)} has ${word}`)
}

test('flags win over the environment, that over the file, that over the defaults', async (t) => {
  const { dir, file } = await withFile(t, {
    web: { port: 1001 },
    catalog: { heartbeatMs: 2001, syncIntervalMs: 2002 },
    site: 'file',
  })
  const env = { ARCHIPEL_WEB_PORT: '1002', ARCHIPEL_CATALOG_HEARTBEAT_MS: '3s' }
  const flags = { dataDir: dir, settings: { 'web.port': '1003' }, set: ['log.level=debug'] }
  const { config, sources, file: used } = loadConfigWithSources({ flags, env })
  assert.is(config.web.port, 1003)
  assert.is(config.catalog.heartbeatMs, 3000)
  assert.is(config.catalog.syncIntervalMs, 2002)
  assert.is(config.site, 'file')
  assert.is(config.network.maxConnections, 300)
  assert.is(config.log.level, 'debug')
  assert.is(config.dataDir, dir)
  assert.is(used, file)
  assert.is(sources['web.port'], '--web-port')
  assert.is(sources['catalog.heartbeatMs'], 'ARCHIPEL_CATALOG_HEARTBEAT_MS')
  assert.is(sources['catalog.syncIntervalMs'], file)
  assert.is(sources['network.maxConnections'], 'default')
})

test('every setting can be given by its variable and by --set', async (t) => {
  const dataDir = await t.tmpdir()
  const island = `isl${'a'.repeat(32)}`
  const sample: Record<string, [string, unknown]> = {
    name: ['garching', 'garching'],
    'place.country': ['DE', 'DE'],
    labels: ['archive,gpu', ['archive', 'gpu']],
    'outside.sources': ['https://data.example.org/a/ token=/t', ['https://data.example.org/a/ token=/t']],
    'rules.accept': [`members,${island}`, ['members', island]],
    'network.listen': ['/ip4/0.0.0.0/tcp/1,/ip6/::1/tcp/2', ['/ip4/0.0.0.0/tcp/1', '/ip6/::1/tcp/2']],
    'network.announce': ['none', []],
    'network.bootstrap': ['/dns4/a.example/tcp/1', ['/dns4/a.example/tcp/1']],
    'web.host': ['::1', '::1'],
    'web.hosts': ['island.example.org,192.0.2.1:9411', ['island.example.org', '192.0.2.1:9411']],
    'web.origins': ['https://portal.example.org', ['https://portal.example.org']],
    'transfers.https.listen': ['[::]:9412', '[::]:9412'],
    'transfers.https.announce': ['https://island.example.org:9412', ['https://island.example.org:9412']],
    'livy.url': ['https://livy.example.org:8998/base', 'https://livy.example.org:8998/base'],
    'livy.header': ['X-Token', 'X-Token'],
    'livy.locations': ['/data=hdfs://nn/data', ['/data=hdfs://nn/data']],
    'livy.conf': ['spark.executor.memory=4g', ['spark.executor.memory=4g']],
    'livy.proxyUsers': ['ana=ana_unix,*=guest', ['ana=ana_unix', '*=guest']],
    'livy.languages': ['sql,r', ['sql', 'r']],
    'policy.fetch.allow': [island, [island]],
    'policy.replicate.allow': [island, [island]],
    'policy.forwarded.allow': [island, [island]],
    'policy.forwarded.python': [`${island},ada@${island}`, [island, `ada@${island}`]],
    'policy.forwarded.r': ['none', []],
    'policy.forwarded.spark': [island, [island]],
  }
  for (const setting of SETTINGS) {
    if (setting.path === 'dataDir') continue
    const byType: Record<string, [string, unknown]> = {
      boolean: [String(!setting.default), !setting.default],
      number: [String(setting.default ?? 1), setting.default ?? 1],
      enum: [setting.values?.at(-1) ?? '', setting.values?.at(-1)],
      string: ['text', 'text'],
    }
    const [text, value] = sample[setting.path] ?? byType[setting.type]!
    // A password is that of a user.
    const settings: Record<string, string> = setting.path === 'livy.password' ? { 'livy.user': 'ada' } : {}
    const at = (init: LoadInit) =>
      setting.path.split('.').reduce<unknown>((o, key) => (o as Record<string, unknown>)[key], loadConfig(init))
    assert.equal(at({ flags: { dataDir, settings }, env: { [setting.env]: text } }), value, setting.env)
    assert.equal(at({ flags: { dataDir, settings, set: [`${setting.path}=${text}`] }, env: {} }), value, setting.path)
  }
})

test('an unknown setting is refused with the one that was meant', async (t) => {
  const { dir: dataDir } = await withFile(t, { network: { lisen: [] } })
  await invalid({ flags: { dataDir } }, 'network.lisen', 'did you mean "network.listen"', 'config.json')
  const empty = await t.tmpdir()
  await invalid({ flags: { dataDir: empty, set: ['web.prot=1'] } }, 'web.prot', '"web.port"')
  await invalid(
    { flags: { dataDir: empty }, env: { ARCHIPEL_WEB_PROT: '1' } },
    'ARCHIPEL_WEB_PROT',
    'ARCHIPEL_WEB_PORT',
  )
  const foreign = { ARCHIPEL_PORT: 'tcp://10.0.0.1:80', ARCHIPEL_SERVICE_HOST: '10.0.0.1', ARCHIPEL_TOKEN: 'x' }
  assert.is(loadConfig({ flags: { dataDir: empty }, env: foreign }).web.port, 9411)
})

test('a bad value is refused with its setting and its source', async (t) => {
  const dataDir = await t.tmpdir()
  for (const [item, words] of [
    ['web.port=70000', ['web.port', '--set']],
    ['web.port=-1', ['web.port']],
    ['web.port=1.5', ['web.port']],
    ['web.port=abc', ['web.port', 'not a number']],
    ['web.host=0.0.0.0', ['web.host', 'web.hosts']],
    ['web.host=island.example.org', ['web.host', 'not an IP address']],
    ['web.hosts=https://island.example.org', ['web.hosts', 'header Host']],
    ['web.origins=*', ['web.origins', 'not an origin']],
    ['web.origins=https://portal.example.org/x', ['web.origins', 'not an origin']],
    ['web.rate.burst=0', ['web.rate.burst']],
    ['network.listen=127.0.0.1:9410', ['network.listen', 'multiaddr']],
    ['network.listen=/ip4/127.0.0.1/udp/9410/quic-v1', ['network.listen', 'TCP']],
    ['network.announce=/ip4/0.0.0.0/tcp/9410', ['network.announce', 'wildcard']],
    ['livy.url=livy.example.org', ['livy.url', 'not a URL', '"livy.example.org"']],
    ['transfers.https.listen=island.example.org:9412', ['transfers.https.listen', 'IP address']],
    ['transfers.https.listen=127.0.0.1:70000', ['transfers.https.listen', 'port']],
    ['transfers.https.announce=http://island.example.org', ['transfers.https.announce', 'https://']],
    ['livy.url=https://livy.example.org/?user=x', ['livy.url', 'livy.user', 'livy.password']],
    ['livy.url=https://livy.example.org/#x', ['livy.url', 'livy.user', 'livy.password']],
    ['livy.password=x', ['livy.password needs livy.user']],
    ['livy.password=@/not/there', ['livy.password needs livy.user']],
    ['network.mdns=maybe', ['network.mdns', 'true or false']],
    ['network.relay.use=sometimes', ['network.relay.use']],
    ['engine.memoryBytes=1XB', ['engine.memoryBytes', 'not a size']],
    ['engine.memoryBytes=1kB', ['engine.memoryBytes']],
    ['catalog.heartbeatMs=soon', ['catalog.heartbeatMs', 'not a duration']],
    ['place.country=Germany', ['place.country']],
    ['place.latitude=91', ['place.latitude']],
    ['policy.forwarded.allow=everybody', ['policy.forwarded.allow', 'island id']],
    ['policy.forwarded.python=ada', ['policy.forwarded.python', 'island id']],
    ['name=a\u001b[31m', ['name', 'control']],
    [`name=${'x'.repeat(101)}`, ['name']],
    ['dataDir=/x', ['dataDir', '--data-dir']],
    ['web=1', ['web', 'no such setting']],
    ['web.port', ['path=value']],
    ['=1', ['path=value']],
    ['__proto__.x=1', ['no such setting']],
  ] as const) {
    await invalid({ flags: { dataDir, set: [item] } }, ...words)
  }
})

test('a password in the address of Livy is refused, and not repeated', async (t) => {
  const dataDir = await t.tmpdir()
  for (const url of [
    'http://ada:s3cret@livy.example.org',
    'http://:s3cret@livy.example.org',
    'ftp://ada:s3cret@livy',
  ]) {
    const error = await rejects(
      () => loadConfig({ flags: { dataDir, set: [`livy.url=${url}`] }, env: {} }),
      'CONFIG_INVALID',
    )
    assert.match(error.message, url.startsWith('http') ? /livy\.user and livy\.password/ : /not a URL/)
    assert.not.match(`${error.message} ${error.hint}`, /s3cret/)
  }
})

test('a broken file is refused with its path', async (t) => {
  for (const [content, word] of [
    ['{', 'not JSON'],
    ['', 'not JSON'],
    ['[]', 'one JSON object'],
    ['null', 'one JSON object'],
    ['{"web":7}', 'web: has to be an object'],
    ['{"web":{"port":"9411"}}', 'web.port'],
    ['{"web":{"port":{}}}', 'web.port'],
    ['{"network":{"listen":"/ip4/127.0.0.1/tcp/1"}}', 'network.listen'],
    ['{"__proto__":{"web":{}}}', '__proto__'],
    ['{"dataDir":"/elsewhere"}', 'dataDir'],
  ] as const) {
    const { dir } = await withFile(t, content)
    await invalid({ flags: { dataDir: dir } }, word, 'config.json')
  }
  const dir = await t.tmpdir()
  await invalid({ flags: { config: join(dir, 'missing.json') } }, 'missing.json', 'ENOENT')
  // Also for a command that needs nothing of it but where the island is.
  const named = { dataDir: dir, config: join(dir, 'missing.json') }
  assert.match((await rejects(() => dataDirOf(named, {}), 'CONFIG_INVALID')).message, 'missing.json')
  await rejects(() => dataDirOf({ dataDir: dir }, { ARCHIPEL_CONFIG: join(dir, 'missing.json') }), 'CONFIG_INVALID')
  await mkdir(join(dir, 'config.json'))
  await invalid({ flags: { dataDir: dir } }, 'config.json', 'EISDIR')
})

test('the data directory follows flag, variable, named file and XDG in this order', async (t) => {
  const { dir, file } = await withFile(t, { dataDir: '~/from-file' })
  const env = { HOME: '/home/u', ARCHIPEL_DATA_DIR: '/from/env', ARCHIPEL_CONFIG: file }
  assert.is(dataDirOf({ dataDir: '/from/flag' }, env), '/from/flag')
  assert.is(dataDirOf({}, env), '/from/env')
  assert.is(dataDirOf({}, { ...env, ARCHIPEL_DATA_DIR: '' }), '/home/u/from-file')
  assert.is(loadConfig({ env: { ...env, ARCHIPEL_DATA_DIR: '' } }).dataDir, '/home/u/from-file')
  assert.is(dataDirOf({}, { HOME: '/home/u' }), '/home/u/.local/share/archipel')
  assert.is(defaultDataDir({ HOME: '/home/u', XDG_DATA_HOME: '/data' }), '/data/archipel')
  assert.is(defaultDataDir({ HOME: '/home/u', XDG_DATA_HOME: 'data' }), '/home/u/.local/share/archipel')
  assert.is(dataDirOf({ dataDir: 'here' }, {}), join(process.cwd(), 'here'))
  assert.is(dataDirOf({ dataDir: '~' }, { HOME: dir }), dir)
})

test('the sample file loads, and the schema for editors names every setting', async (t) => {
  const { dir } = await withFile(t, EXAMPLE_CONFIG)
  assert.is(loadConfig({ flags: { dataDir: dir }, env: {} }).network.announce[0], '/dns4/island.example.org/tcp/9410')
  const schema = configJsonSchema() as { properties: Record<string, { properties?: object }> }
  for (const { path } of SETTINGS) {
    let at: { properties?: object } | undefined = schema
    for (const key of path.split('.')) at = (at?.properties as Record<string, object> | undefined)?.[key]
    assert.ok(at !== undefined, path)
  }
})

test('a secret is never shown', () => {
  const [setting] = settingsOf(z.strictObject({ password: z.string().default('x').register(about, { secret: true }) }))
  assert.is(shownValue(setting!, 'hunter2'), '********')
  assert.is(shownValue(setting!, undefined), '')
})

test('sizes and durations are read with their units', async () => {
  assert.is(parseBytes('1.5KiB'), 1536)
  assert.is(parseBytes('64 MB'), 64e6)
  assert.is(parseBytes('7'), 7)
  assert.is(parseDuration('24h'), 86_400_000)
  assert.is(parseDuration('250'), 250)
  for (const text of ['', 'x', '-1s', '1y', '1e3', '9999999999999999GB', '1 2']) {
    await rejects(async () => parseDuration(text), 'BAD_INPUT')
    await rejects(async () => parseBytes(text), 'BAD_INPUT')
  }
})

test('a near word is found and a far one is not', () => {
  assert.is(nearest('web.prot', ['web.port', 'web.host']), 'web.port')
  assert.is(nearest('statsu', ['status', 'show']), 'status')
  assert.is(nearest('zzz', ['status', 'show']), undefined)
})

test.run()
