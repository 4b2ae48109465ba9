import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Level } from 'level'
import * as assert from 'uvu/assert'
import { BUCKETS } from '../../src/node/store/buckets.ts'
import { openStore } from '../../src/node/store/store.ts'
import { rejects, suite } from '../kit/index.ts'
import { MemoryStore } from '../sim/memory-store.ts'
import { logStoreContract } from './log-store-contract.ts'

const level = suite('store: logs in LevelDB')
logStoreContract(level, async (t) => {
  const directory = join(await t.tmpdir(), 'db')
  let store = await openStore({ directory })
  t.cleanup(() => store.close())
  return {
    logs: store.logs,
    async reopen() {
      await store.close()
      store = await openStore({ directory })
      return store.logs
    },
  }
})
level.run()

const memory = suite('store: logs in memory')
logStoreContract(memory, async () => {
  const store = new MemoryStore()
  return { logs: store, reopen: async () => store.crash() }
})

memory('a commit under way in a crash has happened as a whole or not at all', async () => {
  const log = `isl${'a'.repeat(32)}`
  const outcomes = new Set<number>()
  for (let i = 0; i < 40; i++) {
    const store = new MemoryStore({ latency: () => new Promise(() => {}) })
    void store.commit([1, 2, 3].map((n) => ({ type: 'fact' as const, hash: `${log}${n}`, bytes: new Uint8Array([n]) })))
    await Promise.resolve()
    outcomes.add(store.crash().sizes().facts)
  }
  assert.equal([...outcomes].sort(), [0, 3])
})
memory.run()

const test = suite('store')

test('a second process is told that the directory is in use, and the first goes on', async (t) => {
  const directory = join(await t.tmpdir(), 'db')
  const store = await openStore({ directory })
  t.cleanup(() => store.close())
  await rejects(openStore({ directory }), 'DATA_DIR_LOCKED')
  const child = fork(new URL('fixtures/open-store.ts', import.meta.url), [directory], { silent: true })
  const [code] = await new Promise<[string]>((resolve) => child.once('message', (m) => resolve([String(m)])))
  assert.is(code, 'DATA_DIR_LOCKED')
  await store.bucket('state').put('still', 'here')
  assert.is(await store.bucket('state').get('still'), 'here')
})

test('what was acknowledged is there after the process was killed', async (t) => {
  const directory = join(await t.tmpdir(), 'db')
  const child = fork(new URL('fixtures/open-store.ts', import.meta.url), [directory, 'write'], { silent: true })
  const acknowledged = await new Promise<number>((resolve) => {
    let last = 0
    child.on('message', (m) => {
      last = Number(m)
      if (last === 50) child.kill('SIGKILL')
    })
    child.once('exit', () => resolve(last))
  })
  const store = await openStore({ directory })
  t.cleanup(() => store.close())
  for (let i = 1; i <= acknowledged; i++) assert.is(await store.bucket('state').get(`n${i}`), String(i), `write ${i}`)
})

test('a database of another version is refused', async (t) => {
  const directory = join(await t.tmpdir(), 'db')
  await (await openStore({ directory })).close()
  const db = new Level<string, string>(directory)
  await db.sublevel(BUCKETS.meta).put('version', '2')
  await db.close()
  const error = await rejects(openStore({ directory }), 'STORE_VERSION')
  assert.match(error.message, /version 2/)
})

test('a database of something else is refused', async (t) => {
  const directory = join(await t.tmpdir(), 'db')
  const db = new Level<string, string>(directory)
  await db.put('hello', 'world')
  await db.close()
  await rejects(openStore({ directory }), 'STORE_VERSION')
})

test('a place where no database can be is refused', async (t) => {
  const dir = await t.tmpdir()
  await writeFile(join(dir, 'file'), 'x')
  const error = await rejects(openStore({ directory: join(dir, 'file') }), 'DATA_DIR_BROKEN')
  assert.match(error.message, 'not a directory')
  await mkdir(join(dir, 'broken'))
  await writeFile(join(dir, 'broken', 'CURRENT'), 'MANIFEST-999999\n')
  await rejects(openStore({ directory: join(dir, 'broken') }), 'DATA_DIR_BROKEN')
  await chmod(join(dir, 'file'), 0o600)
})

