/** Replicas are looked after: what goes bad on the disk is found, put aside, and fetched again; what nobody has is lost. */
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import * as assert from 'uvu/assert'
import { type Care, care } from '../../src/node/replicas/care.ts'
import type { Replica } from '../../src/node/replicas/port.ts'
import { look } from '../../src/node/replicas/run/loader.ts'
import { buildManifest } from '../../src/protocols/manifest/build.ts'
import { lossOf, type ReplicaState } from '../../src/protocols/model/dataset.ts'
import { settled as converged, found, joined } from '../hostile/islands.ts'
import { eventually, suite, type TestContext } from '../kit/index.ts'
import { bytes, entryOf, finalFiles, settled, sha256, writeFiles } from './kit.ts'

const test = suite('replicas: care')
const MiB = 1024 * 1024
const DAY_MS = 86_400_000

/** Other bytes of the same length, and nothing else of it is another one for who looks by name. */
async function spoil(file: string): Promise<void> {
  const content = await readFile(file)
  content[content.length - 1] = content.at(-1)! ^ 1
  await chmod(file, 0o644)
  await writeFile(file, content)
}

async function fileOf(dataDir: string, path: string): Promise<string> {
  const root = join(dataDir, 'replicas')
  return join(root, (await readdir(root))[0]!, 'files', path)
}

test('a bad file is put aside and fetched again by itself; what nobody has is lost, and said to be', async (t) => {
  const a = await found(t, 'a')
  const b = await joined(t, a, 'b')
  await converged(t, [a, b])
  const content = { 'one.bin': bytes(MiB + 1), 'two.bin': bytes(100) }
  const path = await writeFiles(join(await t.tmpdir(), 'data'), content)
  const { id } = await a.port.publish({ path, name: 'cared', as: 'files' })
  await converged(t, [a, b])
  await settled(b.port, (await b.port.get(id)).id, t)
  assert.is((await b.port.resolve({ ref: id })).lost, undefined)

  await spoil(await fileOf(b.dataDir, 'one.bin'))
  assert.equal((await b.port.verify(id)).bad, ['one.bin'])
  await eventually(
    async () => {
      const holders = (await b.port.resolve({ ref: id })).holders
      return holders.find((h) => h.name === 'b')?.state === 'available'
    },
    { timeoutMs: 30_000, signal: t.signal },
  )
  assert.is(sha256((await finalFiles(b.dataDir)).get('one.bin')!), sha256(content['one.bin']))
  const { items } = await b.port.transfers.list()
  assert.equal(
    items.map((each) => each.user),
    ['island', 'owner'],
  )

  // The publisher's own file changes: now b has the only copy, and then a part of it.
  await writeFile(join(path, 'two.bin'), bytes(100))
  await eventually(
    async () => {
      await b.port.resolve({ ref: id })
      return (await b.port.dataset(id)).holders.some((h) => h.state === 'stale')
    },
    { timeoutMs: 20_000, signal: t.signal },
  )
  assert.is((await b.port.dataset(id)).lost, undefined)
  for (const name of ['one.bin', 'two.bin']) await spoil(await fileOf(b.dataDir, name))
  assert.equal((await b.port.verify(id)).bad, ['one.bin', 'two.bin'])
  await eventually(async () => (await b.port.dataset(id)).lost === 'all', { timeoutMs: 20_000, signal: t.signal })
  assert.is((await b.port.resolve({ ref: id })).lost, 'all')
  assert.is((await finalFiles(b.dataDir)).size, 0, 'nothing wrong keeps its name')
})

interface Shelved {
  care: Care
  replica(): Replica
  lost: string[]
  repaired: string[]
}

interface ShelvedOptions {
  /** Milliseconds since it came. */
  ageMs: number
  /** As published. */
  files: Record<string, Buffer>
  onDisk?: Record<string, Buffer>
  busy?: boolean
}

