import { setTimeout as delay } from 'node:timers/promises'
import type { Stream } from '@libp2p/interface'
import * as assert from 'uvu/assert'
import { newKeyPair } from '../../src/node/identity/keys.ts'
import { encodeCanonical } from '../../src/protocols/record/cbor.ts'
import { call, callSeries } from '../../src/protocols/wire/client.ts'
import { quotas } from '../../src/protocols/wire/quota.ts'
import { type HandlerContext, serve } from '../../src/protocols/wire/server.ts'
import { eventually, rejects, suite } from '../kit/index.ts'
import { change, digest, found, member, raw } from './islands.ts'
import { ARCHIPELAGO, islandNet, pair, type Sample, sample } from './pair.ts'
import { exchange, framed } from './raw-peer.ts'
import { answers, codeOf, request } from './requests.ts'

const test = suite('limits of streams')
const PROTOCOL = `/archipel/${ARCHIPELAGO}/sample/1`
const stopping = new AbortController().signal

/** A handler whose calls can be looked at. */
interface Seen {
  started: number
  ended: number
  produced: number
  reasons: unknown[]
}

function watched(
  work: (request: { n: number }, context: HandlerContext, seen: Seen) => AsyncIterable<{ i: number; pad?: Uint8Array }>,
) {
  const seen: Seen = { started: 0, ended: 0, produced: 0, reasons: [] }
  async function* handler(asked: { n: number }, context: HandlerContext) {
    seen.started += 1
    try {
      for await (const item of work(asked, context, seen)) {
        seen.produced += 1
        yield item
      }
    } finally {
      seen.ended += 1
      if (context.signal.aborted) seen.reasons.push((context.signal.reason as { code?: string }).code)
    }
  }
  return { seen, handler }
}

/** `n` items of 64 KiB. */
async function* large({ n }: { n: number }) {
  for (let i = 0; i < n; i++) yield { i, pad: new Uint8Array(65_536).fill(i % 256) }
}

