import * as assert from 'uvu/assert'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import { placementEntry } from '../../src/protocols/model/task.ts'
import { rejects, suite } from '../kit/index.ts'
import { dataset, holder, isl, options, request, V2, virtualTimers, world } from './world.ts'

const test = suite('placement')
const [A, B, C, D, E] = [isl('a'), isl('b'), isl('c'), isl('d'), isl('e')]
const X = 'doi:10.1/x'
const Y = 'doi:10.1/y'

test('this island takes its own work without a word on the wire', async () => {
  const { port, asked } = world({ islands: { [A]: {}, [B]: {} } })
  const { order, explain } = await port.place(request([dataset(X, [A])]), options())
  assert.equal(order, [{ island: A, seconds: 0 }])
  assert.equal(asked, [])
  assert.is(explain[0]!.reason, 'holds the data, and is here')
  assert.equal(
    explain.map((e) => [e.name, e.chosen, e.confirmed, e.excluded ?? false]),
    [
      ['A', true, true, false],
      ['B', false, false, true],
    ],
  )
  assert.is(explain[1]!.reason, `does not hold ${X}`)
  const shared = world({ islands: { [A]: {}, [B]: {} } })
  await shared.port.place(request([dataset(X, [A, B])]), options())
  assert.equal(shared.asked, [], 'nor where another holds them, too, and is farther')
})

test('the nearest holder is asked and takes it; every island is explained', async () => {
  const { port, asked, requests } = world({
    islands: { [A]: {}, [B]: { rttMs: 80 }, [C]: { rttMs: 5 }, [D]: { liveness: 'lost' }, [E]: {} },
    resultBytes: 1e6,
  })
  const { order, explain } = await port.place(request([dataset(X, [B, C, D])]), options())
  assert.is(order[0]!.island, C)
  assert.equal(asked.sort(), [B, C])
  assert.equal(requests[0], {
    user: 'owner',
    kind: 'sql',
    datasets: [{ id: X, publisher: isl('p'), version: 'a'.repeat(64) }],
  })
  assert.equal(
    explain.map((e) => e.name),
    ['C', 'B', 'D', 'A', 'E'],
    'the chosen one, the dearer one, then who cannot: holders first',
  )
  for (const entry of explain) {
    assert.is(placementEntry.safeParse(entry).success, true, `${entry.name} fits the contract`)
    assert.is(entry.terms === undefined, entry.excluded === true, `${entry.name} has terms or is excluded`)
    assert.ok(entry.reason.length > 0, entry.name)
  }
  const sum = explain[0]!.terms!.reduce((total, term) => total + term.seconds, 0)
  assert.ok(Math.abs(sum - explain[0]!.seconds!) < 1e-12)
  assert.match(explain[1]!.reason, /80 ms away; 150 ms more than C/)
})

test('a queue that the heartbeat tells of sends work elsewhere; the island’s own word counts more', async () => {
  const islands = {
    [A]: {},
    [B]: { rttMs: 1, load: { queueWaitMs: 5000, running: 4, waiting: 9 } },
    [C]: { rttMs: 100 },
  }
  const first = await world({ islands }).port.place(request([dataset(X, [B, C])]), options(false))
  assert.equal(
    first.order.map((o) => o.island),
    [C, B],
  )
  assert.match(first.explain[1]!.terms![0]!.reason, /4 running, 9 waiting by its last heartbeat/)
  const told = { ...islands, [C]: { rttMs: 100, answer: { queueWaitMs: 60_000, running: 4, waiting: 30, slots: 4 } } }
  const { order, explain } = await world({ islands: told }).port.place(request([dataset(X, [B, C])]), options())
  assert.equal(
    order.map((o) => o.island),
    [B, C],
  )
  assert.match(explain[1]!.terms![0]!.reason, /4 running, 30 waiting, 4 at once, as it says/)
  const older = { [A]: {}, [B]: { load: { running: 2, waiting: 8 } } }
  const guess = await world({ islands: older }).port.place(request([dataset(X, [B])]), options(false))
  assert.is(guess.explain[0]!.terms![0]!.seconds, 2, 'an island that tells no wait: 8 pieces of 0.5 s, two at a time')
})

