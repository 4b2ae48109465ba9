/** An island whose data directory is damaged: it says which part, and what to do; what is derived it makes anew. */
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { chmod, cp, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import * as assert from 'uvu/assert'
import { createArchipelago, joinArchipelago } from '../../src/node/archipelago.ts'
import { loadConfig } from '../../src/node/config/load.ts'
import { startIsland } from '../../src/node/island.ts'
import { rejects, suite, type TestContext } from '../kit/index.ts'

const test = suite('island: the data directory')
const logger = pino({ level: 'silent' })

let template = ''
test.before(async (t) => {
  template = join(await t.tmpdir(), 'template')
  await createArchipelago({ config: await configOf(template), name: 'tests' })
})

function configOf(dataDir: string, listen = 'none') {
  const set = [`network.listen=${listen}`, 'web.enabled=false', 'engine.kind=disabled', 'network.dhtEnabled=false']
  return loadConfig({ flags: { dataDir, set }, env: {} })
}

async function copy(t: TestContext): Promise<string> {
  const dir = join(await t.tmpdir(), 'data')
  await cp(template, dir, { recursive: true })
  await chmod(dir, 0o700)
  return dir
}

/** The directory of another archipelago. */
async function foreign(t: TestContext): Promise<string> {
  const dir = join(await t.tmpdir(), 'data')
  await createArchipelago({ config: configOf(dir), name: 'others' })
  return dir
}

async function start(t: TestContext, dataDir: string) {
  return await startIsland({ config: await configOf(dataDir), signal: t.signal, logger })
}

/** Refused, in words that name the part and no more of the path. */
async function refused(t: TestContext, dataDir: string, what: string, message: RegExp, hint: RegExp) {
  const error = await rejects(start(t, dataDir), 'DATA_DIR_BROKEN')
  assert.match(error.message, message, what)
  assert.match(error.hint, hint, what)
  assert.not.match(`${error.message} ${error.hint}`, dataDir, what)
}

test('a damaged database is told by its file, and moving it away is enough to start again', async (t) => {
  const dir = await copy(t)
  const store = join(dir, 'store')
  const manifest = (await readdir(store)).find((f) => f.startsWith('MANIFEST'))!
  await writeFile(join(store, manifest), randomBytes(3000))
  await refused(t, dir, 'garbage in MANIFEST', /store\/.*MANIFEST is damaged/, /move store out/)
  await rm(join(store, 'CURRENT'))
  await refused(t, dir, 'no CURRENT', /store\/.*CURRENT is missing/, /Restore store\/ from a backup/)
  await rm(store, { recursive: true })
  await (await start(t, dir)).stop()
})

test('a part of the wrong kind is named, with what to do', async (t) => {
  for (const [name, kind] of [
    ['search.db', 'directory'],
    ['owner.token', 'directory'],
    ['island.key', 'directory'],
    ['daemon.json', 'directory'],
    ['store', 'file'],
    ['publish', 'file'],
    ['scratch', 'file'],
  ] as const) {
    const dir = await copy(t)
    await rm(join(dir, name), { recursive: true, force: true })
    if (kind === 'directory') await mkdir(join(dir, name))
    else await writeFile(join(dir, name), 'x', { mode: 0o600 })
    const derived = ['search.db', 'publish', 'scratch', 'daemon.json'].includes(name)
    await refused(
      t,
      dir,
      name,
      new RegExp(`${name} .*${kind}`),
      derived ? /makes it anew/ : /restore it from a backup|Restore/,
    )
  }
})

test('a key file that is no key is named, with what is wrong and what to do', async (t) => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  const pem = await readFile(join(template, 'island.key'), 'utf8')
  for (const [text, why] of [
    ['', /empty/],
    ['not a key', /cut or altered/],
    [pem.slice(0, 60), /cut or altered/],
    [pem.replace('MC4CAQ', 'MC8CAQ'), /cut or altered/],
    [rsa.export({ format: 'pem', type: 'pkcs8' }), /type rsa/],
  ] as const) {
    for (const [name, hint] of [
      ['island.key', /Restore island\.key from a backup.*revoked/],
      ['admin.key', /Restore admin\.key from a backup.*recovery key/],
    ] as const) {
      const dir = await copy(t)
      await writeFile(join(dir, name), text)
      await refused(t, dir, `${name}: ${why}`, new RegExp(`^${name} does not hold an Ed25519.*${why.source}`), hint)
    }
  }
  const dir = await copy(t)
  await rm(join(dir, 'island.key'))
  await refused(t, dir, 'no key', /^island\.key is missing/, /Restore island\.key/)
})

