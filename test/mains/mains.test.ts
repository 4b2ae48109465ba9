import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import * as assert from 'uvu/assert'
import { mains } from '../../src/node/mains/mains.ts'
import type { MainSource } from '../../src/node/mains/port.ts'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import { rejects, suite, type TestContext } from '../kit/index.ts'

const test = suite('main files')

const BYTES = Buffer.from('0123456789'.repeat(100))
const FILE = { name: 'job.jar', sha256: createHash('sha256').update(BYTES).digest('hex'), bytes: BYTES.length }

async function* parts(bytes: Uint8Array, size = 64): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function kept(t: TestContext, limits = { maxBytes: 2_000, totalBytes: 2_500 }) {
  const dir = join(await t.tmpdir(), 'mains')
  const used = new Set<string>()
  const made = mains({ dir, ...limits }, { used: async () => used, logger: pino({ level: 'silent' }) })
  t.cleanup(() => made.stop())
  return { dir, used, made }
}

test('what is uploaded is named by its content, once', async (t) => {
  const { dir, made } = await kept(t)
  assert.equal(await made.put('job.jar', parts(BYTES)), FILE)
  assert.equal(await made.put('other.jar', parts(BYTES, 7)), { ...FILE, name: 'other.jar' })
  assert.equal(await readdir(dir), [`${FILE.sha256}.jar`])
  assert.equal(await made.find(FILE), FILE)
  assert.is(await made.find({ ...FILE, name: 'job.py' }), undefined)
  const rest: Uint8Array[] = []
  for await (const part of made.read(FILE, 990)) rest.push(part)
  assert.is(Buffer.concat(rest).toString(), '0123456789')
})

test('bad names, empty and oversized files are refused, and nothing of them stays', async (t) => {
  const { dir, made } = await kept(t)
  for (const name of ['../x.jar', 'x.exe', 'a/b.py', '.jar', ''])
    await rejects(made.put(name, parts(BYTES)), 'BAD_INPUT')
  await rejects(made.put('x.jar', parts(new Uint8Array())), 'BAD_INPUT')
  await rejects(made.put('x.jar', parts(new Uint8Array(2_001))), 'TOO_LARGE')
  await made.put('x.jar', parts(new Uint8Array(2_000)))
  await rejects(made.put('job.jar', parts(BYTES)), 'DISK_FULL')
  assert.is((await readdir(dir)).length, 1)
})

test('a fetch goes on where the way broke, and is one for all who wait', async (t) => {
  const { dir, made } = await kept(t)
  const offsets: number[] = []
  const source: MainSource = async function* (offset) {
    offsets.push(offset)
    yield BYTES.subarray(offset, offset + 400)
    if (offset + 400 < BYTES.length) throw new ArchipelError('UNREACHABLE', 'the connection is lost')
  }
  const [one, two] = await Promise.all([made.path(FILE, source), made.path(FILE, source)])
  assert.is(one, two)
  assert.equal(offsets, [0, 400, 800])
  assert.equal(await readFile(one), BYTES)
  assert.is(await made.path(FILE, () => assert.unreachable() as never), one, 'it is here')
  assert.equal(await readdir(dir), [`${FILE.sha256}.jar`])
})

test('other bytes than those of the hash are no file, and a dead way is given up', async (t) => {
  const { dir, made } = await kept(t)
  await rejects(
    made.path(FILE, () => parts(Buffer.alloc(BYTES.length))),
    'PROTOCOL',
  )
  await rejects(
    made.path(FILE, () => parts(Buffer.alloc(BYTES.length + 1))),
    'PROTOCOL',
  )
  await rejects(
    made.path(FILE, () => parts(new Uint8Array())),
    'UNREACHABLE',
  )
  await rejects(
    made.path({ ...FILE, bytes: 2_001 }, () => assert.unreachable() as never),
    'TOO_LARGE',
  )
  const refuse: MainSource = async function* () {
    yield* []
    throw new ArchipelError('NOT_FOUND', 'there is no such file')
  }
  await rejects(made.path(FILE, refuse), 'NOT_FOUND')
  assert.equal(await readdir(dir), [])
})

test('what nobody names goes after a day, what an end of the process left half-written at the next start', async (t) => {
  const { dir, used, made } = await kept(t)
  await mkdir(dir, { recursive: true })
  await writeFile(join(dir, '.part-x'), 'half')
  await made.start()
  assert.equal(await readdir(dir), [])
  await made.put('job.jar', parts(BYTES))
  assert.is(await made.sweep(), 0, 'it is young')
  const old = new Date(Date.now() - 25 * 3_600_000)
  const age = () => utimes(join(dir, `${FILE.sha256}.jar`), old, old)
  await age()
  used.add(FILE.sha256)
  assert.is(await made.sweep(), 0, 'a task names it')
  used.clear()
  await made.find(FILE)
  assert.is(await made.sweep(), 0, 'it was asked for')
  await age()
  assert.is(await made.sweep(), 1)
  assert.is(await made.find(FILE), undefined)
})

test.run()