test('who refuses is explained anew, and the next ones are asked', async () => {
  const refuse = { accepts: false, code: 'TOO_MANY', reason: 'its queue is full: 64 wait' }
  const islands = Object.fromEntries(
    ['b', 'c', 'd', 'e', 'f'].map((letter, i) => [isl(letter), { rttMs: i + 1, answer: i < 3 ? refuse : {} }]),
  )
  const { port, asked } = world({ islands: { [A]: {}, ...islands } })
  const { order, explain } = await port.place(request([dataset(X, Object.keys(islands))]), options())
  assert.is(asked.length, 5, 'three, then the others')
  assert.equal(
    order.map((o) => o.island),
    [isl('e'), isl('f')],
  )
  const b = explain.find((e) => e.island === B)!
  assert.equal([b.excluded, b.confirmed, b.reason], [true, false, 'its queue is full: 64 wait'])
  assert.is(b.seconds, undefined)
})

test('an island that cannot be asked is excluded with what happened', async () => {
  const fails = new ArchipelError('UNREACHABLE', 'the connection failed')
  const { port } = world({ islands: { [A]: {}, [B]: { rttMs: 1, fails }, [C]: { rttMs: 50 } } })
  const { order, explain } = await port.place(request([dataset(X, [B, C])]), options())
  assert.equal(
    order.map((o) => o.island),
    [C],
  )
  assert.is(explain.find((e) => e.island === B)!.reason, 'did not confirm: the connection failed')
})

test('one that is silent is not waited for longer than could matter', async () => {
  const timers = virtualTimers()
  const { port } = world({
    islands: { [A]: {}, [B]: { rttMs: 1, silent: true }, [C]: { rttMs: 20, answersAfterMs: 20 } },
    timers,
  })
  const started = timers.now()
  const { order, explain } = await timers.run(port.place(request([dataset(X, [B, C])]), options()))
  assert.equal(
    order.map((o) => o.island),
    [C],
  )
  assert.ok(timers.now() - started <= 40, `${timers.now() - started} ms`)
  const silent = explain.find((e) => e.island === B)!
  assert.is(silent.excluded, undefined)
  assert.match(silent.reason, /had not answered after 20 ms/)
})

test('one that is slow to answer is waited for while it may still be the cheaper one', async () => {
  const timers = virtualTimers()
  const { port } = world({
    islands: {
      [A]: {},
      [B]: { rttMs: 1, answersAfterMs: 900 },
      [C]: { rttMs: 20, answersAfterMs: 20, answer: { queueWaitMs: 60_000 } },
    },
    timers,
  })
  const { order } = await timers.run(port.place(request([dataset(X, [B, C])]), options()))
  assert.equal(
    order.map((o) => o.island),
    [B, C],
  )
})

test('a busy yes does not end the search while somebody cheaper is left', async () => {
  const busy = { answer: { queueWaitMs: 30_000 } }
  const { port, asked } = world({
    islands: {
      [A]: {},
      [B]: { rttMs: 1, ...busy },
      [C]: { rttMs: 1, ...busy },
      [D]: { rttMs: 1, ...busy },
      [E]: { rttMs: 40 },
    },
  })
  const { order } = await port.place(request([dataset(X, [B, C, D, E])]), options())
  assert.is(order[0]!.island, E)
  assert.is(asked.length, 4)
})

test('a busy queue here makes another holder the cheaper one', async () => {
  const { port, asked } = world({
    islands: { [A]: { answer: { queueWaitMs: 9000 } }, [B]: { rttMs: 30 } },
    localWaitMs: 9000,
  })
  const { order } = await port.place(request([dataset(X, [A, B])]), options())
  assert.equal(asked, [B])
  assert.equal(
    order.map((o) => o.island),
    [B, A],
  )
})

test('without confirmation nobody is asked', async () => {
  const { port, asked } = world({ islands: { [A]: {}, [B]: {}, [C]: { rttMs: 9 } } })
  const { order, explain } = await port.place(request([dataset(X, [C, B])]), options(false))
  assert.equal(
    order.map((o) => o.island),
    [B, C],
  )
  assert.equal(asked, [])
  assert.equal(
    explain.map((e) => e.confirmed),
    [false, false, false],
  )
})

