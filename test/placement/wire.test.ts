import * as assert from 'uvu/assert'
import { newKeyPair } from '../../src/node/identity/keys.ts'
import { peerIdOf } from '../../src/node/network/peer-id.ts'
import type { PlacementRequest } from '../../src/node/placement/port.ts'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import {
  type ConfirmRequest,
  confirmAnswer,
  confirmSpec,
  MAX_PROBE_BYTES,
  probeSpec,
} from '../../src/protocols/placement/messages.ts'
import { call, callSeries } from '../../src/protocols/wire/client.ts'
import { islandNet } from '../hostile/pair.ts'
import { eventually, rejects, suite } from '../kit/index.ts'
import { connected, holding, type PlacedNode, placedNodes } from './nodes.ts'
import { dataset, options, request, V1, V2 } from './world.ts'

const test = suite('placement on the wire')
const X = 'doi:10.1/x'
const LONG = { timeoutMs: 60_000 }

function ask(x: Partial<ConfirmRequest> = {}): ConfirmRequest {
  return { user: 'owner', kind: 'sql', datasets: [{ id: X, publisher: 'p', version: V1 }], ...x }
}

const wanted = (holders: PlacedNode[], more: Partial<PlacementRequest> = {}) =>
  request(
    [
      dataset(
        X,
        holders.map((n) => n.id),
      ),
    ],
    more,
  )

async function chosenBy(asker: PlacedNode, holders: PlacedNode[], confirm = true): Promise<string> {
  return (await asker.placing.place(wanted(holders), options(confirm))).order[0]!.island
}

test('an island answers from its own truth: policy, engine, data, queue', async (t) => {
  const [asker, holder] = (await placedNodes(t, 2)) as [PlacedNode, PlacedNode]
  await connected(t, [asker, holder])
  const confirm = async (x: Partial<ConfirmRequest> = {}) =>
    await call(asker.net, holder.id, confirmSpec, ask(x), { signal: t.signal })
  const refused = async (code: string, reason: RegExp, x: Partial<ConfirmRequest> = {}) => {
    const answer = await confirm(x)
    assert.equal([answer.accepts, answer.code], [false, code], answer.reason)
    assert.match(answer.reason, reason)
  }

  await refused('DATASET_NOT_FOUND', /does not hold doi:10.1\/x/)
  holder.holdings = [holding(X, { version: V2 })]
  await refused('STALE', /another version/)
  holder.holdings = [holding(X, { state: 'stale' })]
  await refused('STALE', /source files of doi:10.1\/x changed/)
  holder.holdings = [holding(X, { state: 'transferring' })]
  await refused('DATASET_NOT_FOUND', /is transferring/)

  holder.holdings = [holding(X, { publisher: 'somebody else' })]
  const yes = await confirm()
  assert.is(yes.accepts, true, 'the same version is the same data, whoever published it')
  assert.equal(yes.holds, [{ id: X, publisher: 'p', version: V1, state: 'available' }])
  assert.equal([yes.running, yes.waiting, yes.slots, yes.queueWaitMs], [0, 0, 2, 0])
  holder.holdings = [holding('ivo://x/y', { aliases: [X] })]
  assert.is((await confirm()).accepts, true, 'by an alias')
  assert.is((await confirm({ datasets: [] })).accepts, true, 'work without data')

  await refused('LANGUAGE_MISSING', /does not run python/, { kind: 'python' })
  holder.engine.memoryBytes = 1e9
  await refused('MEMORY_LIMIT', /allows 1 GB of memory, 2 GB are wanted/, { memoryBytes: 2e9 })
  holder.engine.state = 'down'
  await refused('ENGINE_DOWN', /engine is down/)
  holder.engine.state = 'ready'
  holder.load = { running: 2, waiting: 8, slots: 2, maxWaiting: 8 }
  await refused('TOO_MANY', /queue is full: 8 wait/)
  holder.load = { running: 0, waiting: 0, slots: 2 }
  assert.equal(holder.journal, [], 'nothing of this is a decision of the policy')
  holder.forbids = 'not on Sundays'
  await refused('FORBIDDEN', /not on Sundays/)
  assert.equal(holder.journal, [
    { actor: `owner@${asker.id}`, action: 'task:confirm', subject: `sql ${X}`, outcome: 'refused', code: 'FORBIDDEN' },
  ])
})

