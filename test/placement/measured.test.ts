import * as assert from 'uvu/assert'
import { fold } from '../../src/node/placement/average.ts'
import type { MeasureStore } from '../../src/node/placement/kept.ts'
import { links, type Probe } from '../../src/node/placement/links.ts'
import { queueHistory } from '../../src/node/placement/queue-history.ts'
import { resultHistory } from '../../src/node/placement/result-history.ts'
import { openStore } from '../../src/node/store/store.ts'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import { suite } from '../kit/index.ts'
import { isl } from './world.ts'

const test = suite('placement: measurements')
const [B, C, D] = [isl('b'), isl('c'), isl('d')]

function memory(): MeasureStore & { values: Map<string, string> } {
  const values = new Map<string, string>()
  return {
    values,
    get: async (key) => values.get(key),
    put: async (key, value) => void values.set(key, value),
  }
}

function lines(more: { store?: MeasureStore; probe?: (island: string) => Promise<Probe> } = {}) {
  let time = 1_000_000
  const probe = more.probe ?? (async () => Promise.reject(new ArchipelError('UNREACHABLE', 'away')))
  const port = links({ store: more.store ?? memory(), probe, now: () => time })
  return { port, pass: (ms: number) => (time += ms) }
}

const about = (actual: number, expected: number, what = '') =>
  assert.ok(Math.abs(actual / expected - 1) < 0.01, `${what} ${actual} is not about ${expected}`)

test('an average follows its measurements, faster when it is old; a geometric one falls as it rises', () => {
  const rule = { weight: 0.5, halfLifeMs: 1000 }
  const first = fold(undefined, 10, 0, rule)
  assert.equal(first, { value: 10, at: 0, samples: 1 })
  assert.is(fold(first, 20, 0, rule).value, 15)
  assert.is(fold(first, 20, 1000, rule).value, 17.5)
  assert.is(fold(first, 20, -5000, rule).value, 15, 'a clock that jumped back does not age it')
  const geometric = { ...rule, geometric: true }
  about(fold({ value: 100, at: 0, samples: 1 }, 1, 0, geometric).value, 10)
  about(fold({ value: 1, at: 0, samples: 1 }, 100, 0, geometric).value, 10)
})

test('a link is what was measured of it; of others it is as most are', () => {
  const { port } = lines()
  const unknown = port.of(B)
  assert.equal(unknown.measured, { rtt: false, throughput: false })
  port.heard(B, 10)
  port.heard(C, 30)
  port.heard(D, 100)
  port.observe(B, 1_000_000, 1010)
  about(port.of(B).bytesPerSecond, 1_000_000, 'the round trip is taken off')
  assert.equal(port.of(B).measured, { rtt: true, throughput: true })
  assert.is(port.of(B).rttMs, 10)
  const other = port.of(isl('e'))
  assert.is(other.rttMs, 30, 'the median')
  about(other.bytesPerSecond, 1_000_000)
})

test('a link that slows down is seen within a few transfers, and so is its recovery', () => {
  const { port } = lines()
  for (let i = 0; i < 20; i++) port.observe(B, 10_000_000, 100)
  about(port.of(B).bytesPerSecond, 1e8)
  for (let i = 0; i < 6; i++) port.observe(B, 100_000, 1000)
  assert.ok(port.of(B).bytesPerSecond < 3e5, `slow: ${port.of(B).bytesPerSecond}`)
  for (let i = 0; i < 6; i++) port.observe(B, 10_000_000, 100)
  assert.ok(port.of(B).bytesPerSecond > 3e7, `fast again: ${port.of(B).bytesPerSecond}`)
})

test('small messages and nonsense say nothing of the throughput', () => {
  const { port } = lines()
  for (const [bytes, ms] of [
    [100, 1],
    [16 * 1024 - 1, 1],
    [Number.NaN, 1],
    [1e6, Number.NaN],
    [1e6, -1],
    [Number.POSITIVE_INFINITY, 1],
    [-1e6, 1],
  ] as const)
    port.observe(B, bytes, ms)
  for (const ms of [-1, Number.NaN, Number.POSITIVE_INFINITY]) port.heard(B, ms)
  assert.equal(port.of(B).measured, { rtt: false, throughput: false })
  port.observe(B, 1e6, 0)
  assert.ok(Number.isFinite(port.of(B).bytesPerSecond), 'no time at all is very fast')
})