test('work without data is placed, too: here unless there is a queue', async () => {
  const here = await world({ islands: { [A]: {}, [B]: {} } }).port.place(request([]), options())
  assert.is(here.order[0]!.island, A)
  assert.is(here.explain[0]!.reason, 'the work needs no data, and is here')
  const busy = { islands: { [A]: { answer: { queueWaitMs: 5000 } }, [B]: {} }, localWaitMs: 5000 }
  assert.is((await world(busy).port.place(request([]), options())).order[0]!.island, B)
})

test('a link that nobody knows is measured where there is a choice', async () => {
  const islands = { [A]: {}, [B]: { unmeasured: true }, [C]: {} }
  const choice = world({ islands })
  await choice.port.place(request([dataset(X, [B, C])]), options())
  assert.equal(choice.learned, [B])
  const single = world({ islands })
  await single.port.place(request([dataset(X, [B])]), options())
  assert.equal(single.learned, [])
})

test('islands that had an attempt are not tried again', async () => {
  const { port } = world({ islands: { [A]: {}, [B]: {}, [C]: { rttMs: 90 } } })
  const excluded = [{ island: B, reason: 'its lease ran out' }]
  const { order, explain } = await port.place(request([dataset(X, [B, C])], { excluded }), options())
  assert.equal(
    order.map((o) => o.island),
    [C],
  )
  assert.is(explain.find((e) => e.island === B)!.reason, 'was tried: its lease ran out')
  await rejects(port.place(request([dataset(X, [B])], { excluded }), options()), 'NO_HOLDER')
})

test('the island that was asked for takes it, or nobody', async () => {
  const islands = { [A]: {}, [B]: { rttMs: 500 }, [C]: {}, [D]: { languages: ['r'] } }
  const { port } = world({ islands })
  const { order, explain } = await port.place(request([dataset(X, [B, C])], { on: B }), options())
  assert.equal(
    order.map((o) => o.island),
    [B],
  )
  assert.is(explain.find((e) => e.island === C)!.reason, 'another island was asked for: B')
  const error = await rejects(port.place(request([dataset(X, [C], 5e8)], { on: B }), options()), 'NO_HOLDER')
  assert.match(error.message, /B: does not hold doi:10.1\/x/)
  assert.match(error.message, /To run it at B, data would have to be moved: 500 MB of doi:10.1\/x from C, about 5 s/)
  assert.match(error.hint, /leave out --on/)
  const language = await rejects(port.place(request([dataset(X, [C, D])], { on: D }), options()), 'LANGUAGE_MISSING')
  assert.match(language.message, /asked for cannot run this: D: cannot run sql: runs r only/)
  const stranger = await rejects(port.place(request([dataset(X, [C])], { on: isl('z') }), options()), 'NO_HOLDER')
  assert.match(stranger.message, /Z: is not a member/)
})

test('where work without data finds nobody, the hint does not speak of holding data', async () => {
  const refuse = (code: string) => ({ spark: ['python'], answer: { accepts: false, code, reason: 'because' } })
  const place = (islands: Record<string, object>) =>
    world({ islands }).port.place(request([], { kind: 'python', engine: 'livy' }), options())
  for (const [code, hint, islands] of [
    ['FORBIDDEN', /its policy/, { [A]: refuse('FORBIDDEN') }],
    ['NO_HOLDER', /its policy/, { [A]: {}, [B]: refuse('FORBIDDEN') }],
    ['LANGUAGE_MISSING', /archipel islands/, { [A]: {} }],
    ['NO_HOLDER', /--explain/, { [A]: refuse('ENGINE_DOWN'), [C]: { spark: ['python'], liveness: 'lost' } }],
    ['TOO_MANY', /Wait a little/, { [A]: refuse('FORBIDDEN'), [C]: refuse('TOO_MANY') }],
  ] as const) {
    const error = await rejects(place(islands), code)
    assert.match(error.hint, hint)
    assert.not.match(error.hint, /dataset|data\b/)
  }
})