test('forwarded programs need a sandbox, own ones do not', async (t) => {
  const [asker, node] = (await placedNodes(t, 2)) as [PlacedNode, PlacedNode]
  await connected(t, [asker, node])
  node.engine.languages = ['sql', 'python']
  const forwarded = request([], { kind: 'python', on: node.id })
  const error = await rejects(asker.placing.place(forwarded, options()), 'NO_SANDBOX')
  assert.match(error.message, /it has no sandbox to run forwarded python in/)
  const { order } = await node.placing.place(forwarded, options())
  assert.is(order[0]!.island, node.id)
  node.engine.sandbox = true
  assert.is((await asker.placing.place(forwarded, options())).order[0]!.island, node.id)
})

test('an island says for its Spark by itself whether it is up and what it runs', async (t) => {
  const [asker, node] = (await placedNodes(t, 2)) as [PlacedNode, PlacedNode]
  await connected(t, [asker, node])
  const scala = request([], { kind: 'scala', engine: 'livy', on: node.id })
  const engines = [{ kind: 'livy' as const, languages: ['scala', 'python'], version: '0.9.0' }]
  asker.cards.set(node.id, { engines })
  await rejects(asker.placing.place(scala, options()), 'LANGUAGE_MISSING')
  node.engine.spark = ['sql']
  const { message } = await rejects(asker.placing.place(scala, options()), 'LANGUAGE_MISSING')
  assert.match(message, /scala/)
  node.engine.spark = ['scala', 'python']
  assert.is((await asker.placing.place(scala, options())).order[0]!.island, node.id)
  const python = request([], { kind: 'python', engine: 'livy', on: node.id })
  assert.is((await asker.placing.place(python, options())).order[0]!.island, node.id, 'needs no sandbox of ours')
})

test('bad requests are refused and the island goes on', async (t) => {
  const [asker, holder] = (await placedNodes(t, 2)) as [PlacedNode, PlacedNode]
  await connected(t, [asker, holder])
  const bad: unknown[] = [
    {},
    null,
    'x',
    { ...ask(), kind: 'cobol' },
    { ...ask(), user: '' },
    { ...ask(), user: 'u'.repeat(129) },
    { ...ask(), memoryBytes: -1 },
    { ...ask(), datasets: Array.from({ length: 65 }, () => ask().datasets[0]) },
    { ...ask(), datasets: [{ id: 'x'.repeat(513), publisher: '', version: '' }] },
    { ...ask(), padding: new Uint8Array(70_000) },
  ]
  for (const [i, request] of bad.entries())
    await rejects(
      call(asker.net, holder.id, confirmSpec, request as ConfirmRequest, { signal: t.signal }),
      'PROTOCOL',
    ).catch((error: Error) => assert.unreachable(`${i}: ${error.message}`))
  for (const bytes of [0, -1, 1.5, MAX_PROBE_BYTES + 1])
    await rejects(call(asker.net, holder.id, probeSpec, { bytes }, { signal: t.signal }), 'PROTOCOL')
  const answer = await call(asker.net, holder.id, confirmSpec, ask(), { signal: t.signal })
  assert.is(confirmAnswer.safeParse(answer).success, true)
})

test('only members are answered', async (t) => {
  const [node] = (await placedNodes(t, 1)) as [PlacedNode]
  const key = newKeyPair()
  const stranger = await islandNet(t, new Set([node.id, peerIdOf(key.publicKey)]), { key })
  try {
    await stranger.net.connect({ peerId: node.id, addresses: [`/ip4/127.0.0.1/tcp/${node.line.port}`] })
    await call(stranger.net, node.id, confirmSpec, ask(), { signal: t.signal })
    assert.unreachable('a stranger was answered')
  } catch (error) {
    assert.instance(error, ArchipelError)
    assert.ok(['NOT_A_MEMBER', 'UNREACHABLE', 'PROTOCOL'].includes((error as ArchipelError).code), String(error))
  }
})

test(
  'slowing the link to one holder changes the choice, and so does its recovery',
  async (t) => {
    const [asker, near, far] = (await placedNodes(t, 3)) as [PlacedNode, PlacedNode, PlacedNode]
    for (const node of [near, far]) node.holdings = [holding(X)]
    far.line.delayMs = 40
    await connected(t, [asker, near, far])
    assert.is(await chosenBy(asker, [near, far]), near.id)
    near.line.delayMs = 400
    assert.is(await chosenBy(asker, [near, far]), far.id, 'at once, though it was near a moment ago')
    const { explain } = await asker.placing.place(wanted([near, far]), options())
    assert.is(explain[0]!.island, far.id)
    near.line.delayMs = 0
    await eventually(async () => (await chosenBy(asker, [near, far])) === near.id, { signal: t.signal })
  },
  LONG,
)