test('damage is told by the name of the part, with what to do, and nothing is deleted', async (t) => {
  const dir = await t.tmpdir()
  const whole = join(dir, 'whole')
  const made = await openStore({ directory: whole })
  for (let i = 0; i < 2000; i++) await made.bucket('state').put(`n${i}`, 'x'.repeat(2000) + i)
  await made.close()
  const level = new Level(whole)
  await level.open()
  await (level as unknown as { compactRange(from: string, to: string): Promise<void> }).compactRange('\0', '\uffff')
  await level.close()
  const files = await readdir(whole)
  const manifest = files.find((f) => f.startsWith('MANIFEST'))!
  const tables = files.filter((f) => f.endsWith('.ldb'))
  assert.ok(tables.length > 0, files.join())
  const damage: [string, (at: string) => Promise<unknown>, RegExp][] = [
    ['no CURRENT', (at) => rm(join(at, 'CURRENT')), /CURRENT is missing/],
    ['garbage in CURRENT', (at) => writeFile(join(at, 'CURRENT'), 'hello\n'), /CURRENT is damaged/],
    ['empty CURRENT', (at) => writeFile(join(at, 'CURRENT'), ''), /CURRENT is damaged/],
    ['garbage in MANIFEST', (at) => writeFile(join(at, manifest), randomBytes(5000)), /MANIFEST is damaged/],
    ['no MANIFEST', (at) => rm(join(at, manifest)), /MANIFEST-\d+ is missing/],
    ['no table', (at) => rm(join(at, tables[0]!)), /\d+\.ldb is missing/],
    ['garbage in a table', (at) => writeFile(join(at, tables[0]!), randomBytes(60_000)), /\d+\.ldb is damaged/],
  ]
  for (const [what, harm, expected] of damage) {
    const directory = join(dir, 'store')
    await rm(directory, { recursive: true, force: true })
    await cp(whole, directory, { recursive: true })
    await harm(directory)
    const before = (await readdir(directory)).filter((f) => f.endsWith('.ldb'))
    const error = await rejects(async () => {
      const store = await openStore({ directory })
      try {
        for await (const _ of store.bucket('state').entries());
      } finally {
        await store.close()
      }
    }, 'DATA_DIR_BROKEN')
    assert.match(error.message, expected, what)
    assert.match(error.message, 'store/', what)
    assert.match(error.hint, 'Restore store/ from a backup', what)
    assert.not.match(`${error.message} ${error.hint}`, dir, what)
    const after = await readdir(directory)
    for (const file of before) assert.ok(after.includes(file), `${what}: ${file} is still there`)
  }
})

test('a database whose making was cut off before it had data is made anew', async (t) => {
  const directory = join(await t.tmpdir(), 'db')
  await mkdir(directory)
  await writeFile(join(directory, 'MANIFEST-000001'), 'half')
  const store = await openStore({ directory })
  await store.bucket('state').put('a', 'b')
  await store.close()
})

test('the numbers of the parts are all different', () => {
  const numbers = Object.values(BUCKETS)
  assert.is(new Set(numbers).size, numbers.length)
})

test('buckets keep texts and bytes apart from each other, in order, in one batch', async (t) => {
  const store = await openStore({ directory: join(await t.tmpdir(), 'db') })
  t.cleanup(() => store.close())
  await store.batch([
    { bucket: 'journal', key: 'b', value: 'two' },
    { bucket: 'journal', key: 'a', value: 'one' },
    { bucket: 'journal', key: 'c', value: 'three' },
    { bucket: 'tickets', key: 'a', value: 'other' },
    { bucket: 'manifests', key: 'm', value: new Uint8Array([0, 255]) },
  ])
  const read = async (options: object) => {
    const found: string[] = []
    for await (const [key, value] of store.bucket('journal').entries(options)) found.push(`${key}=${value}`)
    return found
  }
  assert.equal(await read({}), ['a=one', 'b=two', 'c=three'])
  assert.equal(await read({ reverse: true, limit: 2 }), ['c=three', 'b=two'])
  assert.equal(await read({ from: 'b', below: 'c' }), ['b=two'])
  assert.is(await store.bucket('tickets').get('a'), 'other')
  assert.equal(new Uint8Array((await store.bucket('manifests').getBytes('m'))!), new Uint8Array([0, 255]))
  await store.batch([{ bucket: 'journal', key: 'a', value: null }])
  await store.bucket('journal').delete('b')
  assert.equal(await read({}), ['c=three'])
})
test.run()