test('a question over several datasets goes to who holds them all; else the error says what would have to be moved', async () => {
  const islands = { [A]: {}, [B]: { bytesPerSecond: 1e6 }, [C]: { bytesPerSecond: 1e8 }, [D]: {} }
  const { port } = world({ islands })
  const both = await port.place(request([dataset(X, [B, C]), dataset(Y, [C])]), options())
  assert.equal(
    both.order.map((o) => o.island),
    [C],
  )
  assert.equal(both.explain[0]!.holds, [X, Y])
  const apart = request([dataset(X, [B], 1e9), dataset(Y, [C], 2e6)])
  const error = await rejects(port.place(apart, options()), 'NO_HOLDER')
  assert.match(error.message, /B: does not hold doi:10.1\/y; C: does not hold doi:10.1\/x/)
  assert.match(error.message, /To run it at B, data would have to be moved: 2 MB of doi:10.1\/y from C, about 2 s/)
  assert.match(error.hint, /ask for each by itself/)
  const { needed, explain } = error.details as { needed: { island: string; datasets: unknown }; explain: unknown[] }
  assert.is(needed.island, B)
  assert.equal(needed.datasets, [{ id: Y, bytes: 2e6, from: 'C' }])
  assert.is(explain.length, 4)
  const nowhere = await rejects(port.place(request([dataset(X, [B]), dataset(Y, [])]), options()), 'NO_HOLDER')
  assert.is(nowhere.message.includes('would have to be moved'), false, 'what nobody has cannot be moved')
})

test('what all holders say alike is what the asker is told', async () => {
  const refuse = (code: string, reason: string) => ({ answer: { accepts: false, code, reason } })
  const place = async (islands: Record<string, object>) =>
    world({ islands: { [A]: {}, ...islands } }).port.place(request([dataset(X, Object.keys(islands))]), options())
  const forbidden = await rejects(
    place({ [B]: refuse('FORBIDDEN', 'members only'), [C]: refuse('FORBIDDEN', 'not on Sundays') }),
    'FORBIDDEN',
  )
  assert.match(forbidden.message, /B: members only; C: not on Sundays/)
  assert.is((forbidden.details as { explain: unknown[] }).explain.length, 3)
  const language = await rejects(place({ [B]: { languages: ['r'] }, [C]: { languages: [] } }), 'LANGUAGE_MISSING')
  assert.match(
    language.message,
    /no island that holds the data runs sql: B: cannot run sql: runs r only; C: .* no engine/,
  )
  await rejects(place({ [B]: refuse('STALE', 'changed') }), 'STALE')
  await rejects(place({ [B]: refuse('ENGINE_DOWN', 'down'), [C]: refuse('ENGINE_DOWN', 'down') }), 'ENGINE_DOWN')
  await rejects(place({ [B]: refuse('NO_SANDBOX', 'none') }), 'NO_SANDBOX')
  await rejects(place({ [B]: refuse('FORBIDDEN', 'no'), [C]: { liveness: 'lost' } }), 'NO_HOLDER')
  const full = await rejects(place({ [B]: refuse('TOO_MANY', 'full'), [C]: { liveness: 'lost' } }), 'TOO_MANY')
  assert.match(full.message, /takes it now: B: full; C: is lost/, 'who is full will have room again')
  await rejects(place({ [B]: refuse('A_CODE_OF_TOMORROW', 'because') }), 'NO_HOLDER')
  const here = world({ islands: { [A]: {} }, forbidden: 'this user runs nothing' })
  const own = await rejects(here.port.place(request([dataset(X, [A])]), options()), 'FORBIDDEN')
  assert.match(own.message, /A: this user runs nothing/)
})