/** Nothing, until the signal says that nobody waits any more. */
async function* silent(_: { n: number }, { signal }: HandlerContext): AsyncGenerator<{ i: number }> {
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

test('an answer that does not come ends the call at its deadline, and the work at the other side', async (t) => {
  const { asker, answerer } = await pair(t)
  const spec = sample({ timeoutMs: 10_000 })
  const { seen, handler } = watched(silent)
  await serve(answerer.net, spec, handler, { stopping })
  const started = performance.now()
  await rejects(call(asker.net, answerer.net.peerId, spec, { n: 1 }, { timeoutMs: 300 }), 'DEADLINE')
  assert.ok(performance.now() - started < 2_000)
  await eventually(() => seen.ended === 1, { signal: t.signal })
  assert.equal(seen.reasons, ['CANCELLED'])
})

test('a caller that aborts, or leaves the loop, ends the work at the other side and frees its place', async (t) => {
  const { asker, answerer } = await pair(t)
  const spec = sample({ quota: { concurrent: 1, perMinute: 10_000 } })
  const { seen, handler } = watched(async function* (asked, context) {
    yield { i: 0 }
    yield* silent(asked, context)
  })
  await serve(answerer.net, spec, handler, { stopping })
  const controller = new AbortController()
  const series = callSeries(asker.net, answerer.net.peerId, spec, { n: 1 }, { signal: controller.signal })
  await series.next()
  const next = series.next()
  controller.abort()
  await rejects(next, 'CANCELLED')
  await eventually(() => seen.ended === 1, { signal: t.signal })
  for await (const item of callSeries(asker.net, answerer.net.peerId, spec, { n: 1 })) {
    assert.equal(item, { i: 0 })
    break
  }
  await eventually(() => seen.ended === 2, { signal: t.signal })
  assert.equal(seen.reasons, ['CANCELLED', 'CANCELLED'])
})

test('an aborted call reads nothing more, even of what has arrived', async (t) => {
  const { asker, answerer } = await pair(t)
  const spec = sample()
  await serve(
    answerer.net,
    spec,
    async function* ({ n }) {
      for (let i = 0; i < n; i++) yield { i }
    },
    { stopping },
  )
  const controller = new AbortController()
  let items = 0
  const work = (async () => {
    for await (const _ of callSeries(asker.net, answerer.net.peerId, spec, { n: 500 }, { signal: controller.signal })) {
      items += 1
      if (items === 3) controller.abort()
    }
  })()
  await rejects(work, 'CANCELLED')
  assert.is(items, 3)
})

test('a series of more items, and an item of more bytes, than agreed on is refused by the one who asked', async (t) => {
  const { asker, answerer } = await pair(t)
  const { seen, handler } = watched(large)
  await serve(answerer.net, sample({ maxItems: 1000 }), handler, { stopping })
  const few = sample({ maxItems: 3 })
  const got: number[] = []
  const tooMany = (async () => {
    for await (const { i } of callSeries(asker.net, answerer.net.peerId, few, { n: 1000 })) got.push(i)
  })()
  await rejects(tooMany, 'PROTOCOL')
  assert.equal(got, [0, 1, 2])
  await rejects(call(asker.net, answerer.net.peerId, sample({ maxItemBytes: 32_000 }), { n: 1 }), 'PROTOCOL')
  await eventually(() => seen.ended === 2, { signal: t.signal })
})

test('a slow reader of a series holds the sender back, and gets everything in the end', async (t) => {
  const { asker, answerer } = await pair(t)
  const spec = sample()
  const { seen, handler } = watched(large)
  await serve(answerer.net, spec, handler, { stopping })
  let items = 0
  for await (const { i, pad } of callSeries(asker.net, answerer.net.peerId, spec, { n: 500 })) {
    assert.is(i, items++)
    assert.ok(pad!.length === 65_536 && pad!.every((byte) => byte === i % 256), `item ${i} is whole`)
    if (i > 0) continue
    // Two windows of 4 MiB and the system's buffers, not all 32 MiB.
    for (let before = -1; before !== seen.produced; await delay(300)) before = seen.produced
    assert.ok(seen.produced < 320, `${seen.produced} items are on their way`)
  }
  assert.is(items, 500)
})

test('the time that the asker takes for an item does not count against the deadline', async (t) => {
  const { asker, answerer } = await pair(t)
  const spec = sample({ timeoutMs: 400 })
  await serve(
    answerer.net,
    sample(),
    async function* ({ n }) {
      for (let i = 0; i < n; i++) yield { i }
    },
    { stopping },
  )
  let items = 0
  for await (const _ of callSeries(asker.net, answerer.net.peerId, spec, { n: 3 })) {
    items += 1
    await delay(600)
  }
  assert.is(items, 3)
})

test('a request that is refused before it was heard to its end is refused with the reason', async (t) => {
  const { asker, answerer } = await pair(t)
  const spec = sample({ quota: { concurrent: 1, perMinute: 1 } })
  await serve(answerer.net, spec, async () => ({ i: 1 }), { stopping })
  const ask = async (pad: Uint8Array) => call(asker.net, answerer.net.peerId, spec, { n: 1, pad })
  assert.equal(await ask(new Uint8Array(3_000_000)), { i: 1 })
  await rejects(ask(new Uint8Array(3_000_000)), 'TOO_MANY')
})

test('who reads nothing, or a byte now and then, is given up after the deadline of one item', async (t) => {
  const key = newKeyPair()
  const { answerer } = await pair(t, key)
  const spec = sample({ timeoutMs: 700, quota: { concurrent: 2, perMinute: 1000 } })
  const { seen, handler } = watched(large)
  await serve(answerer.net, spec, handler, { stopping })
  const peer = await raw(t, { archipelagoId: ARCHIPELAGO, key })
  const connection = await peer.connect(answerer.at)
  const asking = framed(encodeCanonical({ n: 1000 }))
  const [still, drip] = await Promise.all([0, 1].map(async () => connection.newStream(PROTOCOL)))
  for (const stream of [still!, drip!]) {
    stream.pause()
    stream.send(asking)
  }
  // Every now and then there is room for a hundred bytes, never for an item.
  const timer = setInterval(() => drip!.status === 'open' && openWindow(drip!, 100), 20)
  t.cleanup(() => clearInterval(timer))
  await eventually(() => seen.started === 2, { signal: t.signal })
  await eventually(() => seen.ended === 2, { timeoutMs: 5_000, signal: t.signal })
  // Of each a window of at most 4 MiB, and the item that did not fit.
  assert.ok(seen.produced <= 150, `${seen.produced} items were made for nobody`)
  await eventually(() => still!.status !== 'open' && drip!.status !== 'open', { timeoutMs: 5_000, signal: t.signal })
  const { bytes } = await exchange(connection, PROTOCOL, framed(encodeCanonical({ n: 1 })))
  assert.is(answers(bytes).length, 2, 'there is room again')
})

/** Lets the other side send so many bytes more, where the stream itself would not. */
function openWindow(stream: Stream, bytes: number): void {
  const yamux = stream as unknown as { sendFrame(header: object): void; streamId: number; recvWindowCapacity: number }
  yamux.recvWindowCapacity += bytes
  yamux.sendFrame({ type: 1, flag: 0, streamID: yamux.streamId, length: bytes })
}

test('who writes a request byte by byte is given up at the deadline, before any work', async (t) => {
  const key = newKeyPair()
  const { answerer } = await pair(t, key)
  const spec = sample({ timeoutMs: 600, quota: { concurrent: 2, perMinute: 1000 } })
  const { seen, handler } = watched(large)
  await serve(answerer.net, spec, handler, { stopping })
  const peer = await raw(t, { archipelagoId: ARCHIPELAGO, key })
  const connection = await peer.connect(answerer.at)
  const bytes = framed(encodeCanonical({ n: 1, pad: new Uint8Array(64) }))
  const streams = await Promise.all([0, 1].map(async () => connection.newStream(PROTOCOL)))
  const started = performance.now()
  let at = 0
  const timer = setInterval(() => {
    for (const s of streams) if (s.writeStatus === 'writable') s.send(bytes.subarray(at, at + 1))
    at = Math.min(at + 1, bytes.length - 2)
  }, 50)
  t.cleanup(() => clearInterval(timer))
  await eventually(() => streams.every((s) => s.status !== 'open'), { timeoutMs: 6_000, signal: t.signal })
  assert.ok(performance.now() - started < 5_000)
  assert.is(seen.started, 0)
  const answer = await exchange(connection, PROTOCOL, framed(encodeCanonical({ n: 1 })))
  assert.is(answers(answer.bytes).length, 2)
})

test('streams that the asker never ends do not stay', async (t) => {
  const key = newKeyPair()
  const { answerer } = await pair(t, key)
  await serve(
    answerer.net,
    sample(),
    async function* ({ n }) {
      for (let i = 0; i < n; i++) yield { i }
    },
    { stopping },
  )
  const peer = await raw(t, { archipelagoId: ARCHIPELAGO, key })
  const connection = await peer.connect(answerer.at)
  for (const part of [framed(encodeCanonical({ n: 1 })), framed(encodeCanonical({ wrong: 1 }))]) {
    const { bytes, end } = await exchange(connection, PROTOCOL, part, { timeoutMs: 5_000, keepOpen: true })
    assert.ok(answers(bytes).length > 0)
    assert.is(end, 'reset')
  }
})

test('handlers end when the island stops', async (t) => {
  const { asker, answerer } = await pair(t)
  const spec = sample()
  const { seen, handler } = watched(silent)
  const island = new AbortController()
  await serve(answerer.net, spec, handler, { stopping: island.signal })
  const waiting = call(asker.net, answerer.net.peerId, spec, { n: 1 })
  await eventually(() => seen.started === 1, { signal: t.signal })
  island.abort(new DOMException('stopping', 'AbortError'))
  await rejects(waiting, 'CANCELLED').catch(async () => rejects(waiting, 'PROTOCOL'))
  await eventually(() => seen.ended === 1, { signal: t.signal })
})

test('nobody but members is called or connected to, unless the protocol or the caller says so', async (t) => {
  const alone = await islandNet(t, new Set())
  const other = await islandNet(t, new Set())
  const target = { peerId: other.net.peerId, addresses: other.at }
  await rejects(alone.net.connect(target), 'NOT_A_MEMBER')
  await alone.net.connect(target, { stranger: true })
  const open: Sample = sample({ name: 'open', strangers: true, answer: 'single' })
  await serve(other.net, open, async () => ({ i: 7 }), { stopping })
  await serve(other.net, sample(), async () => ({ i: 8 }), { stopping })
  assert.equal(await call(alone.net, other.net.peerId, open, { n: 1 }), { i: 7 })
  await rejects(call(alone.net, other.net.peerId, sample(), { n: 1 }), 'NOT_A_MEMBER')
})

test(
  'a thousand streams of one member at once are refused beyond its quota, and harm nobody',
  async (t) => {
    const one = await found(t, 'one')
    await change(one, 'something')
    const greedy = await member(t, one, 'greedy')
    const modest = await member(t, one, 'modest')
    const peer = await raw(t, { archipelagoId: one.archipelago.id, key: greedy.key })
    const connection = await peer.connect(one.addresses)
    const before = await digest(one)
    const name = 'catalog/pull/1'
    const about = {
      archipelagoId: one.archipelago.id,
      island: one.id,
      head: new Uint8Array(),
      peerId: new Uint8Array(),
      address: '',
    }
    const ask = framed(encodeCanonical(request(name, about)))
    const protocol = `/archipel/${one.archipelago.id}/${name}`
    const all = await Promise.all(
      Array.from({ length: 1000 }, async () => exchange(connection, protocol, ask, { timeoutMs: 30_000 })),
    )
    const counts: Record<string, number> = {}
    for (const { bytes, end } of all) {
      const how = bytes.length === 0 ? end : (codeOf(bytes) ?? 'answered')
      counts[how] = (counts[how] ?? 0) + 1
    }
    const { answered = 0, TOO_MANY = 0, refused = 0, reset = 0, ...else_ } = counts
    assert.ok(answered > 0, JSON.stringify(counts))
    assert.ok(TOO_MANY + refused + reset > 500, JSON.stringify(counts))
    assert.equal(else_, {})
    assert.is(await digest(one), before)
    const other = await raw(t, { archipelagoId: one.archipelago.id, key: modest.key })
    const { bytes } = await exchange(await other.connect(one.addresses), protocol, ask)
    assert.is(codeOf(bytes), undefined)
    assert.ok(answers(bytes).length > 1)
  },
  { timeoutMs: 60_000 },
)

test('a quota counts what is in progress and what was started, by peer, and gives back with time', () => {
  let now = 1_000_000
  const limits = quotas({ concurrent: 2, perMinute: 6 }, () => now)
  const code = (peer: string) => {
    try {
      limits.enter(peer)()
      return 'ok'
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  const first = limits.enter('a')
  const second = limits.enter('a')
  assert.is(code('a'), 'TOO_MANY', 'two are in progress')
  assert.is(code('b'), 'ok', 'others are not concerned')
  first()
  first()
  assert.is(code('a'), 'ok', 'one place is free')
  const third = limits.enter('a')
  assert.is(code('a'), 'TOO_MANY', 'ending twice frees one place')
  second()
  third()
  assert.equal([code('a'), code('a'), code('a')], ['ok', 'ok', 'TOO_MANY'], 'six were started')
  now += 10_000
  assert.equal([code('a'), code('a')], ['ok', 'TOO_MANY'], 'one more in ten seconds')
  now -= 3_600_000
  assert.is(code('a'), 'TOO_MANY', 'a clock that goes back gives nothing')
  now += 7_200_000
  assert.equal(
    Array.from({ length: 7 }, () => code('a')),
    [...Array(6).fill('ok'), 'TOO_MANY'],
    'never more than a minute’s',
  )
})

test('a quota remembers ten thousand peers, and those at work longer', () => {
  let now = 0
  const limits = quotas({ concurrent: 1, perMinute: 1 }, () => now)
  const done = limits.enter('busy')
  limits.enter('quiet')()
  for (let i = 0; i < 20_000; i++) limits.enter(`peer ${i}`)()
  limits.enter('quiet')()
  assert.throws(
    () => limits.enter('busy'),
    (e: { code: string }) => e.code === 'TOO_MANY',
  )
  assert.throws(
    () => limits.enter('peer 19999'),
    (e: { code: string }) => e.code === 'TOO_MANY',
  )
  done()
  now += 60_000
  limits.enter('busy')()
})

test.run()