test('a secret that others can read is named, and the hint is one for that file', async (t) => {
  const dir = await copy(t)
  await (await start(t, dir)).stop()
  for (const [name, hint] of [
    ['owner.token', /Delete owner\.token and start again: a new token is made/],
    ['island.key', /mode of island\.key to 0600.*revoked/],
    ['admin.key', /mode of admin\.key to 0600/],
    ['archipelago.json', /mode of archipelago\.json to 0600/],
  ] as const) {
    const mode = 0o644
    await chmod(join(dir, name), mode)
    await refused(t, dir, name, new RegExp(`^${name} can be read by others`), hint)
    await chmod(join(dir, name), 0o600)
  }
  const before = await readFile(join(dir, 'owner.token'), 'utf8')
  await rm(join(dir, 'owner.token'))
  await (await start(t, dir)).stop()
  assert.is.not(await readFile(join(dir, 'owner.token'), 'utf8'), before, 'the hint is true')
})

test('what a join under way needs is there until it has ended, and not after', async (t) => {
  const issuerDir = await copy(t)
  await writeFile(join(issuerDir, 'joining.card'), 'left by a crash', { mode: 0o600 })
  const config = configOf(issuerDir, '/ip4/127.0.0.1/tcp/0')
  const issuer = await startIsland({ config, signal: t.signal, logger })
  let running = true
  t.cleanup(() => (running ? issuer.stop() : undefined))
  assert.not.ok((await readdir(issuerDir)).includes('joining.card'), 'a leftover goes at the next start')
  const { ticket } = await issuer.port.invite({ local: true })
  await issuer.stop()
  running = false

  const dir = join(await t.tmpdir(), 'newcomer')
  const joining = () => joinArchipelago({ config: configOf(dir), ticket, signal: t.signal })
  await rejects(joining(), 'UNREACHABLE')
  const card = await readFile(join(dir, 'joining.card'), 'utf8')
  const address = issuer.addresses[0]!.replace(/\/p2p\/.*/, '')
  const again = await startIsland({ config: configOf(issuerDir, address), signal: t.signal, logger })
  t.cleanup(() => again.stop())
  const joined = await joining()
  const kept = JSON.parse(await readFile(join(dir, 'archipelago.json'), 'utf8'))
  assert.is(kept.island.card, card, 'the second try was by the same island')
  assert.is(kept.island.id, joined.island.id)
  assert.not.ok((await readdir(dir)).includes('joining.card'))
  const newcomer = await start(t, dir)
  await newcomer.stop()
})

test('a join refused for good leaves nothing that it made, and one that was done already says how to start', async (t) => {
  const issuer = await startIsland({
    config: configOf(await copy(t), '/ip4/127.0.0.1/tcp/0'),
    signal: t.signal,
    logger,
  })
  t.cleanup(() => issuer.stop())
  const { ticket } = await issuer.port.invite({ local: true })
  const parent = await t.tmpdir()
  const joining = (name: string) => joinArchipelago({ config: configOf(join(parent, name)), ticket, signal: t.signal })
  await joining('first')
  const again = await rejects(joining('first'), 'ALREADY_MEMBER')
  assert.match(again.hint, '`archipel up`')
  const other = await startIsland({
    config: configOf(await foreign(t), '/ip4/127.0.0.1/tcp/0'),
    signal: t.signal,
    logger,
  })
  t.cleanup(() => other.stop())
  const elsewhere = (await other.port.invite({ local: true })).ticket
  const member = await rejects(
    joinArchipelago({ config: configOf(join(parent, 'first')), ticket: elsewhere, signal: t.signal }),
    'ALREADY_MEMBER',
  )
  assert.match(member.hint, 'another --data-dir')

  await rejects(joining('fresh'), 'TICKET_USED')
  assert.equal(await readdir(parent), ['first'], 'no directory is left')
  await mkdir(join(parent, 'kept'), { mode: 0o700 })
  await writeFile(join(parent, 'kept', 'config.json'), '{}')
  await rejects(joining('kept'), 'TICKET_USED')
  assert.equal(await readdir(join(parent, 'kept')), ['config.json'])
  await cp(join(parent, 'first', 'island.key'), join(parent, 'kept', 'island.key'))
  const key = await readFile(join(parent, 'kept', 'island.key'), 'utf8')
  await rejects(joining('kept'), 'TICKET_USED')
  assert.equal((await readdir(join(parent, 'kept'))).sort(), ['config.json', 'island.key'])
  assert.is(await readFile(join(parent, 'kept', 'island.key'), 'utf8'), key, 'a key that was there stays')
})

test('the founder was invited by nobody', async (t) => {
  const island = await start(t, await copy(t))
  const [view, ...others] = (await island.port.islands()).items
  assert.is(others.length, 0)
  assert.is(view!.member.invitedBy, undefined)
  assert.ok(view!.member.mayInvite)
  await island.stop()
})

test('a search index that is garbage, empty or cut is made anew', async (t) => {
  const dir = await copy(t)
  await (await start(t, dir)).stop()
  const path = join(dir, 'search.db')
  for (const harm of [
    () => writeFile(path, randomBytes(20_000)),
    () => writeFile(path, ''),
    () => truncate(path, 5000),
    () => rm(path),
  ]) {
    await harm()
    const island = await start(t, dir)
    assert.is((await island.port.datasets({})).total, 0)
    await island.stop()
  }
})

test.run()