test('work on Spark goes to an island with Spark that holds the data, or the error says of each why it cannot', async () => {
  const scala = { kind: 'scala' as const, engine: 'livy' as const }
  const spark = ['sql', 'python', 'r', 'scala', 'jar']
  const some = world({ islands: { [A]: { languages: ['sql', 'scala'] }, [B]: {}, [C]: { spark, rttMs: 100 } } })
  const { order } = await some.port.place(request([dataset(X, [A, B, C])], scala), options())
  assert.equal(
    order.map((o) => o.island),
    [C],
    'what another engine lists does not count',
  )
  assert.is(some.requests.at(-1)?.engine, 'livy')
  const python = await some.port.place(request([dataset(X, [A, B, C])], { kind: 'python', engine: 'livy' }), options())
  assert.is(python.order[0]?.island, C)
  const none = world({ islands: { [A]: {}, [B]: { noCard: true }, [C]: {} } })
  const error = await rejects(none.port.place(request([dataset(X, [B, C])], scala), options()), 'LANGUAGE_MISSING')
  assert.match(error.message, /holds the data runs scala on Spark: B: .*card is not known.*; C: .*has no Spark/)
  const without = await rejects(none.port.place(request([], scala), options()), 'LANGUAGE_MISSING')
  assert.match(without.message, /no island runs scala on Spark: A: .*; B: .*; C: /)
  const apart = world({ islands: { [A]: {}, [B]: {}, [C]: { spark } } })
  const far = await rejects(apart.port.place(request([dataset(X, [B])], scala), options()), 'LANGUAGE_MISSING')
  assert.match(far.message, /B: cannot run scala: has no Spark/)
  const asked = world({
    islands: {
      [A]: {},
      [B]: { spark: [] },
      [C]: { spark, answer: { accepts: false, code: 'FORBIDDEN', reason: 'only for some' } },
    },
  })
  const differ = await rejects(asked.port.place(request([], scala), options()), 'NO_HOLDER')
  assert.match(differ.message, /A: .*no Spark; B: .*; C: only for some/)
})

test('holders that are stale, or hold another version, or said no just now, are none', async () => {
  const { port, asked } = world({ islands: { [A]: {}, [B]: {}, [C]: {}, [D]: {} } })
  const stale = await rejects(port.place(request([dataset(X, [holder(B, { state: 'stale' })])]), options()), 'STALE')
  assert.match(stale.message, /source files of doi:10.1\/x changed after publishing/)
  const other = await rejects(port.place(request([dataset(X, [holder(B, { version: V2 })])]), options()), 'NO_HOLDER')
  assert.match(other.message, /it holds another version/)
  const denied = dataset(X, [holder(B, { reason: 'the island says it does not hold it' })])
  const no = await rejects(port.place(request([denied]), options()), 'NO_HOLDER')
  assert.match(no.message, /B: does not hold .* \(the island says it does not hold it\)/)
  const none = await rejects(port.place(request([dataset(X, [])]), options()), 'NO_HOLDER')
  assert.match(none.message, /nobody is known to hold the data/)
  assert.equal(asked, [], 'nobody of them was asked')
})

test('labels and memory that were asked for have to be there', async () => {
  const { port } = world({
    islands: {
      [A]: {},
      [B]: { labels: ['gpu'], memoryBytes: 1e9 },
      [C]: { labels: ['gpu'], memoryBytes: 8e9, rttMs: 99 },
    },
  })
  const wanted = { labels: ['gpu'], resources: { memoryBytes: 4e9 } }
  const { order, explain } = await port.place(request([dataset(X, [A, B, C])], wanted), options())
  assert.equal(
    order.map((o) => o.island),
    [C],
  )
  assert.match(explain.find((e) => e.island === A)!.reason, /lacks the label gpu/)
  assert.match(explain.find((e) => e.island === B)!.reason, /allows 1 GB of memory/)
})

test('a placement ends at once when it is cancelled', async () => {
  const { port, asked } = world({ islands: { [A]: {}, [B]: { silent: true } } })
  const controller = new AbortController()
  const placing = port.place(request([dataset(X, [B])]), { confirm: true, signal: controller.signal })
  controller.abort()
  await rejects(placing, 'CANCELLED')
  assert.is(asked.length, 1)
  await rejects(port.place(request([dataset(X, [B])]), { confirm: true, signal: controller.signal }), 'CANCELLED')
  assert.is(asked.length, 1)
})

test.run()