test('a link is probed once when it is unknown, again when the figure is old, and not at once after a failure', async () => {
  let probes = 0
  let work = async (): Promise<Probe> => ({ rttMs: 20, bytes: 65_536, ms: 65.536 })
  const { port, pass } = lines({
    probe: async () => {
      probes++
      return await work()
    },
  })
  assert.is(port.unsure(B), 'unknown')
  await Promise.all([port.learn(B), port.learn(B)])
  assert.is(probes, 1, 'two who want to know share a probe')
  about(port.of(B).bytesPerSecond, 1_000_000)
  assert.is(port.of(B).rttMs, 20)
  assert.is(port.unsure(B), 'no')
  await port.learn(B)
  assert.is(probes, 1)
  pass(11 * 60_000)
  assert.is(port.unsure(B), 'old')
  work = async () => Promise.reject(new ArchipelError('DEADLINE', 'late'))
  await port.learn(B)
  await port.learn(B)
  assert.is(probes, 2, 'a failed one is not repeated at once')
  pass(61_000)
  await port.learn(B)
  assert.is(probes, 3)
  about(port.of(B).bytesPerSecond, 1_000_000, 'a failure changes nothing')
})

test('measurements outlive a restart, in the store itself', async (t) => {
  const directory = await t.tmpdir()
  const open = async () => {
    const store = await openStore({ directory })
    return { store, bucket: store.bucket('state') }
  }
  const first = await open()
  const before = {
    links: links({ store: first.bucket, probe: async () => Promise.reject(new ArchipelError('UNREACHABLE', '')) }),
    queue: queueHistory({ store: first.bucket }),
    results: resultHistory({ store: first.bucket }),
  }
  for (const part of Object.values(before)) await part.start()
  before.links.heard(B, 12)
  before.links.observe(B, 1_000_000, 1012)
  before.queue.observe('python', 100, 4000, { ahead: 1, startMs: 70 })
  before.results.observe('sql', ['doi:10.1/b', 'doi:10.1/a'], 5000)
  for (const part of Object.values(before)) await part.stop()
  await first.store.close()

  const second = await open()
  t.cleanup(async () => second.store.close())
  const after = {
    links: links({ store: second.bucket, probe: async () => Promise.reject(new ArchipelError('UNREACHABLE', '')) }),
    queue: queueHistory({ store: second.bucket }),
    results: resultHistory({ store: second.bucket }),
  }
  for (const part of Object.values(after)) await part.start()
  assert.equal(after.links.of(B), before.links.of(B))
  assert.is(after.queue.runMs('python'), 4000)
  assert.is(after.queue.startMs('python'), 70)
  about(after.results.of('sql', ['doi:10.1/a', 'doi:10.1/b']).bytes, 5000)
  for (const part of Object.values(after)) await part.stop()
})

test('what was kept and is damaged counts as nothing, and is told', async () => {
  for (const text of ['', '{', 'null', '[]', '{"x":{"rtt":{"value":-1,"at":1,"samples":1}}}', '{"x":{"rtt":7}}']) {
    const store = memory()
    for (const key of ['placement:links', 'placement:queue', 'placement:results']) store.values.set(key, text)
    const told: unknown[] = []
    const onError = (error: unknown) => told.push(error)
    const port = links({ store, onError, probe: async () => Promise.reject(new ArchipelError('UNREACHABLE', '')) })
    await port.start()
    assert.is(port.of('x').measured.rtt, false, `links of ${text}`)
    if (text !== '[]') assert.is(told.length, 1, `${text} is told`)
    const queue = queueHistory({ store, onError })
    await queue.start()
    assert.is(queue.runMs(), undefined, `queue of ${text}`)
    const results = resultHistory({ store, onError })
    await results.start()
    assert.is(results.of('sql', []).bytes, 0, `results of ${text}`)
    await Promise.all([port.stop(), queue.stop(), results.stop()])
  }
})