/** A replica on the disk, read by the clock of the test. */
async function shelved(t: TestContext, options: ShelvedOptions): Promise<Shelved> {
  const dir = await writeFiles(await t.tmpdir(), { ...options.files, ...options.onDisk })
  const entries = Object.entries(options.files).map(([path, content]) => entryOf(path, content))
  const manifest = buildManifest(entries)
  const amount = { files: entries.length, bytes: entries.reduce((sum, e) => sum + e.size, 0) }
  let replica: Replica = {
    folder: 'f',
    id: 'urn:x',
    publisher: 'p',
    version: manifest.version,
    name: 'x',
    state: 'available',
    total: amount,
    held: amount,
    globs: [],
    added: 1_000 * DAY_MS - options.ageMs,
  }
  const known = new Map<string, Awaited<ReturnType<typeof look>>>()
  for (const { path } of entries) known.set(path, await look(join(dir, path)))
  const made: Omit<Shelved, 'care'> = { replica: () => replica, lost: [], repaired: [] }
  let onLost: (folder: string, files: number) => void = () => {}
  const one = care(
    { bytesPerSecond: 1024 * MiB, periodMs: DAY_MS },
    {
      shelf: {
        all: () => [replica],
        get: () => replica,
        block: () => async (hash) => manifest.blocks.get(hash)!,
        look: async () => replica,
        async file(_, path) {
          const seen = known.get(path)
          return seen === undefined ? undefined : { path, local: join(dir, path), ...seen }
        },
        async lose(_, paths) {
          made.lost.push(...paths)
          for (const path of paths) known.delete(path)
          replica = { ...replica, damaged: (replica.damaged ?? 0) + paths.length }
          onLost('f', paths.length)
          return replica
        },
        async note(_, progress) {
          const { scrubAt: __, ...rest } = replica
          replica = { ...rest, ...progress }
        },
        onLost(listener) {
          onLost = listener
        },
      },
      inUse: () => false,
      busy: () => options.busy === true,
      now: () => 1_000 * DAY_MS,
      async repair({ id }) {
        made.repaired.push(id)
      },
      logger: pino({ level: 'silent' }),
    },
  )
  t.cleanup(() => one.stop())
  return { ...made, replica: () => replica, care: one }
}

const sample = () => ({ 'a.bin': bytes(3 * MiB + 7), 'b.bin': bytes(10), 'c.bin': bytes(0) })

test('lost is what no island has, of that version', () => {
  const of = (...states: ReplicaState[]) => lossOf('v', [...states.map((state) => ({ state, version: 'v' }))])
  assert.is(of('stale', 'available'), undefined)
  assert.is(of('stale', 'partial'), 'some')
  assert.is(of('stale', 'failed', 'requested'), 'all')
  assert.is(lossOf('v', [{ state: 'available', version: 'w' }]), 'all')
})

test('a replica that was not read for a period is read anew, once, and is good', async (t) => {
  const made = await shelved(t, { ageMs: DAY_MS, files: sample() })
  made.care.begin()
  await eventually(() => made.replica().scrubbed !== undefined, { signal: t.signal })
  assert.equal(made.lost, [])
  assert.is(made.care.numbers().scrubbedBytes, 3 * MiB + 17)
})

test('one that was read since is left alone, and on a busy machine each is, for one more period', async (t) => {
  const young = await shelved(t, { ageMs: DAY_MS - 1, files: sample() })
  const busy = await shelved(t, { ageMs: 2 * DAY_MS - 1, files: sample(), busy: true })
  const overdue = await shelved(t, { ageMs: 2 * DAY_MS, files: sample(), busy: true })
  for (const each of [young, busy, overdue]) each.care.begin()
  await eventually(() => overdue.replica().scrubbed !== undefined, { signal: t.signal })
  assert.is(young.care.numbers().scrubbedBytes + busy.care.numbers().scrubbedBytes, 0)
})

test('a file that rotted under the same size, times and inode is found, and asked for again at once', async (t) => {
  const files = sample()
  const rotten = Buffer.from(files['a.bin'])
  rotten[MiB] = rotten[MiB]! ^ 1
  const made = await shelved(t, { ageMs: DAY_MS, files, onDisk: { 'a.bin': rotten } })
  made.care.begin()
  await eventually(() => made.repaired.length > 0, { signal: t.signal })
  assert.equal(made.lost, ['a.bin'])
  const { badFiles, repairs, waitingFiles } = made.care.numbers()
  assert.equal({ badFiles, repairs, waitingFiles }, { badFiles: 1, repairs: 1, waitingFiles: 1 })
})

test.run()
