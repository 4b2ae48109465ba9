/** Islands as processes: killed while they fetch, out of room, over the quota, and cut off from a holder. */
import { execFileSync } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { eventually, rejects, requires, suite, type TestContext } from '../kit/index.ts'
import { Fleet, type FleetIsland, hasFakeClock } from '../network/fleet.ts'
import { seeded } from '../sim/random.ts'
import { bytes, finalFiles, settled, sha256, writeFiles } from './kit.ts'

const test = suite('replicas: kills, full disks, quotas')
const MiB = 1024 * 1024
const SEED = Number(process.env.ARCHIPEL_TEST_SEED ?? 20261121)
const KILLS = 10
const QUICK = ['engine.kind=disabled']
/** Of two requests that broke off, what had come of a piece. */
const UNDER_WAY_BYTES = 2 * MiB
/** How far the clock of the island is off from that kill on; the holder is killed, too, at that one. */
const CLOCKS: Record<number, string | undefined> = { 2: '+1h', 5: '-1h', 8: undefined }
const HOLDER_DIES = 4
/** From this kill on each comes after something more was made durable. */
const LATE = 8

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

/** Bytes of files that came from others since it is up. */
async function receivedBy(island: FleetIsland): Promise<number> {
  return Number(/^archipel_transfers_received_bytes_total (.+)$/m.exec(await island.client().metrics())?.[1])
}

async function isRight(island: FleetIsland, content: Record<string, Buffer>): Promise<number> {
  const final = await finalFiles(island.dataDir)
  for (const [path, found] of final) assert.is(sha256(found), sha256(content[path]!), `${path} is right`)
  return final.size
}

test(
  'killed again and again while it fetches, its holder, too, under clocks that jump, it goes on by itself, and no wrong byte gets a name',
  async (t: TestContext) => {
    const random = seeded(SEED)
    const b = await fleet.join('b', a, { set: [...QUICK, 'transfers.downBytesPerSecond=3MiB'] })
    const content: Record<string, Buffer> = { 'big.bin': bytes(24 * MiB + 3) }
    for (let i = 0; i < 200; i++) content[`small/${i}.bin`] = bytes(1000 + i)
    const id = await published('killed', content)
    await fleet.converged([a, b], { datasets: 1 })
    const clockJumps = await Promise.resolve()
      .then(hasFakeClock)
      .catch(() => false)
    const asked = await b.client().get(id)
    let durable = 0
    for (let kill = 0; kill < KILLS; kill++) {
      await delay(200 + random() * 1500, undefined, { signal: t.signal })
      const here = async () => (await b.client().transfers.show(asked.id)).done.bytes
      if (kill >= LATE) await eventually(async () => (await here()) > durable, { timeoutMs: 60_000, signal: t.signal })
      durable = await here()
      await fleet.stop(b, 'SIGKILL')
      await isRight(b, content)
      if (clockJumps && kill in CLOCKS) b.options.clock = CLOCKS[kill]
      await fleet.up(b)
      if (kill !== HOLDER_DIES) continue
      await fleet.stop(a, 'SIGKILL')
      await fleet.up(a)
    }
    const done = await settled(b.client(), asked.id, t, 90_000)
    assert.is(done.state, 'available', `seed ${SEED}: ${JSON.stringify(done.problem)}`)
    assert.is(await isRight(b, content), 201)
    const fetched = done.sources.reduce((sum, s) => sum + s.bytes, 0)
    assert.ok(fetched <= done.wanted.bytes * 1.5, `${fetched} bytes counted of ${done.wanted.bytes}`)
    const last = await receivedBy(b)
    assert.ok(durable > 0)
    assert.ok(last <= done.wanted.bytes - durable + UNDER_WAY_BYTES, `${last} came anew, ${durable} were here`)
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