test(
  'a narrow link costs by the result that comes back over it',
  async (t) => {
    const [asker, narrow, wide] = (await placedNodes(t, 3)) as [PlacedNode, PlacedNode, PlacedNode]
    for (const node of [narrow, wide]) node.holdings = [holding(X)]
    wide.line.delayMs = 30
    await connected(t, [asker, narrow, wide])
    narrow.line.bytesPerSecond = 60_000
    assert.is(await chosenBy(asker, [narrow, wide]), narrow.id, 'small results: the nearer one')
    for (let i = 0; i < 3; i++) asker.placing.results.observe('sql', [X], 5_000_000)
    await eventually(() => asker.placing.links.of(narrow.id).measured.throughput, { signal: t.signal })
    const { order, explain } = await asker.placing.place(wanted([narrow, wide]), options())
    assert.is(order[0]!.island, wide.id)
    const result = explain.find((e) => e.island === narrow.id)!.terms!.find((term) => term.name === 'result')!
    assert.ok(result.seconds > 20, `5 MB over some 60 kB/s: ${result.reason}`)
    assert.match(result.reason, /5 MB at .*\/s, as 3 earlier results of these data/)

    // The line becomes wide, and a real transfer shows it.
    narrow.line.bytesPerSecond = Number.POSITIVE_INFINITY
    for (let i = 0; i < 12; i++) {
      const started = performance.now()
      let bytes = 0
      const probe = { bytes: MAX_PROBE_BYTES }
      for await (const item of callSeries(asker.net, narrow.id, probeSpec, probe, { signal: t.signal }))
        bytes += item.bytes.length
      assert.is(bytes, MAX_PROBE_BYTES)
      asker.placing.links.observe(narrow.id, bytes, performance.now() - started)
    }
    assert.is(await chosenBy(asker, [narrow, wide]), narrow.id)
  },
  LONG,
)

test(
  'filling a holder’s queue changes the choice: by its own word, and by its heartbeat',
  async (t) => {
    const [asker, busy, free] = (await placedNodes(t, 3, 200)) as [PlacedNode, PlacedNode, PlacedNode]
    for (const node of [busy, free]) node.holdings = [holding(X)]
    free.line.delayMs = 40
    await connected(t, [asker, busy, free])
    assert.is(await chosenBy(asker, [busy, free]), busy.id)
    for (let i = 0; i < 5; i++) busy.placing.queue.observe('sql', 0, 2000)
    assert.is(await chosenBy(asker, [busy, free]), busy.id, 'long work alone is no queue')
    busy.load = { running: 2, waiting: 5, slots: 2 }
    const { order, explain } = await asker.placing.place(wanted([busy, free]), options())
    assert.is(order[0]!.island, free.id)
    const wait = explain.find((e) => e.island === busy.id)!.terms!.find((term) => term.name === 'queue wait')!
    assert.ok(Math.abs(wait.seconds - 6) < 0.1, `six pieces of 2 s, two at a time: ${wait.seconds}`)
    await eventually(() => (asker.presence.of(busy.id).load?.queueWaitMs ?? 0) > 0, { signal: t.signal })
    assert.is(await chosenBy(asker, [busy, free], false), free.id, 'its heartbeat tells it without being asked')
    busy.load = { running: 0, waiting: 0, slots: 2 }
    await eventually(async () => (await chosenBy(asker, [busy, free])) === busy.id, { signal: t.signal })
  },
  LONG,
)

test(
  'a holder that went away is excluded with what happened',
  async (t) => {
    const [asker, gone, there] = (await placedNodes(t, 3)) as [PlacedNode, PlacedNode, PlacedNode]
    for (const node of [gone, there]) node.holdings = [holding(X)]
    await connected(t, [asker, gone, there])
    await gone.net.stop()
    const { order, explain } = await asker.placing.place(wanted([gone, there]), options())
    assert.equal(
      order.map((o) => o.island),
      [there.id],
    )
    assert.match(explain.find((e) => e.island === gone.id)!.reason, /did not confirm|had not answered/)
    await rejects(asker.placing.place(wanted([gone]), options()), 'NO_HOLDER')
  },
  LONG,
)

test.run()
