/** Islands as processes: killed while they fetch, out of room, over the quota, and cut off from a holder. */
import { execFileSync } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { rejects, requires, suite, type TestContext } from '../kit/index.ts'
import { Fleet, type FleetIsland } from '../network/fleet.ts'
import { seeded } from '../sim/random.ts'
import { bytes, finalFiles, settled, sha256, writeFiles } from './kit.ts'

const test = suite('replicas: kills, full disks, quotas')
const MiB = 1024 * 1024
const SEED = Number(process.env.ARCHIPEL_TEST_SEED ?? 20261121)
const KILLS = 10
const QUICK = ['engine.kind=disabled']

let fleet: Fleet
let a: FleetIsland

test.before(async (t) => {
  fleet = await Fleet.create(t)
  a = await fleet.found('a', { set: [...QUICK, 'network.relay.connectionBytes=3MiB'] })
})

async function published(name: string, content: Record<string, Buffer>): Promise<string> {
  const path = await writeFiles(join(a.files, name), content)
  return (await a.client().publish({ path, name, as: 'files' })).id
}

async function isRight(island: FleetIsland, content: Record<string, Buffer>): Promise<number> {
  const final = await finalFiles(island.dataDir)
  for (const [path, found] of final) assert.is(sha256(found), sha256(content[path]!), `${path} is right`)
  return final.size
}

test(
  'killed again and again while it fetches, it goes on by itself, and no wrong byte gets a name',
  async (t: TestContext) => {
    const random = seeded(SEED)
    const b = await fleet.join('b', a, { set: [...QUICK, 'transfers.downBytesPerSecond=3MiB'] })
    const content: Record<string, Buffer> = { 'big.bin': bytes(24 * MiB + 3) }
    for (let i = 0; i < 200; i++) content[`small/${i}.bin`] = bytes(1000 + i)
    const id = await published('killed', content)
    await fleet.converged([a, b], { datasets: 1 })
    const asked = await b.client().get(id)
    let fetched = 0
    for (let kill = 0; kill < KILLS; kill++) {
      await delay(200 + random() * 1500, undefined, { signal: t.signal })
      await fleet.stop(b, 'SIGKILL')
      await isRight(b, content)
      await fleet.up(b)
    }
    const done = await settled(b.client(), asked.id, t, 90_000)
    assert.is(done.state, 'available', `seed ${SEED}: ${JSON.stringify(done.problem)}`)
    assert.is(await isRight(b, content), 201)
    fetched = done.sources.reduce((sum, s) => sum + s.bytes, 0)
    assert.ok(fetched <= done.wanted.bytes * 1.5, `${fetched} bytes counted of ${done.wanted.bytes}`)
    assert.is((await b.client().verify(id)).bad.length, 0)
  },
  { timeoutMs: 300_000 },
)

test(
  'islands that reach each other only through a member transfer more than one connection may carry, verified',
  async (t) => {
    const left = await fleet.join('left', a, { set: QUICK, listen: 'none' })
    const right = await fleet.join('right', a, { set: QUICK, listen: 'none' })
    const content = { 'big.bin': bytes(5 * MiB + 1), 'small.bin': bytes(99) }
    const path = await writeFiles(join(left.files, 'relayed'), content)
    const { id } = await left.client().publish({ path, name: 'relayed', as: 'files' })
    await fleet.converged([a, left, right], { datasets: 1, timeoutMs: 60_000 })
    const done = await settled(right.client(), (await right.client().get(id)).id, t, 60_000)
    assert.is(done.state, 'available', JSON.stringify(done.problem))
    assert.is(await isRight(right, content), 2)
    assert.equal(
      done.sources.map((s) => s.name),
      ['left'],
    )
    const seen = (await fleet.views(right)).find((v) => v.name === 'left')
    assert.is(seen?.connected, 'relayed')
    await Promise.all([fleet.stop(left), fleet.stop(right)])
  },
  { timeoutMs: 180_000 },
)

test('over the quota nothing begins; paused, cancelled and asked again it ends whole', async () => {
  const b = await fleet.join('c', a, {
    set: [...QUICK, 'replicas.quotaBytes=5MiB', 'transfers.downBytesPerSecond=1MiB'],
  })
  const content = { 'one.bin': bytes(4 * MiB), 'two.bin': bytes(2 * MiB) }
  const id = await published('quota', content)
  await fleet.converged([a, b], { datasets: 1 })
  const error = await rejects(b.client().get(id), 'QUOTA_EXCEEDED')
  assert.is(error.details?.neededBytes, 6 * MiB)
  assert.is((await b.client().transfers.list()).total, 0)
  const part = await b.client().get(id, { files: ['one.bin'] })
  assert.is((await b.client().transfers.pause(part.id)).state, 'paused')
  assert.is((await finalFiles(b.dataDir)).size, 0)
  await rejects(b.client().get(id, { files: ['two.bin'] }), 'QUOTA_EXCEEDED')
  assert.is((await b.client().transfers.cancel(part.id)).state, 'cancelled')
  const printed = await fleet.run(b, ['get', id, '--files', 'two.bin', '--checksums'], { json: false })
  assert.is(printed, `${sha256(content['two.bin'])}  two.bin\n`)
  assert.is(await isRight(b, content), 1)
})

test('a full disk pauses the transfer with what is verified, and with room it goes on', async (t) => {
  const dir = join(await t.tmpdir(), 'small')
  await mkdir(dir)
  await requires(
    'mount of a small disk',
    () => {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=76m', 'tmpfs', dir], { stdio: 'ignore' })
      return true
    },
    'run the tests as root, or allow mounts',
  )
  t.cleanup(() => execFileSync('umount', ['-l', dir]))
  const b = await fleet.join('d', a, { set: [...QUICK, `replicas.dir=${dir}`, 'transfers.downBytesPerSecond=2MiB'] })
  const content = { 'one.bin': bytes(8 * MiB) }
  const id = await published('full', content)
  await fleet.converged([a, b], { datasets: 1 })
  const { id: transfer } = await b.client().get(id)
  execFileSync('fallocate', ['-l', '10M', join(dir, 'other')])
  const full = await settled(b.client(), transfer, t)
  assert.is(full.state, 'paused', JSON.stringify(full))
  assert.is(full.problem?.code, 'DISK_FULL')
  assert.ok(full.done.bytes > 0, 'what was verified is kept')
  await rejects(b.client().transfers.resume(transfer), 'DISK_FULL')
  execFileSync('rm', [join(dir, 'other')])
  await b.client().transfers.resume(transfer)
  const done = await settled(b.client(), transfer, t)
  assert.is(done.state, 'available', JSON.stringify(done.problem))
  assert.is((await b.client().verify(id)).bad.length, 0)
})

test.run()