test('a store that fails loses measurements and nothing else', async () => {
  const told: unknown[] = []
  const store: MeasureStore = {
    get: async () => Promise.reject(new Error('no')),
    put: async () => Promise.reject(new Error('full')),
  }
  const port = queueHistory({ store, onError: (error) => told.push(error) })
  await port.start()
  port.observe('sql', 0, 100)
  await port.stop()
  assert.is(told.length, 2)
  assert.is(port.runMs('sql'), 100)
})

test('a free slot means no wait; a full queue what the history says', () => {
  const port = queueHistory({ store: memory() })
  assert.is(port.wait({ running: 1, waiting: 0, slots: 2 }).waitMs, 0)
  assert.match(port.wait({ running: 2, waiting: 0, slots: 2 }).reason, /nothing was measured yet/)
  port.observe('sql', 0, 4000)
  assert.is(port.wait({ running: 1, waiting: 0, slots: 2 }).waitMs, 0, 'still a free slot')
  const full = port.wait({ running: 2, waiting: 3, slots: 2 })
  assert.is(full.waitMs, 4 * 2000, 'four pieces ahead, two at a time of 4 s')
  assert.match(full.reason, /4 pieces ahead, work runs 4 s on average/)
})

test('waits that were measured count more than what run times lead to expect', () => {
  const port = queueHistory({ store: memory() })
  for (let i = 0; i < 10; i++) port.observe('sql', 30_000, 4000, { ahead: 3 })
  const { waitMs, reason } = port.wait({ running: 2, waiting: 1, slots: 2 })
  about(waitMs, 20_000)
  assert.match(reason, /2 pieces ahead, each took 10 s to clear lately/)
})

test('work that has run for long is not taken to end soon', () => {
  const port = queueHistory({ store: memory() })
  port.observe('sql', 0, 100)
  const { waitMs, reason } = port.wait({ running: 1, waiting: 0, slots: 1, runningMs: [600_000] })
  assert.is(waitMs, 600_000)
  assert.match(reason, /has run 10 min/)
})

test('nonsense about work is not taken', () => {
  const port = queueHistory({ store: memory() })
  port.observe('sql', Number.NaN, 5)
  port.observe('sql', 1, -5)
  port.observe('sql', 1, Number.POSITIVE_INFINITY)
  port.observe('sql', 1, 5, { ahead: -1 })
  port.observe('sql', 1, 5, { startMs: Number.NaN })
  assert.is(port.runMs(), undefined)
})

test('the size of a result is judged by the same data, then by the kind, then by nothing', () => {
  const port = resultHistory({ store: memory() })
  assert.equal(port.of('sql', ['a']), { bytes: 0, basis: 'no earlier result to judge by' })
  port.observe('sql', ['a', 'b'], 1_000_000)
  port.observe('sql', ['b', 'a'], 1_000_000)
  port.observe('sql', ['c'], 10)
  const same = port.of('sql', ['b', 'a', 'a'])
  about(same.bytes, 1_000_000)
  assert.match(same.basis, /2 earlier results of these data/)
  const kind = port.of('sql', ['x'])
  assert.ok(kind.bytes > 10 && kind.bytes < 1_000_000, String(kind.bytes))
  assert.match(kind.basis, /3 earlier sql results/)
  assert.is(port.of('python', ['a', 'b']).bytes, 0, 'another kind')
  port.observe('sql', ['a', 'b'], Number.NaN)
  port.observe('sql', ['a', 'b'], -1)
  about(port.of('sql', ['a', 'b']).bytes, 1_000_000)
  for (let i = 0; i < 5000; i++) port.observe('r', [`d${i}`], 0)
  assert.is(port.of('sql', ['a', 'b']).basis.includes('these data'), false, 'what was long unused is forgotten')
})

test.run()
